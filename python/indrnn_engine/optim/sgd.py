"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks, _core
from ._state import check_keys, core_of
from .base import Optimizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..network import Network

__all__ = ["SGD"]

_KEYS = ("optimizer", "lr", "momentum", "weight_decay", "nesterov", "velocity")


class SGD(Optimizer[_core.Sgd]):
    """Stochastic gradient descent on all parameters of a network.

    velocity = momentum * velocity + g;  w -= lr * velocity   (nesterov: w -= lr * (g + momentum *
    velocity))

    Parameters
    ----------
    network : Network
        Whose parameters are updated from its gradients; the optimizer keeps it alive.
    lr : float
        Learning rate; may be set at any time.
    momentum : float, default 0.0
        In [0, 1).
    weight_decay : float, default 0.0
        decay * w is added to the gradient; not for parameters whose name ends in "bias" or
        "weight_hh".
    nesterov : bool, default False
        Look ahead along the velocity; needs a momentum above 0.

    Raises
    ------
    ValueError
        For a number out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.Linear(1)], input_size=1, dtype="float64")
    >>> sgd = ie.optim.SGD(net, lr=0.5, momentum=0.9)
    >>> net.parameters[:] = 1.0
    >>> net.gradients[:] = 1.0
    >>> sgd.step()
    >>> net.parameters.tolist()
    [0.5, 0.5]
    """

    __slots__ = ()

    def __init__(
        self,
        network: Network,
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        core = _core.Sgd(
            core_of("SGD", network),
            _checks.non_negative("SGD", "lr", lr),
            _checks.fraction("SGD", "momentum", momentum),
            _checks.non_negative("SGD", "weight_decay", weight_decay),
            _nesterov("SGD", nesterov, momentum),
        )
        super().__init__(network, core)

    @property
    def momentum(self) -> float:
        """Share of the velocity that goes on."""
        return self._core.momentum

    @property
    def nesterov(self) -> bool:
        """Whether it looks ahead along the velocity."""
        return self._core.nesterov

    def state_dict(self) -> dict[str, Any]:
        """Everything that goes on from step to step: numbers, and a copy of "velocity"."""
        return {
            "optimizer": "SGD",
            "lr": self.lr,
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
            "nesterov": self.nesterov,
            "velocity": np.array(self._core.velocity),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; nothing changes if it does not fit.

        Raises
        ------
        ValueError, TypeError
            For missing or unknown keys, another optimizer's state, or an array of another size or
            dtype.
        """
        operation = "SGD.load_state_dict"
        state = check_keys(operation, state, _KEYS)
        core = self._core
        velocity = _checks.array_like(operation, "velocity", state["velocity"], core.velocity)
        lr = _checks.non_negative(operation, "lr", state["lr"])
        momentum = _checks.fraction(operation, "momentum", state["momentum"])
        weight_decay = _checks.non_negative(operation, "weight_decay", state["weight_decay"])
        nesterov = _nesterov(operation, state["nesterov"], momentum)
        core.lr, core.momentum, core.weight_decay, core.nesterov = (
            lr,
            momentum,
            weight_decay,
            nesterov,
        )
        core.velocity[...] = velocity

    def __repr__(self) -> str:
        return (
            f"SGD(lr={self.lr}, momentum={self.momentum}, weight_decay={self.weight_decay}, "
            f"nesterov={self.nesterov})"
        )


def _nesterov(operation: str, nesterov: object, momentum: float) -> bool:
    if _checks.boolean(operation, "nesterov", nesterov) and momentum == 0:
        raise ValueError(f"[{operation}] nesterov must go with a momentum above 0, got momentum 0")
    return bool(nesterov)
