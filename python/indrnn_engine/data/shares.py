"""A batch split over several processes: contiguous shares of its sequences."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from .batches import Batch, BatchSource

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["SharedSource", "bounds", "share_of"]


def bounds(total: int, rank: int, size: int) -> tuple[int, int]:
    """Give first and end of the share of `rank`: the shares differ by one at most.

    Examples
    --------
    >>> from indrnn_engine.data.shares import bounds
    >>> [bounds(5, rank, 3) for rank in range(3)]
    [(0, 2), (2, 4), (4, 5)]
    """
    each, rest = divmod(total, size)
    first = rank * each + min(rank, rest)
    return first, first + each + (rank < rest)


def share_of(batch: Batch, rank: int, size: int) -> Batch:
    """Give the share of `rank` of a whole batch.

    A share without a sequence holds one of length 0, which counts nowhere: layers that need the
    whole batch, such as a batch norm, are then run by every process.

    Parameters
    ----------
    batch : Batch
    rank, size : int

    Examples
    --------
    >>> import numpy as np
    >>> from indrnn_engine.data import Batch
    >>> from indrnn_engine.data.shares import share_of
    >>> batch = Batch(np.zeros((4, 3, 1)), np.array([0, 1, 2]))
    >>> [share_of(batch, rank, 2).y.tolist() for rank in range(2)]
    [[0, 1], [2]]
    >>> share_of(batch, 1, 2).first, share_of(batch, 1, 2).whole_size
    (2, 3)
    """
    first, end = bounds(batch.size, rank, size)
    mask = None if batch.mask is None else _rows(batch.mask, first, end, batch)
    if mask is None:
        fraction = (end - first) / batch.size
    else:
        fraction = float(mask.sum()) / max(float(batch.mask.sum()), 1.0)  # type: ignore[union-attr]
    share = dataclasses.replace(
        batch,
        x=np.ascontiguousarray(batch.x[:, first:end]),
        y=_rows(batch.y, first, end, batch),
        lengths=None if batch.lengths is None else batch.lengths[first:end],
        mask=mask,
        first=first,
        whole=batch.size,
        fraction=fraction,
    )
    return share if end > first else _blank(share, batch)


def _rows(array: NDArray[Any], first: int, end: int, batch: Batch) -> NDArray[Any]:
    """Cut what belongs to each sequence, or to each step of each."""
    if batch.per_step:
        return np.ascontiguousarray(array[:, first:end])
    return array[first:end]


def _blank(share: Batch, batch: Batch) -> Batch:
    """Put one sequence of length 0 into an empty share."""
    y = np.zeros_like(batch.y[:, :1] if batch.per_step else batch.y[:1])
    return dataclasses.replace(
        share,
        x=np.zeros_like(batch.x[:, :1]),
        y=y,
        lengths=np.zeros(1, np.int64),
        mask=np.zeros(y.shape[: 2 if batch.per_step else 1], np.bool_),
        fraction=0.0,
    )


class SharedSource(BatchSource):
    """The share of one process of every batch of a source.

    Parameters
    ----------
    source : BatchSource
    rank, size : int
    """

    def __init__(self, source: BatchSource, rank: int, size: int) -> None:
        self.source = source
        self.rank = rank
        self.size = size

    def num_batches(self) -> int:
        """Batches in one epoch."""
        return self.source.num_batches()

    def batch(self, seed: int, epoch: int, position: int) -> Batch:
        """Make the share of the batch at `position` of `epoch`."""
        return self.source.share(seed, epoch, position, self.rank, self.size)
