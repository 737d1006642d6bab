"""Time series classification problems of the UEA and UCR archives, through the package aeon.

aeon brings some of them (BasicMotions, JapaneseVowels, GunPoint, ...) and downloads the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..extras import require
from .batches import Data
from .moments import moments, real_steps
from .ragged import as_dataset
from .sequences import SequenceDataset, SequenceSource, held_out_samples, split_indices

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["load", "read"]


def read(
    name: str, data_dir: str | os.PathLike[str] | None = None
) -> tuple[SequenceDataset, SequenceDataset, list[str]]:
    """Read the published training and test series of a problem.

    Parameters
    ----------
    name : str
        Such as "BasicMotions".
    data_dir : path, optional
        Folder that holds (or is to hold) name/name_TRAIN.ts and name/name_TEST.ts; None: those
        that aeon brings, or a download into its own folder.

    Returns
    -------
    train, test : SequenceDataset
        x [N, T, F] with lengths where they differ, y int64 [N].
    classes : list of str
        Name of each class.

    Raises
    ------
    ImportError
        aeon is not installed.
    ValueError, OSError
        No such problem, or it cannot be downloaded, or it is damaged.
    """
    aeon = require("aeon.datasets", "aeon", "archives")
    folder = data_dir
    bundled = Path(aeon.__file__).parent / "data"
    if folder is None and (bundled / name).is_dir():
        folder = bundled
    if data_dir is not None and not Path(data_dir).is_dir():
        raise FileNotFoundError(f"[ucr] data_dir must be an existing folder, got {data_dir}")
    splits = [
        _load(aeon, name, split, None if folder is None else str(folder))
        for split in ("train", "test")
    ]
    (train_x, train_y), (test_x, test_y) = splits
    classes = sorted({str(label) for label in train_y})
    return _dataset(train_x, train_y, classes), _dataset(test_x, test_y, classes), classes


def _load(aeon: Any, name: str, split: str, folder: str | None) -> tuple[Any, Any]:
    try:
        x, y = aeon.load_classification(name, split=split, extract_path=folder)
    except Exception as error:  # of many kinds, from parsing to the network
        raise ValueError(
            f"[ucr] cannot load the {split} series of {name!r}: "
            f"{' '.join(str(error).split()) or type(error).__name__}"
        ) from error
    return x, y


def _dataset(x: Any, y: Any, classes: list[str]) -> SequenceDataset:
    """From aeon's form, [N, F, T] or a list of [F, T_n], to ours."""
    index = {label: number for number, label in enumerate(classes)}
    unknown = sorted({str(label) for label in y} - set(index))
    if unknown:
        raise ValueError(f"[ucr] the test series have classes that training has not: {unknown}")
    targets = np.array([index[str(label)] for label in y], np.int64)
    if isinstance(x, np.ndarray):
        return as_dataset(np.ascontiguousarray(x.transpose(0, 2, 1)), targets)
    return as_dataset([np.ascontiguousarray(series.T) for series in x], targets)


def load(
    *,
    name: str = "BasicMotions",
    data_dir: str | os.PathLike[str] | None = None,
    batch_size: int = 16,
    validation_fraction: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
    dtype: Any = "float32",
) -> Data:
    """Load a problem of the archives, with its published split.

    Parameters
    ----------
    name : str, default "BasicMotions"
    data_dir : path, optional
        See `read`.
    batch_size : int, default 16
    validation_fraction : float, default 0.0
        Share of the training series held out, drawn by `seed`; many problems have few of them.
    noise : float, default 0.0
        Deviation of the noise added to training series, which have a deviation of 1.
    seed : int, default 0
    dtype : str or dtype, default "float32"

    Returns
    -------
    Data
        Features of mean 0 and deviation 1 over the training series.

    Raises
    ------
    ImportError, ValueError, OSError
        See `read`.
    """
    train, test, classes = read(name, data_dir)
    if noise < 0.0:
        raise ValueError(f"[ucr] noise must be at least 0, got {noise}")
    fingerprint = train.fingerprint() + test.fingerprint()
    mean, deviation = moments("ucr", "x", real_steps(train.x, train.lengths))
    train, test = (
        SequenceDataset((part.x - mean) / deviation, part.y, part.lengths) for part in (train, test)
    )
    held_out = held_out_samples(len(train), validation_fraction)
    kept, validation = split_indices(len(train), held_out, seed)

    def disturb(x: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        return x + noise * random.standard_normal(x.shape, np.float32).astype(x.dtype)

    return Data(
        name=name,
        kind="classification",
        input_size=train.x.shape[2],
        output_size=len(classes),
        time_steps=max(train.x.shape[1], test.x.shape[1]),
        train=SequenceSource(
            train.take(kept), batch_size, dtype, shuffle=True, augment=disturb if noise else None
        ),
        validation=SequenceSource(train.take(validation), 256, dtype) if held_out else None,
        test=SequenceSource(test, 256, dtype),
        sizes={
            name: size
            for name, size in (("train", len(kept)), ("validation", held_out), ("test", len(test)))
            if size
        },
        metadata={
            "classes": classes,
            "input_mean": mean.tolist(),
            "input_deviation": deviation.tolist(),
        },
        fingerprint=fingerprint,
    )
