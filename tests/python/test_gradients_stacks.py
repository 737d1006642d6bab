"""Whole stacks: outputs, states and gradients against the reference and finite differences."""

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
    SHAPES,
    Shape,
    assert_same_outcome,
    engine_outcome,
    finite_difference_outcome,
    in_float64,
    make_problem,
    reference_outcome,
)
from indrnn_engine import nn

STACKS = {
    "plain": [nn.IndRNN(5), nn.IndRNN(4)],
    "linear_head": [nn.IndRNN(5), nn.IndRNN(5), nn.Linear(2)],
    "norm_after": [nn.IndRNN(5), nn.BatchNorm(), nn.IndRNN(4), nn.BatchNorm(), nn.Linear(2)],
    "norm_before": [
        nn.Linear(5),
        nn.BatchNorm(),
        nn.Recurrence(),
        nn.Linear(4),
        nn.BatchNorm(),
        nn.Recurrence(),
    ],
    "norm_both": [
        nn.Linear(5),
        nn.BatchNorm(),
        nn.Recurrence("tanh"),
        nn.BatchNorm(),
        nn.Dropout(0.3),
        nn.Linear(3),
    ],
    "norm_first": [nn.BatchNorm(), nn.IndRNN(4)],
    "norm_twice": [nn.IndRNN(4), nn.BatchNorm(), nn.BatchNorm(), nn.Linear(2)],
    "norm_behind_last_step": [
        nn.IndRNN(4),
        nn.LastStep(),
        nn.Linear(3),
        nn.BatchNorm(),
        nn.Linear(2),
    ],
    "dropout": [nn.IndRNN(6), nn.Dropout(0.3), nn.IndRNN(6), nn.Dropout(0.5), nn.Linear(2)],
    "dropout_first": [nn.Dropout(0.4), nn.IndRNN(4)],
    "dropout_zero": [nn.IndRNN(4), nn.Dropout(0.0), nn.Linear(2)],
    "dropout_before_norm": [nn.IndRNN(4), nn.Dropout(0.3), nn.BatchNorm(), nn.Linear(2)],
    "dropout_behind_last_step": [nn.IndRNN(4), nn.LastStep(), nn.Dropout(0.4), nn.Linear(3)],
    "last_step": [nn.IndRNN(5), nn.IndRNN(4), nn.LastStep()],
    "classifier": [
        *[nn.IndRNN(5), nn.BatchNorm(), nn.Dropout(0.2)],
        *[nn.IndRNN(4), nn.BatchNorm(), nn.Dropout(0.2)],
        *[nn.LastStep(), nn.Linear(3)],
    ],
    "two_layer_head": [nn.IndRNN(4), nn.LastStep(), nn.Linear(5), nn.Linear(3)],
    "language_model": [
        nn.Embedding(9, 4),
        nn.IndRNN(5),
        nn.BatchNorm(),
        nn.Dropout(0.25),
        nn.IndRNN(5),
        nn.Linear(9),
    ],
    "embedding_dropout": [nn.Embedding(9, 4), nn.Dropout(0.3), nn.IndRNN(4)],
    "linear_twice": [nn.Linear(6), nn.Linear(4), nn.Recurrence()],
    "recurrence_twice": [nn.Linear(4), nn.Recurrence(), nn.Recurrence("sigmoid")],
    "recurrence_first": [nn.Recurrence("tanh"), nn.Linear(4), nn.Recurrence("identity")],
    "activations": [
        nn.IndRNN(4, activation=name) for name in ("relu", "tanh", "sigmoid", "identity")
    ],
    "deep": [nn.IndRNN(4) for _ in range(6)],
    "step_norm": [
        *[nn.IndRNN(5), nn.BatchNorm("step", time_steps=2), nn.Dropout(0.2)],
        *[nn.IndRNN(5), nn.BatchNorm("step", time_steps=9), nn.Linear(2)],
    ],
    "step_norm_before": [
        *[nn.Linear(5), nn.BatchNorm("step", time_steps=3), nn.Recurrence("tanh", zoneout=0.2)],
        *[nn.LastStep(), nn.Linear(2)],
    ],
    "layer_norm": [nn.IndRNN(5), nn.LayerNorm(), nn.IndRNN(4), nn.LayerNorm(), nn.Linear(2)],
    "layer_norm_behind_mean": [nn.IndRNN(5), nn.MeanOverTime(), nn.LayerNorm(), nn.Linear(2)],
    "mean_over_time": [nn.IndRNN(5), nn.BatchNorm(), nn.MeanOverTime(), nn.Linear(3)],
    "differences": [nn.Concat([nn.TimeDifference()]), nn.IndRNN(5), nn.TimeDifference()],
    "residual": [
        nn.Linear(5),
        nn.Residual([nn.Recurrence(), nn.BatchNorm(), nn.Dropout(0.3), nn.Linear(5)]),
        nn.Residual([nn.BatchNorm(), nn.IndRNN(5), nn.Linear(5)]),
        *[nn.Recurrence(), nn.BatchNorm(), nn.LastStep(), nn.Linear(2)],
    ],
    "residual_in_residual": [
        nn.Residual([nn.Residual([nn.IndRNN(3)]), nn.Dropout(0.3), nn.Linear(3)]),
        nn.Linear(2),
    ],
    "dense": [
        nn.Linear(4),
        nn.Concat([nn.Recurrence(), nn.BatchNorm(), nn.Dropout(0.2), nn.IndRNN(3)]),
        nn.Concat([nn.BatchNorm(), nn.IndRNN(3), nn.Dropout(0.2)]),
        *[nn.Linear(5), nn.Recurrence(), nn.MeanOverTime(), nn.Linear(2)],
    ],
    "bidirectional": [
        nn.Bidirectional([nn.IndRNN(4), nn.Dropout(0.3)]),
        nn.BatchNorm(),
        nn.Bidirectional([nn.IndRNN(3), nn.BatchNorm(), nn.TimeDifference()]),
        *[nn.LastStep(), nn.Linear(2)],
    ],
    "bidirectional_step_norm": [
        nn.Bidirectional([nn.IndRNN(4), nn.BatchNorm("step", time_steps=3)]),
        nn.Linear(2),
    ],
    "everything_in_concat": [
        nn.Concat([nn.Residual([nn.Bidirectional([nn.IndRNN(2)]), nn.Linear(3)]), nn.IndRNN(2)]),
        nn.Linear(2),
    ],
    "tied": [
        nn.Embedding(9, 4, row_dropout=0.2),
        *[nn.Dropout(0.2), nn.IndRNN(5), nn.BatchNorm("step", time_steps=4), nn.Dropout(0.2)],
        *[nn.Linear(4), nn.TiedLinear()],
    ],
    "zoneout": [nn.IndRNN(5, zoneout=0.2), nn.IndRNN(5, zoneout=0.4), nn.Linear(2)],
    "no_bias": [
        nn.IndRNN(4, bias=False),
        nn.BatchNorm(),
        nn.IndRNN(4, bias=False),
        nn.Linear(2, bias=False),
    ],
}
MODES = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
WHOLE = [nn.IndRNN(12), nn.BatchNorm(), nn.Dropout(0.2), nn.IndRNN(20), nn.LastStep(), nn.Linear(3)]

