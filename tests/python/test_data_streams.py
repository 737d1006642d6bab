"""Streams for language models: lengths and dropped states drawn as the authors' code does."""

from __future__ import annotations

import numpy as np
import pytest

from indrnn_engine.data import StreamSource

SYMBOLS = np.arange(40_000, dtype=np.int64)


def source(**options: int | bool) -> StreamSource:
    return StreamSource(SYMBOLS, 50, 4, **{"offset": True, "random_lengths": True, **options})  # type: ignore[arg-type]


def test_lengths_are_around_the_base_or_its_half() -> None:
    read = source()
    lengths = np.array(
        [read.batch(0, epoch, p).time_steps for epoch in range(20) for p in range(200)]
    )
    assert lengths.min() >= 5
    assert lengths.max() == 60
    assert abs((lengths < 34).mean() - 0.05) < 0.015
    assert abs(lengths[lengths > 34].mean() - 49.5) < 0.5  # whole numbers below a normal one


def test_batches_with_random_lengths_continue_each_other() -> None:
    read = source()
    rows = np.concatenate([read.batch(5, 2, p).x for p in range(read.num_batches())])
    np.testing.assert_array_equal(np.diff(rows, axis=0) % (len(SYMBOLS) - 1), 1)
    for position in (0, 7, read.num_batches() - 1):
        batch = read.batch(5, 2, position)
        np.testing.assert_array_equal(batch.y, batch.x + 1)


def test_an_epoch_reads_about_all_symbols() -> None:
    read = source()
    seen = np.unique(
        np.concatenate([read.batch(0, 0, p).x.reshape(-1) for p in range(read.num_batches())])
    )
    assert len(seen) > 0.95 * len(SYMBOLS)


def test_order_of_asking_does_not_matter() -> None:
    first, second = source(), source()
    second.batch(1, 9, 3)
    second.batch(2, 0, 1)
    np.testing.assert_array_equal(first.batch(1, 0, 5).x, second.batch(1, 0, 5).x)


def test_state_is_dropped_with_its_chance() -> None:
    read = source(drop_state=4)
    carried = [read.batch(0, epoch, p).carry for epoch in range(10) for p in range(1, 200)]
    assert abs(np.mean(carried) - 0.75) < 0.04
    assert carried[:199] == [read.batch(0, 0, p).carry for p in range(1, 200)]
    assert all(source().batch(0, 0, p).carry for p in range(1, 50))
    with pytest.raises(ValueError, match="drop_state must be at least 0, got -1"):
        source(drop_state=-1)


@pytest.mark.parametrize("time_steps", [1, 2, 4, 7])
def test_short_pieces_are_possible(time_steps: int) -> None:
    read = StreamSource(SYMBOLS[:200], time_steps, 2, offset=True, random_lengths=True)
    for position in range(read.num_batches()):
        batch = read.batch(0, 0, position)
        assert 1 <= batch.time_steps <= time_steps + 10
