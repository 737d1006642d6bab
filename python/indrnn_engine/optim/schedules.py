"""Learning rates over time: values that are called with a step, from 0, and give its rate.

Each keeps its last rate when called past its end.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import _checks

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Constant", "Cosine", "OneCycle", "Schedule", "StepDecay"]


@dataclass(frozen=True)
class Schedule:
    """Base of the schedules; not one itself."""

    def __call__(self, step: int) -> float:
        """Return the learning rate for `step`."""
        return self._rate(_checks.integer(type(self).__name__, "step", step))

    def _rate(self, step: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} gives no rate")

    def _check(self, **checks: Callable[[str, str, object], float]) -> None:
        """Replace each field by what its check makes of it."""
        for field in dataclasses.fields(self):
            check = checks[field.name]
            value = check(type(self).__name__, field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)


def _count(operation: str, name: str, value: object) -> int:
    return _checks.integer(operation, name, value, 1)


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate always.

    Examples
    --------
    >>> from indrnn_engine.optim.schedules import Constant
    >>> Constant(2e-4)(1000)
    0.0002
    """

    lr: float

    def __post_init__(self) -> None:
        self._check(lr=_checks.non_negative)

    def _rate(self, _step: int) -> float:
        return self.lr


@dataclass(frozen=True)
class StepDecay(Schedule):
    """lr times `factor` once more after every `every` steps.

    Examples
    --------
    >>> from indrnn_engine.optim.schedules import StepDecay
    >>> schedule = StepDecay(1.0, every=10, factor=0.5)
    >>> [schedule(step) for step in (0, 9, 10, 25)]
    [1.0, 1.0, 0.5, 0.25]
    """

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        self._check(lr=_checks.non_negative, every=_count, factor=_checks.non_negative)

    def _rate(self, step: int) -> float:
        return self.lr * self.factor ** (step // self.every)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Linear rise to lr over `warmup_steps`, then half a cosine to `final_lr` at `total_steps`.

    Examples
    --------
    >>> from indrnn_engine.optim.schedules import Cosine
    >>> schedule = Cosine(1.0, total_steps=12, warmup_steps=2)
    >>> [round(schedule(step), 3) for step in (0, 1, 2, 7, 12)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """

    lr: float
    total_steps: int
    warmup_steps: int = 0
    final_lr: float = 0.0

    def __post_init__(self) -> None:
        self._check(
            lr=_checks.non_negative,
            total_steps=_count,
            warmup_steps=_checks.integer,
            final_lr=_checks.non_negative,
        )
        if self.warmup_steps >= self.total_steps:
            raise ValueError(
                f"[Cosine] warmup_steps must be below total_steps = {self.total_steps}, "
                f"got {self.warmup_steps}"
            )

    def _rate(self, step: int) -> float:
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        return _cosine(
            self.lr, self.final_lr, step - self.warmup_steps, self.total_steps - self.warmup_steps
        )


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Half a cosine up to `max_lr`, then one down to almost nothing (Smith 2018).

    Starts at max_lr / start_divisor, peaks after warmup_fraction * total_steps and ends at max_lr /
    final_divisor.

    Examples
    --------
    >>> from indrnn_engine.optim.schedules import OneCycle
    >>> schedule = OneCycle(1.0, total_steps=100)
    >>> [round(schedule(step), 4) for step in (0, 30, 100)]
    [0.04, 1.0, 0.0001]
    """

    max_lr: float
    total_steps: int
    warmup_fraction: float = 0.3
    start_divisor: float = 25.0
    final_divisor: float = 1e4

    def __post_init__(self) -> None:
        self._check(
            max_lr=_checks.non_negative,
            total_steps=_count,
            warmup_fraction=_checks.fraction,
            start_divisor=_checks.positive,
            final_divisor=_checks.positive,
        )

    def _rate(self, step: int) -> float:
        rise = round(self.warmup_fraction * self.total_steps)
        if step < rise:
            return _cosine(self.max_lr / self.start_divisor, self.max_lr, step, rise)
        return _cosine(
            self.max_lr, self.max_lr / self.final_divisor, step - rise, self.total_steps - rise
        )


def _cosine(start: float, end: float, step: int, steps: int) -> float:
    """Half a cosine from `start` at step 0 to `end` at `steps` and past it."""
    share = min(step / steps, 1.0) if steps else 1.0
    return end + (start - end) * (1.0 + math.cos(math.pi * share)) / 2.0
