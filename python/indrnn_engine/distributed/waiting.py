"""Waiting for other ranks without taking the processor from them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bell import Bell

__all__ = ["Waiting"]

# Offering the processor each time round costs nothing where every rank has a core. Where two share
# one, the system need not take the offer (ranks that mpiexec puts into sessions of their own are
# scheduled as groups of their own), and other programs get in sooner if this one sleeps.
SPINNING = 3e-4
PER_BYTE = 2e-9  # more for long messages, which need both sides awake many times
SHORTEST, LONGEST = 20e-6, 500e-6
LEAST_PATIENCE = 1 / 16


class Waiting:
    """Waits in a loop that offers the processor, then sleeps.

    The loop is the shorter the less it helped lately.

    Parameters
    ----------
    bell : Bell, optional
        Sleeps until it rings. None: naps that grow.
    crowded : bool, default False
        Ranks share cores: no loop, which would keep the core from the rank that is waited for.
    """

    def __init__(self, bell: Bell | None = None, *, crowded: bool = False) -> None:
        self._bell = bell
        self._spinning = 0.0 if crowded else SPINNING
        self._patience = 1.0

    def __call__(self, done: Callable[[], bool], size: int = 0, limit: float | None = None) -> None:
        """Wait until something is done.

        Parameters
        ----------
        done : callable
            Such as the `Test` of a request of MPI.
        size : int, default 0
            Bytes of the message.
        limit : float, optional
            Seconds after which this gives up.

        Raises
        ------
        TimeoutError
        """
        begun = time.perf_counter()
        spinning = self._patience * (self._spinning + PER_BYTE * size)
        waited = 0.0
        while not done():
            waited = time.perf_counter() - begun
            if waited < spinning:
                _offer()
                continue
            if limit is not None and waited > limit:
                raise TimeoutError(
                    f"has waited {waited:.0f} s for the other ranks, "
                    "of which one hangs or is cut off"
                )
            if self._bell is not None:
                self._bell.sleep()
            else:
                time.sleep(min(max(SHORTEST, waited / 20), LONGEST))
        better = 2.0 if waited < spinning else 0.5
        self._patience = min(max(self._patience * better, LEAST_PATIENCE), 1.0)


_offer = getattr(os, "sched_yield", lambda: time.sleep(0))  # not on Windows
