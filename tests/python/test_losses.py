"""Losses against float64 NumPy and finite differences; masks, hostile targets, extreme values."""

from __future__ import annotations

import math

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.losses import mean_squared_error, softmax_cross_entropy

SHAPES = [(1, 1), (5, 3), (7, 4, 10), (2, 3, 4, 65), (300, 1000)]
dtypes = pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 3e-6)])
masked = pytest.mark.parametrize("with_mask", [False, True], ids=["all", "masked"])


def cross_entropy_by_formula(logits, targets, mask):
    z = logits.astype(np.float64)
    z = z - z.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
    one_hot = np.arange(z.shape[-1]) == targets[..., None]
    count = mask.sum()
    return -picked[mask].sum() / count, (np.exp(log_p) - one_hot) * mask[..., None] / count


@dtypes
@masked
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_follows_its_formula(rng, shape, dtype, tolerance, with_mask):
    logits = (3 * rng.normal(size=shape)).astype(dtype)
    targets = rng.integers(0, shape[-1], shape[:-1])
    mask = rng.random(shape[:-1]) < 0.6 if with_mask else np.ones(shape[:-1], bool)
    mask.flat[0] = True
    loss, gradient = softmax_cross_entropy(logits, targets, mask if with_mask else None)
    expected, expected_gradient = cross_entropy_by_formula(logits, targets, mask)
    assert isinstance(loss, float)
    assert loss == pytest.approx(expected, rel=tolerance)
    assert gradient.dtype == logits.dtype
    np.testing.assert_allclose(
        gradient, expected_gradient, rtol=tolerance * 10, atol=tolerance / mask.sum()
    )


@dtypes
@masked
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_squared_error_follows_its_formula(rng, shape, dtype, tolerance, with_mask):
    y, target = (rng.normal(size=(2, *shape))).astype(dtype)
    mask = rng.random(shape[:-1]) < 0.6 if with_mask else np.ones(shape[:-1], bool)
    mask.flat[0] = True
    loss, gradient = mean_squared_error(y, target, mask if with_mask else None)
    difference = (y.astype(np.float64) - target) * mask[..., None]
    count = mask.sum() * shape[-1]
    assert isinstance(loss, float)
    assert loss == pytest.approx((difference**2).sum() / count, rel=tolerance)
    assert gradient.dtype == y.dtype
    np.testing.assert_allclose(
        gradient, 2 * difference / count, rtol=tolerance * 10, atol=tolerance / count
    )


@masked
@pytest.mark.parametrize("kind", ["softmax_cross_entropy", "mean_squared_error"])
def test_gradients_match_finite_differences(rng, kind, with_mask):
    y = rng.normal(size=(3, 2, 4))
    mask = np.array([[True, False], [True, True], [False, True]]) if with_mask else None
    if kind == "softmax_cross_entropy":
        targets = rng.integers(0, 4, (3, 2))
    else:
        targets = rng.normal(size=y.shape)
    loss = getattr(ie.losses, kind)
    _, gradient = loss(y, targets, mask)
    step = 1e-6
    for index in np.ndindex(y.shape):
        beside = [y.copy(), y.copy()]
        beside[0][index] += step
        beside[1][index] -= step
        up, down = (loss(values, targets, mask)[0] for values in beside)
        assert gradient[index] == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_huge_logits_neither_overflow_nor_lose_the_target(dtype):
    logits = np.array([[1000.0, 0.0, -1000.0], [-1e30, 0.0, 1e30], [5e37, 5e37, -5e37]], dtype)
    loss, gradient = softmax_cross_entropy(logits, np.array([0, 2, 1]))
    assert loss == pytest.approx(math.log(2.0) / 3, rel=1e-6)
    assert np.isfinite(gradient).all()
    loss, _ = softmax_cross_entropy(np.array([[500.0, 0.0]], dtype), np.array([1]))
    assert loss == pytest.approx(500.0)


