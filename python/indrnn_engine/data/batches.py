"""What every data source gives: batches that are a function of (seed, epoch, position).

A batch can be made again at any time from three numbers. That is what makes an interrupted run
continue bit for bit: a checkpoint stores the three numbers and nothing else of the data.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Batch", "BatchSource", "Data", "generator", "unpublished"]

TRAIN, VALIDATION, TEST, SPLIT = 0, 1, 2, 3  # random streams that never meet


@dataclass(frozen=True)
class Batch:
    """One batch of sequences, time-major.

    Attributes
    ----------
    x : ndarray [T, B, I] of the network's dtype, or int64 [T, B]
    y : ndarray
        int64 [B] (classes), int64 [T, B] (a class at each step) or floating [B, O] (targets).
    lengths : int64 ndarray [B], optional
        Steps of each sequence that are real; None: all T.
    mask : bool ndarray of the shape of `y` without its features, optional
        Where the loss counts; None: everywhere.
    carry : bool
        Whether the sequences continue those of the batch before, so that the state is carried over.
    first, whole, fraction : int, int or None, float
        Of a share of a batch, see `shares`: the place of its first sequence in the whole batch, how
        many sequences that has, and which part of the elements that count is here.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    lengths: NDArray[np.int64] | None = None
    mask: NDArray[np.bool_] | None = None
    carry: bool = False
    first: int = 0
    whole: int | None = None
    fraction: float = 1.0

    @property
    def time_steps(self) -> int:
        """T."""
        return int(self.x.shape[0])

    @property
    def size(self) -> int:
        """B."""
        return int(self.x.shape[1])

    @property
    def whole_size(self) -> int:
        """Sequences of the whole batch."""
        return self.size if self.whole is None else self.whole

    @property
    def per_step(self) -> bool:
        """Whether `y` has a class for each step, [T, B], and not one target for each sequence."""
        return self.y.ndim >= 2 and self.y.dtype.kind == "i"


class BatchSource(abc.ABC):
    """A stream of batches, epoch after epoch."""

    @abc.abstractmethod
    def num_batches(self) -> int:
        """Batches in one epoch."""

    @abc.abstractmethod
    def batch(self, seed: int, epoch: int, position: int) -> Batch:
        """Make the batch at `position` of `epoch`: equal arguments give equal arrays."""

    def share(self, seed: int, epoch: int, position: int, rank: int, size: int) -> Batch:
        """Make the share of process `rank` of `size`; see `shares.share_of`.

        A source that can make some sequences without the others does better than this.
        """
        from .shares import share_of

        return share_of(self.batch(seed, epoch, position), rank, size)


@dataclass(frozen=True)
class Data:
    """A task's data: three sources and what a network needs to know of them.

    Attributes
    ----------
    name : str
        Name of the data source, such as "digits".
    kind : {"classification", "regression", "language"}
    input_size : int or None
        Features of a time step; None where x holds class indices.
    output_size : int
        Classes, targets or symbols.
    time_steps : int
        T, or the longest sequence's.
    train, validation, test : BatchSource
        `validation` and `test` may be None.
    sizes : dict of str to int
        Samples (or symbols) in each split, to be shown to the user.
    metadata : dict
        JSON values stored with a trained model: what `predict` and `sample` need, such as a
        vocabulary.
    fingerprint : str
        Changes whenever the underlying data do; a run refuses to resume on other data.
    remarks : tuple of str
        What the user should know, such as sizes that are not the published ones.
    """

    name: str
    kind: str
    input_size: int | None
    output_size: int
    time_steps: int
    train: BatchSource
    validation: BatchSource | None = None
    test: BatchSource | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    remarks: tuple[str, ...] = ()

    def source(self, split: str) -> BatchSource:
        """Give the source of a split: "train", "validation" or "test".

        Raises
        ------
        ValueError
            Unknown split, or these data have none of that name.
        """
        if split not in ("train", "validation", "test"):
            raise ValueError(f'[data] split must be "train", "validation" or "test", got {split!r}')
        source: BatchSource | None = getattr(self, split)
        if source is None:
            raise ValueError(f"[data] {self.name} has no {split} split")
        return source


def generator(*key: int) -> np.random.Generator:
    """Random numbers that depend on `key` (integers from 0) alone.

    Examples
    --------
    >>> from indrnn_engine.data.batches import generator
    >>> bool(generator(1, 2).integers(1000) == generator(1, 2).integers(1000))
    True
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def unpublished(sizes: dict[str, int], published: dict[str, int]) -> tuple[str, ...]:
    """Say which sizes differ from the published ones."""
    return tuple(
        f"{name} has {sizes.get(name, 0):,}, published are {expected:,}"
        for name, expected in published.items()
        if sizes.get(name, 0) != expected
    )
