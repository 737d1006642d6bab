"""Threads, devices and versions of the engine in this process."""

from __future__ import annotations

from . import _checks, _core, _cuda, _threadpoolctl

__all__ = ["devices", "instruction_set", "num_threads", "set_num_threads", "version"]


def version() -> str:
    """Return the engine's version, "MAJOR.MINOR.PATCH"."""
    return _core.version()


def instruction_set() -> str:
    """Return the instruction set whose kernels run here: "baseline", "avx2" or "avx512"."""
    return _core.instruction_set()


def devices() -> list[str]:
    """Devices that a network can be made on: "cpu", and "cuda:0", "cuda:1", ... for each GPU.

    "cuda" is the first of those. Without a GPU, its driver or the CUDA backend the list is ["cpu"].

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> "cpu" in ie.devices()
    True
    """
    return ["cpu", *(f"cuda:{index}" for index in range(_cuda.count()))]


def num_threads() -> int:
    """Threads that one call may use; see `set_num_threads`."""
    _threadpoolctl.register()
    return _core.num_threads()


def set_num_threads(count: int) -> None:
    """Set how many threads one call may use. Results are the same bits for any number.

    The start value is the environment variable INDRNN_NUM_THREADS, else the cores this process may
    run on, at most the CPU quota of its container (rounded up). threadpoolctl lists and limits the
    engine too, where it was imported before the package or before a network is made.

    Parameters
    ----------
    count : int
        At least 1.

    Raises
    ------
    ValueError
        If `count` is below 1.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> before = ie.num_threads()
    >>> ie.set_num_threads(1)
    >>> ie.num_threads()
    1
    >>> ie.set_num_threads(before)
    """
    _threadpoolctl.register()
    _core.set_num_threads(_checks.integer("set_num_threads", "count", count, 1, 2**31 - 1))
