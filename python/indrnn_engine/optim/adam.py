"""Adam and AdamW."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks, _core
from ._state import check_keys, core_of
from .base import Optimizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..network import Network

__all__ = ["Adam"]

_KEYS = (
    "optimizer",
    "lr",
    "betas",
    "epsilon",
    "weight_decay",
    "decoupled",
    "steps",
    "first_moment",
    "second_moment",
)


class Adam(Optimizer[_core.Adam]):
    """Adam (Kingma & Ba 2015) on all parameters of a network.

    m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w -= lr * m / (1 - b1^n) / (sqrt(v / (1 -
    b2^n)) + epsilon)

    Parameters
    ----------
    network : Network
        Whose parameters are updated from its gradients; the optimizer keeps it alive.
    lr : float, default 2e-4
        Learning rate; may be set at any time.
    betas : pair of float, default (0.9, 0.999)
        b1 and b2, each in [0, 1).
    epsilon : float, default 1e-8
    weight_decay : float, default 0.0
        Not applied to parameters whose name ends in "bias" or "weight_hh".
    decoupled : bool, default False
        False: decay * w is added to the gradient (Adam). True: w -= lr * decay * w (AdamW).

    Raises
    ------
    ValueError
        For a number out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.Linear(1)], input_size=1)
    >>> adam = ie.optim.Adam(net, lr=0.1)
    >>> net.parameters[:] = 1.0
    >>> net.gradients[:] = 5.0
    >>> adam.step()
    >>> bool(np.allclose(net.parameters, 0.9)), adam.steps
    (True, 1)
    """

    __slots__ = ()

    def __init__(
        self,
        network: Network,
        lr: float = 2e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        beta1, beta2 = _betas("Adam", betas)
        core = _core.Adam(
            core_of("Adam", network),
            _checks.non_negative("Adam", "lr", lr),
            beta1,
            beta2,
            _checks.positive("Adam", "epsilon", epsilon),
            _checks.non_negative("Adam", "weight_decay", weight_decay),
            _checks.boolean("Adam", "decoupled", decoupled),
        )
        super().__init__(network, core)

    @property
    def betas(self) -> tuple[float, float]:
        """Decay rates of the two moments."""
        return self._core.beta1, self._core.beta2

    @property
    def epsilon(self) -> float:
        """Added to the root of the second moment."""
        return self._core.epsilon

    @property
    def decoupled(self) -> bool:
        """Whether weight decay acts on the weights instead of the gradient."""
        return self._core.decoupled

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self._core.steps

    def state_dict(self) -> dict[str, Any]:
        """Everything that goes on from step to step, as numbers and copies of arrays.

        Returns
        -------
        dict
            "optimizer", "lr", "betas", "epsilon", "weight_decay", "decoupled", "steps", and the
            arrays "first_moment" and "second_moment" [parameters].
        """
        return {
            "optimizer": "Adam",
            "lr": self.lr,
            "betas": self.betas,
            "epsilon": self.epsilon,
            "weight_decay": self.weight_decay,
            "decoupled": self.decoupled,
            "steps": self.steps,
            "first_moment": np.array(self._core.first_moment),
            "second_moment": np.array(self._core.second_moment),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; nothing changes if it does not fit.

        Raises
        ------
        ValueError, TypeError
            For missing or unknown keys, another optimizer's state, or arrays of another size or
            dtype.
        """
        operation = "Adam.load_state_dict"
        state = check_keys(operation, state, _KEYS)
        core = self._core
        first = _checks.array_like(
            operation, "first_moment", state["first_moment"], core.first_moment
        )
        second = _checks.array_like(
            operation, "second_moment", state["second_moment"], core.second_moment
        )
        beta1, beta2 = _betas(operation, state["betas"])
        lr = _checks.non_negative(operation, "lr", state["lr"])
        epsilon = _checks.positive(operation, "epsilon", state["epsilon"])
        weight_decay = _checks.non_negative(operation, "weight_decay", state["weight_decay"])
        decoupled = _checks.boolean(operation, "decoupled", state["decoupled"])
        core.steps = _checks.integer(operation, "steps", state["steps"])
        core.lr, core.beta1, core.beta2, core.epsilon = lr, beta1, beta2, epsilon
        core.weight_decay, core.decoupled = weight_decay, decoupled
        core.first_moment[...] = first
        core.second_moment[...] = second

    def __repr__(self) -> str:
        return (
            f"Adam(lr={self.lr}, betas={self.betas}, epsilon={self.epsilon}, "
            f"weight_decay={self.weight_decay}, decoupled={self.decoupled}, steps={self.steps})"
        )


def _betas(operation: str, betas: object) -> tuple[float, float]:
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise TypeError(f"[{operation}] betas must be two numbers, got {_checks.got(betas)}")
    return (
        _checks.fraction(operation, "betas[0]", betas[0]),
        _checks.fraction(operation, "betas[1]", betas[1]),
    )
