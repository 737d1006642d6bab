"""What a trainer tells the world while it runs; the base class is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .progress import Result
    from .trainer import Trainer

__all__ = ["Reporter"]


class Reporter:
    """Override what you want to know of; the command line's progress bar is one of these."""

    def started(self, trainer: Trainer) -> None:
        """Take note that training starts or continues."""

    def stepped(
        self, trainer: Trainer, metrics: dict[str, float], samples_per_second: float
    ) -> None:
        """Take note of one step; `metrics` are those of its batch."""

    def evaluated(self, trainer: Trainer, metrics: dict[str, float], *, improved: bool) -> None:
        """Take note of a validation."""

    def noted(self, trainer: Trainer, message: str) -> None:
        """Take note of a message: a return to the best weights, for example."""

    def finished(self, trainer: Trainer, result: Result) -> None:
        """Take note that training ended, for now or for good."""
