"""Shares put together are the whole batch, whatever makes them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.data import Batch, BatchSource, SequenceDataset, SequenceSource, StreamSource
from indrnn_engine.data.shares import bounds, share_of
from indrnn_engine.distributed import find, launched_size
from indrnn_engine.distributed.environment import launched_rank


@pytest.mark.parametrize("total", [0, 1, 5, 64])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 65])
def test_shares_follow_each_other_and_differ_by_one_at_most(total: int, size: int) -> None:
    parts = [bounds(total, rank, size) for rank in range(size)]
    assert parts[0][0] == 0
    assert parts[-1][1] == total
    assert all(before[1] == after[0] for before, after in itertools.pairwise(parts))
    sizes = [end - first for first, end in parts]
    assert max(sizes) - min(sizes) <= 1


def sources() -> dict[str, BatchSource]:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(11, 6, 2)), random.integers(0, 3, 11)
    plain = SequenceDataset(x, y)
    ragged = dataclasses.replace(plain, lengths=random.integers(1, 7, 11))
    values = dataclasses.replace(plain, y=random.normal(size=(11, 2)))

    def noisy(x: Any, generator: np.random.Generator) -> Any:
        return x + generator.normal(size=x.shape).astype(x.dtype)

    return {
        "plain": SequenceSource(plain, 5, shuffle=True),
        "last batch smaller": SequenceSource(plain, 4),
        "ragged": SequenceSource(ragged, 5, shuffle=True),
        "values": SequenceSource(values, 5),
        "augmented": SequenceSource(plain, 5, augment=noisy),
        "adding": ie.data.adding.load(time_steps=6, batch_size=5).train,
        "streams": StreamSource(np.arange(80) % 9, 5, 3, offset=True),
    }


@pytest.mark.parametrize("name", sources())
@pytest.mark.parametrize("size", [1, 2, 4])
def test_shares_of_a_source_are_its_batches(name: str, size: int) -> None:
    source = sources()[name]
    for position in range(source.num_batches()):
        whole = source.batch(3, 1, position)
        shares = [source.share(3, 1, position, rank, size) for rank in range(size)]
        full = [share for share in shares if share.fraction > 0.0]
        assert np.array_equal(np.concatenate([share.x for share in full], axis=1), whole.x)
        axis = 1 if whole.per_step else 0
        assert np.array_equal(np.concatenate([share.y for share in full], axis=axis), whole.y)
        if whole.lengths is not None:
            lengths = [share.lengths for share in full if share.lengths is not None]
            assert np.array_equal(np.concatenate(lengths), whole.lengths)
        assert [share.first for share in shares] == [
            bounds(whole.size, rank, size)[0] for rank in range(size)
        ]
        assert sum(share.fraction for share in shares) == pytest.approx(1.0)
        assert {(share.whole_size, share.carry) for share in shares} == {(whole.size, whole.carry)}


def test_masks_decide_what_a_share_counts_for() -> None:
    mask = np.array([[True, False, False], [True, True, False]])
    batch = Batch(np.zeros((2, 3, 1)), np.zeros((2, 3), np.int64), mask=mask)
    shares = [share_of(batch, rank, 3) for rank in range(3)]
    assert [share.fraction for share in shares] == [2 / 3, 1 / 3, 0.0]


def test_empty_share_holds_a_sequence_that_counts_nowhere() -> None:
    batch = Batch(np.ones((4, 1, 2)), np.array([3]))
    share = share_of(batch, 1, 2)
    assert share.lengths is not None
    assert share.mask is not None
    assert share.x.shape == (4, 1, 2)
    assert (share.lengths.tolist(), share.mask.tolist(), share.fraction) == ([0], [False], 0.0)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (0, 1)),
        ({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3"}, (3, 4)),
        ({"PMI_SIZE": "2", "PMI_RANK": "1"}, (1, 2)),
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5"}, (5, 8)),
        # An sbatch script is one process, although its job has tasks.
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, (0, 1)),
        ({"PMI_SIZE": "many"}, (0, 1)),
    ],
)
def test_starters_are_known_by_their_environment(
    environment: dict[str, str], expected: tuple[int, int]
) -> None:
    assert (launched_rank(environment), launched_size(environment)) == expected


def test_unknown_mode_is_named() -> None:
    with pytest.raises(ValueError, match='mode must be "auto", "on" or "off"'):
        find("always")
