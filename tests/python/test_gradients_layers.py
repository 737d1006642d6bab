"""Every layer alone: outputs, states, gradients against the reference and finite differences."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie
from closeness import (
    AUTOGRAD_TOLERANCE,
    FINITE_DIFFERENCE_TOLERANCE,
    FLOAT32_TOLERANCE,
    assert_close,
)
from harness import (
    DEVICE,
    LONG,
    SHAPES,
    assert_same_outcome,
    engine_outcome,
    finite_difference_outcome,
    in_float64,
    make_problem,
    reference_outcome,
)
from indrnn_engine import nn

ACTIVATIONS = ("relu", "tanh", "sigmoid", "identity")

# One row per layer (and per variant of it): what the network holds.
LAYERS = {
    "linear": [nn.Linear(4)],
    "linear_no_bias": [nn.Linear(4, bias=False)],
    **{f"recurrence_{name}": [nn.Recurrence(activation=name)] for name in ACTIVATIONS},
    **{f"indrnn_{name}": [nn.IndRNN(4, activation=name)] for name in ACTIVATIONS},
    "indrnn_no_bias": [nn.IndRNN(4, bias=False)],
    "batch_norm": [nn.BatchNorm()],
    "batch_norm_options": [nn.BatchNorm(momentum=0.3, epsilon=1e-2)],
    "dropout": [nn.Dropout(0.4)],
    "last_step": [nn.LastStep()],
    "embedding": [nn.Embedding(11, 3)],
    "row_dropout": [nn.Embedding(11, 3, row_dropout=0.4)],
    "tied_linear": [nn.Embedding(6, 3), nn.TiedLinear()],
    "tied_linear_no_bias": [nn.Embedding(6, 3), nn.TiedLinear(bias=False)],
    **{f"zoneout_{name}": [nn.Recurrence(name, zoneout=0.3)] for name in ACTIVATIONS},
    "indrnn_zoneout": [nn.IndRNN(4, zoneout=0.5)],
    "batch_norm_step": [nn.BatchNorm("step", time_steps=2)],
    "batch_norm_step_long": [nn.BatchNorm("step", time_steps=50)],
    "layer_norm": [nn.LayerNorm()],
    "mean_over_time": [nn.MeanOverTime()],
    "time_difference": [nn.TimeDifference()],
    "residual": [nn.Residual([nn.Linear(4), nn.Recurrence("tanh"), nn.Linear(3)])],
    "concat": [nn.Concat([nn.IndRNN(4)])],
    "bidirectional": [nn.Bidirectional([nn.IndRNN(4)])],
}

layers = pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
modes = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


@layers
@shapes
@modes
def test_matches_reference(layers, shape, training):
    problem = make_problem(layers, shape, training=training)
    assert_same_outcome(engine_outcome(problem), reference_outcome(problem), AUTOGRAD_TOLERANCE)


@layers
@modes
@pytest.mark.parametrize(
    "shape", [SHAPES["plain"], SHAPES["everything"]], ids=["plain", "everything"]
)
def test_gradients_match_finite_differences(layers, shape, training):
    problem = make_problem(layers, shape, training=training, seed=1)
    outcome = engine_outcome(problem)
    found = {**outcome.gradients, **outcome.dstate, "x": outcome.dx}
    for name, expected in finite_difference_outcome(problem).items():
        assert_close(found[name], expected, FINITE_DIFFERENCE_TOLERANCE, name)


@layers
@modes
@pytest.mark.skipif(DEVICE != "cpu", reason="chunks and threads are the CPU's")
def test_chunks_and_threads(threads, layers, training):
    if isinstance(layers[0], nn.Residual):  # which keeps the width of what it reads
        layers = [nn.Linear(3), *layers]
    problem = make_problem(layers, LONG, input_size=128, training=training, seed=3)
    plan = problem.network.describe_plan(LONG.time_steps, LONG.batch, training)
    assert plan["lanes"] == 2
    assert plan["chunks"] > 1 or problem.network.takes_indices  # whose features are few
    expected = reference_outcome(problem)
    for count in (1, 2):
        ie.set_num_threads(count)
        assert_same_outcome(engine_outcome(problem), expected, AUTOGRAD_TOLERANCE)


@layers
@shapes
def test_float32_matches_float64(layers, shape):
    problem = make_problem(layers, shape, dtype="float32", seed=2)
    outcome = engine_outcome(problem)
    assert outcome.y.dtype == np.float32
    assert_same_outcome(outcome, engine_outcome(in_float64(problem)), FLOAT32_TOLERANCE, floor=1.0)


@layers
@modes
def test_past_the_length_is_zero_and_never_read(layers, training):
    problem = make_problem(layers, SHAPES["everything"], training=training)
    outcome = engine_outcome(problem)
    past = np.arange(problem.x.shape[0])[:, None] >= problem.lengths
    if outcome.y.ndim == 3:
        assert np.all(outcome.y[past] == 0)
    if outcome.dx is not None:
        assert np.all(outcome.dx[past] == 0)
    if problem.resets is not None:
        problem.resets[past] = ~problem.resets[past]
    problem.dy = np.where(np.isnan(problem.dy), -7.0, problem.dy)
    if problem.network.takes_indices:
        problem.x[past] = 2**62
    else:
        problem.x[past] = np.inf
    assert_same_outcome(engine_outcome(problem), outcome, 0.0)


@layers
def test_backward_adds_into_gradients(layers):
    problem = make_problem(layers, SHAPES["everything"])
    once = engine_outcome(problem).gradients
    twice = engine_outcome(problem, zero_gradients=False).gradients
    for name, gradient in once.items():
        assert_close(twice[name], 2 * gradient, AUTOGRAD_TOLERANCE, name)
    problem.network.zero_gradients()
    assert not np.any(problem.network.gradients)
