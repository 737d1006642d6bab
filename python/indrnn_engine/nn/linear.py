"""Layers with a matrix of weights: Embedding, Linear, TiedLinear."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Layer

__all__ = ["Embedding", "Linear", "TiedLinear"]


@dataclass(frozen=True)
class Embedding(Layer):
    """Learned vectors: int64 indices [T, B] -> [T, B, size]. Only as a first layer.

    Parameters
    ----------
    num : int
        How many vectors there are; an index lies in [0, num).
    size : int
        Features of each vector.
    row_dropout : float, default 0.0
        In training, each vector is zero for the whole call with this probability, and scaled by
        1 / (1 - row_dropout) otherwise.
    init : str, default "uniform"
        Start of the weights, as for `Linear`.
    init_scale : float, default 0.01
        Its scale.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.Embedding(65, 16), ie.nn.IndRNN(32)])
    >>> y, state = net.forward(np.array([[3], [64]]))
    >>> y.shape
    (2, 1, 32)
    """

    num: int
    size: int
    row_dropout: float = 0.0
    init: str = "uniform"
    init_scale: float = 0.01


@dataclass(frozen=True)
class Linear(Layer):
    """y = W x + b, with `weight` [size, F] and `bias` [size].

    Parameters
    ----------
    size : int
        Features of the output.
    bias : bool, default True
        Whether there is a bias; it starts at 0.
    init : str, default "kaiming_uniform"
        Start of the weights: "kaiming_uniform" or "kaiming_normal" (`init_scale` is the negative
        slope a), "uniform" (from -init_scale to init_scale) or "normal" (standard deviation
        init_scale).
    init_scale : float, default 8.0
        See `init`; the default is that of the authors' code.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ie.nn.Linear(10, init="normal", init_scale=0.1)
    Linear(size=10, bias=True, init='normal', init_scale=0.1)
    """

    size: int
    bias: bool = True
    init: str = "kaiming_uniform"
    init_scale: float = 8.0


@dataclass(frozen=True)
class TiedLinear(Layer):
    """y = E x + b, with the weights E [num, size] of the network's `Embedding` and `bias` [num].

    Parameters
    ----------
    bias : bool, default True
        Whether there is a bias; it starts at 0.

    Examples
    --------
    A decoder with the weights of the encoder:

    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.Embedding(65, 16), ie.nn.IndRNN(16), ie.nn.TiedLinear()])
    >>> list(net.named_parameters())
    ['0.weight', '1.weight', '1.bias', '1.weight_hh', '2.bias']
    """

    bias: bool = True
