"""Sequences of one's own from an .npz file.

    x        [N, T, F], [N, T] (F = 1), or [sum of lengths, F] with the sequences one behind the
    other lengths  [N], optional (needed for the last form): the steps of each sequence that are
    real y        [N] integers: classes; [N] or [N, O] floating: targets

Object arrays would need pickle, which runs code from the file, and are refused.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks
from .batches import Data
from .moments import check_fits, moments, real_steps
from .ragged import as_dataset
from .sequences import SequenceDataset, SequenceSource, held_out_samples, split_indices

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["as_dataset", "from_arrays", "load", "read"]


def read(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read the arrays of an .npz file.

    Raises
    ------
    ValueError
        Not an .npz file, damaged, or holding objects.
    OSError
        The file cannot be read.
    """
    try:
        with Path(path).open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            if not isinstance(loaded, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array; use numpy.savez(path, x=..., y=...)")
            with loaded:
                return {name: loaded[name] for name in loaded.files}
    except (
        ValueError,
        EOFError,
        KeyError,
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,  # of zipfile: encrypted, or packed in a way that it does not know
    ) as error:
        reason = str(error)
        if "allow_pickle" in reason or "pickled" in reason:
            reason = (
                "it is no array file, or holds objects; "
                "ragged sequences go in x [steps, F] with lengths [N]"
            )
        raise ValueError(f"[arrays] cannot read {path}: {reason}") from error


def load(
    *,
    path: str | os.PathLike[str],
    batch_size: int = 32,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    standardize: bool = True,
    seed: int = 0,
    dtype: Any = "float32",
) -> Data:
    """Load an .npz file with x, y and perhaps lengths; the options are those of `from_arrays`.

    Raises
    ------
    ValueError, OSError
        The file is missing or damaged, or its arrays do not fit.
    """
    arrays = read(path)
    for name in ("x", "y"):
        if name not in arrays:
            found = ", ".join(sorted(arrays)) or "nothing"
            raise ValueError(f"[arrays] {path} must hold x and y, got {found}")
    return from_arrays(
        arrays["x"],
        arrays["y"],
        arrays.get("lengths"),
        batch_size=batch_size,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        standardize=standardize,
        seed=seed,
        dtype=dtype,
    )


def from_arrays(
    x: Any,
    y: Any,
    lengths: Any = None,
    *,
    batch_size: int = 32,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    standardize: bool = True,
    seed: int = 0,
    dtype: Any = "float32",
) -> Data:
    """Arrays, split by `seed` into training, validation and test.

    Parameters
    ----------
    x, y, lengths : arrays
        See `as_dataset`.
    batch_size : int, default 32
    validation_fraction, test_fraction : float, default 0.1
    standardize : bool, default True
        Brings each feature, and each floating target, to mean 0 and deviation 1 over the training
        split; the values go into the model file and `indrnn predict` uses them.
    seed : int, default 0
    dtype : str or dtype, default "float32"

    Returns
    -------
    Data

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> x, y = np.random.default_rng(0).random((40, 10, 3)), np.arange(40) % 2
    >>> data = ie.data.arrays.from_arrays(x, y)
    >>> data.kind, data.output_size, data.sizes
    ('classification', 2, {'train': 32, 'validation': 4, 'test': 4})
    """
    seed = _checks.integer("arrays", "seed", seed, 0, 2**64 - 2)
    everything = as_dataset(x, y, lengths)
    fingerprint = everything.fingerprint()
    total = len(everything)
    if total < 2:
        raise ValueError(f"[arrays] x must hold at least 2 sequences, got {total}")
    tested = held_out_samples(total, test_fraction)
    kept, test = split_indices(total, tested, seed)
    held_out = held_out_samples(len(kept), validation_fraction) if len(kept) > 1 else 0
    train, validation = split_indices(len(kept), held_out, seed + 1)

    classes = everything.y.ndim == 1
    metadata: dict[str, Any] = {}
    if standardize:
        everything, metadata = _standardize(everything, kept[train])
    check_fits("arrays", "x", everything.x, dtype, everything.lengths)
    check_fits("arrays", "y", everything.y, dtype)
    parts = [everything.take(index) for index in (kept[train], kept[validation], test)]
    return Data(
        name="arrays",
        kind="classification" if classes else "regression",
        input_size=everything.x.shape[2],
        output_size=int(everything.y.max()) + 1 if classes else everything.y.shape[1],
        time_steps=everything.x.shape[1],
        train=SequenceSource(parts[0], batch_size, dtype, shuffle=True),
        validation=SequenceSource(parts[1], 256, dtype) if len(parts[1]) else None,
        test=SequenceSource(parts[2], 256, dtype) if len(parts[2]) else None,
        sizes={
            name: len(part)
            for name, part in zip(("train", "validation", "test"), parts, strict=True)
            if len(part)
        },
        metadata=metadata,
        fingerprint=fingerprint,
    )


def _standardize(
    data: SequenceDataset, train: NDArray[np.int64]
) -> tuple[SequenceDataset, dict[str, list[float]]]:
    """Bring features and floating targets to mean 0, deviation 1 over `train`."""
    lengths = None if data.lengths is None else data.lengths[train]
    mean, deviation = moments("arrays", "x", real_steps(data.x[train], lengths))
    metadata = {"input_mean": mean.tolist(), "input_deviation": deviation.tolist()}
    x = (data.x - mean) / deviation
    y = data.y
    if y.ndim == 2:
        mean, deviation = moments("arrays", "y", y[train])
        metadata |= {"target_mean": mean.tolist(), "target_deviation": deviation.tolist()}
        y = (y - mean) / deviation
    return SequenceDataset(x, y, data.lengths), metadata
