"""Layer specs: frozen values that say what a network is made of.

A spec holds no weights; `indrnn_engine.Network` makes them. `to_dict` and `from_dict` give its JSON
form, the same in Python, in C++ and in saved files. Which values a field may have (0 <= p < 1, a
known activation, ...) is checked when a network is made, with the layer named; the types of the
fields are checked here.

Letters in shapes: T time steps, B batch, F features; sequences are time-major, [T, B, F].
"""

from __future__ import annotations

from .base import Container, Layer
from .connections import Bidirectional, Concat, Residual
from .documents import from_dict, layer_types, to_dict
from .linear import Embedding, Linear, TiedLinear
from .norm import BatchNorm, LayerNorm
from .recurrent import IndRNN, Recurrence
from .time import Dropout, LastStep, MeanOverTime, TimeDifference

__all__ = [
    "BatchNorm",
    "Bidirectional",
    "Concat",
    "Container",
    "Dropout",
    "Embedding",
    "IndRNN",
    "LastStep",
    "Layer",
    "LayerNorm",
    "Linear",
    "MeanOverTime",
    "Recurrence",
    "Residual",
    "TiedLinear",
    "TimeDifference",
    "from_dict",
    "layer_types",
    "to_dict",
]
