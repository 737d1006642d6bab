"""What every system must give: forward, backward and a training step in plain NumPy and float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads import (
    EPSILON,
    LEARNING_RATE,
    RECURRENT_BOUND,
    Arrays,
    Workload,
    parameter_names,
)

Array = np.ndarray[Any, Any]


def recurrence(z: Array, u: Array, activation: str) -> Array:
    """h_t = act(z_t + u h_{t-1}), from h = 0; z and h [T, B, H]."""
    h, before = np.empty_like(z), np.zeros_like(z[0])
    for t in range(len(z)):
        value = z[t] + u * before
        before = h[t] = np.maximum(value, 0) if activation == "relu" else np.tanh(value)
    return h


def recurrence_gradient(dh: Array, h: Array, u: Array, activation: str) -> tuple[Array, Array]:
    """Give dz [T, B, H] and du [H]."""
    dz, carried = np.empty_like(dh), np.zeros_like(dh[0])
    slope = (h > 0) if activation == "relu" else 1 - h * h
    for t in range(len(dh) - 1, -1, -1):
        dz[t] = slope[t] * (dh[t] + carried)
        carried = u * dz[t]
    return dz, np.einsum("tbh,tbh->h", dz[1:], h[:-1])


def rows(array: Array) -> Array:
    """[T, B, F] as [T * B, F]."""
    return array.reshape(-1, array.shape[-1])


def loss_of(workload: Workload, logits: Array, target: Array) -> tuple[float, Array]:
    """Mean cross-entropy of the rows, or mean squared error; and its gradient."""
    if workload.outputs == 1:
        difference = logits - target
        return float((difference**2).mean()), 2 * difference / difference.size
    flat, classes = rows(logits), target.reshape(-1)
    exponential = np.exp(flat - flat.max(axis=1, keepdims=True))
    softmax = exponential / exponential.sum(axis=1, keepdims=True)
    each = np.arange(len(classes))
    loss = float(-np.log(softmax[each, classes]).mean())
    softmax[each, classes] -= 1
    return loss, (softmax / len(classes)).reshape(logits.shape)


def results(workload: Workload, task: str, arrays: Arrays) -> Arrays:
    """`y`, then `d.NAME` of each parameter; `loss` with a head; `new.NAME` of a `step`."""
    wide = {
        name: array.astype(np.float64) if array.dtype == np.float32 else array
        for name, array in arrays.items()
    }
    h, inputs, kept = wide["x"], [], []
    for layer in range(workload.layers):
        weight, bias = wide[f"{layer}.weight"], wide[f"{layer}.bias"]
        z = (rows(h) @ weight.T + bias).reshape(*h.shape[:2], -1)
        inputs.append(h)
        h = recurrence(z, wide[f"{layer}.u"], workload.activation)
        normal = deviation = None
        recurrent = h
        if workload.norm:
            mean, variance = rows(h).mean(axis=0), rows(h).var(axis=0)
            deviation = np.sqrt(variance + EPSILON)
            normal = (h - mean) / deviation
            h = normal * wide[f"{layer}.gamma"] + wide[f"{layer}.beta"]
        kept.append((recurrent, normal, deviation))
    found: Arrays = {"y": h}
    if task in ("forward", "stream"):
        return found

    if task == "train":
        dh = wide["dy"]
    else:
        behind = h[-1] if workload.last else h
        logits = behind @ wide["head.weight"].T + wide["head.bias"]
        loss, dlogits = loss_of(workload, logits, wide["target"])
        found |= {"y": logits, "loss": np.array(loss)}
        found["d.head.weight"] = rows(dlogits).T @ rows(behind)
        found["d.head.bias"] = rows(dlogits).sum(axis=0)
        dh = np.zeros_like(h)
        dh[-1 if workload.last else slice(None)] = dlogits @ wide["head.weight"]
    for layer in range(workload.layers - 1, -1, -1):
        recurrent, normal, deviation = kept[layer]
        if normal is not None:
            found[f"d.{layer}.gamma"] = rows(dh * normal).sum(axis=0)
            found[f"d.{layer}.beta"] = rows(dh).sum(axis=0)
            dh = dh * wide[f"{layer}.gamma"]
            shared = rows(dh).mean(axis=0) + normal * rows(dh * normal).mean(axis=0)
            dh = (dh - shared) / deviation
        dz, du = recurrence_gradient(dh, recurrent, wide[f"{layer}.u"], workload.activation)
        found[f"d.{layer}.u"] = du
        found[f"d.{layer}.bias"] = rows(dz).sum(axis=0)
        found[f"d.{layer}.weight"] = rows(dz).T @ rows(inputs[layer])
        if layer > 0:
            dh = (rows(dz) @ wide[f"{layer}.weight"]).reshape(dz.shape[0], dz.shape[1], -1)
    if task == "step":
        for name in parameter_names(workload, head=True):
            # The first step of Adam: both moments are the gradient's, corrected for their start.
            gradient = found[f"d.{name}"]
            moved = wide[name] - LEARNING_RATE * gradient / (np.abs(gradient) + 1e-8)
            found[f"new.{name}"] = (
                np.clip(moved, -RECURRENT_BOUND, RECURRENT_BOUND) if name.endswith(".u") else moved
            )
    return found
