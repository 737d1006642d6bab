"""The adding problem of the papers.

A sequence holds T pairs (number in [0, 1), marker). Two markers are 1, one in each half, and the
target is the sum of the two marked numbers. Always answering 1 gives a mean squared error of 0.167.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _checks
from .batches import TEST, TRAIN, VALIDATION, Batch, BatchSource, Data, generator

__all__ = ["AddingSource", "load"]

BASELINE = 0.167
"""Mean squared error of always answering 1."""


class AddingSource(BatchSource):
    """Adding-problem batches drawn afresh.

    Parameters
    ----------
    time_steps, batch_size, num_batches : int
    dtype : str or dtype
    stream : int
        Keeps training, validation and test numbers apart.
    """

    def __init__(
        self,
        time_steps: int,
        batch_size: int,
        num_batches: int,
        dtype: Any = "float32",
        stream: int = TRAIN,
    ) -> None:
        if _checks.at_least_one("adding", "time_steps", time_steps) < 2:
            raise ValueError(f"[adding] time_steps must be at least 2, got {time_steps}")
        _checks.at_least_one("adding", "batch_size", batch_size)
        self.time_steps = time_steps
        self.batch_size = batch_size
        self.dtype = np.dtype(dtype)
        self.stream = stream
        self._num_batches = num_batches

    def num_batches(self) -> int:
        """Batches in one epoch."""
        return self._num_batches

    def batch(self, seed: int, epoch: int, position: int) -> Batch:
        """Draw x [T, B, 2] and y [B, 1]."""
        random = generator(self.stream, seed, epoch, position)
        shape = (self.time_steps, self.batch_size)
        half = self.time_steps // 2
        x = np.zeros((*shape, 2), self.dtype)
        x[..., 0] = random.random(shape, np.float32)
        sample = np.arange(self.batch_size)
        first = random.integers(0, half, self.batch_size)
        second = random.integers(half, self.time_steps, self.batch_size)
        x[first, sample, 1] = 1
        x[second, sample, 1] = 1
        y = x[first, sample, 0] + x[second, sample, 0]
        return Batch(x, y[:, None])


def load(
    *,
    time_steps: int = 100,
    batch_size: int = 50,
    steps_per_epoch: int = 100,
    validation_batches: int = 20,
    test_batches: int = 100,
    seed: int = 0,
    dtype: Any = "float32",
) -> Data:
    """Make the adding problem.

    Parameters
    ----------
    time_steps : int, default 100
        T; the papers go to 5000.
    batch_size : int, default 50
    steps_per_epoch : int, default 100
        What is called an epoch of data that never repeat.
    validation_batches, test_batches : int, default 20, 100
        Fixed batches from random streams of their own.
    seed : int, default 0
        Not used: every batch is drawn from the seed given with it.
    dtype : str or dtype, default "float32"

    Returns
    -------
    Data

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> batch = ie.data.adding.load(time_steps=50).train.batch(seed=0, epoch=0, position=0)
    >>> batch.x.shape, batch.y.shape
    ((50, 50, 2), (50, 1))
    """
    del seed
    for name, value in (
        ("steps_per_epoch", steps_per_epoch),
        ("validation_batches", validation_batches),
        ("test_batches", test_batches),
    ):
        _checks.at_least_one("adding", name, value)
    return Data(
        name="adding",
        kind="regression",
        input_size=2,
        output_size=1,
        time_steps=time_steps,
        train=AddingSource(time_steps, batch_size, steps_per_epoch, dtype),
        validation=AddingSource(time_steps, batch_size, validation_batches, dtype, VALIDATION),
        test=AddingSource(time_steps, batch_size, test_batches, dtype, TEST),
        sizes={"validation": validation_batches * batch_size, "test": test_batches * batch_size},
        fingerprint=f"adding {time_steps} {batch_size} {steps_per_epoch}",
    )
