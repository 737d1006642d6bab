"""What the tests of captured steps share."""

from __future__ import annotations

import numpy as np

import indrnn_engine as ie
from indrnn_engine import nn

TIME_STEPS, INPUTS, CLASSES = 6, 3, 4
LAYERS = [
    nn.IndRNN(8, zoneout=0.2),
    nn.Dropout(0.4),
    nn.BatchNorm(),
    nn.IndRNN(6),
    nn.LastStep(),
    nn.Linear(CLASSES),
]


def network(device="cuda", layers=LAYERS, dtype="float64"):
    return ie.Network(layers, input_size=INPUTS, device=device, dtype=dtype, seed=3)


def batches(count, size=5, dtype=np.float64):
    rng = np.random.default_rng(size)
    for _ in range(count):
        x = rng.normal(size=(TIME_STEPS, size, INPUTS)).astype(dtype)
        yield x, rng.integers(0, CLASSES, size=size)


def all_of(net, optimizer):
    """Every number that a training goes on from."""
    state = optimizer.state_dict()
    arrays = [np.asarray(net.parameters), *map(np.asarray, net.named_buffers().values())]
    arrays += [value for value in state.values() if isinstance(value, np.ndarray)]
    numbers = {k: v for k, v in state.items() if not isinstance(v, np.ndarray)}
    return [array.tobytes() for array in arrays], numbers, net.random_state
