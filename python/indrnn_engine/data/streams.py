"""A long sequence of symbols as parallel streams, for language models whose state is carried on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from .._checks import at_least_one
from .batches import TRAIN, Batch, BatchSource, generator
from .shares import bounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StreamSource"]

# Lengths as the authors' released code draws them.
HALF_CHANCE = 0.05
DEVIATION = 5.0
SHORTEST = 5
LONGER = 10


class StreamSource(BatchSource):
    """Consecutive pieces of B parallel streams; the target of a symbol is the one that follows it.

    The symbols are cut into `batch_size` streams of equal length, read side by side, `time_steps`
    at a time. The first batch of an epoch starts from a zero state, the others carry on.

    Parameters
    ----------
    symbols : int64 ndarray [N]
    time_steps, batch_size : int
    offset : bool, default False
        Starts each epoch at a random symbol among the first `time_steps`, so that pieces differ
        between epochs.
    random_lengths : bool, default False
        Draws the length of every batch: around `time_steps` with chance 0.95, else around its half,
        with a deviation of 5, at least 5 and at most time_steps + 10. An epoch has as many batches
        as the mean length gives; streams that end before are read on into what follows them.
    drop_state : int, default 0
        Batches start from a zero state with chance 1 / drop_state; 0: only the first does.

    Raises
    ------
    ValueError
        A size below 1, or too few symbols.

    Examples
    --------
    >>> import numpy as np
    >>> from indrnn_engine.data import StreamSource
    >>> source = StreamSource(np.arange(13), time_steps=3, batch_size=2)
    >>> source.num_batches(), source.batch(0, 0, 1).x.T.tolist()
    (2, [[3, 4, 5], [9, 10, 11]])
    """

    def __init__(
        self,
        symbols: NDArray[np.int64],
        time_steps: int,
        batch_size: int,
        *,
        offset: bool = False,
        random_lengths: bool = False,
        drop_state: int = 0,
    ) -> None:
        for name, value in (("time_steps", time_steps), ("batch_size", batch_size)):
            at_least_one("text", name, value)
        if drop_state < 0:
            raise ValueError(f"[text] drop_state must be at least 0, got {drop_state}")
        spare = time_steps if offset else 1
        self._stream_length = (len(symbols) - spare) // batch_size
        if self._stream_length < 1:
            raise ValueError(
                f"[text] {len(symbols)} symbols are too few for {batch_size} streams "
                f"of {time_steps} steps"
            )
        self.symbols = symbols
        self.time_steps = min(time_steps, self._stream_length)
        self.batch_size = batch_size
        self.offset = offset
        self.random_lengths = random_lengths
        self.drop_state = drop_state
        self._firsts: tuple[tuple[int, int], NDArray[np.int64]] | None = None

    def num_batches(self) -> int:
        """Batches in one epoch; with an offset a rest below `time_steps` is left out."""
        if self.random_lengths:
            mean = self.time_steps * (1.0 - HALF_CHANCE / 2.0)
            return max(int(self._stream_length / mean), 1)
        if self.offset:
            return self._stream_length // self.time_steps
        return -(-self._stream_length // self.time_steps)

    def batch(self, seed: int, epoch: int, position: int) -> Batch:
        """x, y int64 [T, B]."""
        return self._streams(seed, epoch, position, 0, self.batch_size)

    def share(self, seed: int, epoch: int, position: int, rank: int, size: int) -> Batch:
        """Read the streams of one process: the same ones in every batch."""
        first, end = bounds(self.batch_size, rank, size)
        if first == end:
            return super().share(seed, epoch, position, rank, size)
        batch = self._streams(seed, epoch, position, first, end)
        fraction = (end - first) / self.batch_size
        return dataclasses.replace(batch, first=first, whole=self.batch_size, fraction=fraction)

    def _streams(self, seed: int, epoch: int, position: int, low: int, high: int) -> Batch:
        shift = (
            int(generator(TRAIN, seed, epoch).integers(0, self.time_steps)) if self.offset else 0
        )
        if self.random_lengths:
            firsts = self._drawn(seed, epoch)
            first, steps = int(firsts[position]), int(firsts[position + 1] - firsts[position])
        else:
            first = position * self.time_steps
            steps = min(self.time_steps, self._stream_length - first)
        starts = shift + first + self._stream_length * np.arange(low, high)
        index = (starts[None, :] + np.arange(steps)[:, None]) % (len(self.symbols) - 1)
        carry = position > 0 and not self._drops(seed, epoch, position)
        return Batch(self.symbols[index], self.symbols[index + 1], carry=carry)

    def _drops(self, seed: int, epoch: int, position: int) -> bool:
        if self.drop_state == 0:
            return False
        chance = generator(TRAIN, seed, epoch, position).random()
        return bool(chance * self.drop_state < 1.0)

    def _drawn(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """First step of each batch of an epoch, and the end of the last."""
        firsts = self._firsts
        if firsts is None or firsts[0] != (seed, epoch):
            random = generator(TRAIN, seed, epoch, 0, 1)
            count = self.num_batches()
            base = np.where(
                random.random(count) < HALF_CHANCE, self.time_steps / 2.0, self.time_steps
            )
            lengths = random.normal(base, DEVIATION).astype(np.int64)
            shortest = min(SHORTEST, self.time_steps)
            lengths = np.clip(lengths, shortest, self.time_steps + LONGER)
            firsts = ((seed, epoch), np.concatenate([[0], np.cumsum(lengths)]))
            self._firsts = firsts
        return firsts[1]
