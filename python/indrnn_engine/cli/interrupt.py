"""Ctrl-C and SIGTERM end training after the step in progress; a second Ctrl-C ends it at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from ..training import Trainer

__all__ = ["stopping_on_signals"]


@contextlib.contextmanager
def stopping_on_signals(trainer: Trainer) -> Iterator[list[int]]:
    """Give a list that holds the number of the signal that stopped the trainer, if one did."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        trainer.stop()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in signals]
    try:
        yield received
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
