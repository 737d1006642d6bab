"""The oracle itself: its automatic gradients against differences of its own forward."""

from __future__ import annotations

import numpy as np
import pytest

import reference
from closeness import assert_close
from indrnn_engine import nn
from reference.layers import LAYERS

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
        "masks": {"2": rng.choice([0.0, 2.0], (BATCH, 4))},
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
