"""Mean and deviation of features and targets, and whether numbers fit into a dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .sequences import is_real

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_fits", "moments", "real_steps"]


def real_steps(x: NDArray[Any], lengths: NDArray[np.int64] | None) -> NDArray[Any]:
    """Give the steps of all sequences of x [N, T, F] that are no padding, [steps, F]."""
    if lengths is None:
        return x.reshape(-1, x.shape[2])
    return x[is_real(x.shape[1], lengths)]


def moments(
    where: str, name: str, values: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each column of `values` [count, F]; 1 where a column is constant.

    Raises
    ------
    ValueError
        A mean or a deviation is more than float64 holds.

    Examples
    --------
    >>> import numpy as np
    >>> from indrnn_engine.data.moments import moments
    >>> mean, deviation = moments("arrays", "x", np.array([[0.1, 1.0], [0.1, 3.0], [0.1, 5.0]]))
    >>> deviation.round(3).tolist()
    [1.0, 1.633]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = values.mean(axis=0, dtype=np.float64)
        deviation = values.std(axis=0, dtype=np.float64)
    bad = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(deviation)))
    if len(bad):
        raise ValueError(
            f"[{where}] {name} must be small enough for its mean and deviation to be finite, and "
            f"is not at feature {bad[0]}"
        )
    # The mean of a constant is off by a rounding error of the sum, and so is each value from it.
    rounding = len(values) * np.finfo(np.float64).eps * np.abs(mean)
    return mean, np.where(deviation > rounding, deviation, 1.0)


def check_fits(
    where: str,
    name: str,
    values: NDArray[Any],
    dtype: Any,
    lengths: NDArray[np.int64] | None = None,
) -> None:
    """Check that no finite value of `values` [N, ...] becomes infinite in `dtype`.

    Raises
    ------
    ValueError
        Names the index of the first that does; with `lengths`, padding [N, T, F] does not count.
    TypeError
        The dtype is not floating.
    """
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"[{where}] dtype must be float32 or float64, got {np.dtype(dtype)}")
    if values.dtype.kind != "f" or values.size == 0:
        return
    most = float(np.finfo(dtype).max)
    highest, lowest = np.fmax.reduce(values, axis=None), np.fmin.reduce(values, axis=None)
    if highest <= most and lowest >= -most:
        return  # found without an array more
    bad = np.isfinite(values) & ((values > most) | (values < -most))
    if lengths is not None:
        bad &= is_real(values.shape[1], lengths)[:, :, None]
    if bad.any():
        at = np.argwhere(bad)[0].tolist()
        raise ValueError(
            f"[{where}] {name} must fit into {np.dtype(dtype)}, and does not at {at}: "
            f"{values[tuple(at)]}"
        )
