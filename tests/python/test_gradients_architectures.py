"""The papers' networks: outputs, states and gradients against reference and finite differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from closeness import AUTOGRAD_TOLERANCE, FINITE_DIFFERENCE_TOLERANCE, assert_close
from harness import (
    SHAPES,
    Shape,
    assert_same_outcome,
    engine_outcome,
    finite_difference_outcome,
    make_problem,
    reference_outcome,
)
from indrnn_engine.architectures import dense, plain, residual

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSIFIER: dict[str, Any] = {"time_steps": 7, "output_size": 3}
LANGUAGE: dict[str, Any] = {
    "time_steps": 3,
    "output_size": 9,
    "num_embeddings": 9,
    "embedding_size": 4,
    "tied": True,
    "row_dropout": 0.2,
    "word_dropout": 0.2,
    "last_dropout": 0.2,
}
DROPOUTS = {"dense_dropout": 0.2, "bottleneck_dropout": 0.1, "transition_dropout": 0.3}
ARCHITECTURES: dict[str, Callable[..., list[Any]]] = {
    "plain": lambda **options: plain(2, 5, dropout=0.2, **options),
    "residual": lambda **options: residual(3, 5, dropout=0.2, **options),
    "dense": lambda **options: dense(2, blocks=(3, 2, 2), num_first=2, **DROPOUTS, **options),
}
PURPOSES = {
    "classifier": CLASSIFIER,
    "language_model": LANGUAGE,
    "both_directions": {**CLASSIFIER, "mean_over_time": True, "bidirectional": True},
    "all_steps": {**CLASSIFIER, "last_step": False, "norm_mode": "step", "activation": "tanh"},
}

names = pytest.mark.parametrize("name", ARCHITECTURES)
purposes = pytest.mark.parametrize("purpose", PURPOSES)
places = pytest.mark.parametrize("place", ["after", "before"])
modes = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
# Enough samples for the statistics of a step: with few, a feature has next to no variance.
SIZES = {
    "plain": Shape(7, 8),
    "everything": Shape(7, 8, lengths=(7, 7, 5, 7, 6, 4, 7, 3), resets=True, states=True),
}


@names
@purposes
@places
@modes
@pytest.mark.parametrize("shape", SIZES.values(), ids=SIZES)
def test_matches_reference(name, purpose, place, training, shape):
    layers = ARCHITECTURES[name](batch_norm=place, **PURPOSES[purpose])
    problem = make_problem(layers, shape, training=training)
    assert_same_outcome(engine_outcome(problem), reference_outcome(problem), AUTOGRAD_TOLERANCE)


@names
@pytest.mark.parametrize("purpose", ["classifier", "language_model", "both_directions"])
@modes
def test_gradients_match_finite_differences(name, purpose, training):
    options = {**PURPOSES[purpose], "activation": "tanh"}
    layers = ARCHITECTURES[name](batch_norm="before", **options)
    shape = Shape(4, 6, lengths=(4, 4, 3, 4, 2, 4), resets=True, states=True)
    problem = make_problem(layers, shape, training=training)
    outcome = engine_outcome(problem)
    found = {**outcome.gradients, **outcome.dstate, "x": outcome.dx}
    for key, expected in finite_difference_outcome(problem).items():
        assert_close(found[key], expected, FINITE_DIFFERENCE_TOLERANCE, key)


@pytest.mark.parametrize("places", ["first", "every"])
def test_time_differences_match_reference(places):
    layers = dense(2, time_difference=places, blocks=(2,), **CLASSIFIER)
    problem = make_problem(layers, SHAPES["everything"])
    assert_same_outcome(engine_outcome(problem), reference_outcome(problem), AUTOGRAD_TOLERANCE)
