"""Reader of the IDX format of MNIST: magic, sizes (big endian, 32 bits each), then unsigned bytes.

Files are treated as hostile: nothing is allocated before the header has been checked, and no more
is read than it declares.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["IMAGES_MAGIC", "LABELS_MAGIC", "read_idx"]

IMAGES_MAGIC = 2051
LABELS_MAGIC = 2049
MAX_BYTES = 1 << 31


def read_idx(path: Path, magic: int) -> NDArray[np.uint8]:
    """Read the array of an IDX file, gzipped or not.

    Parameters
    ----------
    path : Path
        A name ending in .gz is decompressed.
    magic : int
        `IMAGES_MAGIC` ([N, rows, columns]) or `LABELS_MAGIC` ([N]).

    Raises
    ------
    ValueError
        Wrong magic, impossible sizes, truncated, too long or corrupt.
    OSError
        The file cannot be read.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as stream:
            return _read(cast("BinaryIO", stream), path, magic)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"[mnist] {path} is truncated or corrupt: {error}") from error


def _read(stream: BinaryIO, path: Path, magic: int) -> NDArray[np.uint8]:
    dimensions = magic & 0xFF
    header = stream.read(4 + 4 * dimensions)
    if len(header) >= 4 and struct.unpack(">i", header[:4])[0] != magic:
        found = struct.unpack(">i", header[:4])[0]
        raise ValueError(f"[mnist] {path} must start with the magic number {magic}, got {found}")
    if len(header) < 4 + 4 * dimensions:
        raise ValueError(f"[mnist] {path} is truncated: its header has {len(header)} bytes")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    size = 1
    for extent in shape:
        size *= extent
    if not 0 < size <= MAX_BYTES:
        raise ValueError(f"[mnist] {path} declares the impossible shape {shape}")
    values = stream.read(size + 1)
    if len(values) != size:
        state = "truncated" if len(values) < size else "too long"
        found_bytes = str(len(values)) if len(values) < size else "more"
        raise ValueError(
            f"[mnist] {path} is {state}: shape {shape} needs {size} bytes, got {found_bytes}"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)
