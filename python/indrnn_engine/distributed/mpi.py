"""One of several processes under MPI."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..data.shares import SharedSource, bounds
from ..extras import require
from .ending import catch_uncaught, describe, say_and_abort, status_of
from .errors import RankError, RanksDifferError, agreed
from .machine import LARGEST, of_one
from .ranks import Ranks
from .waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..data import BatchSource
    from ..network import Network
    from ..state import State

__all__ = ["MPIRanks"]

T = TypeVar("T")

TIMEOUT = 900.0  # seconds: far longer than any rank writes a checkpoint, or evaluates alone


class MPIRanks(Ranks):
    """One of N processes; every method is as its base class says.

    Parameters
    ----------
    world : mpi4py.MPI.Comm
        A communicator of its own: no other message may travel on it.
    """

    def __init__(self, world: Any) -> None:
        self._mpi = mpi()
        self.rank = world.rank
        self.size = world.size
        self.seconds = 0.0
        self._world = world
        self._limit: float | None = None
        self._net: weakref.ref[Network] | None = None
        self._fraction = 1.0
        self._joined_norms = True
        self._wait = Waiting()
        self._machine = of_one(world, self._mpi)

    @classmethod
    def of_world(cls) -> MPIRanks:
        """Give this process among all that were started together."""
        ranks = cls(mpi().COMM_WORLD.Dup())
        catch_uncaught(ranks)
        return ranks

    # A network

    def attach(self, net: Network, *, joined_norms: bool = True) -> None:
        """Broadcast weights, running statistics and random state; join batch norms."""
        document = net.to_json()
        if self.any(self.first(lambda: document) != document)[0]:
            raise agreed(ValueError("[distributed] all ranks must have the same network"))
        self._broadcast(net.parameters)
        for view in net.named_buffers().values():
            self._broadcast(view)
        net.random_state = self.first(lambda: net.random_state)
        self._joined_norms = joined_norms
        self.join_norms(net)
        self._net = weakref.ref(net)

    def join_norms(self, net: Network) -> None:
        """Install the sum over all ranks as the network's reduction."""
        net.set_reduction(self._sum if self._joined_norms else None)

    def settle(self, net: Network) -> None:
        """Take means, which commute with later updates: it does not matter how often."""
        if self._joined_norms:
            return
        for view in net.named_buffers().values():
            sums = np.array(view, np.float64)
            self._sum(sums)
            view[...] = sums / self.size

    def place(self, net: Network, first: int) -> None:
        """Dropout draws by the place in the whole batch."""
        net.set_first_sample(first)

    def sum_gradients(self, net: Network) -> None:
        """One all-reduce of the flat buffer."""
        host = np.asarray(net.gradients)  # of a device: a copy
        self._sum(host)
        if net.device != "cpu":
            net.gradients[...] = host

    def check_equal(self, net: Network) -> None:
        """Compare digests."""
        mine = hashlib.blake2b(np.asarray(net.parameters).tobytes(), digest_size=16).hexdigest()
        all_of_them = self.gather_texts(mine)
        odd = [rank for rank, other in enumerate(all_of_them) if other != all_of_them[0]]
        if odd:
            raise agreed(
                RanksDifferError(
                    f"[distributed] rank {odd[0]} has other weights than rank 0: all ranks need "
                    "the same program, libraries and instruction set"
                )
            )

    # Batches

    def split(self, source: BatchSource) -> BatchSource:
        """Wrap the source."""
        return SharedSource(source, self.rank, self.size)

    def share(self, array: NDArray[Any], axis: int = 0) -> NDArray[Any]:
        """Cut a contiguous share; dropout of the network given to `start` is told its place."""
        total = array.shape[axis]
        if total < self.size:
            raise ValueError(
                f"[distributed] a batch must hold at least one sequence for each of {self.size} "
                f"ranks, got {total}"
            )
        first, end = bounds(total, self.rank, self.size)
        self._fraction = (end - first) / total
        net = None if self._net is None else self._net()
        if net is not None:
            self.place(net, first)
        return array[(slice(None),) * (axis % array.ndim) + (slice(first, end),)]

    def weigh(self, loss: float, gradient: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """By the part of the whole batch that the last share was."""
        means, _ = self.mean({"loss": loss}, self._fraction)
        return means["loss"], gradient * gradient.dtype.type(self._fraction)

    # Agreement

    def mean(self, values: dict[str, float], weight: float) -> tuple[dict[str, float], float]:
        """One small all-reduce."""
        sums = np.array([value * weight for value in values.values()] + [weight])
        self._sum(sums)
        total = float(sums[-1])
        means = sums[:-1] / (total or 1.0)
        return dict(zip(values, means.tolist(), strict=True)), total

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """One small all-reduce."""
        found = np.array(flags, np.float64)
        self._reduce(found, np.maximum, self._mpi.MAX)
        return tuple(map(bool, found))

    def first(self, make: Callable[[], T]) -> T:
        """Broadcast the result, or the error."""
        mine = _attempt(make) if self.is_first else None
        value, error = self._object(lambda: self._world.bcast(mine))
        if error is not None:
            raise agreed(RankError(*error))
        return value  # type: ignore[no-any-return]

    def together(self, make: Callable[[], T]) -> T:
        """Exchange errors; the first of them is raised everywhere."""
        value, mine = _attempt(make)
        errors = self._object(lambda: self._world.allgather(mine))
        found = [(rank, error) for rank, error in enumerate(errors) if error is not None]
        if found:
            rank, (message, status) = found[0]
            everywhere = len(found) == self.size and len({error for _, error in found}) == 1
            raise agreed(RankError(message if everywhere else f"rank {rank}: {message}", status))
        return value  # type: ignore[no-any-return]

    def in_turn(self, make: Callable[[], T]) -> T:
        """Keep the others from trying what fails on rank 0."""
        mine: list[T] = []

        def first() -> None:
            mine.append(make())

        self.first(first)
        return self.together(lambda: mine[0] if mine else make())

    def gather_texts(self, text: str) -> list[str]:
        """All-gather."""
        texts: list[str] = self._object(lambda: self._world.allgather(text))
        return texts

    # The state that is carried on

    def gather_state(self, net: Network, state: State | None, total: int) -> State | None:
        """Join the rows of each entry, without that of an empty share."""
        if state is None:
            return None
        first, end = bounds(total, self.rank, self.size)
        mine = {name: np.array(view[: end - first]) for name, view in state.items()}
        parts = self._object(lambda: self._world.gather(mine))
        if parts is None:
            return None
        whole = net.initial_state(total)
        for name, view in whole.items():
            view[...] = np.concatenate([part[name] for part in parts])
        whole.steps = state.steps
        return whole

    def share_state(self, net: Network, state: State | None) -> State | None:
        """Cut the rows of each entry."""
        if state is None:
            return None
        first, end = bounds(state.batch, self.rank, self.size)
        share = net.initial_state(max(end - first, 1))  # at least the one of an empty share
        for name, view in share.items():
            view[: end - first] = state[name][first:end]
        share.steps = state.steps
        return share

    # The end

    def watch(self) -> None:
        """INDRNN_RANK_TIMEOUT seconds, or the default."""
        self._limit = float(os.environ.get("INDRNN_RANK_TIMEOUT", TIMEOUT))

    def census(self) -> dict[str, Any]:
        """Process and machine of each rank."""
        return {"ranks": self.gather_texts(f"process {os.getpid()} on {socket.gethostname()}")}

    def describe(self, share: float) -> str:
        """Such as "4 ranks, 3 % communication"."""
        return f"{self.size} ranks, {100.0 * share:.0f} % communication"

    def fail(self, message: str, status: int, error: BaseException) -> None:
        """Let one rank speak and all end."""
        say_and_abort(self, message, status, error)

    def abort(self, status: int) -> None:
        """End every rank now."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._world.Abort(status)

    # How it is done

    def _sum(self, values: NDArray[Any]) -> None:
        self._reduce(values, np.add, self._mpi.SUM)

    def _reduce(self, values: NDArray[Any], function: np.ufunc, operation: Any) -> None:
        begun = time.perf_counter()
        if self._machine is not None and values.nbytes <= LARGEST:
            self._machine.combine(values, function, self._limit)
        else:
            request = self._world.Iallreduce(self._mpi.IN_PLACE, values, operation)
            self._wait(request.Test, values.nbytes, self._limit)
        self.seconds += time.perf_counter() - begun

    def _broadcast(self, view: Any) -> None:
        host = np.array(view)
        self._wait(self._world.Ibcast(host).Test, host.nbytes)
        view[...] = host

    def _object(self, exchange: Callable[[], Any]) -> Any:
        """Exchange Python objects once everybody is there; that may take long, and sleeps."""
        begun = time.perf_counter()
        self._wait(self._world.Ibarrier().Test, 0, self._limit)
        found = exchange()
        self.seconds += time.perf_counter() - begun
        return found


def mpi() -> Any:
    """Import mpi4py, which starts MPI."""
    # Open MPI speaks of an error where it finds no use for UCX, and goes on.
    os.environ.setdefault("OMPI_MCA_osc_ucx_verbose", "-1")
    return require("mpi4py.MPI", "mpi4py", "mpi")


def _attempt(make: Callable[[], Any]) -> tuple[Any, tuple[str, int] | None]:
    """Give a value and no error, or no value and the error's message and status."""
    try:
        return make(), None
    except Exception as error:
        return None, (describe(error), status_of(error))
