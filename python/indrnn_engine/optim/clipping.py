"""Bounds on gradients and on recurrent weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _checks, _core
from ._state import core_of

if TYPE_CHECKING:
    from ..network import Network

__all__ = ["clip_gradients", "constrain_recurrent"]


def clip_gradients(
    network: Network, value: float | None = None, norm: float | None = None
) -> float | None:
    """Bound a network's gradients, element by element or all together.

    Parameters
    ----------
    network : Network
        Whose gradients are changed in place.
    value : float, optional
        Every gradient is cut to [-value, value].
    norm : float, optional
        All gradients are scaled so that their joint Euclidean norm is at most `norm`; after `value`
        if both are given.

    Returns
    -------
    float or None
        With `norm`, the norm before scaling; a training loop can watch it for NaN.

    Raises
    ------
    ValueError
        If neither bound is given, or one is not above 0.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.Linear(1)], input_size=1, dtype="float64")
    >>> net.gradients[:] = [3.0, 4.0]
    >>> ie.optim.clip_gradients(net, norm=1.0)
    5.0
    >>> net.gradients.round(6).tolist()
    [0.6, 0.8]
    >>> ie.optim.clip_gradients(net, value=0.7)
    >>> net.gradients.round(6).tolist()
    [0.6, 0.7]
    """
    operation = "clip_gradients"
    core = core_of(operation, network)
    if value is None and norm is None:
        raise ValueError(f"[{operation}] value or norm must be given")
    value_limit = None if value is None else _checks.positive(operation, "value", value)
    norm_limit = None if norm is None else _checks.positive(operation, "norm", norm)
    if value_limit is not None:
        _core.clip_gradients_by_value(core, value_limit)
    return None if norm_limit is None else _core.clip_gradients_by_norm(core, norm_limit)


def constrain_recurrent(network: Network, bound: float) -> None:
    """Cut every recurrent weight (`weight_hh`) to [-bound, bound]: Li et al., CVPR 2018, section 4.

    Parameters
    ----------
    network : Network
        Whose weights are changed in place.
    bound : float
        At least 0; magnitude^(1/T) for sequences of T steps, with the papers' magnitude of 2 or 5.

    Raises
    ------
    ValueError
        If `bound` is negative or not finite.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(2)], input_size=1, dtype="float64")
    >>> net.named_parameters()["0.weight_hh"][:] = [-3.0, 0.5]
    >>> ie.optim.constrain_recurrent(net, 1.0)
    >>> net.named_parameters()["0.weight_hh"].tolist()
    [-1.0, 0.5]
    """
    operation = "constrain_recurrent"
    _core.constrain_recurrent(
        core_of(operation, network), _checks.non_negative(operation, "bound", bound)
    )
