"""Layers over time without parameters: Dropout, LastStep, MeanOverTime, TimeDifference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Layer

__all__ = ["Dropout", "LastStep", "MeanOverTime", "TimeDifference"]


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, zero features of a sample for the whole sequence.

    Each with probability p; the rest is scaled by 1 / (1 - p).

    Parameters
    ----------
    p : float, default 0.5
        Probability in [0, 1).

    Examples
    --------
    One mask for all steps:

    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.Dropout(0.5)], input_size=64, seed=1)
    >>> y, _ = net.forward(np.ones((2, 1, 64), np.float32), training=True)
    >>> bool(np.array_equal(y[0], y[1])), np.unique(y).tolist()
    (True, [0.0, 2.0])
    """

    each_feature_alone: ClassVar[bool] = True

    p: float = 0.5


@dataclass(frozen=True)
class LastStep(Layer):
    """[T, B, F] -> [B, F]: the last real step of each sequence, by its length.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.LastStep()], input_size=1)
    >>> x = np.arange(6, dtype=np.float32).reshape(3, 2, 1)
    >>> net.forward(x, lengths=np.array([3, 1]))[0].ravel().tolist()
    [4.0, 1.0]
    """

    leaves_time: ClassVar[bool] = True
    each_feature_alone: ClassVar[bool] = True


@dataclass(frozen=True)
class MeanOverTime(Layer):
    """[T, B, F] -> [B, F]: the mean over the real steps of each sequence; zero if it has none.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.MeanOverTime()], input_size=1)
    >>> x = np.arange(6, dtype=np.float32).reshape(3, 2, 1)
    >>> net.forward(x, lengths=np.array([3, 1]))[0].ravel().tolist()
    [2.0, 1.0]
    """

    leaves_time: ClassVar[bool] = True
    reads_all_time: ClassVar[bool] = True
    each_feature_alone: ClassVar[bool] = True
    operations_per_feature: ClassVar[int] = 1


@dataclass(frozen=True)
class TimeDifference(Layer):
    """y_t = x_t - x_{t-1}; zero at a step that has none before it.

    Such are the first step of a zero state, and one where the state is reset.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.TimeDifference()], input_size=1)
    >>> x = np.array([1.0, 4.0, 6.0], np.float32).reshape(3, 1, 1)
    >>> net.forward(x)[0].ravel().tolist()
    [0.0, 3.0, 2.0]
    """

    each_feature_alone: ClassVar[bool] = True
    operations_per_feature: ClassVar[int] = 1
