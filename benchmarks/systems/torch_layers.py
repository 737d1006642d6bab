"""torch.nn.RNN, GRU and LSTM of the same width; on a GPU they are cuDNN's.

The RNN with ReLU and a diagonal recurrent matrix is an IndRNN, and is compared with one. The other
two are other cells: their results are only looked at for being finite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.systems import Prepared, RefusedError, finite
from benchmarks.systems.torch_common import (
    VERSIONS,
    choose,
    prepare_network,
    prepare_stream,
    release,
)

if TYPE_CHECKING:
    from benchmarks.workloads import Arrays, Workload

__all__ = ["VERSIONS", "prepare", "release"]


def prepare(
    kind: str, workload: Workload, task: str, arrays: Arrays, threads: int, device: str = "cpu"
) -> Prepared:
    """Give the tasks of a stack of `kind`."""
    if workload.norm:
        raise RefusedError("a fused stack has no place for a norm between its layers")
    choose(device, threads)
    torch.manual_seed(0)
    sizes = (workload.inputs, workload.hidden, workload.layers)
    stack = {
        "rnn": lambda: torch.nn.RNN(*sizes, nonlinearity="relu"),
        "gru": lambda: torch.nn.GRU(*sizes),
        "lstm": lambda: torch.nn.LSTM(*sizes),
    }[kind]()
    if kind == "rnn":
        with torch.no_grad():
            for layer in range(workload.layers):
                given = {
                    "weight_ih": arrays[f"{layer}.weight"],
                    "bias_ih": arrays[f"{layer}.bias"],
                    "weight_hh": np.diag(arrays[f"{layer}.u"]),
                    "bias_hh": np.zeros(workload.hidden, np.float32),
                }
                for name, array in given.items():
                    getattr(stack, f"{name}_l{layer}").copy_(torch.from_numpy(array.copy()))
    if task == "stream":
        return stream(stack.to(device), kind, arrays, device)
    stack.to(device)
    parameters: dict[str, Any] = dict(stack.named_parameters())
    if task in ("head", "step"):
        parameters |= {
            name: torch.from_numpy(arrays[name].copy()).to(device)
            for name in ("head.weight", "head.bias")
        }
    recurrent = [value for name, value in parameters.items() if name.startswith("weight_hh")]
    prepared = prepare_network(
        workload, task, arrays, parameters, lambda x: stack(x)[0], recurrent, device
    )
    given_results = prepared.results

    def results() -> dict[str, Any]:
        found = given_results()
        return renamed(found, workload.layers) if kind == "rnn" else {"finite": finite(found)}

    prepared.results = results
    return prepared


def renamed(found: dict[str, Any], layers: int) -> dict[str, Any]:
    """Names of an IndRNN's parameters; the recurrent weights are the matrix's diagonal."""
    given = {name: found[name] for name in ("y", "loss") if name in found}
    for layer in range(layers):
        kinds = {"weight": "weight_ih", "bias": "bias_ih", "u": "weight_hh"}
        for kind, own in kinds.items():
            gradient = found.get(f"d.{own}_l{layer}")
            if gradient is not None:
                given[f"d.{layer}.{kind}"] = np.diag(gradient) if kind == "u" else gradient
    return given


def stream(stack: Any, kind: str, arrays: Arrays, device: str) -> Prepared:
    """One step; the stack takes [T, B, I] with T = 1."""
    zero = torch.zeros(stack.num_layers, 1, stack.hidden_size, device=device)
    prepared = prepare_stream(
        lambda x, state: stack(x[None], state),
        (zero, zero) if kind == "lstm" else zero,
        arrays["x"],
        device,
    )
    if kind != "rnn":
        given_results = prepared.results
        prepared.results = lambda: {"finite": finite(given_results())}
    return prepared
