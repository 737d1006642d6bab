"""Any text file as a stream of characters, for language models whose state is carried on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .batches import TRAIN, Batch, BatchSource, Data, generator

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["StreamSource", "decode", "encode", "load"]


class StreamSource(BatchSource):
    """Consecutive pieces of B parallel streams; the target of a symbol is the one that follows it.

    The symbols are cut into `batch_size` streams of equal length, read side by side, `time_steps`
    at a time. The first batch of an epoch starts from a zero state, the others carry on.

    Parameters
    ----------
    symbols : int64 ndarray [N]
    time_steps, batch_size : int
    offset : bool, default False
        Starts each epoch at a random symbol among the first `time_steps`, so that pieces differ
        between epochs.
    """

    def __init__(
        self, symbols: NDArray[np.int64], time_steps: int, batch_size: int, *, offset: bool = False
    ) -> None:
        for name, value in (("time_steps", time_steps), ("batch_size", batch_size)):
            if value < 1:
                raise ValueError(f"[text] {name} must be at least 1, got {value}")
        spare = time_steps if offset else 1
        self._stream_length = (len(symbols) - spare) // batch_size
        if self._stream_length < 1:
            raise ValueError(
                f"[text] {len(symbols)} symbols are too few for {batch_size} streams "
                f"of {time_steps} steps"
            )
        self.symbols = symbols
        self.time_steps = min(time_steps, self._stream_length)
        self.batch_size = batch_size
        self.offset = offset

    def num_batches(self) -> int:
        """Batches in one epoch; with an offset a rest below `time_steps` is left out."""
        if self.offset:
            return self._stream_length // self.time_steps
        return -(-self._stream_length // self.time_steps)

    def batch(self, seed: int, epoch: int, position: int) -> Batch:
        """x, y int64 [T, B]."""
        shift = (
            int(generator(TRAIN, seed, epoch).integers(0, self.time_steps)) if self.offset else 0
        )
        first = position * self.time_steps
        steps = min(self.time_steps, self._stream_length - first)
        starts = shift + first + self._stream_length * np.arange(self.batch_size)
        index = starts[None, :] + np.arange(steps)[:, None]
        return Batch(self.symbols[index], self.symbols[index + 1], carry=position > 0)


def encode(text: str, vocabulary: str) -> NDArray[np.int64]:
    """Index in `vocabulary` of every character of `text`.

    Raises
    ------
    ValueError
        A character is not in the vocabulary.
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
        return Path(path).read_bytes().decode("utf-8-sig")
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
        train=StreamSource(symbols[:kept], time_steps, batch_size, offset=True),
        validation=validation,
        sizes={"train": kept, "validation": held_out, "symbols": len(vocabulary)},
        metadata={"vocabulary": vocabulary},
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
    )
