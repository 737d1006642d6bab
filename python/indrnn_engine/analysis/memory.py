"""Recurrent weights and how long they remember.

A neuron's state decays by its recurrent weight u alone: after n steps |u|^n of it is left. It has
fallen to a share `threshold` after n = log(threshold) / log(|u|) steps, its memory length ([C],
section 3). With `threshold` = 1/MAG, MAG^(-1/T) is the weight that remembers for T steps: the lower
end of the last layer's initial weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .paths import Path, path_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..network import Network

__all__ = ["memory_length", "memory_ranking", "recurrent_weight", "recurrent_weights"]


def memory_length(u: ArrayLike, threshold: float = 0.5) -> NDArray[np.float64]:
    """Give the number of steps after which a share `threshold` of a neuron's state is left.

    Parameters
    ----------
    u : array of any shape
        Recurrent weights.
    threshold : float, default 0.5
        In (0, 1).

    Returns
    -------
    array of float64, of the shape of `u`
        log(threshold) / log(|u|); 0 for u = 0, infinity for |u| >= 1.

    Raises
    ------
    ValueError
        A threshold outside (0, 1).

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ie.analysis.memory_length([0.0, 0.5, -0.99, 1.0]).round(2).tolist()
    [0.0, 1.0, 68.97, inf]
    """
    _check_threshold("memory_length", threshold)
    size = np.abs(np.asarray(u, np.float64))
    with np.errstate(divide="ignore"):
        steps = np.log(threshold) / np.log(np.minimum(size, 1.0))
    return np.where(size >= 1.0, np.inf, np.abs(steps))


def recurrent_weight(memory_length: ArrayLike, threshold: float = 0.5) -> NDArray[np.float64]:
    """Give the recurrent weight that remembers for so many steps: `memory_length` backwards.

    Parameters
    ----------
    memory_length : array of any shape
        Numbers of steps, at least 0; infinity is allowed.
    threshold : float, default 0.5
        In (0, 1).

    Returns
    -------
    array of float64, of the shape of `memory_length`
        threshold^(1 / memory_length): 0 for 0, 1 for infinity.

    Raises
    ------
    ValueError
        A threshold outside (0, 1), or a negative number of steps.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> u = ie.analysis.recurrent_weight([1, 784])
    >>> u.round(6).tolist(), ie.analysis.memory_length(u).round(6).tolist()
    ([0.5, 0.999116], [1.0, 784.0])
    """
    _check_threshold("recurrent_weight", threshold)
    steps = np.asarray(memory_length, np.float64)
    if not (steps >= 0.0).all():
        raise ValueError("[recurrent_weight] memory_length must be at least 0")
    with np.errstate(divide="ignore"):
        exponent = 1.0 / steps
    return np.asarray(threshold**exponent)


def recurrent_weights(network: Network) -> dict[str, NDArray[Any]]:
    """Give the recurrent weights of each layer that has some.

    Parameters
    ----------
    network : Network

    Returns
    -------
    dict of str to array [H]
        Layer path -> copy of its `weight_hh`.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(3), ie.nn.Residual([ie.nn.Recurrence()])], input_size=2)
    >>> {path: u.shape for path, u in ie.analysis.recurrent_weights(net).items()}
    {'0': (3,), '1.0': (3,)}
    """
    end = ".weight_hh"
    return {
        name[: -len(end)]: np.array(values)
        for name, values in network.named_parameters().items()
        if name.endswith(end)
    }


def memory_ranking(network: Network, layer: Path) -> NDArray[np.int64]:
    """Rank the neurons of a recurrent layer from the longest memory to the shortest.

    Memory is long where |u| is close to 1: above it a state grows, and drowns what comes later.

    Parameters
    ----------
    network : Network
    layer : int or str
        Number or path of the layer.

    Returns
    -------
    array of int64 [H]
        Indices of neurons, by rising |log(|u|)|: by how many steps it takes until a state has been
        halved or doubled.

    Raises
    ------
    ValueError
        The layer has no recurrent weights.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(3)], input_size=2)
    >>> net.named_parameters()["0.weight_hh"][:] = [0.5, -0.9, 1.2]
    >>> ie.analysis.memory_ranking(net, 0).tolist()
    [1, 2, 0]
    """
    weights = recurrent_weights(network)
    path = path_of("memory_ranking", layer)
    if path not in weights:
        known = ", ".join(weights) or "none"
        raise ValueError(
            f"[memory_ranking] layer must be one with recurrent weights ({known}), got {layer!r}"
        )
    with np.errstate(divide="ignore"):
        rate = np.abs(np.log(np.abs(weights[path].astype(np.float64))))
    return np.argsort(rate, kind="stable").astype(np.int64)


def _check_threshold(operation: str, threshold: float) -> None:
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"[{operation}] threshold must be in (0, 1), got {threshold}")
