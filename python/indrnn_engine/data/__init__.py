"""Data sources: each module gives `Data` through its `load`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import adding, arrays, digits, mnist, ptb, skeleton, text, ucr
from .batches import Batch, BatchSource, Data
from .prefetch import Prefetcher
from .sequences import SequenceDataset, SequenceSource
from .shares import SharedSource
from .streams import StreamSource

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
    "SharedSource",
    "StreamSource",
    "adding",
    "arrays",
    "digits",
    "mnist",
    "ptb",
    "skeleton",
    "text",
    "ucr",
]

SOURCES: dict[str, Callable[..., Data]] = {
    "adding": adding.load,
    "arrays": arrays.load,
    "digits": digits.load,
    "mnist": mnist.load,
    "ptb": ptb.load,
    "skeleton": skeleton.load,
    "text": text.load,
    "ucr": ucr.load,
}
"""Every source by the name that configurations and the command line use."""
