"""PyTorch as most IndRNN code uses it: a matrix product per layer, then a loop over time steps."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from benchmarks.systems import Prepared
from benchmarks.systems.torch_common import VERSIONS, prepare_network, prepare_stream
from benchmarks.workloads import EPSILON, Arrays, Workload, parameter_names

__all__ = ["VERSIONS", "prepare"]


def prepare(workload: Workload, task: str, arrays: Arrays, threads: int) -> Prepared:
    """Give the tasks of the loop."""
    torch.set_num_threads(threads)
    names = parameter_names(workload, head=task in ("head", "step"))
    p = {name: torch.from_numpy(arrays[name].copy()) for name in names}

    def apply(x: torch.Tensor) -> torch.Tensor:
        for layer in range(workload.layers):
            z = functional.linear(x, p[f"{layer}.weight"], p[f"{layer}.bias"])
            u, h, states = p[f"{layer}.u"], torch.zeros_like(z[0]), []
            # unbind has one backward for all steps; indexing z[t] would have one that is T x as large.
            for z_t in z.unbind(0):
                h = torch.relu(torch.addcmul(z_t, u, h))
                states.append(h)
            x = torch.stack(states)
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
        zero = [torch.zeros(1, workload.hidden) for _ in range(workload.layers)]
        return prepare_stream(step, zero, arrays["x"])
    recurrent = [p[name] for name in names if name.endswith(".u")]
    return prepare_network(workload, task, arrays, p, apply, recurrent)