stacks = pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)


@stacks
@MODES
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_matches_reference(layers, shape, training):
    problem = make_problem(layers, shape, training=training)
    assert_same_outcome(engine_outcome(problem), reference_outcome(problem), AUTOGRAD_TOLERANCE)


@stacks
@MODES
def test_gradients_match_finite_differences(layers, training):
    problem = make_problem(
        layers, Shape(5, 6, lengths=(3, 5, 4, 1, 5, 5), resets=True, states=True), training=training
    )
    outcome = engine_outcome(problem)
    found = {**outcome.gradients, **outcome.dstate, "x": outcome.dx}
    for name, expected in finite_difference_outcome(problem).items():
        assert_close(found[name], expected, FINITE_DIFFERENCE_TOLERANCE, name)


@stacks
def test_float32_matches_float64(layers):
    problem = make_problem(layers, SHAPES["everything"], dtype="float32")
    assert_same_outcome(
        engine_outcome(problem),
        engine_outcome(in_float64(problem)),
        10 * FLOAT32_TOLERANCE,
        floor=1.0,
    )


def test_float32_sums_over_many_steps_keep_their_digits():
    """Sums of 48 000 rows, in statistics and in the gradients of biases, weights and weight_hh."""
    layers = [nn.IndRNN(8, activation="tanh"), nn.BatchNorm(), nn.IndRNN(8), nn.Linear(2)]
    problem = make_problem(layers, Shape(3000, 16), dtype="float32")
    problem.x += 3.0  # a mean far from zero
    expected = engine_outcome(in_float64(problem))
    assert_same_outcome(engine_outcome(problem), expected, FLOAT32_TOLERANCE, floor=1.0)


