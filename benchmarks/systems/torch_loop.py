"""PyTorch as most IndRNN code uses it: a matrix product per layer, then a loop over time steps.

`index` takes z[t] for each step, whose gradient is as large as z: backward's time grows with T
squared. `unbind` takes all z_t at once, which has one gradient for all, and multiplies and adds in
one call. `captured` is `unbind` as a CUDA graph: thousands of kernels, launched at once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from benchmarks.systems import Prepared, RefusedError
from benchmarks.systems.torch_common import (
    VERSIONS,
    choose,
    prepare_network,
    prepare_stream,
    release,
)
from benchmarks.workloads import EPSILON, Arrays, Workload, parameter_names

__all__ = ["VERSIONS", "prepare", "release"]
MOST_CAPTURED = 50_000  # steps of all layers: each is two to four nodes of the graph, both ways


def loop(form: str, z: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """h [T, B, H] of z [T, B, H] and u [H]."""
    h, states = torch.zeros_like(z[0]), []
    if form == "index":
        for t in range(len(z)):
            h = torch.relu(z[t] + u * h)
            states.append(h)
    else:
        for z_t in z.unbind(0):
            h = torch.relu(torch.addcmul(z_t, u, h))
            states.append(h)
    return torch.stack(states)


def prepare(
    form: str, workload: Workload, task: str, arrays: Arrays, threads: int, device: str = "cpu"
) -> Prepared:
    """Give the tasks of the loop."""
    if form == "index" and workload.time_steps > 1000 and task != "forward":
        raise RefusedError("left out: the time of its backward grows with T squared")
    if form == "captured" and workload.time_steps * workload.layers > MOST_CAPTURED:
        raise RefusedError("left out: a graph of a million nodes and more")
    choose(device, threads)
    names = parameter_names(workload, head=task in ("head", "step"))
    p = {name: torch.from_numpy(arrays[name].copy()).to(device) for name in names}

    def apply(x: torch.Tensor) -> torch.Tensor:
        for layer in range(workload.layers):
            z = functional.linear(x, p[f"{layer}.weight"], p[f"{layer}.bias"])
            x = loop(form, z, p[f"{layer}.u"])
            if workload.norm:
                flat = functional.batch_norm(
                    x.flatten(0, 1),
                    *(None, None, p[f"{layer}.gamma"], p[f"{layer}.beta"]),
                    training=True,
                    eps=EPSILON,
                )
                x = flat.view_as(x)
                if workload.dropout:
                    x = x * functional.dropout(torch.ones_like(x[0]), workload.dropout)
        return x

    def step(x: torch.Tensor, states: list[Any]) -> tuple[torch.Tensor, list[Any]]:
        new = []
        for layer in range(workload.layers):
            z = functional.linear(x, p[f"{layer}.weight"], p[f"{layer}.bias"])
            x = z.addcmul_(p[f"{layer}.u"], states[layer]).relu_()
            new.append(x)
        return x, new

    if task == "stream":
        if form != "unbind":
            raise RefusedError("one step has no loop")
        zero = [torch.zeros(1, workload.hidden, device=device) for _ in range(workload.layers)]
        return prepare_stream(step, zero, arrays["x"], device)
    recurrent = [p[name] for name in names if name.endswith(".u")]
    return prepare_network(
        workload, task, arrays, p, apply, recurrent, device, captured=form == "captured"
    )
