"""One process, and what it would ask of others: the base of `MPIRanks`.

Code that trains calls these methods and need not know whether it is alone. Alone, each gives back
what it was given. The ones marked *together* must be called by every rank, in the same order.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..data import BatchSource
    from ..network import Network
    from ..state import State

__all__ = ["Ranks"]

T = TypeVar("T")


class Ranks:
    """A process that trains alone.

    Attributes
    ----------
    rank, size : int
        Which process of how many this is.
    seconds : float
        Time spent in communication, and in waiting for the others there.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ranks = ie.distributed.Ranks()
    >>> ranks.size, ranks.mean({"loss": 2.0}, 1.0), ranks.any(False, True)
    (1, ({'loss': 2.0}, 1.0), (False, True))
    """

    rank = 0
    size = 1
    seconds = 0.0

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes files and speaks to the user."""
        return self.rank == 0

    # A network

    def attach(self, net: Network, *, joined_norms: bool = True) -> None:
        """Give the network the weights of rank 0 and join its batch norms (*together*)."""

    def join_norms(self, net: Network) -> None:
        """Let batch norms count the sequences of all ranks, if those of `attach` do."""

    def settle(self, net: Network) -> None:
        """Average running statistics that ranks have each for themselves (*together*)."""

    def place(self, net: Network, first: int) -> None:
        """Say which place in the whole batch the next forward's first sequence has."""

    def sum_gradients(self, net: Network) -> None:
        """Add up the gradients of all ranks (*together*)."""

    def check_equal(self, net: Network) -> None:
        """Check that all ranks have the same weights (*together*).

        Raises
        ------
        RanksDifferError
        """

    # Batches

    def split(self, source: BatchSource) -> BatchSource:
        """Give a source of this rank's shares of the batches."""
        return source

    def share(self, array: NDArray[Any], axis: int = 0) -> NDArray[Any]:
        """Give this rank's share of an array along the axis of the sequences.

        Parameters
        ----------
        array : array [..., B, ...]
        axis : int, default 0
            Of B: 1 for x [T, B, I].

        Returns
        -------
        view of `array`

        Raises
        ------
        ValueError
            Fewer sequences than ranks.
        """
        del axis
        return array

    def weigh(self, loss: float, gradient: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """Turn the mean over this rank's share into that over the whole batch (*together*).

        Parameters
        ----------
        loss : float
            Mean over the last `share`.
        gradient : array
            Its gradient with respect to the network's output.

        Returns
        -------
        loss : float
            Mean over the whole batch.
        gradient : array
            Of that.
        """
        return loss, gradient

    # Agreement

    def mean(self, values: dict[str, float], weight: float) -> tuple[dict[str, float], float]:
        """Give the weighted means over all ranks, and the sum of the weights (*together*).

        A rank of weight 0 has no say; with no weight at all the means are 0.
        """
        return values, weight

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Say of each flag whether it is set on any rank (*together*)."""
        return flags

    def first(self, make: Callable[[], T]) -> T:
        """Give what rank 0 makes; an error there is raised on all ranks (*together*)."""
        return make()

    def together(self, make: Callable[[], T]) -> T:
        """Give what each rank makes; an error on one is raised on all (*together*)."""
        return make()

    def in_turn(self, make: Callable[[], T]) -> T:
        """As `together`, the other ranks after rank 0 (*together*)."""
        return make()

    def gather_texts(self, text: str) -> list[str]:
        """Give the texts of all ranks (*together*)."""
        return [text]

    # The state that is carried on

    def gather_state(self, net: Network, state: State | None, total: int) -> State | None:
        """Join the states of the shares of `total` sequences (*together*); None but on rank 0."""
        del net, total
        return state

    def share_state(self, net: Network, state: State | None) -> State | None:
        """Give this rank's share of the state of a whole batch."""
        del net
        return state

    # The end

    def watch(self) -> None:
        """Bound the time that this rank waits for the others, from now on."""

    def census(self) -> dict[str, Any]:
        """Say who takes part, for the configuration of a run (*together*)."""
        return {}

    def describe(self, share: float) -> str:
        """Say for the progress bar which share of the time went into communication."""
        del share
        return ""

    def fail(self, message: str, status: int, error: BaseException) -> None:
        """Print one message for all ranks, and end those that do not know of the error."""
        del status, error
        print(f"error: {message}", file=sys.stderr, flush=True)  # noqa: T201
