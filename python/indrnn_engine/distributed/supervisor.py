"""A parent for each rank of the command line, which says what ended it if it could not itself.

A process that is killed, by a person, by the kernel for want of memory or by a fault of its own,
says nothing, and not every `mpiexec` says which rank it was. The parent holds what the starter
watches, so that it speaks before the starter ends the other ranks.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from .environment import launched_rank, launched_size

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["supervise"]

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def supervise() -> None:
    """Return in a child process; the parent waits for it, and ends as it does.

    Nothing happens in a process that was started alone, or where the system cannot do it.
    """
    if launched_size() == 1 or not sys.platform.startswith("linux"):
        return
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:  # it died in between
            os._exit(1)
        return

    def forward(number: int, _frame: FrameType | None) -> None:
        os.kill(child, number)

    for forwarded in FORWARDED:
        signal.signal(forwarded, forward)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        os._exit(os.waitstatus_to_exitcode(status))
    number = os.WTERMSIG(status)
    message = (
        f"error: rank {launched_rank()} (process {child} on {socket.gethostname()}) was ended by "
        f"signal {number} ({signal.Signals(number).name}); continue with: indrnn train --resume"
    )
    os.write(2, f"{message}\n".encode())  # in one piece
    os._exit(128 + number)
