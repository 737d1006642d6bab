"""Waking ranks of one machine that sleep until the last of them has come.

A nap that ends by the clock is too long or costs too much: where ranks share a core, the one that
computes is interrupted for nothing again and again. A ring carries no data, and one that came too
early ends the next sleep; who sleeps looks for itself now and then all the same.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import uuid
from typing import Any

__all__ = ["Bell", "install"]

LONGEST = 0.05  # seconds


class Bell:
    """Wakes the other ranks, and sleeps until one of them does so.

    Parameters
    ----------
    names : list of str
        Of all ranks' bells, in the abstract namespace of Linux: there is no file to clear away.
    rank : int
        Which of them is this one's.

    Raises
    ------
    OSError
        No such sockets here.
    """

    def __init__(self, names: list[str], rank: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(names[rank])
        self._others = names[:rank] + names[rank + 1 :]

    def ring(self) -> None:
        """Wake the others; one that has gone, or has rings enough before it, is left alone."""
        for name in self._others:
            with contextlib.suppress(OSError):
                self._socket.sendto(b"", name)

    def sleep(self) -> None:
        """Sleep until a ring comes, at most LONGEST; rings of before end it, too."""
        select.select([self._socket], [], [], LONGEST)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(1)

    def close(self) -> None:
        """Take the bell down."""
        self._socket.close()


def install(world: Any) -> Bell | None:
    """Give every rank of one machine its bell (*together*); None where one of them cannot."""
    names = world.allgather(f"\0indrnn-{uuid.uuid4().hex}")
    bell = None
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            bell = Bell(names, world.rank)
    return bell if all(world.allgather(bell is not None)) else None
