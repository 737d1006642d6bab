"""JAX: the network as one jitted function, one matrix product per layer outside the recurrence.

The recurrence is `lax.scan` and its gradient JAX's own (`scan`), or `lax.scan` both ways with the
gradient written by hand (`scan-by-hand`), or `associative_scan` both ways (`associative`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.systems import Prepared, RefusedError, stream_calls
from benchmarks.systems.tuning import fastest
from benchmarks.workloads import (
    EPSILON,
    LEARNING_RATE,
    RECURRENT_BOUND,
    Arrays,
    Workload,
    parameter_names,
)

VERSIONS = {"jax": jax.__version__}
STREAM_CALLS = stream_calls(2000)
if "BENCHMARK_JAX_CACHE" in os.environ:
    jax.config.update("jax_compilation_cache_dir", os.environ["BENCHMARK_JAX_CACHE"])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)

Recurrence = Callable[[Any, Any], Any]  # z [T, B, H], u [H] -> h [T, B, H]


def scan_forward(unroll: int, z: Any, u: Any) -> Any:
    """h_t = max(0, z_t + u h_{t-1}), step by step."""

    def step(h: Any, z_t: Any) -> tuple[Any, Any]:
        h = jnp.maximum(z_t + u * h, 0)
        return h, h

    return lax.scan(step, jnp.zeros_like(z[0]), z, unroll=unroll)[1]


def scan_backward(unroll: int, dh: Any, h: Any, u: Any) -> Any:
    """dz_t = [h_t > 0] (dh_t + u dz_{t+1}), step by step from the end."""

    def step(carried: Any, both: Any) -> tuple[Any, Any]:
        dh_t, h_t = both
        dz = jnp.where(h_t > 0, dh_t + carried, 0)
        return u * dz, dz

    return lax.scan(step, jnp.zeros_like(h[0]), (dh, h), reverse=True, unroll=unroll)[1]


def associative_forward(z: Any, u: Any) -> Any:
    """A step x -> max(0, u x + z) is x -> clamp(a x + b, low, high); such steps compose."""

    def compose(first: Any, second: Any) -> Any:
        a1, b1, low1, high1 = first
        a2, b2, low2, high2 = second
        end1, end2 = a2 * low1 + b2, a2 * high1 + b2
        low = jnp.clip(jnp.minimum(end1, end2), low2, high2)
        high = jnp.clip(jnp.maximum(end1, end2), low2, high2)
        return a1 * a2, a2 * b1 + b2, low, high

    # A finite bound instead of infinity, so that u = 0 makes no NaN.
    steps = (jnp.broadcast_to(u, z.shape), z, jnp.zeros_like(z), jnp.full_like(z, 1e30))
    _, b, low, high = lax.associative_scan(compose, steps)
    return jnp.clip(b, low, high)  # from h = 0


def associative_backward(dh: Any, h: Any, u: Any) -> Any:
    """dz_t = m_t (dh_t + u dz_{t+1}) is linear in dz: the plain composition of such maps."""

    def compose(first: Any, second: Any) -> Any:
        a1, b1 = first
        a2, b2 = second
        return a1 * a2, a2 * b1 + b2

    mask = (h > 0).astype(h.dtype)
    return lax.associative_scan(compose, (mask * u, mask * dh), reverse=True)[1]


def with_gradient(forward: Recurrence, backward: Callable[[Any, Any, Any], Any]) -> Recurrence:
    """The recurrence with its own backward: du is summed behind the scan, not inside."""

    @jax.custom_vjp
    def apply(z: Any, u: Any) -> Any:
        return forward(z, u)

    def keep(z: Any, u: Any) -> Any:
        h = forward(z, u)
        return h, (h, u)

    def gradient(kept: Any, dh: Any) -> Any:
        h, u = kept
        dz = backward(dh, h, u)
        return dz, jnp.einsum("tbh,tbh->h", dz[1:], h[:-1])

    apply.defvjp(keep, gradient)
    return apply


def forms(which: str, task: str, time_steps: int) -> dict[str, Recurrence]:
    """The recurrences to choose from."""
    if which == "associative":
        return {"associative": with_gradient(associative_forward, associative_backward)}
    unrolls = [n for n in (1, 4, 16) if n <= max(1, time_steps)]
    if which == "scan" or task == "forward":
        return {f"unroll {n}": partial(scan_forward, n) for n in unrolls}
    return {
        f"unroll {n}": with_gradient(partial(scan_forward, n), partial(scan_backward, n))
        for n in unrolls
    }


def network(workload: Workload, recurrence: Recurrence, head: bool) -> Callable[..., Any]:
    """A function of parameters, x and a random key."""

    def apply(p: dict[str, Any], x: Any, key: Any) -> Any:
        for layer in range(workload.layers):
            z = jnp.dot(x.reshape(-1, x.shape[-1]), p[f"{layer}.weight"].T) + p[f"{layer}.bias"]
            x = recurrence(z.reshape(*x.shape[:2], -1), p[f"{layer}.u"])
            if workload.norm:
                mean, variance = x.mean(axis=(0, 1)), x.var(axis=(0, 1))
                scale = p[f"{layer}.gamma"] * lax.rsqrt(variance + EPSILON)
                x = (x - mean) * scale + p[f"{layer}.beta"]
                if workload.dropout:
                    keep = 1 - workload.dropout
                    own = jax.random.fold_in(key, layer)
                    x = x * (jax.random.bernoulli(own, keep, x.shape[1:]) / keep)
        if head:
            x = x[-1] if workload.last else x
            x = x @ p["head.weight"].T + p["head.bias"]
        return x

    return apply


def loss_function(workload: Workload, logits: Any, target: Any) -> Any:
    """Mean cross-entropy or squared error."""
    if workload.outputs == 1:
        return ((logits - target) ** 2).mean()
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), target[..., None], axis=-1)
    return -chosen.mean()


def adam(p: Any, gradients: Any, moments: Any, count: Any) -> tuple[Any, Any]:
    """One update of all parameters, and the constraint of the recurrent ones."""
    new, kept = {}, {}
    for name, value in p.items():
        gradient, (first, second) = gradients[name], moments[name]
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        unbiased = first / (1 - 0.9**count)
        root = jnp.sqrt(second / (1 - 0.999**count))
        moved = value - LEARNING_RATE * unbiased / (root + 1e-8)
        if name.endswith(".u"):
            moved = jnp.clip(moved, -RECURRENT_BOUND, RECURRENT_BOUND)
        new[name], kept[name] = moved, (first, second)
    return new, kept


class Task:
    """One task with one form of the recurrence, compiled when it is first run."""

    def __init__(
        self, workload: Workload, task: str, arrays: Arrays, recurrence: Recurrence
    ) -> None:
        head = task in ("head", "step")
        self.task = task
        self.p = {n: jnp.asarray(arrays[n]) for n in parameter_names(workload, head)}
        self.x, self.dy = jnp.asarray(arrays["x"]), jnp.asarray(arrays["dy"])
        self.target = jnp.asarray(arrays["target"])
        self.key = jax.random.key(0)
        self.moments = {n: (jnp.zeros_like(v), jnp.zeros_like(v)) for n, v in self.p.items()}
        self.count = 0
        apply = network(workload, recurrence, head)
        if head:
            logits = jax.jit(apply)(self.p, self.x, self.key)
            gradient = jax.grad(partial(loss_function, workload))
            self.dy = gradient(logits, self.target)
            self.loss = loss_function(workload, logits, self.target)

        def train(p: Any, x: Any, dy: Any, key: Any) -> Any:
            y, pull = jax.vjp(lambda p: apply(p, x, key), p)
            return y, pull(dy)[0]

        def step(p: Any, moments: Any, count: Any, x: Any, target: Any, key: Any) -> Any:
            def loss(p: Any) -> Any:
                logits = apply(p, x, key)
                return loss_function(workload, logits, target), logits

            (value, logits), gradients = jax.value_and_grad(loss, has_aux=True)(p)
            new, moments = adam(p, gradients, moments, count)
            return new, moments, value, logits, gradients

        self.forward = jax.jit(apply)
        self.train = jax.jit(train)
        # Without the gradients and logits among its outputs, as a training loop would have it.
        self.step = jax.jit(lambda *a: step(*a)[:3], donate_argnums=(0, 1))
        self.step_results = jax.jit(step)

    def run(self) -> None:
        if self.task == "forward":
            jax.block_until_ready(self.forward(self.p, self.x, self.key))
        elif self.task == "step":
            self.count += 1
            self.p, self.moments, loss = self.step(
                self.p, self.moments, float(self.count), self.x, self.target, self.key
            )
            jax.block_until_ready((self.p, loss))
        else:
            jax.block_until_ready(self.train(self.p, self.x, self.dy, self.key))

    def results(self) -> dict[str, Any]:
        if self.task == "forward":
            return {"y": self.forward(self.p, self.x, self.key)}
        found: dict[str, Any] = {}
        if self.task == "step":
            new, _, loss, y, gradients = self.step_results(
                self.p, self.moments, 1.0, self.x, self.target, self.key
            )
            found |= {f"new.{name}": value for name, value in new.items()} | {"loss": loss}
        else:
            y, gradients = self.train(self.p, self.x, self.dy, self.key)
            found |= {"loss": self.loss} if self.task == "head" else {}
        return found | {"y": y} | {f"d.{name}": value for name, value in gradients.items()}


def choose(device: str) -> str:
    """Use the device, a GPU with products in float32 and without TF32; gives the device's name."""
    jax.config.update("jax_platforms", device)
    if device == "cuda":
        jax.config.update("jax_default_matmul_precision", "highest")
    try:
        return str(jax.devices()[0].device_kind)
    except (RuntimeError, AssertionError) as error:  # the second where its plugin is missing
        raise RefusedError(f"JAX {jax.__version__} sees no GPU") from error


