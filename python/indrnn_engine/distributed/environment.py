"""Which processes were started together, and the object that stands for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .mpi import MPIRanks
from .ranks import Ranks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..network import Network

__all__ = ["MODES", "find", "launched_rank", "launched_size", "present", "start"]

MODES = ("auto", "on", "off")

# Set by the starters of Open MPI, of MPICH, Intel MPI and others that speak PMI, and by srun. An
# sbatch script itself has SLURM_NTASKS, but is one process: srun alone sets the third.
SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS", "MPI_LOCALNRANKS")
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID", "MPI_LOCALRANKID")

_present = Ranks()


def launched_size(environment: Mapping[str, str] | None = None) -> int:
    """Say how many processes were started with this one; 1 without MPI.

    Parameters
    ----------
    environment : mapping, optional
        None: that of the process.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ie.distributed.launched_size({"OMPI_COMM_WORLD_SIZE": "4"})
    4
    >>> ie.distributed.launched_size({})
    1
    """
    return max(_number(SIZES, environment), 1)


def launched_rank(environment: Mapping[str, str] | None = None) -> int:
    """Say which of them this process is, before MPI has begun."""
    return _number(RANKS, environment)


def _number(names: tuple[str, ...], environment: Mapping[str, str] | None) -> int:
    environment = os.environ if environment is None else environment
    values = (environment.get(name, "") for name in names)
    return next((int(value) for value in values if value.isdigit()), 0)


def find(mode: str = "auto") -> Ranks:
    """Give the ranks that this process belongs to.

    Parameters
    ----------
    mode : {"auto", "on", "off"}
        "auto": several where they were started together. "on": MPI is used also by a single one.
        "off": each process trains alone.

    Raises
    ------
    ValueError
        Another mode.
    ImportError
        mpi4py is needed and not installed.
    RuntimeError
        mpi4py finds another number of processes than were started: it is of another MPI.
    """
    global _present
    if mode not in MODES:
        raise ValueError(f'[distributed] mode must be "auto", "on" or "off", got {mode!r}')
    started = launched_size()
    if mode == "off" or (mode == "auto" and started == 1):
        _present = Ranks()
    elif _present.size == 1:
        _present = MPIRanks.of_world()
        if _present.size != started:
            raise RuntimeError(
                f"[distributed] {started} processes were started, and mpi4py finds "
                f"{_present.size}: it uses another MPI than the mpiexec that started them"
            )
    return _present


def present() -> Ranks:
    """Give what the last `find` gave; a process alone before the first."""
    return _present


def start(net: Network, mode: str = "auto", *, joined_norms: bool = True) -> Ranks:
    """Prepare a network for training on all ranks.

    All ranks must call it. They have the weights and running statistics of rank 0 afterwards, and
    batch norms count the sequences of all ranks. An error that is not caught on one rank ends all.

    Parameters
    ----------
    net : Network
        Of the same layers on all ranks.
    mode : {"auto", "on", "off"}
        As for `find`.
    joined_norms : bool, default True
        False: each rank normalises by its own share, and nothing is exchanged for that.

    Returns
    -------
    Ranks
        Alone unless several processes were started together.

    Raises
    ------
    ValueError, ImportError, RuntimeError
        As for `find`.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(8), ie.nn.LastStep(), ie.nn.Linear(1)], input_size=2)
    >>> ranks = ie.distributed.start(net)
    >>> x, target = np.ones((10, 6, 2), np.float32), np.ones((6, 1), np.float32)
    >>> x, target = ranks.share(x, axis=1), ranks.share(target)
    >>> y, state = net.forward(x, training=True)
    >>> loss, dy = ranks.weigh(*ie.losses.mean_squared_error(y, target))
    >>> dx, dstate = net.backward(dy)
    >>> ranks.sum_gradients(net)
    """
    ranks = find(mode)
    ranks.attach(net, joined_norms=joined_norms)
    return ranks
