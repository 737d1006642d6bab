"""Normalisation: BatchNorm and LayerNorm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Layer

__all__ = ["BatchNorm", "LayerNorm"]


@dataclass(frozen=True)
class BatchNorm(Layer):
    """y = (x - mean) / sqrt(variance + epsilon) * weight + bias, per feature.

    In training, mean and variance are those of the batch (steps past a sequence's length do not
    count), and the buffers follow: running += momentum * (batch - running), with the unbiased
    variance. Otherwise the buffers `running_mean` and `running_var` are used.

    Parameters
    ----------
    mode : str, default "sequence"
        "sequence": one mean and variance over all T * B steps; buffers [F]. "step": one for each
        time step, over the B samples; buffers [4 N + 1, F] with N = `time_steps`, of which step t
        uses row min(start, 2 N) + t, at most the last, where start counts the steps since the state
        was reset.
    time_steps : int, default 0
        N, for mode "step" only: the usual length of a sequence.
    momentum : float, default 0.1
        Share of the new batch in the running statistics.
    epsilon : float, default 1e-5
        Added to the variance.
    init_weight : float, default 1.0
        Start of `weight`; `bias` starts at 0.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(8), ie.nn.BatchNorm()], input_size=2)
    >>> list(net.named_buffers())
    ['1.running_mean', '1.running_var']
    """

    each_feature_alone: ClassVar[bool] = True
    operations_per_feature: ClassVar[int] = 2  # scale and offset

    mode: str = "sequence"
    time_steps: int = 0
    momentum: float = 0.1
    epsilon: float = 1e-5
    init_weight: float = 1.0


@dataclass(frozen=True)
class LayerNorm(Layer):
    """y = (x - mean) / sqrt(variance + epsilon) * weight + bias, over the features of each step.

    Ba et al. 2016; the same in training and out of it.

    Parameters
    ----------
    epsilon : float, default 1e-5
        Added to the variance.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.LayerNorm()], input_size=2)
    >>> net.forward(np.array([[[1.0, 5.0]]], np.float32))[0].round(3).tolist()
    [[[-1.0, 1.0]]]
    """

    operations_per_feature: ClassVar[int] = 8  # mean, variance, scale and offset

    epsilon: float = 1e-5
