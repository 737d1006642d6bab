"""Batches are a function of (seed, epoch, position), whoever makes them and when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.data import Batch, BatchSource, Prefetcher, SequenceDataset, SequenceSource
from indrnn_engine.data.sequences import held_out_samples, split_indices


def numbered(samples: int, steps: int = 4) -> SequenceDataset:
    """Sequences whose values are their own number."""
    x = np.broadcast_to(np.arange(samples)[:, None, None], (samples, steps, 1))
    return SequenceDataset(x, np.arange(samples))


def test_shuffled_epoch_takes_every_sample_at_most_once() -> None:
    source = SequenceSource(numbered(23), 5, shuffle=True)
    taken = np.concatenate([source.batch(0, 3, p).y for p in range(source.num_batches())])
    assert source.num_batches() == 4
    assert len(set(taken.tolist())) == 20


def test_order_depends_on_seed_and_epoch_alone() -> None:
    first, second = (SequenceSource(numbered(64), 8, shuffle=True) for _ in range(2))
    second.batch(0, 1, 3)  # asking for other batches before changes nothing
    np.testing.assert_array_equal(first.batch(0, 5, 2).y, second.batch(0, 5, 2).y)
    assert (first.batch(0, 5, 2).y != first.batch(0, 6, 2).y).any()
    assert (first.batch(0, 5, 2).y != first.batch(1, 5, 2).y).any()


def test_unshuffled_source_keeps_order_and_the_smaller_last_batch() -> None:
    source = SequenceSource(numbered(11), 4)
    assert [source.batch(0, 0, p).y.tolist() for p in range(source.num_batches())] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10],
    ]


def test_batch_is_time_major_and_scaled() -> None:
    x = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    batch = SequenceSource(SequenceDataset(x, np.zeros(2, np.int64), scale=0.5), 2).batch(0, 0, 0)
    assert batch.x.dtype == np.float32
    assert batch.x.flags.c_contiguous
    np.testing.assert_array_equal(batch.x, x.transpose(1, 0, 2) * np.float32(0.5))
    assert (batch.time_steps, batch.size) == (4, 2)


def test_batch_is_cut_to_its_longest_sequence() -> None:
    dataset = SequenceDataset(np.ones((3, 9, 1)), np.zeros(3, np.int64), np.array([2, 5, 9]))
    batch = SequenceSource(dataset, 2).batch(0, 0, 0)
    assert batch.x.shape == (5, 2, 1)
    assert batch.lengths is not None
    assert batch.lengths.tolist() == [2, 5]


def test_splits_are_disjoint_and_depend_on_the_seed() -> None:
    kept, held_out = split_indices(100, 30, seed=1)
    assert sorted([*kept, *held_out]) == list(range(100))
    assert len(held_out) == 30
    assert (split_indices(100, 30, seed=2)[1] != held_out).any()


@pytest.mark.parametrize(("fraction", "samples"), [(0.0, 0), (0.001, 1), (0.1, 10), (0.999, 99)])
def test_held_out_share(fraction: float, samples: int) -> None:
    assert held_out_samples(100, fraction) == samples


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_impossible_share_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="validation_fraction"):
        held_out_samples(100, fraction)


def test_adding_target_is_the_sum_of_the_marked_numbers() -> None:
    batch = ie.data.adding.load(time_steps=30).train.batch(3, 1, 4)
    numbers, markers = batch.x[..., 0], batch.x[..., 1]
    np.testing.assert_array_equal(markers[:15].sum(axis=0), np.ones(50))
    np.testing.assert_array_equal(markers[15:].sum(axis=0), np.ones(50))
    np.testing.assert_allclose(batch.y[:, 0], (numbers * markers).sum(axis=0), rtol=1e-6)


def test_adding_splits_never_share_numbers() -> None:
    data = ie.data.adding.load(time_steps=10)
    batches = [data.source(split).batch(0, 0, 0).x for split in ("train", "validation", "test")]
    assert not np.array_equal(batches[0], batches[1])
    assert not np.array_equal(batches[1], batches[2])


def test_digits_have_the_published_sizes() -> None:
    data = ie.data.digits.load(seed=0)
    assert data.sizes == {"train": 1365, "validation": 72, "test": 360}
    assert sum(ie.data.digits.load(seed=0, validation_fraction=0.0).sizes.values()) == 1797
    batch = data.source("test").batch(0, 0, 0)
    assert batch.x.shape == (64, 256, 1)
    assert batch.x.min() == 0.0
    assert batch.x.max() == 1.0


def test_digits_test_split_is_never_trained_on() -> None:
    data = ie.data.digits.load(seed=4, validation_fraction=0.1)
    images = {
        split: {image.tobytes() for image in data.source(split).dataset.x}  # type: ignore[attr-defined]
        for split in ("train", "validation", "test")
    }
    assert sum(map(len, images.values())) == 1797  # no two digits are equal
    assert not images["train"] & images["test"]
    assert not images["train"] & images["validation"]


def test_shift_moves_by_at_most_one_pixel() -> None:
    moved = ie.data.digits.shift(np.repeat(blob(3, 4), 200, axis=0), np.random.default_rng(0))
    assert (moved.sum(axis=1) == 1.0).all()
    positions = {centre_of_mass(image) for image in moved}
    assert positions == {(row, column) for row in (2.0, 3.0, 4.0) for column in (3.0, 4.0, 5.0)}


def test_half_of_the_images_are_distorted_and_half_moved() -> None:
    varied = ie.data.digits.vary(np.repeat(blob(3, 4), 200, axis=0), np.random.default_rng(0))
    moved = (varied == varied.astype(bool)).all(axis=(1, 2))
    assert 60 < moved.sum() < 140


class Fixed(np.random.Generator):
    """Draws always the same share of the range: the largest distortion, or none at all."""

    def __init__(self, share: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.share = share

    def uniform(self, low: Any, high: Any, size: Any = None) -> Any:
        return np.full(size, low + self.share * (high - low))


def blob(row: int, column: int) -> np.ndarray[Any, Any]:
    x = np.zeros((1, 64, 1), np.float32)
    x[0, 8 * row + column] = 1.0
    return x


def centre_of_mass(x: np.ndarray[Any, Any]) -> tuple[float, float]:
    image = x.reshape(8, 8) / x.sum()
    return float(image.sum(axis=1) @ np.arange(8)), float(image.sum(axis=0) @ np.arange(8))


def test_no_distortion_is_the_image_itself() -> None:
    x = np.random.default_rng(0).random((5, 64, 1), dtype=np.float32)
    np.testing.assert_allclose(ie.data.digits.distort(x, Fixed(0.5)), x, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.75, 1.0])
def test_distortion_stays_near(share: float) -> None:
    for row, column in ((3, 3), (2, 5), (5, 4)):
        moved = ie.data.digits.distort(blob(row, column), Fixed(share))
        down, right = centre_of_mass(moved)
        assert abs(down - row) < 2.0
        assert abs(right - column) < 2.0
        assert moved.dtype == np.float32
        assert moved.min() >= 0.0


def test_distortion_is_different_for_each_image() -> None:
    x = np.repeat(blob(3, 4), 50, axis=0)
    moved = ie.data.digits.distort(x, np.random.default_rng(0))
    assert len({image.tobytes() for image in moved}) == 50


def test_unknown_split_is_refused() -> None:
    data = ie.data.adding.load(time_steps=10)
    with pytest.raises(ValueError, match='split must be "train", "validation" or "test"'):
        data.source("tset")


def test_prefetcher_gives_the_batches_of_the_source() -> None:
    source = SequenceSource(numbered(20), 6, shuffle=True)
    with Prefetcher(source, seed=7, epoch=1, position=2) as batches:
        got = [next(batches) for _ in range(5)]
    assert [(epoch, position) for epoch, position, _ in got] == [
        (1, 2),
        (2, 0),
        (2, 1),
        (2, 2),
        (3, 0),
    ]
    for epoch, position, batch in got:
        np.testing.assert_array_equal(batch.y, source.batch(7, epoch, position).y)


def test_prefetcher_hands_on_errors() -> None:
    class Broken(BatchSource):
        def num_batches(self) -> int:
            return 1

        def batch(self, seed: int, epoch: int, position: int) -> Batch:
            raise OSError("the disk is gone")

    with Prefetcher(Broken(), seed=0) as batches, pytest.raises(OSError, match="the disk is gone"):
        next(batches)