@MODES
@pytest.mark.parametrize("input_size", [1, 2, 3, 16, 17])
def test_input_sizes(input_size, training):
    problem = make_problem(
        STACKS["norm_after"], SHAPES["everything"], input_size=input_size, training=training
    )
    assert_same_outcome(engine_outcome(problem), reference_outcome(problem), AUTOGRAD_TOLERANCE)


@pytest.mark.parametrize("batch", [1, 2, 7, 8, 9, 15, 16, 17, 33, 40])
def test_batches_around_the_tile_size(batch):
    lengths = tuple(np.random.default_rng(batch).integers(0, 10, batch))
    problem = make_problem(WHOLE, Shape(9, batch, lengths=lengths, states=True))
    assert_same_outcome(engine_outcome(problem), reference_outcome(problem), AUTOGRAD_TOLERANCE)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 63, 64, 65, 130])
def test_hidden_sizes_around_the_vector_width(size):
    layers = [
        nn.IndRNN(size),
        nn.Dropout(0.2),
        nn.IndRNN(size, activation="tanh"),
        nn.BatchNorm(),
        nn.Linear(size),
    ]
    problem = make_problem(
        layers, Shape(6, 3, lengths=(6, 2, 5), resets=True, states=True), input_size=2
    )
    assert_same_outcome(engine_outcome(problem), reference_outcome(problem), AUTOGRAD_TOLERANCE)


CHUNKED = [
    *[nn.IndRNN(130), nn.BatchNorm(), nn.Dropout(0.2)],
    *[nn.IndRNN(5, activation="tanh"), nn.IndRNN(4), nn.Linear(2)],
]


def chunk_steps(layers, time_steps):
    network = ie.Network(layers, input_size=2, dtype="float64")
    return network.describe_plan(time_steps, 5, training=True)["chunk_steps"]


@MODES
@pytest.mark.parametrize(
    ("chunks", "offset"), [(1, -1), (1, 0), (1, 1), (2, -1), (2, 0), (2, 1), (3, 0)]
)
@pytest.mark.parametrize("head", [[], [nn.LastStep(), nn.Linear(2)]], ids=["sequence", "last"])
def test_time_steps_around_chunk_boundaries(chunks, offset, head, training):
    """States, gradients and lengths that meet where one chunk of time ends and the next begins."""
    layers = [*CHUNKED, *head]
    most = chunk_steps(layers, 100_000)
    time_steps = chunks * most + offset
    boundary = chunk_steps(layers, time_steps)
    assert boundary <= most
    lengths = [time_steps, boundary, boundary - 1, min(boundary + 1, time_steps), 0]
    shape = Shape(time_steps, len(lengths), lengths, states=True, resets=offset == 0)
    problem = make_problem(layers, shape, input_size=2, training=training)
    if problem.resets is not None:  # and one where the chunks meet
        problem.resets[:] = False
        problem.resets[[boundary - 1, min(boundary, time_steps - 1)], [0, 3]] = True
    for values in problem.network.named_parameters().values():
        values[...] = np.clip(np.asarray(values), -0.97, 0.97)
    assert_same_outcome(engine_outcome(problem), reference_outcome(problem), AUTOGRAD_TOLERANCE)
