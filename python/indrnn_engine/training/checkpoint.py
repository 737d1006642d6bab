"""A checkpoint is one .safetensors file: arrays by name, everything else as JSON in its metadata.

One file, renamed into place, cannot disagree with itself: weights, optimizer state, best weights so
far, carried state, counters and random state are always those of one step.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_checkpoint", "write_checkpoint"]

FORMAT = "indrnn_engine.checkpoint"
VERSION = "1"


def write_checkpoint(path: Path, arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
    """Write arrays and JSON values atomically."""
    metadata = {"format": FORMAT, "format_version": VERSION, "values": json.dumps(values)}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(path, save(contiguous, metadata))


def read_checkpoint(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    ValueError
        Truncated, corrupt, no checkpoint, or of a later version.
    OSError
        The file is missing or cannot be read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"[checkpoint] {path} must be an existing file")
    try:
        with safe_open(path, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError("it is no checkpoint")
            if metadata.get("format_version") != VERSION:
                raise ValueError(
                    f"it has version {metadata.get('format_version')}, known is {VERSION}"
                )
            values = json.loads(metadata["values"])
            names = list(opened.keys())
            return {name: opened.get_tensor(name) for name in names}, values
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(f"[checkpoint] cannot read {path}: {error}") from error
