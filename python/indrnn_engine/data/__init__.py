"""Data sources: each module gives `Data` through its `load`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import adding, arrays, digits, mnist, text
from .batches import Batch, BatchSource, Data
from .prefetch import Prefetcher
from .sequences import SequenceDataset, SequenceSource

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "SOURCES",
    "Batch",
    "BatchSource",
    "Data",
    "Prefetcher",
    "SequenceDataset",
    "SequenceSource",
    "adding",
    "arrays",
    "digits",
    "mnist",
    "text",
]

SOURCES: dict[str, Callable[..., Data]] = {
    "adding": adding.load,
    "arrays": arrays.load,
    "digits": digits.load,
    "mnist": mnist.load,
    "text": text.load,
}
"""Every source by the name that configurations and the command line use."""
