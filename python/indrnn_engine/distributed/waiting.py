"""Waiting for other ranks without taking the processor from them."""

from __future__ import annotations

import os
import time
from typing import Any

__all__ = ["Waiting"]

# Offering the processor each time round costs nothing where every rank has a core, and 4 µs become
# 13 where two share one; naps there make them 250. Where other programs want the processor naps are
# the better way: who naps is let in before who computes.
SPINNING = 3e-4
PER_BYTE = 2e-9  # more for long messages, which need both sides awake many times
SHORTEST, LONGEST = 20e-6, 500e-6
LEAST_PATIENCE = 1 / 16


class Waiting:
    """Waits in a loop that offers the processor, then in naps that grow.

    The loop is the shorter the less it helped lately.
    """

    def __init__(self) -> None:
        self._patience = 1.0

    def __call__(self, request: Any, size: int = 0, limit: float | None = None) -> None:
        """Wait for a request.

        Parameters
        ----------
        request : mpi4py.MPI.Request
        size : int, default 0
            Bytes of the message.
        limit : float, optional
            Seconds after which this gives up.

        Raises
        ------
        TimeoutError
        """
        begun = time.perf_counter()
        spinning = self._patience * (SPINNING + PER_BYTE * size)
        waited = 0.0
        while not request.Test():
            waited = time.perf_counter() - begun
            if waited < spinning:
                _offer()
                continue
            if limit is not None and waited > limit:
                raise TimeoutError(
                    f"has waited {waited:.0f} s for the other ranks, "
                    "of which one hangs or is cut off"
                )
            time.sleep(min(max(SHORTEST, waited / 20), LONGEST))
        better = 2.0 if waited < spinning else 0.5
        self._patience = min(max(self._patience * better, LEAST_PATIENCE), 1.0)


_offer = getattr(os, "sched_yield", lambda: time.sleep(0))  # not on Windows
