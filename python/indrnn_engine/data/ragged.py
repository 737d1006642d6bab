"""Checks of arrays that a user brings, and their way into a `SequenceDataset`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import INT64_MAX, unmasked
from .sequences import SequenceDataset, is_real

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_dataset"]


def as_dataset(x: Any, y: Any = None, lengths: Any = None) -> SequenceDataset:
    """Check arrays and bring them to x [N, T, F], y [N] or [N, O], lengths [N].

    Parameters
    ----------
    x : array, or list of N arrays [T_n, F]
        [N, T, F], [N, T] (F = 1), or [sum of lengths, F]; a list is padded.
    y : array [N] or [N, O], optional
        None: zeros, for prediction.
    lengths : array [N], optional

    Returns
    -------
    SequenceDataset

    Raises
    ------
    ValueError
        Shapes that do not fit, lengths outside 1 to T, values that are not finite.
    TypeError
        Masked arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from indrnn_engine.data.ragged import as_dataset
    >>> ragged = as_dataset([np.zeros((3, 2)), np.zeros((5, 2))], np.array([0, 1]))
    >>> ragged.x.shape, ragged.lengths.tolist()
    ((2, 5, 2), [3, 5])
    """
    if isinstance(x, (list, tuple)):
        pieces = [unmasked("arrays", "x", piece) for piece in x]
        lengths = np.array([len(piece) for piece in pieces], np.int64)
        features = {piece.shape[1:] for piece in pieces}
        if len(features) != 1 or len(next(iter(features))) != 1:
            raise ValueError(
                f"[arrays] x must be a list of arrays [T_n, F] with one F, got {sorted(features)}"
            )
        x = np.concatenate(pieces)
    x = unmasked("arrays", "x", x)
    if x.dtype.kind not in "fiub":
        raise ValueError(f"[arrays] x must hold numbers, got {x.dtype}")
    if lengths is not None:
        lengths = _check_lengths(lengths)
        if x.ndim == 2:
            x = _pad(x, lengths)
    elif x.ndim == 2:
        x = x[:, :, None]
    if x.ndim != 3 or 0 in x.shape:
        raise ValueError(
            f"[arrays] x must have shape [N, T, F] without a zero, got {list(x.shape)}"
        )
    if lengths is not None:
        if lengths.shape != x.shape[:1]:
            raise ValueError(
                f"[arrays] lengths must have shape [{len(x)}], got {list(lengths.shape)}"
            )
        if lengths.max() > x.shape[1]:
            raise ValueError(
                f"[arrays] lengths must be at most T = {x.shape[1]}, got {lengths.max()}"
            )
    if x.dtype.kind == "f":
        _check_finite(x, lengths)
    return SequenceDataset(x, _check_targets(y, len(x)), lengths)


def _check_finite(x: NDArray[Any], lengths: NDArray[np.int64] | None) -> None:
    bad = ~np.isfinite(x).all(axis=2)
    if lengths is not None:
        bad &= is_real(x.shape[1], lengths)  # padding is never read
    if bad.any():
        sample, step = np.argwhere(bad)[0]
        raise ValueError(f"[arrays] x must be finite, and is not at sequence {sample}, step {step}")


def _check_lengths(lengths: Any) -> NDArray[np.int64]:
    array = unmasked("arrays", "lengths", lengths)
    if array.ndim != 1 or len(array) == 0 or array.dtype.kind not in "iu":
        raise ValueError(
            f"[arrays] lengths must be integers of shape [N], got {array.dtype} {list(array.shape)}"
        )
    if array.max() > INT64_MAX:  # would be negative as int64
        raise ValueError(f"[arrays] lengths must be at most {INT64_MAX}, got {array.max()}")
    array = array.astype(np.int64)
    if array.min() < 1:
        raise ValueError(f"[arrays] lengths must be at least 1, got {array.min()}")
    return array


def _pad(x: NDArray[Any], lengths: NDArray[np.int64]) -> NDArray[Any]:
    total = sum(lengths.tolist())  # of Python's integers, which do not wrap around
    if total != len(x):
        raise ValueError(
            f"[arrays] x of shape [steps, F] must hold sum(lengths) = {total} steps, got {len(x)}"
        )
    padded = np.zeros((len(lengths), int(lengths.max()), x.shape[1]), x.dtype)
    real = is_real(padded.shape[1], lengths)
    padded[real] = x
    return padded


def _check_targets(y: Any, samples: int) -> NDArray[Any]:
    if y is None:
        return np.zeros(samples, np.int64)
    targets: NDArray[Any] = unmasked("arrays", "y", y)
    fits = targets.ndim in (1, 2) and len(targets) == samples and 0 not in targets.shape
    if targets.dtype.kind not in "fiu" or not fits:
        raise ValueError(
            f"[arrays] y must be [{samples}] integers or [{samples}, O] floating, "
            f"got {targets.dtype} {list(targets.shape)}"
        )
    if targets.dtype.kind == "f":
        if not np.isfinite(targets).all():
            raise ValueError(
                f"[arrays] y must be finite, and is not at {np.argwhere(~np.isfinite(targets))[0]}"
            )
        return targets if targets.ndim == 2 else targets[:, None]
    if targets.ndim == 2:
        raise ValueError(
            f"[arrays] y of classes must have shape [{samples}], got {list(targets.shape)}"
        )
    if targets.min() < 0:
        raise ValueError(f"[arrays] y of classes must be at least 0, got {targets.min()}")
    if targets.max() > INT64_MAX:  # would be negative as int64
        raise ValueError(f"[arrays] y of classes must be below 2^63, got {targets.max()}")
    return targets.astype(np.int64)
