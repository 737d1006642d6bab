"""Ctrl-C and SIGTERM end training after the step in progress; a second Ctrl-C ends it at once.

A signal may come twice at the same time: from a terminal or a scheduler, which send it to all
processes, and from the parent of a rank, which forwards it.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from ..training import Trainer

__all__ = ["stopping_on_signals"]

SAME_SECONDS = 0.3  # within which a second signal is taken for the same one


@contextlib.contextmanager
def stopping_on_signals(trainer: Trainer) -> Iterator[list[int]]:
    """Give a list that holds the number of the signal that stopped the trainer, if one did."""
    received: list[int] = []
    first = 0.0
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal first
        if received:
            if time.monotonic() - first > SAME_SECONDS:
                raise KeyboardInterrupt
            return
        first = time.monotonic()
        received.append(number)
        trainer.stop()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in signals]
    try:
        yield received
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
