"""Batches made ahead of time on a background thread."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from .batches import Batch, BatchSource

__all__ = ["Prefetcher"]


class Prefetcher:
    """Endless (epoch, position, batch) from a source, made by a thread that runs ahead.

    Use it as a context manager: leaving it ends the thread.

    Parameters
    ----------
    source : BatchSource
    seed, epoch, position : int
        Where to start.
    depth : int, default 4
        Batches to have ready.
    """

    def __init__(
        self, source: BatchSource, seed: int, epoch: int = 0, position: int = 0, depth: int = 4
    ) -> None:
        self._source = source
        self._seed = seed
        self._start = (epoch, position)
        self._ready: queue.Queue[tuple[int, int, Batch] | BaseException] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="indrnn-prefetch", daemon=True)

    def __enter__(self) -> Prefetcher:  # noqa: PYI034 - Self needs Python 3.11
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def __iter__(self) -> Iterator[tuple[int, int, Batch]]:
        return self

    def __next__(self) -> tuple[int, int, Batch]:
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def _run(self) -> None:
        epoch, position = self._start
        try:
            while not self._stopped.is_set():
                if position >= self._source.num_batches():
                    epoch, position = epoch + 1, 0
                if not self._put(
                    (epoch, position, self._source.batch(self._seed, epoch, position))
                ):
                    return
                position += 1
        except BaseException as error:  # handed to the consumer, which raises it
            self._put(error)

    def _put(self, item: tuple[int, int, Batch] | BaseException) -> bool:
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
