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
    """Row x[t, b] of the table: [T, B] -> [T, B, F]; in training some rows are dropped."""
    table = run.parameters[path + ".weight"]
    if run.training and spec["row_dropout"] > 0:
        table = table * run.mask("row_dropout", path, table.shape[:1], spec["row_dropout"])[:, None]
    return table[x]


def linear(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """W x + b."""
    y = np.dot(x, run.parameters[path + ".weight"].T)
    return y + run.parameters[path + ".bias"] if spec["bias"] else y


def tied_linear(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """E x + b with the table of the embedding, which is the first layer."""
    y = np.dot(x, run.parameters["0.weight"].T)
    return y + run.parameters[path + ".bias"] if spec["bias"] else y


def recurrence(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """h_t = act(x_t + u * h_{t-1}); a reset zeroes h_{t-1}, past its length a sample keeps h.

    With zoneout, h_t = p h_{t-1} + (1 - p) act(...), where in training p is 0 or 1 by chance.
    """
    u = run.parameters[path + ".weight_hh"]
    activation = ACTIVATIONS[spec["activation"]]
    h = run.initial_state(path + ".hidden", x.shape[1:])
    stay = np.full(x.shape, spec["zoneout"])
    if run.training and spec["zoneout"] > 0:
        stay = run.coins("zoneout", path, x.shape, spec["zoneout"])
    outputs = []
    for t in range(x.shape[0]):
        before = np.where(run.resets[t][:, None], 0.0, h)
        after = stay[t] * before + (1 - stay[t]) * activation(x[t] + u * before)
        h = np.where(run.real[t][:, None], after, h)
        outputs.append(h)
    run.final_state[path + ".hidden"] = h
    return np.stack(outputs) if outputs else x


def indrnn(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """Linear, then Recurrence, under one path."""
    return recurrence(spec, path, run.zero_padding(linear(spec, path, x, run)), run)


def normalize(x: Array, real: Array, axes: tuple[int, ...], epsilon: float) -> tuple[Array, ...]:
    """x normalised over the real rows along the axes; with mean, variance and count of rows."""
    count = np.maximum(np.sum(real, axis=axes, keepdims=True), 1)
    mean = np.sum(np.where(real, x, 0.0), axis=axes, keepdims=True) / count
    variance = np.sum(np.where(real, (x - mean) ** 2, 0.0), axis=axes, keepdims=True) / count
    return (x - mean) / np.sqrt(variance + epsilon), mean, variance, count


def batch_norm(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * weight + bias, by real rows or running statistics.

    In mode "step" each time step has its own statistics; the running ones [rows, F] are kept by the
    step since the state was reset, and the last row stands for all later steps.
    """
    weight, bias = run.parameters[path + ".weight"], run.parameters[path + ".bias"]
    names = (path + ".running_mean", path + ".running_var")
    by_step, span = spec["mode"] == "step", spec["time_steps"]
    rows = [min(min(run.start, 2 * span) + t, 4 * span) for t in range(x.shape[0])]
    if not run.training:
        running = [run.buffers[name] for name in names]
        mean, variance = (array[rows][:, None] if by_step else array for array in running)
        return (x - mean) / np.sqrt(variance + spec["epsilon"]) * weight + bias

    real = run.real_rows(x)
    axes = (1,) if by_step else tuple(range(x.ndim - 1))
    normal, mean, variance, count = normalize(x, real, axes, spec["epsilon"])
    for name, batch in zip(names, (mean, variance * count / np.maximum(count - 1, 1)), strict=True):
        running = np.array(run.buffers[name])
        seen = np.any(real, axis=axes, keepdims=True)
        for t in range(x.shape[0]) if by_step else [0]:
            at = rows[t] if by_step else ...
            if np.ravel(seen)[t]:
                new = batch[t, 0] if by_step else np.reshape(batch, batch.shape[-1:])
                running[at] = running[at] + spec["momentum"] * (run.value(new) - running[at])
        run.new_buffers[name] = running
    return normal * weight + bias


def layer_norm(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """The same over the features of each row."""
    normal, *_ = normalize(x, np.ones(x.shape, bool), (x.ndim - 1,), spec["epsilon"])
    return normal * run.parameters[path + ".weight"] + run.parameters[path + ".bias"]


def dropout(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """In training, x times a mask [B, F] that all steps share."""
    active = run.training and spec["p"] > 0
    return x * run.mask("dropout", path, x.shape[-2:], spec["p"]) if active else x


def last_step(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """[T, B, F] -> [B, F]: the last real step; zero for a sample that has none."""
    if x.shape[0] == 0:
        return np.zeros(x.shape[1:])
    last = np.maximum(run.lengths - 1, 0)
    return np.where(run.lengths[:, None] > 0, x[last, np.arange(x.shape[1])], 0.0)


def mean_over_time(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """[T, B, F] -> [B, F]: the mean of the real steps; zero for a sample that has none."""
    return np.sum(x, axis=0) / np.maximum(run.lengths, 1)[:, None]


def time_difference(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """x_t - x_{t-1}, zero at a reset and where nothing came before.

    The state [B, F + 1] is x_{t-1} and, in the last column, whether there is one.
    """
    state = run.initial_state(path + ".previous", (x.shape[1], x.shape[2] + 1))
    outputs = []
    for t in range(x.shape[0]):
        taken = (state[:, -1:] > 0) & ~run.resets[t][:, None]
        outputs.append(np.where(taken, x[t] - state[:, :-1], 0.0))
        after = np.concatenate([x[t], np.ones((x.shape[1], 1))], axis=1)
        state = np.where(run.real[t][:, None], after, state)
    run.final_state[path + ".previous"] = state
    return np.stack(outputs) if outputs else x


def residual(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """x + layers(x)."""
    return x + run.stack(spec["layers"], path + ".", x)


def concat(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """[x, layers(x)]."""
    return np.concatenate([x, run.stack(spec["layers"], path + ".", x)], axis=-1)


def bidirectional(spec: Spec, path: str, x: Array, run: Run) -> Array:
    """[layers(x), layers'(x reversed) reversed], each sample turned round within its length."""
    samples = np.arange(x.shape[1])
    mirror = np.maximum(run.lengths[None] - 1 - np.arange(x.shape[0])[:, None], 0)
    ahead = run.stack(spec["layers"], path + ".forward.", x)
    back = run.stack(spec["layers"], path + ".backward.", run.zero_padding(x[mirror, samples]))
    return np.concatenate([ahead, back[mirror, samples]], axis=-1)


LAYERS: dict[str, Callable[[Spec, str, Array, Run], Array]] = {
    "Embedding": embedding,
    "Linear": linear,
    "TiedLinear": tied_linear,
    "Recurrence": recurrence,
    "IndRNN": indrnn,
    "BatchNorm": batch_norm,
    "LayerNorm": layer_norm,
    "Dropout": dropout,
    "LastStep": last_step,
    "MeanOverTime": mean_over_time,
    "TimeDifference": time_difference,
    "Residual": residual,
    "Concat": concat,
    "Bidirectional": bidirectional,
}
