"""The matrix products of a stack alone, by PyTorch: what a GPU's BLAS gives without this engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from benchmarks.systems import Prepared, RefusedError
from benchmarks.systems.stack_products import results_of
from benchmarks.systems.torch_common import VERSIONS, choose, release, waiting

if TYPE_CHECKING:
    from benchmarks.workloads import Arrays, Workload

__all__ = ["VERSIONS", "prepare", "release"]


def prepare(
    workload: Workload, task: str, arrays: Arrays, threads: int, device: str = "cpu"
) -> Prepared:
    """Forward, or forward, dX and dW of every layer, without dX in the first."""
    if workload.norm or task not in ("forward", "train"):
        raise RefusedError("measured for forward and train without norm only")
    choose(device, threads)
    x, dy = (torch.from_numpy(arrays[name]).flatten(0, 1).to(device) for name in ("x", "dy"))
    weights = [
        torch.from_numpy(arrays[f"{layer}.weight"]).to(device) for layer in range(workload.layers)
    ]
    # Written in place, as by the engine: no allocation is on the clock.
    y = [torch.empty(len(x), workload.hidden, device=device) for _ in weights]
    dx = [torch.empty_like(y[0]) for _ in weights]
    dw = [torch.empty_like(weight) for weight in weights]

    def forward() -> None:
        for layer, weight in enumerate(weights):
            torch.mm(y[layer - 1] if layer else x, weight.T, out=y[layer])

    def train() -> None:
        forward()
        for layer in reversed(range(workload.layers)):
            above = dx[layer + 1] if layer + 1 < workload.layers else dy
            torch.mm(above.T, y[layer - 1] if layer else x, out=dw[layer])
            if layer:
                torch.mm(above, weights[layer], out=dx[layer])

    run = waiting(forward if task == "forward" else train, device)

    def results() -> Arrays:
        run()
        gradients = torch.cat([each.flatten() for each in dw]) if task == "train" else y[-1]
        return results_of(workload, arrays, y[-1].cpu().numpy(), gradients.cpu().numpy())

    return Prepared(run, results, {"form": "no recurrence: not compared"})
