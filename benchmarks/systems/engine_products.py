"""The matrix products of a stack alone, on a GPU: its Linear layers as the engine runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import indrnn_engine as ie
from benchmarks.systems import Prepared, RefusedError
from benchmarks.systems.engine import VERSIONS, passes, placed, waiting
from benchmarks.systems.stack_products import results_of

if TYPE_CHECKING:
    from benchmarks.workloads import Arrays, Workload

__all__ = ["VERSIONS", "prepare"]


def prepare(workload: Workload, task: str, arrays: Arrays, threads: int, device: str) -> Prepared:
    """Forward, or forward, dX and dW of every layer, without dX in the first."""
    if workload.norm or task not in ("forward", "train"):
        raise RefusedError("measured for forward and train without norm only")
    ie.set_num_threads(threads)
    layers = [ie.nn.Linear(workload.hidden, bias=False) for _ in range(workload.layers)]
    net = ie.Network(layers, input_size=workload.inputs, device=device)
    for layer in range(workload.layers):
        net.named_parameters()[f"{layer}.weight"][:] = arrays[f"{layer}.weight"]
    x, dy = placed(arrays["x"], net), placed(arrays["dy"], net)
    y = placed(np.empty(arrays["dy"].shape, np.float32), net)
    forward, train = passes(net, x, y, dy)
    run = waiting(forward if task == "forward" else train, net)

    def results() -> Arrays:
        run()
        return results_of(workload, arrays, np.array(y), np.array(net.gradients))

    return Prepared(run, results, {"form": "no recurrence: not compared"})
