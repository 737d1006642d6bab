"""One step of training, from a batch to new weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .diagnose import first_bad_rank
from .pieces import forward_backward
from .update import bad_names, finite_gradients, update

if TYPE_CHECKING:
    from ..data import Batch
    from ..device_state import DeviceState
    from ..distributed import Ranks
    from ..network import Network
    from ..state import State
    from .config import TrainingConfig
    from .objectives import Objective

    Carried: TypeAlias = State | DeviceState

__all__ = ["NotFiniteError", "PlainStep", "Step"]


class NotFiniteError(Exception):
    """Says what is not finite; the weights are those of before the step."""


class Step(Protocol):
    """What the trainer asks of a step."""

    def run(
        self, batch: Batch, state: Carried | None, learning_rate: float
    ) -> tuple[dict[str, float], Carried | None]:
        """Train on a batch; give its metrics and the state after it.

        Raises
        ------
        NotFiniteError
        """


class PlainStep:
    """A step in single calls: on any device, in pieces, with any number of ranks.

    Parameters
    ----------
    net, objective, optimizer, config
    ranks : Ranks
    """

    def __init__(
        self,
        net: Network,
        objective: Objective,
        optimizer: Any,
        config: TrainingConfig,
        ranks: Ranks,
    ) -> None:
        self._net, self._objective, self._optimizer = net, objective, optimizer
        self._config, self._ranks = config, ranks

    def run(
        self, batch: Batch, state: Carried | None, learning_rate: float
    ) -> tuple[dict[str, float], Carried | None]:
        """Train on a batch; give its metrics and the state after it."""
        net, ranks = self._net, self._ranks
        net.zero_gradients()
        loss, metrics, state = forward_backward(
            net, self._objective, batch, state, self._config.piece_steps, ranks
        )
        if not math.isfinite(loss):
            bad = first_bad_rank(ranks, net, batch)
            raise NotFiniteError(f"the loss is {loss}: it comes from {bad}")
        ranks.sum_gradients(net)
        if not finite_gradients(net):
            names = bad_names(net.named_gradients())
            raise NotFiniteError(f"the gradient is not finite in {names}")
        update(net, self._optimizer, self._config, learning_rate)
        return metrics, state
