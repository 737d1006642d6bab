"""The oracle itself: its automatic gradients against differences of its own forward."""

from __future__ import annotations

import numpy as np
import pytest

import reference
from closeness import assert_close
from indrnn_engine import nn
from reference.layers import LAYERS
from reference.random import Draws, philox

TIME_STEPS, BATCH = 5, 4
LAYER_SPECS = [
    nn.IndRNN(4),
    nn.BatchNorm(),
    nn.Dropout(0.5),
    nn.Linear(3, bias=False),
    nn.Recurrence("tanh"),
    nn.LastStep(),
    nn.Linear(2),
]


def test_every_layer_has_a_reference():
    assert set(LAYERS) == set(nn.layer_types())


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [  # the known answers that the authors of Philox publish (Random123, kat_vectors)
        (0, [0, 0, 0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (2**64 - 1, [2**32 - 1] * 4, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            0x299F31D0A4093822,
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_published_numbers(key, counter, expected):
    assert philox(key, np.array([counter], np.uint32)).tolist() == [expected]


@pytest.mark.parametrize("training", [True, False])
def test_automatic_gradients_match_finite_differences(training, rng):
    specs = [nn.to_dict(layer) for layer in LAYER_SPECS]
    shapes = {"0.weight": (4, 2), "0.bias": 4, "0.weight_hh": 4, "1.weight": 4, "1.bias": 4}
    shapes |= {"3.weight": (3, 4), "4.weight_hh": 3, "6.weight": (2, 3), "6.bias": 2}
    parameters = {name: rng.normal(size=size) for name, size in shapes.items()}
    state = {"0.hidden": rng.normal(size=(BATCH, 4)), "4.hidden": rng.normal(size=(BATCH, 3))}
    dstate = {name: rng.normal(size=values.shape) for name, values in state.items()}
    x, dy = rng.normal(size=(TIME_STEPS, BATCH, 2)), rng.normal(size=(BATCH, 2))
    lengths = np.array([5, 0, 1, 3])
    x[np.arange(TIME_STEPS)[:, None] >= lengths] = np.nan
    options = {
        "state": state,
        "lengths": lengths,
        "resets": rng.random((TIME_STEPS, BATCH)) < 0.3,
        "training": training,
        "draw": Draws(seed=5, forwards=3, nodes={("dropout", "2"): 6}),
        "buffers": {"1.running_mean": rng.normal(size=4), "1.running_var": rng.uniform(1, 2, 4)},
    }

    def functional():
        result = reference.forward(specs, parameters, x, **options)
        return np.sum(dy * result.y) + sum(np.sum(dstate[n] * result.state[n]) for n in dstate)

    found = reference.gradients(specs, parameters, x, dy, dstate, **options)
    for name, values in parameters.items():
        expected = reference.finite_differences(functional, values)
        assert_close(found.parameters[name], expected, 1e-7, name)
    for name, values in state.items():
        expected = reference.finite_differences(functional, values)
        assert_close(found.state[name], expected, 1e-7, name)
    assert_close(found.x, np.nan_to_num(reference.finite_differences(functional, x)), 1e-7, "x")
