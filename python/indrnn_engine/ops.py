"""The recurrence alone, on arrays: h_t = act(z_t + u * h_{t-1})   (Li et al., CVPR 2018, eq. 2).

Letters in shapes: T time steps, B batch, H neurons. All arrays of a call are float32, or all are
float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _core

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["indrnn_backward", "indrnn_forward"]


def indrnn_forward(
    z: NDArray[Any],
    u: NDArray[Any],
    h0: NDArray[Any] | None = None,
    activation: str = "relu",
    lengths: NDArray[Any] | None = None,
    *,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Run the recurrence over time.

    Parameters
    ----------
    z : array, float32 or float64 [T, B, H]
        What comes into each neuron at each step.
    u : array [H]
        Recurrent weights.
    h0 : array [B, H], optional
        State before the first step; zeros if left out.
    activation : str, default "relu"
        "relu", "tanh", "sigmoid" or "identity".
    lengths : integer array [B], optional
        Where each sequence ends, from 0 to T; h is zero past it.
    out : array [T, B, H], optional
        Written and returned in place of a new array: same dtype, C-contiguous and writable. May be
        `z` itself.

    Returns
    -------
    h : array [T, B, H]

    Raises
    ------
    ValueError
        For a wrong shape, a length outside [0, T] or an unknown activation.
    TypeError
        For a dtype other than that of `z`; nothing is cast.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> z = np.ones((4, 1, 2))
    >>> ie.ops.indrnn_forward(z, np.array([0.5, 1.0]))[:, 0].tolist()
    [[1.0, 1.0], [1.5, 2.0], [1.75, 3.0], [1.875, 4.0]]
    """
    return _core.indrnn_forward(z, u, h0, activation, lengths, out)


def indrnn_backward(
    dh: NDArray[Any],
    h: NDArray[Any],
    u: NDArray[Any],
    h0: NDArray[Any] | None = None,
    activation: str = "relu",
    lengths: NDArray[Any] | None = None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Gradients of `indrnn_forward` from the gradient of its output.

    Parameters
    ----------
    dh : array, float32 or float64 [T, B, H]
        Gradient of each h; not read past a sequence's length.
    h : array [T, B, H]
        What the forward gave.
    u, h0, activation, lengths
        As they were given to the forward.

    Returns
    -------
    dz : array [T, B, H]
        Zero past a sequence's length.
    du : array [H]
    dh0 : array [B, H]

    Raises
    ------
    ValueError
        For a wrong shape, a length outside [0, T] or an unknown activation.
    TypeError
        For a dtype other than that of `h`.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> u = np.array([0.5])
    >>> h = ie.ops.indrnn_forward(np.ones((3, 1, 1)), u)
    >>> dz, du, dh0 = ie.ops.indrnn_backward(np.ones((3, 1, 1)), h, u)
    >>> dz.ravel().tolist(), du.tolist(), dh0.tolist()
    ([1.75, 1.5, 1.0], [3.0], [[0.875]])
    """
    return _core.indrnn_backward(dh, h, u, h0, activation, lengths)