def prepare(
    which: str, workload: Workload, task: str, arrays: Arrays, threads: int, device: str = "cpu"
) -> Prepared:
    """The task in its fastest form."""
    kind = choose(device)
    if task == "stream":
        if which != "scan":
            raise RefusedError("one step has nothing to scan")
        return stream(workload, arrays)
    recurrences = forms(which, task, workload.time_steps)
    key = f"jax {jax.__version__} {which} {workload.name} {workload.shapes} {task} {threads}"
    key += f" {kind}" if device == "cuda" else ""
    makers = {
        name: lambda r=r: Task(workload, task, arrays, r).run for name, r in recurrences.items()
    }
    form = fastest(key, makers) if len(makers) > 1 else next(iter(makers))
    chosen = Task(workload, task, arrays, recurrences[form])
    return Prepared(chosen.run, chosen.results, {"form": form})


def stream(workload: Workload, arrays: Arrays) -> Prepared:
    """One step of all layers, jitted; the states are one array [L, H]."""
    p = {name: jnp.asarray(arrays[name]) for name in parameter_names(workload)}

    @jax.jit
    def step(p: Any, x: Any, states: Any) -> Any:
        new = []
        for layer in range(workload.layers):
            z = x @ p[f"{layer}.weight"].T + p[f"{layer}.bias"]
            x = jnp.maximum(z + p[f"{layer}.u"] * states[layer], 0)
            new.append(x[0])
        return x, jnp.stack(new)

    sample = np.ascontiguousarray(arrays["x"][0])
    zero = jnp.zeros((workload.layers, workload.hidden), jnp.float32)
    held = [zero]

    def run() -> list[float]:
        seconds = []
        for _ in range(STREAM_CALLS):
            start = time.perf_counter()
            y, held[0] = step(p, sample, held[0])
            np.asarray(y)
            seconds.append(time.perf_counter() - start)
        return seconds

    return Prepared(run, lambda: {"y": step(p, sample, zero)[0][None]}, {"calls": STREAM_CALLS})
