"""Layers made of layers: Residual, Concat, Bidirectional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Container

__all__ = ["Bidirectional", "Concat", "Residual"]


@dataclass(frozen=True)
class Residual(Container):
    """y = x + layers(x): the layers must give as many features as they are given.

    Parameters
    ----------
    layers : sequence of layer specs
        At least one.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> block = ie.nn.Residual([ie.nn.Recurrence(), ie.nn.Linear(8)])
    >>> net = ie.Network([ie.nn.Linear(8), block], input_size=2)
    >>> list(net.named_parameters())
    ['0.weight', '0.bias', '1.0.weight_hh', '1.1.weight', '1.1.bias']
    """


@dataclass(frozen=True)
class Concat(Container):
    """y = [x, layers(x)]: the output joined to the input, a dense connection.

    Parameters
    ----------
    layers : sequence of layer specs
        At least one.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.Concat([ie.nn.TimeDifference()])], input_size=3)
    >>> net.forward(np.zeros((5, 1, 3), np.float32))[0].shape
    (5, 1, 6)
    """


@dataclass(frozen=True)
class Bidirectional(Container):
    """y = [layers(x), layers'(x reversed) reversed], with two sets of weights; respects lengths.

    Not for `Network.step`, which does not know the end of a sequence.

    Parameters
    ----------
    layers : sequence of layer specs
        At least one; they must give a sequence.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.Bidirectional([ie.nn.IndRNN(4, bias=False)])], input_size=2)
    >>> list(net.named_parameters())
    ['0.forward.0.weight', '0.forward.0.weight_hh', '0.backward.0.weight', '0.backward.0.weight_hh']
    """

    reads_all_time: ClassVar[bool] = True
