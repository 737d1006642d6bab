"""Estimators for scikit-learn: its own checks, sequences of different lengths, pipelines."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import indrnn_engine as ie

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator

from indrnn_engine.estimators import IndRNNClassifier, IndRNNRegressor

CHECKS = [
    pytest.param(estimator, check, id=f"{type(estimator).__name__}-{check.func.__name__}")
    for make in (IndRNNClassifier, IndRNNRegressor)
    for estimator, check in estimator_checks_generator(make(), legacy=True)
    if check.func.__name__ != "check_array_api_input"  # skips itself: NumPy arrays only
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learn_accepts_it(estimator: Any, check: Any) -> None:
    check(estimator)


def ragged(rng: np.random.Generator, count: int = 60) -> tuple[list[Any], Any]:
    """Class 1 rises, class 0 falls; 4 to 12 steps, two features."""
    y = np.arange(count) % 2
    X = [
        np.stack([np.linspace(0, 2 * label - 1, length), rng.normal(size=length)], axis=1)
        for label, length in zip(y, rng.integers(4, 13, count), strict=True)
    ]
    return X, np.array(["falls", "rises"])[y]


def classifier(**options: Any) -> IndRNNClassifier:
    return IndRNNClassifier(**{"hidden_size": 16, "epochs": 15, "random_state": 0, **options})


def test_sequences_of_different_lengths_are_classified(rng: np.random.Generator) -> None:
    X, y = ragged(rng)
    found = classifier().fit(X[:40], y[:40])
    assert found.score(X[40:], y[40:]) == 1.0
    chances = found.predict_proba(X[40:])
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    assert list(found.classes_) == ["falls", "rises"]
    assert len(found.loss_curve_) == 15
    assert found.loss_curve_[-1] < found.loss_curve_[0] / 4
    objects = np.empty(20, object)
    objects[:] = X[40:]
    np.testing.assert_array_equal(found.predict_proba(objects), chances)


def test_padding_does_not_matter(rng: np.random.Generator) -> None:
    X, y = ragged(rng)
    found = classifier().fit(X, y)
    alone = np.concatenate([found.predict_proba([x]) for x in X])
    np.testing.assert_allclose(found.predict_proba(X), alone, rtol=1e-12)


@pytest.mark.parametrize("architecture", ["plain", "residual", "dense"])
def test_arrays_of_three_dimensions_are_read(rng: np.random.Generator, architecture: str) -> None:
    X = rng.normal(size=(60, 7, 3))
    y = (X[:, -3:, 0].sum(axis=1) > 0).astype(int)
    options = {"blocks": [1, 1]} if architecture == "dense" else None
    found = classifier(
        architecture=architecture, num_layers=1, hidden_size=8, options=options, epochs=80
    ).fit(X, y)
    assert found.n_features_in_ == 3
    assert found.score(X, y) > 0.9
    with pytest.raises(ValueError, match="X has 2 features, but IndRNNClassifier is expecting 3"):
        found.predict(X[:, :, :2])


def test_regressor_reads_one_or_more_targets(rng: np.random.Generator) -> None:
    X = rng.random((120, 9, 2))
    y = 100.0 + 50.0 * X.mean(axis=1)
    found = IndRNNRegressor(hidden_size=16, epochs=60, random_state=0).fit(X, y)
    assert found.predict(X).shape == (120, 2)
    assert found.score(X, y) > 0.9
    single = IndRNNRegressor(hidden_size=16, epochs=60, random_state=0).fit(list(X), y[:, 0])
    assert single.predict(list(X)).shape == (120,)
    assert single.score(list(X), y[:, 0]) > 0.9


def test_pickle_and_clone_keep_what_they_should(rng: np.random.Generator) -> None:
    X, y = ragged(rng)
    found = classifier(dropout=0.2).fit(X, y)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict_proba(X), found.predict_proba(X))
    fresh = clone(found)
    assert not hasattr(fresh, "network_")
    np.testing.assert_array_equal(fresh.fit(X, y).predict_proba(X), found.predict_proba(X))


def test_search_and_pipeline_take_it(rng: np.random.Generator) -> None:
    X = rng.normal(size=(160, 6))
    y = (X[:, -1] > 0).astype(int)
    pipeline = make_pipeline(FunctionTransformer(np.tanh), classifier(epochs=40))
    assert cross_val_score(pipeline, X, y, cv=2).mean() > 0.7
    search = GridSearchCV(classifier(epochs=5), {"hidden_size": [4, 8]}, cv=2).fit(X, y)
    assert search.best_params_["hidden_size"] in (4, 8)


def test_best_weights_of_a_validation_split_are_kept(rng: np.random.Generator) -> None:
    X, y = ragged(rng, 100)
    found = classifier(validation_fraction=0.2, early_stop=3, epochs=200).fit(X, y)
    assert found.n_iter_ < 200 * 2
    assert found.score(X, y) > 0.95


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([], [], "0 sample|minimum of|Expected 2D|empty"),
        ([np.zeros((3, 2)), np.zeros((4, 3))], [0, 1], "with one F"),
        ([np.zeros((3, 2)), np.full((4, 2), np.nan)], [0, 1], "must be finite"),
        ([np.zeros((3, 2)), np.zeros((4, 2))], [0, 0], "only one class"),
        ([np.zeros((3, 2)), np.zeros((4, 2))], [0, 1, 0], "inconsistent numbers of samples"),
        (np.zeros((2, 3, 4, 5)), [0, 1], "dim 4|Found array with dim"),
    ],
)
def test_mistakes_are_named(X: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, y)


SMALL = np.random.default_rng(0).normal(size=(20, 6, 2))
CLASSES = np.arange(20) % 2


@pytest.mark.parametrize(
    ("X", "y", "name"),
    [
        (np.ma.masked_array(SMALL, mask=SMALL > 0), CLASSES, "X"),
        ([np.ma.masked_array(x, mask=x > 0) for x in SMALL], CLASSES, "X"),
        (SMALL, np.ma.masked_array(CLASSES, mask=CLASSES > 0), "y"),
    ],
)
def test_masked_arrays_are_refused(X: Any, y: Any, name: str) -> None:
    for estimator in (classifier(), IndRNNRegressor()):
        with pytest.raises(TypeError, match=f"{name} is a masked array, whose mask"):
            estimator.fit(X, y)


def test_a_constant_feature_tells_nothing() -> None:
    X = SMALL + CLASSES[:, None, None]
    X[:, :, 1] = 0.1
    found = classifier(epochs=3).fit(X, CLASSES)
    assert found.scale_[1] == 1.0
    moved = X + np.array([0.0, 1e-7])
    np.testing.assert_allclose(found.predict_proba(moved), found.predict_proba(X), atol=1e-5)
    assert IndRNNRegressor(epochs=1).fit(X, np.full(20, 0.1)).target_scale_ == 1.0


def test_numbers_whose_deviation_overflows_are_refused() -> None:
    with pytest.raises(ValueError, match="X must be small enough"):
        classifier().fit(SMALL * 1e300, CLASSES)
    with pytest.raises(ValueError, match="y must be small enough"):
        IndRNNRegressor().fit(SMALL, SMALL[:, 0, 0] * 1e300)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_layers": "x"}, TypeError, "num_layers must be an integer, got str 'x'"),
        ({"num_layers": 2**70}, ValueError, "num_layers must be between 1 and"),
        ({"dropout": None}, TypeError, "dropout must be a number, got NoneType"),
        ({"batch_size": None}, TypeError, "batch_size must be an integer, got NoneType"),
        ({"validation_fraction": "x"}, TypeError, "validation_fraction must be a number"),
        ({"epochs": "x"}, TypeError, "epochs must be an integer, got str 'x'"),
        ({"architecture": []}, TypeError, r"architecture must be a str, got list \[\]"),
        ({"mean_over_time": "no"}, TypeError, "mean_over_time must be True or False, got str 'no'"),
        ({"options": [1]}, TypeError, r"options must be a dict, got list \[1\]"),
    ],
)
def test_parameters_of_wrong_types_are_named(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        classifier(**options).fit(SMALL, CLASSES)


def test_missing_scikit_learn_is_named() -> None:
    code = (
        "import sys; sys.modules['sklearn.base'] = None\n"
        "import indrnn_engine as ie\n"
        "try: ie.estimators\n"
        "except ImportError as error: print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "scikit-learn is needed for this and is not installed; run: pip install" in result.stdout
    assert ie.version()
