"""How a network's work on a GPU is ordered with that of other libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _checks

if TYPE_CHECKING:
    from ._core import Network as CoreNetwork


class Streams:
    """The stream of `Network` and those of others."""

    __slots__ = ()
    _core: CoreNetwork

    def synchronize(self) -> None:
        """Wait for all work that the network was given; on the CPU there is none left.

        Examples
        --------
        >>> import indrnn_engine as ie
        >>> ie.Network([ie.nn.IndRNN(4)], input_size=2).synchronize()
        """
        self._core.synchronize()

    def wait_for(self, stream: Any) -> None:
        """Order what the network is given from now on behind what a stream holds; nothing waits.

        Parameters
        ----------
        stream : int, torch.cuda.Stream, cupy.cuda.Stream or other
            The address of a cudaStream_t of the network's device, 0 for the default stream; or an
            object that has it as `__cuda_stream__`, `cuda_stream` or `ptr`.

        Raises
        ------
        ValueError
            If the network is on the CPU.
        TypeError
            For something that is no stream.
        RuntimeError
            If the device does not know the stream.

        Examples
        --------
        y is read by PyTorch, and then written by the next forward:

        >>> def loop(net, x, y, total, torch):  # doctest: +SKIP
        ...     for piece in x:
        ...         net.forward(piece, out=y)
        ...         total += torch.from_dlpack(y).sum()
        ...         net.wait_for(torch.cuda.current_stream())
        """
        self._core.wait_for(_handle("wait_for", stream))

    def let_wait(self, stream: Any) -> None:
        """Order what a stream is given from now on behind what the network holds; nothing waits.

        Parameters
        ----------
        stream : int, torch.cuda.Stream, cupy.cuda.Stream or other
            As for `wait_for`.

        Raises
        ------
        ValueError, TypeError, RuntimeError
            As for `wait_for`.

        Examples
        --------
        x is read by the network, and then written by PyTorch:

        >>> def loop(net, x, batches, torch):  # doctest: +SKIP
        ...     for batch in batches:
        ...         x.copy_(batch)
        ...         y, state = net.forward(x)
        ...         net.let_wait(torch.cuda.current_stream())
        """
        self._core.let_wait(_handle("let_wait", stream))


def _handle(operation: str, stream: Any) -> int:
    """Give the address of a cudaStream_t."""
    if hasattr(stream, "__cuda_stream__"):  # (version of the protocol, address)
        stream = stream.__cuda_stream__()[1]
    elif hasattr(stream, "cuda_stream"):  # PyTorch's
        stream = stream.cuda_stream
    elif hasattr(stream, "ptr"):  # CuPy's
        stream = stream.ptr
    return _checks.integer(operation, "stream", stream, 0, 2**64 - 1)
