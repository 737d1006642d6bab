"""From gradients to new weights."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import optim

if TYPE_CHECKING:
    from ..network import Network
    from .config import TrainingConfig

__all__ = ["bad_names", "finite_gradients", "make_optimizer", "update"]


def make_optimizer(net: Network, config: TrainingConfig) -> Any:
    """Make the optimizer that a configuration asks for."""
    if config.optimizer == "sgd":
        return optim.SGD(
            net, config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
        )
    return optim.Adam(
        net, config.learning_rate, weight_decay=config.weight_decay, decoupled=config.decoupled
    )


def update(net: Network, optimizer: Any, config: TrainingConfig, learning_rate: float) -> None:
    """Clip the gradients, make the optimizer's step, bound the recurrent weights."""
    if config.clip_value is not None or config.clip_norm is not None:
        optim.clip_gradients(net, value=config.clip_value, norm=config.clip_norm)
    optimizer.lr = learning_rate
    optimizer.step()
    if config.recurrent_bound is not None:
        optim.constrain_recurrent(net, config.recurrent_bound)


def finite_gradients(net: Network) -> bool:
    """Say whether all gradients are finite, in one pass where they lie."""
    if net.device.startswith("cuda"):
        norm = optim.clip_gradients(net, norm=sys.float_info.max)  # changes nothing
        return norm is not None and math.isfinite(norm)
    with np.errstate(all="ignore"):
        return bool(np.isfinite(net.gradients.sum()))  # finite unless a gradient is not


def bad_names(arrays: dict[str, Any]) -> str:
    """Give the names of the arrays that are not finite."""
    return (
        ", ".join(name for name, view in arrays.items() if not np.isfinite(view).all()) or "its sum"
    )
