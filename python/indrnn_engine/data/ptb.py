"""Penn Treebank as characters or words, from the files of Mikolov's language model benchmark.

They may not be passed on. The archive "simple-examples.tgz" of T. Mikolov's RNNLM page holds all
six in its folder data: ptb.char.train.txt, ptb.char.valid.txt, ptb.char.test.txt (symbols between
blanks, "_" for a blank itself), and ptb.train.txt, ptb.valid.txt, ptb.test.txt (a sentence a line).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .batches import Data, unpublished
from .streams import StreamSource
from .text import read

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["PUBLISHED", "load", "read_symbols"]

SPLITS = {"train": "train", "validation": "valid", "test": "test"}
LEVELS = ("char", "word")
END = "<eos>"

PUBLISHED = {
    "char": {"train": 5_017_483, "validation": 393_043, "test": 442_423, "symbols": 50},
    "word": {"train": 929_589, "validation": 73_760, "test": 82_430, "symbols": 10_000},
}
"""Symbols in each split, and different ones, of the files as they were published."""


def read_symbols(folder: Path, split: str, level: str) -> list[str]:
    """Read the symbols of one split.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file, not text, empty, or characters that are not separated by blanks.
    """
    prefix = "ptb.char" if level == "char" else "ptb"
    path = folder / f"{prefix}.{SPLITS[split]}.txt"
    if not path.is_file():
        raise FileNotFoundError(
            f"[ptb] {folder} must hold {path.name}; it is in the folder data of "
            "simple-examples.tgz, T. Mikolov's Penn Treebank files"
        )
    text = read(path)
    if level == "char":
        symbols = text.split()
        for number, symbol in enumerate(symbols):
            if len(symbol) != 1:
                raise ValueError(
                    f"[ptb] {path} must hold single characters between blanks, "
                    f"got {symbol[:20]!r} as number {number}"
                )
        symbols = [" " if symbol == "_" else symbol for symbol in symbols]
    else:
        symbols = [word for line in text.splitlines() for word in [*line.split(), END]]
    if len(symbols) < 2:
        raise ValueError(f"[ptb] {path} must hold at least 2 symbols, got {len(symbols)}")
    return symbols


def load(
    *,
    path: str | os.PathLike[str],
    level: str = "char",
    time_steps: int = 50,
    batch_size: int = 128,
    random_lengths: bool = True,
    drop_state: int = 0,
    evaluation_streams: int = 1,
    seed: int = 0,
    dtype: Any = "float32",
) -> Data:
    """Load Penn Treebank.

    Parameters
    ----------
    path : path
        Folder of the three files of the level.
    level : {"char", "word"}
    time_steps : int, default 50
        Symbols between two updates; the state is carried on.
    batch_size : int, default 128
        Streams read side by side.
    random_lengths : bool, default True
        Draws the length of each training batch; see `StreamSource`.
    drop_state : int, default 0
        A training batch starts from a zero state with chance 1 / drop_state; 0: never.
    evaluation_streams : int, default 1
        Streams that evaluation reads side by side, each from a zero state.
    seed, dtype
        Not used: the splits are given and symbols are int64.

    Returns
    -------
    Data
        `metadata["vocabulary"]`: the symbols of the training split, a string of characters or a
        list of words. `remarks` says where sizes are not the published ones.

    Raises
    ------
    ValueError, OSError
        A file is missing or not in the format, or holds a symbol that training has not.
    """
    del seed, dtype
    if level not in LEVELS:
        raise ValueError(f"[ptb] level must be char or word, got {level!r}")
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"[ptb] path must be an existing folder, got {folder}")
    splits = {split: read_symbols(folder, split, level) for split in SPLITS}
    vocabulary = sorted(set(splits["train"]))
    index = {symbol: number for number, symbol in enumerate(vocabulary)}
    encoded = {split: _encode(symbols, index, split) for split, symbols in splits.items()}
    sizes = {split: len(symbols) for split, symbols in splits.items()}
    sizes["symbols"] = len(vocabulary)
    digest = hashlib.sha256()
    for symbols in encoded.values():
        digest.update(symbols.data)
    return Data(
        name="ptb",
        kind="language",
        input_size=None,
        output_size=len(vocabulary),
        time_steps=time_steps,
        train=StreamSource(
            encoded["train"],
            time_steps,
            batch_size,
            offset=True,
            random_lengths=random_lengths,
            drop_state=drop_state,
        ),
        validation=StreamSource(encoded["validation"], time_steps, evaluation_streams),
        test=StreamSource(encoded["test"], time_steps, evaluation_streams),
        sizes=sizes,
        metadata={
            "vocabulary": "".join(vocabulary) if level == "char" else vocabulary,
            "level": level,
        },
        fingerprint=digest.hexdigest(),
        remarks=unpublished(sizes, PUBLISHED[level]),
    )


def _encode(symbols: list[str], index: dict[str, int], split: str) -> NDArray[np.int64]:
    try:
        return np.fromiter((index[symbol] for symbol in symbols), np.int64, len(symbols))
    except KeyError as error:
        raise ValueError(
            f"[ptb] the {split} split holds {error.args[0]!r}, which the training split has not"
        ) from error
