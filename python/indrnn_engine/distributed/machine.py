"""Short sums of ranks that are all on one machine, through MPI's shared memory.

A general all-reduce goes in rounds, and each round waits until the ranks of the round before are
awake. Here all wait for the last to come, who wakes them, once. Each rank adds in the order of the
ranks, whatever the MPI: the bits are the same on all of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from .bell import install
from .waiting import Waiting

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Machine", "of_one"]

LARGEST = 2**20  # bytes: for longer sums it is better that each rank adds up a part
MOST_RANKS = 8  # each of N ranks reads the numbers of N


class Machine:
    """All ranks of a training, on one machine.

    Parameters
    ----------
    world : mpi4py.MPI.Comm
    mpi : module
        mpi4py.MPI
    """

    def __init__(self, world: Any, mpi: Any) -> None:
        self._size = world.size
        # Two places for each rank: it comes back to one when all have come to the sum after, and so
        # have read what was there. Behind them rank 0 counts who has come, and never starts again.
        self._window = mpi.Win.Allocate_shared(2 * LARGEST + 8, 1, comm=world)
        self._window.Lock_all()
        memories = [
            np.frombuffer(self._window.Shared_query(rank)[0], np.uint8)
            for rank in range(self._size)
        ]
        self._places = [memory[: 2 * LARGEST].reshape(2, LARGEST) for memory in memories]
        self._own = self._places[world.rank]
        self._arrived = memories[0][2 * LARGEST :].view(np.int64)
        if world.rank == 0:
            self._arrived[0] = 0
        self._window.Sync()
        self._add = mpi.SUM
        self._one, self._before = np.ones(1, np.int64), np.zeros(1, np.int64)
        self._sums = 0
        self._bell = install(world)  # and nobody goes on before the count is 0
        self._wait = Waiting(self._bell, crowded=self._size > cores(world))

    def combine(self, values: NDArray[Any], function: np.ufunc, limit: float | None) -> None:
        """Add up arrays of all ranks, or take another function of two, in place (*together*).

        Parameters
        ----------
        values : array
            C-contiguous, of LARGEST bytes at most.
        function : ufunc
            Such as `np.add`.
        limit : float or None
            As for `Waiting`.
        """
        self._sums += 1
        here = slice(0, values.nbytes)
        turn = self._sums % 2
        self._own[turn, here].view(values.dtype)[:] = values.reshape(-1)
        self._come(limit)
        first, *others = (
            place[turn, here].view(values.dtype).reshape(values.shape) for place in self._places
        )
        values[...] = first
        for other in others:
            function(values, other, out=values)

    def _come(self, limit: float | None) -> None:
        """Wait until all have come as often as this rank."""
        self._window.Sync()
        self._window.Fetch_and_op(self._one, self._before, 0, 2 * LARGEST, self._add)
        self._window.Flush(0)
        wanted = self._sums * self._size
        if self._before[0] == wanted - 1:
            if self._bell is not None:
                self._bell.ring()
        else:
            arrived = self._arrived
            self._wait(lambda: bool(arrived[0] >= wanted), limit=limit)
        self._window.Sync()


def of_one(world: Any, mpi: Any) -> Machine | None:
    """Give the machine that all ranks are on (*together*); None for several, and for many ranks."""
    if not 1 < world.size <= MOST_RANKS:
        return None
    beside = world.Split_type(mpi.COMM_TYPE_SHARED)
    together = beside.size == world.size
    beside.Free()
    return Machine(world, mpi) if together else None


def cores(world: Any) -> int:
    """Count the cores that the ranks may use (*together*)."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return len(set().union(*world.allgather(os.sched_getaffinity(0))))
