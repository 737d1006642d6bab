"""Training on several processes under MPI: each batch is split over them, gradients are summed.

The rest of the package knows `Ranks`, which is one process alone. `start` gives `MPIRanks` where
`mpiexec` started several; mpi4py is imported there and nowhere else.

    ranks = ie.distributed.start(net)                     # same weights, joined batch norms
    x, y = ranks.share(x, axis=1), ranks.share(y)         # this rank's part of the batch
    ...                                                   # forward, loss
    loss, dy = ranks.weigh(loss, dy)                      # mean over the whole batch
    ...                                                   # backward
    ranks.sum_gradients(net)                              # before the optimizer's step
"""

from __future__ import annotations

from .environment import find, launched_size, present, start
from .errors import RankError, RanksDifferError
from .ranks import Ranks

__all__ = [
    "RankError",
    "Ranks",
    "RanksDifferError",
    "find",
    "launched_size",
    "present",
    "start",
]
