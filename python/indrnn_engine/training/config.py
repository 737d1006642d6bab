"""How a network is trained, as plain values that go to JSON and back."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _checks
from ..optim import schedules

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TrainingConfig", "checked_fields"]

OPTIMIZERS = ("adam", "sgd")
SCHEDULES = ("constant", "step", "cosine", "one-cycle")
OPTIONAL = ("epochs", "max_steps", "max_minutes", "clip_value", "clip_norm", "recurrent_bound")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How long, how fast and by which rules.

    Attributes
    ----------
    seed : int
        Of the data order, and of the network and the splits where an `Experiment` makes them.
    epochs, max_steps : int, optional
        Where training ends, whichever comes first; at least one is needed.
    max_minutes : float, optional
        Stops after this time; the run can be resumed.
    optimizer : {"adam", "sgd"}
    learning_rate : float
        The highest of the schedule.
    schedule : {"constant", "step", "cosine", "one-cycle"}
    schedule_every, schedule_factor : int, float
        Of "step": every so many steps the rate is multiplied by the factor.
    warmup_steps : int
        Of "cosine".
    momentum : float
        Of "sgd".
    weight_decay : float
        On weights, not on biases and recurrent weights.
    decoupled : bool
        Whether Adam decays apart from the gradient (AdamW).
    clip_value, clip_norm : float, optional
        Bounds on each gradient and on the norm of all.
    recurrent_bound : float, optional
        Recurrent weights are kept within it after every step.
    patience : int
        The papers' rule; 0: off. After so many evaluations without a better one training goes back
        to the best weights and optimizer state, the rate is multiplied by `patience_factor` and the
        patience halved; it ends when the rate falls below `minimum_learning_rate`.
    early_stop : int
        Ends after so many evaluations without a better one; 0: off.
    stop_at : float, optional
        Ends once the validation score (accuracy, mean squared error, loss) is this good.
    evaluate_every : int
        Steps between evaluations; 0: at the end of each epoch.
    log_every : int
        Steps between training records.
    checkpoint_minutes : float
        Time between checkpoints; there is one at each evaluation that is the best, too.
    final_model : {"best", "last"}
        Which weights the test is run with at the end.
    evaluation : {"running", "batch"}
        Which statistics batch norms use in validation and test.
    test_draws : int
        Of data that are drawn: test predictions are averaged over so many draws.
    piece_steps : int
        Cuts longer batches into pieces of so many steps with the state carried between them:
        truncated backpropagation through time, see `pieces.cut`; 0: off.
    cuda_graph : bool
        Gives each step to the GPU as one CUDA graph; see `indrnn_engine.cuda.CapturedStep`.
    joined_norms : bool
        Of several ranks: batch norms count the sequences of all. Without it each rank normalises by
        its share: nothing is exchanged for them, and results depend on the number of ranks.
    """

    seed: int = 0
    epochs: int | None = None
    max_steps: int | None = None
    max_minutes: float | None = None
    optimizer: str = "adam"
    learning_rate: float = 2e-4
    schedule: str = "constant"
    schedule_every: int = 0
    schedule_factor: float = 0.1
    warmup_steps: int = 0
    momentum: float = 0.9
    weight_decay: float = 0.0
    decoupled: bool = False
    clip_value: float | None = 10.0
    clip_norm: float | None = None
    recurrent_bound: float | None = None
    patience: int = 0
    patience_factor: float = 0.1
    minimum_learning_rate: float = 1e-6
    early_stop: int = 0
    stop_at: float | None = None
    evaluate_every: int = 0
    log_every: int = 20
    checkpoint_minutes: float = 5.0
    final_model: str = "best"
    evaluation: str = "running"
    test_draws: int = 1
    piece_steps: int = 0
    cuda_graph: bool = False
    joined_norms: bool = True

    def __post_init__(self) -> None:
        if self.epochs is None and self.max_steps is None:
            raise ValueError("[training] epochs or max_steps must be given")
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)
        _check_choice("schedule", self.schedule, SCHEDULES)
        _check_choice("final_model", self.final_model, ("best", "last"))
        _check_choice("evaluation", self.evaluation, ("running", "batch"))
        for name in ("decoupled", "cuda_graph", "joined_norms"):
            _checks.boolean("training", name, getattr(self, name))
        if self.stop_at is not None:
            _checks.finite("training", "stop_at", self.stop_at)
        _whole("schedule_every", self.schedule_every, at_least=0)
        if self.schedule == "step" and self.schedule_every < 1:
            raise ValueError(
                f'[training] schedule_every must be at least 1 with schedule "step", '
                f"got {self.schedule_every}"
            )
        for name in (
            "seed",
            "warmup_steps",
            "patience",
            "early_stop",
            "evaluate_every",
            "piece_steps",
        ):
            _whole(name, getattr(self, name), at_least=0)
        for name in ("epochs", "max_steps", "log_every", "test_draws"):
            _whole(name, getattr(self, name), at_least=1)
        for name in ("weight_decay", "momentum", "checkpoint_minutes"):
            _check(name, getattr(self, name), at_least=0.0)
        for name in (
            "learning_rate",
            "max_minutes",
            "clip_value",
            "clip_norm",
            "recurrent_bound",
            "schedule_factor",
            "patience_factor",
            "minimum_learning_rate",
        ):
            _check(name, getattr(self, name), above=0.0)

    def total_steps(self, steps_per_epoch: int) -> int:
        """Give the step at which training ends."""
        limits = [self.max_steps, None if self.epochs is None else self.epochs * steps_per_epoch]
        return min(limit for limit in limits if limit is not None)

    def schedule_for(self, total_steps: int) -> Callable[[int], float]:
        """Make the learning-rate schedule: step -> rate."""
        rate = self.learning_rate
        if self.schedule == "step":
            return schedules.StepDecay(rate, self.schedule_every, self.schedule_factor)
        if self.schedule == "cosine":
            return schedules.Cosine(rate, total_steps, self.warmup_steps)
        if self.schedule == "one-cycle":
            return schedules.OneCycle(rate, total_steps)
        return schedules.Constant(rate)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> TrainingConfig:
        """Make it from a JSON object; unknown fields are errors, missing ones have defaults."""
        return cls(**checked_fields(cls, document, "training"))


def checked_fields(cls: Any, document: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Give `document` as keyword arguments for the dataclass `cls`.

    Raises
    ------
    ValueError
        No object, or a field that the class does not have.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"[{where}] must be an object of fields, got {_checks.got(document)}")
    known = [field.name for field in dataclasses.fields(cls)]
    for name in document:
        if name not in known:
            raise ValueError(f"[{where}] unknown field {name!r}; known: {', '.join(known)}")
    return dict(document)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"[training] {name} must be one of {', '.join(choices)}, got {value!r}")


def _whole(name: str, value: object, *, at_least: int) -> None:
    if value is None and name in OPTIONAL:
        return
    if isinstance(value, numbers.Integral) and value < at_least:
        raise ValueError(f"[training] {name} must be at least {at_least}, got {value}")
    _checks.integer("training", name, value, at_least, 2**64 - 1)


def _check(
    name: str, value: float | None, *, at_least: float | None = None, above: float | None = None
) -> None:
    if value is None and name in OPTIONAL:
        return
    number = _checks.real("training", name, value)
    if at_least is not None and not (math.isfinite(number) and number >= at_least):
        raise ValueError(f"[training] {name} must be at least {at_least}, got {value}")
    if above is not None and not (math.isfinite(number) and number > above):
        raise ValueError(f"[training] {name} must be above {above}, got {value}")
