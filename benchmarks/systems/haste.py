"""haste's IndRNN on the CPU: its package falls back to a loop in Python, with tanh only."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import haste_pytorch
import torch

from benchmarks.systems import Prepared, RefusedError
from benchmarks.systems.torch_common import prepare_network

if TYPE_CHECKING:
    from benchmarks.workloads import Arrays, Workload

VERSIONS = {"haste-pytorch-cpu": version("haste-pytorch-cpu"), "torch": torch.__version__}


def prepare(workload: Workload, task: str, arrays: Arrays, threads: int) -> Prepared:
    """Give the tasks of a stack of haste's layers."""
    if workload.norm or task not in ("forward", "train"):
        raise RefusedError("measured as a plain stack only")
    if workload.time_steps > 1000:
        raise RefusedError("left out: the time of its backward grows with T squared")
    torch.set_num_threads(threads)
    layers, p = [], {}
    for layer in range(workload.layers):
        cell = haste_pytorch.IndRNN(workload.inputs_of(layer), workload.hidden)
        own = {"weight": cell.kernel, "bias": cell.bias, "u": cell.recurrent_scale}
        for kind, parameter in own.items():
            array = arrays[f"{layer}.{kind}"]
            parameter.data.copy_(torch.from_numpy(array.T.copy()))
            p[f"{layer}.{kind}"] = parameter
        layers.append(cell)

    def apply(x: torch.Tensor) -> torch.Tensor:
        for cell in layers:
            x, _ = cell(x)
        return x

    prepared = prepare_network(workload, task, arrays, p, apply, [])
    given_results = prepared.results

    def results() -> dict[str, Any]:
        found = given_results()
        # Its kernel is [I, H].
        return {name: a.T if name.endswith(".weight") else a for name, a in found.items()}

    prepared.results = results
    return prepared
