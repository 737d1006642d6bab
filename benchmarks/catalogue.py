"""The systems that are measured, in the order of the tables."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import peers

CELLS = "left out: a cell of several full matrices, many times the arithmetic of an IndRNN"


@dataclass(frozen=True)
class System:
    """A worker of `benchmarks.systems`, or of the C++ program where `native` names its part.

    `limit` is how many seconds an answer may take; None: as many as it wants.
    `left_out` gives the workloads that are too slow to be worth the wait, with the reason;
    `other_cell` marks systems whose results are no IndRNN's and cannot be compared.
    """

    name: str
    title: str
    module: str = ""
    environment: str = "main"
    native: str = ""
    activation: str = "relu"
    other_cell: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"
    variables: dict[str, str] = field(default_factory=dict)  # of its process
    limit: float | None = None

    @property
    def interpreter(self) -> Path:
        """The Python that runs the worker."""
        return (
            Path(sys.executable) if self.environment == "" else peers.interpreter(self.environment)
        )


def _named(*systems: System) -> dict[str, System]:
    return {system.name: system for system in systems}


SYSTEMS = _named(
    System("engine", "indrnn_engine (Python)", "engine", environment=""),
    System("engine-cpp", "indrnn_engine, C++ Session", native="engine"),
    System("floor", "floor: matrix products alone", native="floor"),
    System("jax-scan", "JAX lax.scan", "jax_forms:scan"),
    System("jax-by-hand", "JAX lax.scan, backward by hand", "jax_forms:scan-by-hand"),
    System("jax-assoc", "JAX associative_scan", "jax_forms:associative"),
    System("neoml", "NeoML IndRNN (one thread)", "neoml_layers", environment="neoml"),
    System("torch-loop", "PyTorch loop over z[t]", "torch_loop:index"),
    System("torch-unbind", "PyTorch loop over z.unbind()", "torch_loop:unbind"),
    System("torch-rnn", "torch.nn.RNN, ReLU", "torch_layers:rnn"),
    System(
        "torch-gru", "torch.nn.GRU", "torch_layers:gru", other_cell=True, left_out={"ptb": CELLS}
    ),
    System(
        "torch-lstm", "torch.nn.LSTM", "torch_layers:lstm", other_cell=True, left_out={"ptb": CELLS}
    ),
    System("haste", "haste IndRNN, tanh", "haste", activation="tanh"),
    System("onnx", "onnxruntime", "onnx_runtime"),
)
