"""Steps of training as CUDA graphs."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ..cuda import CapturedStep
from .diagnose import first_bad_layer
from .objectives import Classification, Regression
from .steps import NotFiniteError
from .update import bad_names

if TYPE_CHECKING:
    from ..data import Batch, Data
    from ..distributed import Ranks
    from ..network import Network
    from ..state import State
    from .config import TrainingConfig
    from .objectives import Objective

__all__ = ["CapturedSteps", "check_captured"]

LOSSES: dict[type[Objective], str] = {
    Classification: "softmax_cross_entropy",
    Regression: "mean_squared_error",
}
MOST_SHAPES = 8
"""Shapes of batches that are kept captured; the one unused for longest makes room for another."""


def check_captured(net: Network, data: Data, config: TrainingConfig, ranks: Ranks) -> None:
    """Check that the steps of a training can be captured.

    Raises
    ------
    ValueError
        The network is on the CPU, or something must happen on the host in the middle of a step.
    """
    if not net.device.startswith("cuda"):
        raise ValueError(
            f"[training] cuda_graph needs a network on a CUDA device, got one on {net.device}"
        )
    if config.piece_steps:
        raise ValueError(
            "[training] cuda_graph and piece_steps exclude each other: the state between pieces "
            "goes over the host"
        )
    if data.kind == "language":
        raise ValueError(
            "[training] cuda_graph cannot train language models: the state between batches goes "
            "over the host"
        )
    if ranks.size > 1:
        raise ValueError(
            f"[training] cuda_graph needs a training in one process, got {ranks.size}: gradients "
            "are summed in the middle of a step"
        )


class CapturedSteps:
    """Steps given to a GPU as CUDA graphs, one for each shape of batch.

    Parameters
    ----------
    net, objective, optimizer, config

    Notes
    -----
    The loss is computed on the device, where `PlainStep` computes it on the host: the two may
    differ in last digits. Among themselves captured steps give the same bits, whichever shapes are
    captured already; so a run that is resumed goes on as if it had not been cut.
    """

    def __init__(
        self, net: Network, objective: Objective, optimizer: Any, config: TrainingConfig
    ) -> None:
        self._net, self._objective, self._optimizer = net, objective, optimizer
        self._config = config
        self._by_shape: OrderedDict[tuple[Any, ...], CapturedStep] = OrderedDict()

    def run(
        self, batch: Batch, state: State | None, learning_rate: float
    ) -> tuple[dict[str, float], State | None]:
        """Train on a batch from a zero state; give its metrics."""
        if batch.carry:
            raise ValueError("[training] cuda_graph cannot carry a state from batch to batch")
        step = self._step_for(batch)
        self._optimizer.lr = learning_rate
        loss, norm = step(batch.x, batch.y, batch.mask, batch.lengths)
        # By then the update is made.
        if not math.isfinite(loss):
            step.restore_parameters()
            bad = first_bad_layer(self._net, batch)
            raise NotFiniteError(f"the loss is {loss}: it comes from {bad}")
        if not math.isfinite(norm):
            step.restore_parameters()
            names = bad_names(self._net.named_gradients())
            raise NotFiniteError(f"the gradient is not finite in {names}")
        return self._objective.metrics(step.output.numpy(), batch, loss), state

    def _step_for(self, batch: Batch) -> CapturedStep:
        key = (batch.x.shape, batch.y.shape, batch.mask is None, batch.lengths is None)
        step = self._by_shape.pop(key, None)
        if step is None:
            if len(self._by_shape) >= MOST_SHAPES:
                self._by_shape.popitem(last=False)
            config = self._config
            step = CapturedStep(
                self._optimizer,
                LOSSES[type(self._objective)],
                clip_value=config.clip_value,
                clip_norm=config.clip_norm,
                recurrent_bound=config.recurrent_bound,
            )
        self._by_shape[key] = step
        return step
