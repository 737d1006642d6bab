"""A checkpoint is one .safetensors file: arrays by name, everything else as JSON in its metadata.

One file, renamed into place, cannot disagree with itself: weights, optimizer state, best weights so
far, carried state, counters and random state are always those of one step. A digest over all of it
tells a file whose bytes have changed; the checkpoint before stays beside it as a second one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["previous", "read_checkpoint", "write_checkpoint"]

FORMAT = "indrnn_engine.checkpoint"
VERSION = "2"


def previous(path: Path) -> Path:
    """Give where `write_checkpoint` keeps the checkpoint that it replaces."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def write_checkpoint(path: Path, arrays: dict[str, NDArray[Any]], values: dict[str, Any]) -> None:
    """Write arrays and JSON values atomically; what was there stays as `previous(path)`.

    Raises
    ------
    OSError
        It cannot be written; the checkpoints before are as they were.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps(values)
    metadata = {
        "format": FORMAT,
        "format_version": VERSION,
        "values": text,
        "digest": _digest(contiguous, text),
    }
    content = save(contiguous, metadata)
    spare = path.with_name(f".{path.name}.spare.tmp")
    spare.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # none there yet, or a file system without links
        os.link(path, spare)  # a second name of the old file: nothing is copied
    try:
        write_atomically(path, content)
    except BaseException:
        spare.unlink(missing_ok=True)
        raise
    if spare.exists():
        spare.replace(previous(path))


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
            text = metadata["values"]
            arrays = {name: opened.get_tensor(name) for name in list(opened.keys())}
            if metadata.get("digest") != _digest(arrays, text):
                raise ValueError("its content is not what was written")
            return arrays, json.loads(text)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"[checkpoint] cannot read {path}: {error}") from error


def _digest(arrays: dict[str, NDArray[Any]], text: str) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
