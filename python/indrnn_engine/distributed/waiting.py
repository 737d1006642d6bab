"""Waiting for other ranks without taking the processor from them."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["wait"]

# A busy loop is the quickest answer where each rank has a core, and the slowest where they share
# one: four ranks on two cores then wait for the scheduler, 6 ms for each small sum.
SPINNING = 50e-6
SHORTEST, LONGEST = 20e-6, 500e-6


def wait(request: Any, limit: float | None = None) -> None:
    """Wait for a request: at first in a busy loop, then in naps that grow.

    Parameters
    ----------
    request : mpi4py.MPI.Request
    limit : float, optional
        Seconds after which this gives up.

    Raises
    ------
    TimeoutError
    """
    if request.Test():
        return
    begun = time.perf_counter()
    nap = SHORTEST
    while not request.Test():
        waited = time.perf_counter() - begun
        if waited < SPINNING:
            continue
        if limit is not None and waited > limit:
            raise TimeoutError(
                f"has waited {waited:.0f} s for the other ranks, of which one hangs or is cut off"
            )
        time.sleep(nap)
        # Never more than a tenth of the waiting so far, so that naps do not add to it.
        nap = min(max(SHORTEST, waited / 10), LONGEST)
