"""What there is on CUDA devices alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _checks, _core
from .device_state import DeviceState
from .optim import SGD, Adam

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .device_array import DeviceArray

__all__ = ["CapturedStep"]

LOSSES = ("softmax_cross_entropy", "mean_squared_error")


class CapturedStep:
    """A training step on a GPU, given to it as one CUDA graph.

    A step is: gradients to zero, forward in training, loss, backward, clipping, optimizer, bound on
    the recurrent weights. Given call by call, dozens of kernels are launched
    one by one, which can take longer than they run where the network or the batch is small.

    Parameters
    ----------
    optimizer : Adam or SGD
        Of a network on a CUDA device, which is trained.
    loss : {"softmax_cross_entropy", "mean_squared_error"}
    clip_value, clip_norm : float, optional
        Bounds on each gradient and, after that, on the norm of all: `optim.clip_gradients`.
    recurrent_bound : float, optional
        Of `optim.constrain_recurrent`, after the optimizer.
    state : DeviceState, optional
        Of the network. The forward starts from it and leaves there what it comes to: a language
        model's state goes on from batch to batch, and between steps it can be read, set or zeroed.
        Several steps, for batches of different lengths, may share one. Left out: each step starts
        from zero.

    Raises
    ------
    ValueError
        If the network is on the CPU, for another loss, a bound out of range or a state of another
        network.
    TypeError
        If `optimizer` or `state` is none.

    Notes
    -----
    The first call runs the step call by call, which makes its memory; the second captures it, and
    from then on the captured step is launched. All give the same bits. What may change between
    calls is read anew each time: the weights, the optimizer's rate, options, moments and steps,
    the network's `random_state`, from which dropout draws, and the state.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> if "cuda:0" in ie.devices():
    ...     layers = [ie.nn.IndRNN(8), ie.nn.LastStep(), ie.nn.Linear(3)]
    ...     net = ie.Network(layers, input_size=2, device="cuda")
    ...     adam = ie.optim.Adam(net, lr=1e-2)
    ...     step = ie.cuda.CapturedStep(adam, "softmax_cross_entropy", clip_norm=1.0)
    ...     x, classes = np.zeros((20, 4, 2), np.float32), np.array([0, 1, 2, 0])
    ...     for i in range(10):
    ...         adam.lr = 1e-2 / (1 + i)
    ...         loss, norm = step(x, classes)
    """

    __slots__ = ("_core", "_optimizer")

    def __init__(
        self,
        optimizer: Adam | SGD,
        loss: str,
        *,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        recurrent_bound: float | None = None,
        state: DeviceState | None = None,
    ) -> None:
        operation = "CapturedStep"
        if not isinstance(optimizer, Adam | SGD):
            raise TypeError(
                f"[{operation}] optimizer must be an Adam or SGD, got {_checks.got(optimizer)}"
            )
        if loss not in LOSSES:
            raise ValueError(f"[{operation}] loss must be one of {', '.join(LOSSES)}, got {loss!r}")
        if state is not None and not isinstance(state, DeviceState):
            raise TypeError(f"[{operation}] state must be a DeviceState, got {_checks.got(state)}")
        self._core = _core.CapturedStep(
            optimizer._core,
            loss,
            None if clip_value is None else _checks.positive(operation, "clip_value", clip_value),
            None if clip_norm is None else _checks.positive(operation, "clip_norm", clip_norm),
            None
            if recurrent_bound is None
            else _checks.non_negative(operation, "recurrent_bound", recurrent_bound),
            None if state is None else state._core,
        )
        self._optimizer = optimizer

    def __call__(
        self,
        x: NDArray[Any] | DeviceArray,
        targets: NDArray[Any] | DeviceArray,
        mask: NDArray[Any] | DeviceArray | None = None,
        lengths: NDArray[Any] | DeviceArray | None = None,
    ) -> tuple[float, float]:
        """Make one step with a batch, which is copied into the step's own buffers.

        Parameters
        ----------
        x : array [T, B, I] of the network's dtype, or int64 [T, B]
            Each array may lie on the host or on the device. All later calls must have the shapes,
            mask and lengths of the first; another shape needs a `CapturedStep` of its own.
        targets : array
            int64 classes, like the output without its last dimension; or, for the mean squared
            error, of the output's dtype and shape.
        mask : array, bool, optional
            Which rows of the output count; like the output without its last dimension.
        lengths : array, int64 [B], optional
            Steps of each sequence that are real.

        Returns
        -------
        loss : float
        norm : float
            Of all gradients, before they were clipped. Where it is not finite the update has spoilt
            the weights: see `restore_parameters`.

        Raises
        ------
        ValueError
            For shapes other than in the first call, a batch other than the state's, a class out of
            range on the host (on the device it makes the loss NaN), or a network with
            `set_reduction`.
        TypeError
            For another dtype.
        MemoryError
            If the device has no memory left.
        """
        return self._core.run(x, targets, mask, lengths)

    @property
    def optimizer(self) -> Adam | SGD:
        """The optimizer it steps."""
        return self._optimizer

    @property
    def captured(self) -> bool:
        """Whether the step has been captured, as the second call does."""
        return self._core.captured

    @property
    def correct(self) -> int:
        """Rows that counted in the last step and whose highest output was their target's.

        The first of several that are as high, as for `argmax`; 0 for the mean squared error.

        Raises
        ------
        ValueError
            Before the first step.
        """
        return self._core.correct

    @property
    def output(self) -> DeviceArray:
        """The network's output in the last step; the next one overwrites it.

        Raises
        ------
        ValueError
            Before the first step.
        """
        return self._core.output

    def restore_parameters(self) -> None:
        """Give the parameters the values they had before the last step.

        The optimizer's moments and the state stay as the step left them.

        Raises
        ------
        ValueError
            Before the first step.
        """
        self._core.restore_parameters()