def test_small_differences_survive_in_float32():
    """-log of a probability next to 1 is that of the rest, not 0."""
    loss, _ = softmax_cross_entropy(np.array([[20.0, 0.0]], np.float32), np.array([0]))
    assert loss == pytest.approx(math.log1p(math.exp(-20.0)), rel=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_logit_that_is_no_number_shows_in_the_loss(bad):
    logits = np.zeros((4, 3))
    logits[2, 1] = bad
    loss, _ = softmax_cross_entropy(logits, np.zeros(4, np.int64))
    assert not math.isfinite(loss)


@pytest.mark.parametrize("kind", ["softmax_cross_entropy", "mean_squared_error"])
def test_rows_that_do_not_count_are_not_read(kind):
    y = np.ones((4, 3))
    mask = np.array([True, False, True, False])
    targets = np.array([0, 1, 2, 1]) if kind == "softmax_cross_entropy" else np.zeros((4, 3))
    loss = getattr(ie.losses, kind)
    expected = loss(y, targets, mask)
    y[~mask] = np.nan
    if kind == "mean_squared_error":
        targets[~mask] = np.inf
    found = loss(y, targets, mask)
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])
    assert not found[1][~mask].any()


@pytest.mark.parametrize("bad", [-1, 3, 2**40, -(2**63), 2**63 - 1])
def test_a_target_outside_the_classes_is_refused_with_its_value(bad):
    targets = np.array([0, 1, bad, 2])
    out = np.full((4, 3), 7.0)
    with pytest.raises(ValueError, match=rf"\[softmax_cross_entropy\] targets.*{bad}"):
        softmax_cross_entropy(np.zeros((4, 3)), targets, out=out)
    np.testing.assert_array_equal(out, 7.0)


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize("kind", ["softmax_cross_entropy", "mean_squared_error"])
def test_a_mean_over_nothing_is_zero_with_zero_gradient(kind, rows):
    """No rows at all, or none that count."""
    y = np.ones((rows, 2))
    targets = np.zeros(rows, np.int64) if kind == "softmax_cross_entropy" else np.zeros((rows, 2))
    loss, gradient = getattr(ie.losses, kind)(y, targets, np.zeros(rows, bool))
    assert loss == 0.0
    assert gradient.shape == (rows, 2)
    assert not gradient.any()


def test_no_classes_is_refused():
    with pytest.raises(ValueError, match="softmax_cross_entropy"):
        softmax_cross_entropy(np.zeros((2, 0)), np.zeros(2, np.int64))


@pytest.mark.parametrize(
    ("logits", "targets", "mask"),
    [
        ((4, 3), (3,), None),
        ((4, 3), (4, 1), None),
        ((4, 3), (4,), (3,)),
        ((4, 3), (4,), (4, 3)),
        ((4, 5, 3), (5, 4), None),
        ((3,), (3,), None),
    ],
)
def test_shapes_that_do_not_fit_are_refused(logits, targets, mask):
    with pytest.raises(ValueError, match=r"\[softmax_cross_entropy\] (targets|mask|logits)"):
        softmax_cross_entropy(
            np.zeros(logits),
            np.zeros(targets, np.int64),
            None if mask is None else np.ones(mask, bool),
        )


@pytest.mark.parametrize("target", [(4, 1), (3, 4), (4, 3, 1), (12,)])
def test_squared_error_never_broadcasts(target):
    with pytest.raises(ValueError, match=r"\[mean_squared_error\] target"):
        mean_squared_error(np.zeros((4, 3)), np.zeros(target))


def test_more_dimensions_than_there_are_is_refused_by_name():
    with pytest.raises(ValueError, match=r"logits must have at most 4 dimensions"):
        softmax_cross_entropy(np.zeros((1, 1, 1, 1, 2)), np.zeros((1, 1, 1, 1), np.int64))


@pytest.mark.parametrize("kind", ["softmax_cross_entropy", "mean_squared_error"])
def test_the_bits_do_not_depend_on_the_threads(rng, threads, kind):
    y = rng.normal(size=(997, 33)).astype(np.float32)
    targets = rng.integers(0, 33, 997) if kind == "softmax_cross_entropy" else np.zeros_like(y)
    results = []
    for count in (1, 2, 3):
        ie.set_num_threads(count)
        results.append(getattr(ie.losses, kind)(y, targets))
    for loss, gradient in results[1:]:
        assert loss == results[0][0]
        np.testing.assert_array_equal(gradient, results[0][1])
