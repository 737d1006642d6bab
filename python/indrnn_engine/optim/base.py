"""What the optimizers share: their network, rate and decay, and how they are copied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .. import _checks, _core

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..network import Network

__all__ = ["Optimizer"]

Core = TypeVar("Core", bound="_core.Adam | _core.Sgd")


class Optimizer(ABC, Generic[Core]):
    """One fused native pass over all parameters of a network; made as `Adam` or `SGD`."""

    __slots__ = ("_core", "_network")
    _core: Core
    _network: Network

    def __init__(self, network: Network, core: Core) -> None:
        self._core = core
        self._network = network

    def step(self) -> None:
        """Update the network's parameters from its gradients."""
        self._core.step()

    @property
    def network(self) -> Network:
        """The network it updates."""
        return self._network

    @property
    def lr(self) -> float:
        """Learning rate; may be set."""
        return self._core.lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._core.lr = _checks.non_negative(type(self).__name__, "lr", lr)

    @property
    def weight_decay(self) -> float:
        """Weight decay; may be set."""
        return self._core.weight_decay

    @weight_decay.setter
    def weight_decay(self, weight_decay: float) -> None:
        name = type(self).__name__
        self._core.weight_decay = _checks.non_negative(name, "weight_decay", weight_decay)

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that goes on from step to step."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""

    # copy.copy keeps the network; a deep copy or pickle copies it, once for all that refer to it.
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._network, self.lr), self.state_dict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.load_state_dict(state)
