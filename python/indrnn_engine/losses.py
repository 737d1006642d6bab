"""Losses: each gives the mean loss and its gradient with respect to the first argument.

Sums run in float64 in a fixed order, so the results are the same bits for any number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _core

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mean_squared_error", "softmax_cross_entropy"]


def softmax_cross_entropy(
    logits: NDArray[Any],
    targets: NDArray[Any],
    mask: NDArray[Any] | None = None,
    *,
    out: NDArray[Any] | None = None,
) -> tuple[float, NDArray[Any]]:
    """Mean of -log softmax(logits)[target] over the counted rows.

    Parameters
    ----------
    logits : array, float32 or float64 [..., C]
        Unnormalised log probabilities: [B, C], [T, B, C], ...
    targets : array, int64 [...]
        Class of each row, in [0, C).
    mask : array, bool [...], optional
        Which rows count; the others get zero gradient.
    out : array [..., C], optional
        Written and returned in place of a new gradient array. May be `logits` itself.

    Returns
    -------
    loss : float
    dlogits : array [..., C]
        (softmax(logits) - one_hot(targets)) / number of counted rows.

    Raises
    ------
    ValueError
        For shapes that do not fit or a target outside [0, C).
    TypeError
        For targets that are not int64 or a mask that is not bool.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> loss, gradient = ie.losses.softmax_cross_entropy(np.zeros((2, 4)), np.array([0, 3]))
    >>> round(loss, 4), gradient[0].tolist()
    (1.3863, [-0.375, 0.125, 0.125, 0.125])
    """
    return _core.softmax_cross_entropy(logits, targets, mask, out)


def mean_squared_error(
    y: NDArray[Any],
    target: NDArray[Any],
    mask: NDArray[Any] | None = None,
    *,
    out: NDArray[Any] | None = None,
) -> tuple[float, NDArray[Any]]:
    """Mean of (y - target)^2 over the counted elements.

    Parameters
    ----------
    y : array, float32 or float64 [..., F]
        Predictions.
    target : array [..., F]
        What they should be; dtype and shape as `y`.
    mask : array, bool [...], optional
        Which rows of F values count; the others get zero gradient.
    out : array [..., F], optional
        Written and returned in place of a new gradient array.

    Returns
    -------
    loss : float
    dy : array [..., F]
        2 (y - target) / number of counted elements.

    Raises
    ------
    ValueError
        For shapes that do not fit.
    TypeError
        For dtypes that differ or a mask that is not bool.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> y, target = np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]])
    >>> loss, gradient = ie.losses.mean_squared_error(y, target)
    >>> loss, gradient.ravel().tolist()
    (2.0, [0.0, 2.0])
    """
    return _core.mean_squared_error(y, target, mask, out)
