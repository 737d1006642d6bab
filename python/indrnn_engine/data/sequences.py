"""Sequences held in memory, cut into shuffled batches."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import at_least_one
from .._checks import fraction as checked_fraction
from .batches import SPLIT, TRAIN, Batch, BatchSource, generator
from .shares import bounds

__all__ = ["SequenceDataset", "SequenceSource", "held_out_samples", "is_real", "split_indices"]

Augment = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]


@dataclass(frozen=True)
class SequenceDataset:
    """Sequences with one target each.

    Attributes
    ----------
    x : ndarray [N, T, I]
        Any real dtype; padded behind each sequence's length.
    y : ndarray
        int64 [N] (classes) or floating [N, O] (targets).
    lengths : int64 ndarray [N], optional
        None: every sequence has T steps.
    scale : float
        Multiplies x when a batch is made: bytes stay bytes in memory until then.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    lengths: NDArray[np.int64] | None = None
    scale: float = 1.0

    def __len__(self) -> int:
        return int(self.x.shape[0])

    def take(self, index: NDArray[np.int64]) -> SequenceDataset:
        """Give the samples at `index`, in that order."""
        lengths = None if self.lengths is None else self.lengths[index]
        return SequenceDataset(self.x[index], self.y[index], lengths, self.scale)

    def fingerprint(self) -> str:
        """SHA-256 of shapes, types and values."""
        digest = hashlib.sha256()
        for array in (self.x, self.y, self.lengths):
            if array is not None:
                digest.update(f"{array.shape} {array.dtype}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


class SequenceSource(BatchSource):
    """Batches of a `SequenceDataset`.

    Parameters
    ----------
    dataset : SequenceDataset
    batch_size : int
    dtype : str or dtype
        Of x, and of y where it is floating.
    shuffle : bool, default False
        Draws a new order each epoch and leaves out the incomplete last batch. Without it the order
        is that of the data set and the last batch may be smaller.
    augment : callable, optional
        (x [B, T, I] of `dtype`, generator) -> x [B, T, I], applied to each batch.
    """

    def __init__(
        self,
        dataset: SequenceDataset,
        batch_size: int,
        dtype: Any = "float32",
        *,
        shuffle: bool = False,
        augment: Augment | None = None,
    ) -> None:
        batch_size = at_least_one("data", "batch_size", batch_size)
        if len(dataset) < 1:
            raise ValueError("[data] dataset must hold at least 1 sequence, got 0")
        self.dataset = dataset
        self.batch_size = min(batch_size, len(dataset))
        self.dtype = np.dtype(dtype)
        self.shuffle = shuffle
        self.augment = augment
        self._order: tuple[tuple[int, int], NDArray[np.int64]] | None = None

    def num_batches(self) -> int:
        """Batches in one epoch."""
        if self.shuffle:
            return len(self.dataset) // self.batch_size
        return -(-len(self.dataset) // self.batch_size)

    def batch(self, seed: int, epoch: int, position: int) -> Batch:
        """Make the batch at `position` of `epoch`."""
        index = self._index(seed, epoch, position)
        x = self._inputs(index, self._longest(index))
        if self.augment is not None:
            x = self.augment(x, generator(TRAIN, seed, epoch, position))
        return self._with_targets(x, index)

    def share(self, seed: int, epoch: int, position: int, rank: int, size: int) -> Batch:
        """Make the share alone; with `augment`, which draws for a whole batch, it is cut out."""
        index = self._index(seed, epoch, position)
        first, end = bounds(len(index), rank, size)
        if self.augment is not None or first == end:
            return super().share(seed, epoch, position, rank, size)
        x = self._inputs(index[first:end], self._longest(index))
        batch = self._with_targets(x, index[first:end])
        fraction = (end - first) / len(index)
        return dataclasses.replace(batch, first=first, whole=len(index), fraction=fraction)

    def _index(self, seed: int, epoch: int, position: int) -> NDArray[np.int64]:
        start = position * self.batch_size
        return self._epoch_order(seed, epoch)[start : start + self.batch_size]

    def _longest(self, index: NDArray[np.int64]) -> int:
        lengths = self.dataset.lengths
        return int(self.dataset.x.shape[1] if lengths is None else lengths[index].max())

    def _inputs(self, index: NDArray[np.int64], time_steps: int) -> NDArray[Any]:
        """X [B, T, I]."""
        data = self.dataset
        x = data.x[index][:, :time_steps].astype(self.dtype)
        if data.scale != 1.0:
            x *= self.dtype.type(data.scale)
        return x

    def _with_targets(self, x: NDArray[Any], index: NDArray[np.int64]) -> Batch:
        data = self.dataset
        y = data.y[index]
        if y.dtype.kind == "f":
            y = y.astype(self.dtype)
        lengths = None if data.lengths is None else data.lengths[index]
        return Batch(np.ascontiguousarray(x.transpose(1, 0, 2)), y, lengths)

    def _epoch_order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        if not self.shuffle:
            return np.arange(len(self.dataset), dtype=np.int64)
        order = self._order
        if order is None or order[0] != (seed, epoch):
            permutation = generator(TRAIN, seed, epoch).permutation(len(self.dataset))
            order = ((seed, epoch), permutation.astype(np.int64))
            self._order = order
        return order[1]


def is_real(time_steps: int, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which steps [N, T] of sequences of these lengths are no padding."""
    real: NDArray[np.bool_] = np.arange(time_steps)[None, :] < lengths[:, None]
    return real


def split_indices(
    total: int, held_out: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two disjoint sorted index arrays drawn by `seed`: total - held_out and held_out samples.

    Examples
    --------
    >>> from indrnn_engine.data.sequences import split_indices
    >>> kept, held_out = split_indices(10, 3, seed=0)
    >>> len(kept), len(held_out), len(set(kept) | set(held_out))
    (7, 3, 10)
    """
    if not 0 <= held_out < total:
        raise ValueError(f"[data] held_out must be in [0, {total}), got {held_out}")
    order = generator(SPLIT, seed).permutation(total).astype(np.int64)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def held_out_samples(total: int, fraction: float) -> int:
    """Say how many of `total` samples a split of `fraction` holds: at least 1 unless it is 0."""
    fraction = checked_fraction("data", "validation_fraction", fraction)
    return min(max(round(total * fraction), 1), total - 1) if fraction > 0.0 else 0
