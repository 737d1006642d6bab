"""Layers with a state: Recurrence and IndRNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Layer

__all__ = ["IndRNN", "Recurrence"]


@dataclass(frozen=True)
class Recurrence(Layer):
    """h_t = act(z_t + u * h_{t-1}), with u = `weight_hh` [F].

    Parameters
    ----------
    activation : str, default "relu"
        "relu", "tanh", "sigmoid" or "identity".
    zoneout : float, default 0.0
        In training, h_t = h_{t-1} with this probability for each step, sample and neuron; otherwise
        the mean of the two, zoneout * h_{t-1} + (1 - zoneout) * act(...) (Krueger et al. 2017).
    init : str, default "uniform"
        Start of u: "uniform", between `init_low` and `init_high`, or "normal", with their mean and
        half their distance as standard deviation.
    init_low, init_high : float, default 0.0 and 1.0
        See `init`.

    Examples
    --------
    A network that remembers for about 784 steps (Li et al., CVPR 2018, section 4):

    >>> import indrnn_engine as ie
    >>> layers = [ie.nn.Linear(8), ie.nn.Recurrence(init_high=5 ** (1 / 784))]
    >>> list(ie.Network(layers, input_size=1).named_parameters())
    ['0.weight', '0.bias', '1.weight_hh']
    """

    each_feature_alone: ClassVar[bool] = True

    activation: str = "relu"
    zoneout: float = 0.0
    init: str = "uniform"
    init_low: float = 0.0
    init_high: float = 1.0


@dataclass(frozen=True)
class IndRNN(Layer):
    """`Linear` followed by `Recurrence`: h_t = act(W x_t + b + u * h_{t-1}).

    Parameters
    ----------
    size : int
        Number of neurons.
    activation : str, default "relu"
        "relu", "tanh", "sigmoid" or "identity".
    bias : bool, default True
        Whether there is a bias; it starts at 0.
    zoneout : float, default 0.0
        As for `Recurrence`.
    init, init_scale
        Start of `weight` [size, F], as for `Linear`.
    recurrent_init, init_low, init_high
        Start of `weight_hh` [size], as `init`, `init_low` and `init_high` of `Recurrence`.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> list(ie.Network([ie.nn.IndRNN(8)], input_size=2).named_parameters())
    ['0.weight', '0.bias', '0.weight_hh']
    """

    size: int
    activation: str = "relu"
    bias: bool = True
    zoneout: float = 0.0
    init: str = "kaiming_uniform"
    init_scale: float = 8.0
    recurrent_init: str = "uniform"
    init_low: float = 0.0
    init_high: float = 1.0
