"""This engine, from Python."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import indrnn_engine as ie
from benchmarks.systems import Prepared
from benchmarks.workloads import (
    LEARNING_RATE,
    RECURRENT_BOUND,
    Arrays,
    Workload,
    parameter_names,
)

VERSIONS = {
    "indrnn_engine": ie.version(),
    "instruction_set": ie._core.instruction_set(),
    "blas": ie._core.blas_name(),
}
STREAM_CALLS = 5000


def layers_of(workload: Workload, head: bool) -> list[Any]:
    """The stack as specs."""
    layers: list[Any] = []
    for _ in range(workload.layers):
        layers.append(ie.nn.IndRNN(workload.hidden))
        if workload.norm:
            layers += [ie.nn.BatchNorm(), ie.nn.Dropout(workload.dropout)]
    if head:
        layers += [ie.nn.LastStep()] if workload.last else []
        layers.append(ie.nn.Linear(workload.outputs))
    return layers


def engine_name(name: str, workload: Workload, layers: list[Any]) -> str:
    """The engine's name of a parameter: `2.gamma` is `7.weight` with norm and dropout between."""
    layer, kind = name.split(".")
    if layer == "head":
        return f"{len(layers) - 1}.{kind}"
    position = int(layer) * (3 if workload.norm else 1)
    if kind in ("gamma", "beta"):
        return f"{position + 1}.{'weight' if kind == 'gamma' else 'bias'}"
    return f"{position}.{'weight_hh' if kind == 'u' else kind}"


def prepare(workload: Workload, task: str, arrays: Arrays, threads: int) -> Prepared:
    """A network with the problem's parameters."""
    ie.set_num_threads(threads)
    head = task in ("head", "step")
    layers = layers_of(workload, head)
    net = ie.Network(layers, input_size=workload.inputs)
    names = {n: engine_name(n, workload, layers) for n in parameter_names(workload, head)}
    for name, view in ((name, net.named_parameters()[names[name]]) for name in names):
        view[:] = arrays[name]
    x, target = arrays["x"], arrays["target"]
    if task == "stream":
        return stream(net, x, workload.hidden)
    rows = x.shape[:1] * (not (head and workload.last)) + x.shape[1:2]
    y = np.empty((*rows, workload.outputs if head else workload.hidden), np.float32)
    # The loss of `head` and its gradient are computed before the clock starts.
    dy = arrays["dy"]
    loss_of = (
        ie.losses.mean_squared_error if workload.outputs == 1 else ie.losses.softmax_cross_entropy
    )
    found: dict[str, Any] = {}
    if head:
        found["loss"], dy = loss_of(net.forward(x, training=True)[0], target)
    dlogits = np.empty_like(dy)
    adam = ie.optim.Adam(net, lr=LEARNING_RATE)

    def forward() -> None:
        net.forward(x, out=y)

    def train() -> None:
        net.forward(x, training=True, out=y)
        net.zero_gradients()
        net.backward(dy, input_gradient=False)

    def step() -> None:
        net.forward(x, training=True, out=y)
        found["loss"], _ = loss_of(y, target, out=dlogits)
        net.zero_gradients()
        net.backward(dlogits, input_gradient=False)
        adam.step()
        ie.optim.constrain_recurrent(net, RECURRENT_BOUND)

    run = {"forward": forward, "train": train, "head": train, "step": step}[task]

    def results() -> dict[str, Any]:
        run()
        given = {"y": y}
        if task != "forward":
            gradients = net.named_gradients()
            given |= {f"d.{name}": gradients[names[name]] for name in names}
        if head:
            given["loss"] = found["loss"]
        if task == "step":
            now = net.named_parameters()
            given |= {f"new.{name}": now[names[name]] for name in names}
        return {name: np.array(array) for name, array in given.items()}

    return Prepared(run, results, {"parameters": net.num_parameters})


def stream(net: ie.Network, x: Any, features: int) -> Prepared:
    """One time step of one sample, each call on the clock."""
    sample, out = x[0], np.empty((1, features), np.float32)
    state = net.initial_state(1)

    def run() -> list[float]:
        seconds = []
        for _ in range(STREAM_CALLS):
            start = time.perf_counter()
            net.step(sample, state, out=out)
            seconds.append(time.perf_counter() - start)
        return seconds

    def results() -> dict[str, Any]:
        y, _ = net.step(sample, net.initial_state(1), out=out)
        return {"y": y[None].copy()}

    return Prepared(run, results, {"calls": STREAM_CALLS})
