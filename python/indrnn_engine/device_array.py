"""Arrays in the memory of a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import DeviceArray
from ._core import to_device as _to_device
from .network import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DeviceArray", "to_device"]


def to_device(array: NDArray[Any], network: Network) -> DeviceArray:
    """Copy a NumPy array into the memory of a network's device.

    Parameters
    ----------
    array : array, float32, float64, int64 or bool
        Copied as it is.
    network : Network
        One on a CUDA device. The copy can be given to its `forward` and `backward`, which then give
        back arrays on the device too, and to the losses as targets or masks.

    Returns
    -------
    DeviceArray

    Raises
    ------
    ValueError
        If the network is on the CPU.
    TypeError
        For another dtype.
    MemoryError
        If the device has no memory left.
    """
    if not isinstance(network, Network):
        raise TypeError(f"[to_device] network must be a Network, got {type(network).__name__}")
    return _to_device(array, network._core)
