"""How several ranks end together when something goes wrong on one of them."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from .errors import is_agreed

if TYPE_CHECKING:
    from types import TracebackType

    from .mpi import MPIRanks

__all__ = ["catch_uncaught", "describe", "say_and_abort", "status_of"]

# Where several ranks fail of one cause, the lowest speaks and ends the others before they do.
PAUSE, LONGEST_PAUSE = 0.2, 3.0


def describe(error: BaseException) -> str:
    """Give the message of an error in one line."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError) and not str(error):
        return "out of memory"
    return " ".join(str(error).split()) or type(error).__name__


def status_of(error: BaseException) -> int:
    """Give the exit status of a program that ends by this error."""
    return int(getattr(error, "status", 2))


def say_and_abort(ranks: MPIRanks, message: str, status: int, error: BaseException) -> None:
    """Print one message for all ranks; where the others do not know of the error, end them."""
    if is_agreed(error):
        if ranks.is_first:
            print(f"error: {message}", file=sys.stderr, flush=True)  # noqa: T201
        return
    time.sleep(min(PAUSE * ranks.rank, LONGEST_PAUSE))
    print(f"error: rank {ranks.rank}: {message}", file=sys.stderr, flush=True)  # noqa: T201
    ranks.abort(status)


def catch_uncaught(ranks: MPIRanks) -> None:
    """Let an error that nobody catches end all ranks: the others would wait for ever."""
    before = sys.excepthook

    def end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not is_agreed(error):
            time.sleep(min(PAUSE * ranks.rank, LONGEST_PAUSE))
            before(kind, error, trace)
            print(  # noqa: T201
                f"error: rank {ranks.rank}: {describe(error)}", file=sys.stderr, flush=True
            )
            ranks.abort(1)
        elif ranks.is_first:
            before(kind, error, trace)

    sys.excepthook = end
