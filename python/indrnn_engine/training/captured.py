"""Steps of training as CUDA graphs."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ..cuda import CapturedStep
from .diagnose import first_bad_layer
from .objectives import Classification, LanguageModel, Regression
from .steps import NotFiniteError
from .update import bad_names

if TYPE_CHECKING:
    from ..data import Batch
    from ..device_state import DeviceState
    from ..distributed import Ranks
    from ..network import Network
    from .config import TrainingConfig
    from .objectives import Objective
    from .steps import Carried

__all__ = ["CapturedSteps", "check_captured"]

LOSSES: dict[type[Objective], str] = {
    Classification: "softmax_cross_entropy",
    LanguageModel: "softmax_cross_entropy",
    Regression: "mean_squared_error",
}
MOST_SHAPES = 8
"""Shapes of batches that are kept captured; the one unused for longest makes room for another."""


def check_captured(net: Network, config: TrainingConfig, ranks: Ranks) -> None:
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
            "[training] cuda_graph and piece_steps exclude each other: a captured step is a whole "
            "update, and the pieces of a batch make one together"
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
    captured already; so a run that is resumed goes on as if it had not been cut. The state of a
    language model stays on the device; steps for batches of different lengths share it.
    """

    def __init__(
        self, net: Network, objective: Objective, optimizer: Any, config: TrainingConfig
    ) -> None:
        self._net, self._objective, self._optimizer = net, objective, optimizer
        self._config = config
        self._carries = isinstance(objective, LanguageModel)
        self._by_shape: OrderedDict[tuple[Any, ...], CapturedStep] = OrderedDict()
        self._states: dict[int, DeviceState] = {}  # by batch size

    def run(
        self, batch: Batch, state: Carried | None, learning_rate: float
    ) -> tuple[dict[str, float], Carried | None]:
        """Train on a batch; give its metrics and the state after it."""
        if batch.carry and not self._carries:
            raise ValueError(
                "[training] cuda_graph carries a state from batch to batch for language models only"
            )
        start = self._start_from(batch, state) if self._carries else None
        step = self._step_for(batch, start)
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
        return self._metrics(step, batch, loss), start

    def _metrics(self, step: CapturedStep, batch: Batch, loss: float) -> dict[str, float]:
        objective = self._objective
        if isinstance(objective, Classification):  # without reading the outputs of all classes
            counted = objective.weight(batch)
            return objective.metrics_of(loss, step.correct / counted if counted else math.nan)
        return objective.metrics(step.output.numpy(), batch, loss)

    def _start_from(self, batch: Batch, state: Carried | None) -> DeviceState:
        """Give the state on the device, with what the batch starts from."""
        size = batch.x.shape[1]
        own = self._states.get(size)
        if own is None:
            own = self._states[size] = self._net.device_state(size)
        if state is None or not batch.carry:
            own.zero()
        elif state is not own:  # of a checkpoint
            own.assign(state)
        return own

    def _step_for(self, batch: Batch, start: DeviceState | None) -> CapturedStep:
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
                state=start,
            )
        self._by_shape[key] = step
        return step
