"""Where a training run stands: everything but arrays, and JSON all through."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Progress", "Result"]


@dataclass
class Progress:
    """Counters of a run, stored in its checkpoint.

    Attributes
    ----------
    step : int
        Updates done.
    epoch, position : int
        The batch to train on next.
    seconds : float
        Time spent, over all sessions of the run.
    last_evaluation : int
        Step of the last validation.
    best_step, best : int, dict
        Step and metrics of the best validation; None before the first.
    since_best : int
        Validations since then.
    sums, weight : dict, float
        Training metrics since the last record.
    ending : str
        Why training is to end; empty while it goes on.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    seconds: float = 0.0
    last_evaluation: int = 0
    best_step: int | None = None
    best: dict[str, float] | None = None
    since_best: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    weight: float = 0.0
    ending: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as a JSON object."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes
    ----------
    reason : str
        "steps" (all done), "target", "early stop", "learning rate", "time" or "interrupted".
    step : int
    seconds : float
    best_step, best : int, dict
        Of the best validation, if there is one.
    test : dict
        Metrics of the test split, if there is one.
    """

    reason: str
    step: int
    seconds: float
    best_step: int | None = None
    best: dict[str, float] | None = None
    test: dict[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as a JSON object."""
        return dataclasses.asdict(self)
