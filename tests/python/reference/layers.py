"""The layers: each function takes its spec, path and input and the run, and returns its output.

T time steps, B batch, F features. A layer reads its parameters under ``path + ".weight"`` and so
on, reads and writes what it carries over time through the run, and need not care for padding: the
run zeroes it between layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import autograd.numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.network import Run

Spec = dict[str, Any]
Array = Any  # numpy.ndarray, or autograd's box around one

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda z: np.where(z > 0, z, 0.0),  # slope 0 at 0; autograd's maximum splits ties
    "tanh": np.tanh,
    "sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z)),
    "identity": lambda z: z,
}


def embedding(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """Row x[t, b] of the table: [T, B] -> [T, B, F]."""
    return run.parameters[path + ".weight"][x]


def linear(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """W x + b."""
    y = np.dot(x, run.parameters[path + ".weight"].T)
    return y + run.parameters[path + ".bias"] if spec["bias"] else y


def recurrence(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """h_t = act(x_t + u * h_{t-1}); a reset zeroes h_{t-1}, past its length a sample keeps h."""
    u = run.parameters[path + ".weight_hh"]
    activation = ACTIVATIONS[spec["activation"]]
    h = run.initial_state(path + ".hidden", x.shape[1:])
    outputs = []
    for t in range(x.shape[0]):
        real = run.real[t][:, None]
        before = np.where(run.resets[t][:, None], 0.0, h)
        h = np.where(real, activation(x[t] + u * before), h)
        outputs.append(h)
    run.final_state[path + ".hidden"] = h
    return np.stack(outputs) if outputs else x


def indrnn(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """Linear, then Recurrence, under one path."""
    return recurrence(spec, path, run.zero_padding(linear(spec, path, x, run)), run)


def batch_norm(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, by real rows or running statistics."""
    mean, variance = run.buffers[path + ".running_mean"], run.buffers[path + ".running_var"]
    if run.training:
        real = run.real_rows(x)
        count = max(int(real.sum()), 1)
        axes = tuple(range(x.ndim - 1))
        mean_running, variance_running, momentum = mean, variance, spec["momentum"]
        mean = np.sum(np.where(real, x, 0.0), axis=axes) / count
        variance = np.sum(np.where(real, (x - mean) ** 2, 0.0), axis=axes) / count
        if real.any():
            unbiased = variance * count / max(count - 1, 1)
            run.new_buffers[path + ".running_mean"] = mean_running + momentum * (
                mean - mean_running
            )
            run.new_buffers[path + ".running_var"] = variance_running + momentum * (
                unbiased - variance_running
            )
    normal = (x - mean) / np.sqrt(variance + spec["epsilon"])
    return normal * run.parameters[path + ".weight"] + run.parameters[path + ".bias"]


def dropout(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """In training, x times a given mask [B, F] of 0 and 1 / (1 - p), the same at every step."""
    return x * run.masks[path] if run.training and spec["p"] > 0 else x


def last_step(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """[T, B, F] -> [B, F]: the last real step; zero for a sample that has none."""
    if x.shape[0] == 0:
        return np.zeros(x.shape[1:])
    last = np.maximum(run.lengths - 1, 0)
    return np.where(run.lengths[:, None] > 0, x[last, np.arange(x.shape[1])], 0.0)


LAYERS: dict[str, Callable[[Spec, str, Array, Run], Array]] = {
    "Embedding": embedding,
    "Linear": linear,
    "Recurrence": recurrence,
    "IndRNN": indrnn,
    "BatchNorm": batch_norm,
    "Dropout": dropout,
    "LastStep": last_step,
}
