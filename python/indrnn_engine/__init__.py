"""Stacked Independently Recurrent Neural Networks on NumPy arrays, trained and run by a C++ engine.

Letters in shapes: T time steps, B batch, F features, I inputs, H neurons, O outputs, C classes.
Sequences are time-major, [T, B, F], in float32 or float64 as the network is; class indices are
int64. Arrays are taken as they are or copied once when their layout asks for it; a wrong dtype is
an error, never a cast.

Examples
--------
>>> import numpy as np
>>> import indrnn_engine as ie
>>> net = ie.Network([ie.nn.IndRNN(16), ie.nn.LastStep(), ie.nn.Linear(1)], input_size=2, seed=1)
>>> adam = ie.optim.Adam(net, lr=1e-3)
>>> x = np.random.default_rng(0).random((20, 8, 2), dtype=np.float32)
>>> target = x[:, :, 0].mean(axis=0)[:, None]
>>> losses = []
>>> for _ in range(50):
...     net.zero_gradients()
...     y, state = net.forward(x, training=True)
...     loss, dy = ie.losses.mean_squared_error(y, target)
...     dx, dstate = net.backward(dy)
...     adam.step()
...     losses.append(loss)
>>> losses[-1] < losses[0]
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import _threadpoolctl, files, losses, nn, ops, optim
from ._runtime import devices, instruction_set, num_threads, set_num_threads, version
from .device_array import DeviceArray, to_device
from .device_state import DeviceState
from .network import Network
from .state import State

if TYPE_CHECKING:
    from . import (
        analysis,
        architectures,
        convert,
        cuda,
        data,
        distributed,
        estimators,
        export,
        recipes,
        training,
    )

__all__ = [
    "DeviceArray",
    "DeviceState",
    "Network",
    "State",
    "analysis",
    "architectures",
    "convert",
    "cuda",
    "data",
    "devices",
    "distributed",
    "estimators",
    "export",
    "files",
    "instruction_set",
    "losses",
    "nn",
    "num_threads",
    "ops",
    "optim",
    "recipes",
    "set_num_threads",
    "to_device",
    "training",
    "version",
]

__version__ = version()
_threadpoolctl.register()

# Read at first use, so that importing the package stays quick and asks for nothing but NumPy.
_LAZY = (
    "analysis",
    "architectures",
    "convert",
    "cuda",
    "data",
    "distributed",
    "estimators",
    "export",
    "recipes",
    "training",
)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
