"""How fast training goes, and what it waits for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..distributed import Ranks

__all__ = ["Speed"]


class Speed:
    """Samples and seconds since the last record.

    Parameters
    ----------
    ranks : Ranks
        Whose time in communication is part of that of the steps.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> from indrnn_engine.training.speed import Speed
    >>> speed = Speed(ie.distributed.Ranks())
    >>> speed.begin()
    >>> speed.end(samples=30, waited=0.0)
    >>> sorted(speed.record())
    ['samples_per_second', 'waiting']
    """

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self.communication = 0.0  # share of the time that went into it
        self._begun = self._before = 0.0
        self._start()

    def _start(self) -> None:
        self._samples = 0
        self._seconds = 0.0
        self._waiting = 0.0
        self._communicating = 0.0

    def begin(self) -> None:
        """Take note that a step begins."""
        self._begun = time.perf_counter()
        self._before = self._ranks.seconds

    def end(self, samples: int, waited: float) -> None:
        """Take in the step: its samples on all ranks, and the seconds its batch was waited for."""
        self._samples += samples
        self._seconds += time.perf_counter() - self._begun
        self._waiting += waited
        self._communicating += self._ranks.seconds - self._before
        self.communication = self._communicating / (self._seconds + self._waiting)

    @property
    def samples_per_second(self) -> float:
        """Without the wait for batches."""
        return self._samples / self._seconds

    def record(self) -> dict[str, float]:
        """Give the fields of a record, and start anew."""
        waiting = self._waiting / (self._waiting + self._seconds)
        fields = {"samples_per_second": round(self.samples_per_second, 2)}
        fields["waiting"] = round(waiting, 4)
        if self._ranks.size > 1:
            fields |= {"ranks": self._ranks.size, "communication": round(self.communication, 4)}
        self._start()
        return fields
