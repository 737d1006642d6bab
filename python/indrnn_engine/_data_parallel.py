"""What a network offers to data-parallel training: where its samples lie, and sums over ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _checks

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from ._core import Network as CoreNetwork


class DataParallelHooks:
    """The two hooks of `Network` for ranks that each train on a share of one batch."""

    __slots__ = ()
    _core: CoreNetwork

    def set_first_sample(self, index: int) -> None:
        """Tell which sample of the global batch is this network's sample 0; 0 at first.

        Where several ranks each train on a share of one batch, dropout and zoneout then draw what
        one network with the whole batch would draw.

        Parameters
        ----------
        index : int
            From 0 to 2**31 - 1; holds for the forwards that follow.

        Raises
        ------
        ValueError, TypeError
            For an index out of range, or no integer.

        Examples
        --------
        Two shares of a batch drop what the whole batch drops:

        >>> import numpy as np
        >>> import indrnn_engine as ie
        >>> x = np.ones((1, 4, 8))
        >>> def outputs(x, first_sample):
        ...     net = ie.Network([ie.nn.Dropout(0.5)], input_size=8, dtype="float64")
        ...     net.set_first_sample(first_sample)
        ...     return net.forward(x, training=True)[0]
        >>> shares = [outputs(x[:, :3], 0), outputs(x[:, 3:], 3)]
        >>> np.array_equal(np.concatenate(shares, axis=1), outputs(x, 0))
        True
        """
        self._core.set_first_sample(
            _checks.integer("set_first_sample", "index", index, 0, 2**31 - 1)
        )

    @property
    def first_sample(self) -> int:
        """Index, in the global batch, of this network's sample 0; see `set_first_sample`."""
        return self._core.first_sample

    def set_reduction(self, function: Callable[[NDArray[np.float64]], object] | None) -> None:
        """Let batch norms take their statistics over all ranks of a data-parallel training.

        Parameters
        ----------
        function : callable or None
            Called with one C-contiguous float64 array [n], which it must sum over all ranks, in
            place and to the same bits on each; its result is not used. None, as at first: batch
            statistics are those of this network's samples alone.

        Raises
        ------
        TypeError
            If it is neither.

        Notes
        -----
        It is called inside `forward` with `training=True` and inside the `backward` that follows,
        by the thread that runs them, one call at a time; never in a prediction or a `step`, and
        never by a network without `BatchNorm`. Every rank calls it as often, in the same order and
        with the same sizes, if layers, parameters, buffers, `random_state`, `memory`, the steps T
        and the options of the call are the same on all; shares of the batch may differ, and a rank
        with none calls `forward` and `backward` with B = 0.

        `gradients` stay this rank's share: their sum over the ranks is the gradient of the global
        batch. A `backward` uses the function that its `forward` used.

        What the function raises comes out of `forward` or `backward`. The network can be used on:
        state, `random_state` and `gradients` are as before the call (on a CUDA device gradients of
        later layers may have been added), batch norms before the failure may have updated their
        running statistics, and a `backward` needs a new `forward`. The function must not use the
        network: that raises RuntimeError.

        Copies, pickles and files of a network have no reduction.
        """
        if function is not None and not callable(function):
            raise TypeError(
                f"[set_reduction] function must be callable or None, got {_checks.got(function)}"
            )
        self._core.set_reduction(function)
