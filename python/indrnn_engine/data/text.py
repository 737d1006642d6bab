"""Any text file as a stream of characters, for language models whose state is carried on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .batches import Data
from .streams import StreamSource

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["decode", "encode", "load"]


def encode(text: Sequence[str], vocabulary: Sequence[str]) -> NDArray[np.int64]:
    """Index in `vocabulary` of every character of `text`, or of every word of a list.

    Raises
    ------
    ValueError
        A symbol is not in the vocabulary.
    """
    index = {symbol: number for number, symbol in enumerate(vocabulary)}
    try:
        return np.fromiter((index[symbol] for symbol in text), np.int64, len(text))
    except KeyError as error:
        raise ValueError(
            f"[text] {error.args[0]!r} is not among the {len(index)} known symbols"
        ) from error


def decode(symbols: NDArray[np.int64], vocabulary: str) -> str:
    """Give the text of an index array: the inverse of `encode`."""
    return "".join(vocabulary[symbol] for symbol in symbols)


def read(path: str | os.PathLike[str]) -> str:
    """Read the text of a UTF-8 file.

    Raises
    ------
    ValueError
        Not UTF-8.
    OSError
        The file cannot be read.
    """
    try:
        path = Path(path)
        if not (path.is_file() or path.is_dir()) and path.exists():  # a device may never end
            raise OSError(f"[text] {path} must be a regular file")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"[text] {path} must be UTF-8 text: {error.reason} at byte {error.start}"
        ) from error


def load(
    *,
    path: str | os.PathLike[str],
    time_steps: int = 100,
    batch_size: int = 32,
    validation_fraction: float = 0.1,
    evaluation_streams: int = 8,
    random_lengths: bool = False,
    drop_state: int = 0,
    seed: int = 0,
    dtype: Any = "float32",
) -> Data:
    """Load a text file, its last characters held out for validation.

    Parameters
    ----------
    path : path
        A UTF-8 text file.
    time_steps : int, default 100
        Characters between two updates; the state is carried on.
    batch_size : int, default 32
        Streams read side by side.
    validation_fraction : float, default 0.1
        Share of the file, from its end.
    evaluation_streams : int, default 8
        Streams that evaluation reads side by side, each from a zero state.
    random_lengths : bool, default False
        Draws the length of each training batch; see `StreamSource`.
    drop_state : int, default 0
        A training batch starts from a zero state with chance 1 / drop_state; 0: never.
    seed, dtype
        Not used: the split is by position and symbols are int64.

    Returns
    -------
    Data
        `metadata["vocabulary"]` is the sorted string of all characters.

    Raises
    ------
    ValueError, OSError
        The file is missing, not text, or too short.
    """
    del seed, dtype
    if not 0.0 <= validation_fraction < 1.0:
        raise ValueError(f"[text] validation_fraction must be in [0, 1), got {validation_fraction}")
    text = read(path)
    if len(text) < 2:
        raise ValueError(f"[text] {path} must hold at least 2 characters, got {len(text)}")
    vocabulary = "".join(sorted(set(text)))
    symbols = encode(text, vocabulary)
    held_out = round(len(symbols) * validation_fraction)
    kept = len(symbols) - held_out
    validation = None
    if held_out:
        validation = StreamSource(
            symbols[kept:], time_steps, min(evaluation_streams, max(held_out // 2, 1))
        )
    return Data(
        name="text",
        kind="language",
        input_size=None,
        output_size=len(vocabulary),
        time_steps=time_steps,
        train=StreamSource(
            symbols[:kept],
            time_steps,
            batch_size,
            offset=True,
            random_lengths=random_lengths,
            drop_state=drop_state,
        ),
        validation=validation,
        sizes={"train": kept, "validation": held_out, "symbols": len(vocabulary)},
        metadata={"vocabulary": vocabulary},
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
    )
