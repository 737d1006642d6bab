"""Arrays of one's own, in the forms they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.data.arrays import from_arrays, load
from indrnn_engine.data.moments import moments
from indrnn_engine.data.ragged import as_dataset

if TYPE_CHECKING:
    from pathlib import Path


def test_three_forms_of_ragged_sequences_are_one(rng: np.random.Generator) -> None:
    lengths = np.array([3, 5, 2])
    pieces = [rng.random((length, 2)) for length in lengths]
    padded = np.full((3, 5, 2), 7.0)
    for row, piece in zip(padded, pieces, strict=True):
        row[: len(piece)] = piece
    y = np.array([0, 1, 1])
    forms = [as_dataset(pieces, y), as_dataset(np.concatenate(pieces), y, lengths)]
    forms.append(as_dataset(padded, y, lengths))
    for form in forms:
        assert form.lengths is not None
        np.testing.assert_array_equal(form.lengths, lengths)
        for row, piece in zip(form.x, pieces, strict=True):
            np.testing.assert_array_equal(row[: len(piece)], piece)


def test_two_dimensions_are_one_feature() -> None:
    assert as_dataset(np.zeros((4, 9)), np.zeros(4, np.int64)).x.shape == (4, 9, 1)


def test_floating_targets_are_regression(rng: np.random.Generator) -> None:
    data = from_arrays(rng.random((30, 5, 2)), rng.random(30))
    assert (data.kind, data.output_size) == ("regression", 1)
    assert data.source("train").batch(0, 0, 0).y.shape == (24, 1)


def test_integer_targets_are_classes(rng: np.random.Generator) -> None:
    data = from_arrays(rng.random((30, 5, 2)), np.arange(30, dtype=np.uint8) % 3)
    assert (data.kind, data.output_size) == ("classification", 3)
    assert data.source("train").batch(0, 0, 0).y.dtype == np.int64


def test_standardizing_uses_the_training_split_and_real_steps_only(
    rng: np.random.Generator,
) -> None:
    x = 100.0 + 7.0 * rng.random((60, 8, 2))
    lengths = rng.integers(1, 9, 60)
    x[np.arange(8)[None, :] >= lengths[:, None]] = np.nan  # padding is never read
    data = from_arrays(x, 3.0 + 5.0 * rng.random((60, 2)), lengths, batch_size=60)
    batch = data.source("train").batch(0, 0, 0)
    assert batch.lengths is not None
    real = batch.x[np.arange(batch.time_steps)[:, None] < batch.lengths[None, :]]
    np.testing.assert_allclose(real.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(real.std(axis=0), 1.0, rtol=1e-5)
    np.testing.assert_allclose(batch.y.mean(axis=0), 0.0, atol=1e-5)


def test_constant_feature_stays_finite() -> None:
    data = from_arrays(np.ones((20, 4, 1)), np.arange(20) % 2)
    assert (data.source("train").batch(0, 0, 0).x == 0.0).all()


@pytest.mark.parametrize("value", [0.1, 0.3, 1e-3, 1000.1, -7.3e20])
def test_a_constant_whose_mean_is_rounded_is_constant(
    rng: np.random.Generator, value: float
) -> None:
    x = rng.normal(size=(40, 6, 2))
    x[:, :, 1] = value
    data = from_arrays(x, np.full(40, value))
    batch = data.source("train").batch(0, 0, 0)
    np.testing.assert_allclose(batch.x[..., 1], 0.0, atol=abs(value) * 1e-14)
    np.testing.assert_allclose(batch.y, 0.0, atol=abs(value) * 1e-14)
    assert data.metadata["input_deviation"][1] == data.metadata["target_deviation"][0] == 1.0


def test_a_small_deviation_about_a_large_mean_is_one() -> None:
    mean, deviation = moments("arrays", "x", 1e6 + 1e-3 * np.arange(-2.0, 3.0)[:, None])
    np.testing.assert_allclose(mean, 1e6)
    np.testing.assert_allclose(deviation, 1e-3 * np.sqrt(2.0), rtol=1e-6)


LARGE = np.linspace(-1.0, 1.0, 20)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (LARGE * 1e300, LARGE, {}, "x must be small enough .* feature 0"),
        (LARGE, LARGE * 1e300, {}, "y must be small enough .* feature 0"),
        (LARGE * 1e39, LARGE, {"standardize": False}, "x must fit into float32, and does not at"),
        (LARGE, LARGE * 1e39, {"standardize": False}, "y must fit into float32, and does not at"),
    ],
)
def test_numbers_that_would_overflow_are_refused(
    x: Any, y: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"\[arrays\] {message}"):
        from_arrays(np.tile(x[:, None], (1, 4)), y, **options)


def test_numbers_that_float64_holds_are_kept() -> None:
    x = np.tile(LARGE[:, None] * 1e39, (1, 4))
    batch = from_arrays(x, LARGE, standardize=False, dtype="float64").source("train").batch(0, 0, 0)
    assert np.abs(batch.x).max() > 1e38
    assert np.isfinite(from_arrays(x, LARGE).source("train").batch(0, 0, 0).x).all()


def test_padding_may_hold_anything() -> None:
    x = np.tile(LARGE[:, None], (1, 4))
    x[:, 3:] = 1e300
    assert from_arrays(x[:, :, None], LARGE, np.full(20, 3), standardize=False).time_steps == 4


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_splits_hold_every_sample_once(name: str) -> None:
    x = np.arange(50.0).reshape(50, 1, 1)
    data = from_arrays(x, np.zeros(50), standardize=False)
    values = [data.source(split).dataset.x for split in data.sizes]  # type: ignore[attr-defined]
    assert sorted(np.concatenate(values).ravel().tolist()) == list(range(50))
    assert len(data.source(name).dataset) == data.sizes[name]  # type: ignore[attr-defined]


X, Y = np.zeros((6, 4, 2)), np.zeros(6, np.int64)


@pytest.mark.parametrize(
    ("x", "y", "lengths", "message"),
    [
        (np.zeros((6, 4, 2, 1)), Y, None, r"x must have shape \[N, T, F\]"),
        (np.zeros((6, 0, 2)), Y, None, r"x must have shape \[N, T, F\] without a zero"),
        (np.zeros(6), Y, None, "x must have shape"),
        (np.array(["a"] * 6), Y, None, "x must hold numbers"),
        (np.full((6, 4, 2), np.nan), Y, None, "x must be finite, and is not at sequence 0, step 0"),
        (X, Y[:5], None, r"y must be \[6\] integers"),
        (X, np.array(["a"] * 6), None, r"y must be \[6\] integers"),
        (X, np.zeros((6, 2), np.int64), None, r"y of classes must have shape \[6\]"),
        (X, np.zeros((6, 0)), None, r"y must be \[6\] integers or \[6, O\] floating, got"),
        (X, Y - 1, None, "y of classes must be at least 0, got -1"),
        (X, np.full(6, np.inf), None, "y must be finite"),
        (X, Y, np.zeros(6, np.int64), "lengths must be at least 1, got 0"),
        (X, Y, np.full(6, 5), "lengths must be at most T = 4, got 5"),
        (X, Y, np.full(6, np.nan), r"lengths must be integers of shape \[N\], got float64"),
        (X, Y, np.full(5, 2), r"lengths must have shape \[6\]"),
        (np.zeros((9, 2)), Y, np.full(6, 2), r"must hold sum\(lengths\) = 12 steps, got 9"),
        ([np.zeros((2, 1)), np.zeros((2, 2))], Y[:2], None, "with one F"),
        (np.zeros((1, 4, 2)), Y[:1], None, "at least 2 sequences"),
        (X, np.full(6, 2**64 - 1, np.uint64), None, "y of classes must be below 2.*, got 1844"),
        (X, Y, np.full(6, 2**63 + 5, np.uint64), "lengths must be at most .*, got 92233720"),
        (np.zeros((4, 2)), Y[:5], np.array([2**62] * 4 + [4]), r"must hold sum\(lengths\) = 1844"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(x: Any, y: Any, lengths: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_arrays(x, y, lengths)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"seed": -1}, ValueError, "seed must be between 0 and"),
        ({"seed": 1.5}, TypeError, "seed must be an integer, got float 1.5"),
        ({"dtype": "int64"}, TypeError, "dtype must be float32 or float64, got int64"),
    ],
)
def test_options_out_of_range_are_named(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=rf"\[arrays\] {message}"):
        from_arrays(X, Y, **options)


MASKED = np.ma.masked_array(X, mask=True)


@pytest.mark.parametrize(
    ("x", "y", "lengths", "name"),
    [
        (MASKED, Y, None, "x"),
        (list(MASKED), Y, None, "x"),
        (X, np.ma.masked_array(Y, mask=True), None, "y"),
        (X, Y, np.ma.masked_array(Y + 1, mask=True), "lengths"),
    ],
)
def test_masked_arrays_are_refused(x: Any, y: Any, lengths: Any, name: str) -> None:
    with pytest.raises(TypeError, match=rf"\[arrays\] {name} is a masked array, whose mask"):
        from_arrays(x, y, lengths)


def test_file_is_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=X, y=Y, lengths=np.full(6, 3))
    data = load(path=tmp_path / "data.npz", batch_size=2)
    assert sum(data.sizes.values()) == 6
    assert data.source("train").batch(0, 0, 0).time_steps == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot read"),
        (b"neither zip nor npy", "it is no array file, or holds objects"),
        (b"PK\x03\x04 cut off", "cannot read"),
    ],
)
def test_unreadable_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(path=path)


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=X, y=Y)
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + b"\xff" * 50 + whole[250:])
    with pytest.raises(ValueError, match="cannot read"):
        load(path=path)


def test_encrypted_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "secret.npz"
    np.savez(path, x=X, y=Y)
    data = bytearray(path.read_bytes())
    data[6] |= 1  # in the head of the first member, and in the list at the end
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"cannot read .*secret\.npz: .*encrypted"):
        load(path=path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, x=np.array([np.zeros(2), np.zeros(3)], object), y=np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="holds objects; ragged sequences go in"):
        load(path=path)


def test_file_without_targets_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=X)
    with pytest.raises(ValueError, match="must hold x and y, got x"):
        load(path=tmp_path / "data.npz")


def test_single_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", X)
    with pytest.raises(ValueError, match="it holds a single array"):
        load(path=tmp_path / "data.npy")


def test_trains_on_arrays_in_memory(rng: np.random.Generator) -> None:
    x = rng.random((200, 12, 2))
    data = from_arrays(x, (x[:, :, 0].mean(axis=1) > 0.5).astype(np.int64))
    layers = ie.architectures.plain(1, 16, 2, time_steps=12)
    net = ie.Network(layers, input_size=2)
    result = ie.training.Trainer(
        net, data, ie.training.TrainingConfig(epochs=30, learning_rate=1e-2)
    ).fit()
    assert result.test is not None
    assert result.test["accuracy"] > 0.8
