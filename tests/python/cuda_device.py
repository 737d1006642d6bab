"""What the tests of CUDA devices share: where they run, and arrays of other libraries.

They need a GPU, or the emulated device: INDRNN_CUDA_LIBRARY names the library that
-DINDRNN_CUDA_EMULATION=ON builds (docs/cuda.md).
"""

from __future__ import annotations

import ctypes
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from indrnn_engine import _cuda

if TYPE_CHECKING:
    import indrnn_engine as ie

LIBRARY = os.environ.get("INDRNN_CUDA_LIBRARY", "")


def require_cuda() -> None:
    """Skip the module where there is no CUDA device."""
    problem = _cuda.problem()
    if problem:
        pytest.skip(f"no CUDA device: {problem}", allow_module_level=True)


def emulator() -> ctypes.CDLL | None:
    """The emulated library; None on a real GPU."""
    library = ctypes.CDLL(LIBRARY) if LIBRARY else None
    if library is None or not hasattr(library, "cuda_emulation_counters"):
        return None
    library.cuda_emulation_counters.restype = ctypes.c_char_p
    library.cuda_emulation_live_bytes.restype = ctypes.c_uint64
    library.cuda_emulation_calls.restype = ctypes.c_uint64
    return library


def require_emulator() -> ctypes.CDLL:
    """Skip the module where the device is not emulated."""
    require_cuda()
    library = emulator()
    if library is None:
        pytest.skip("counts and failures need the emulated device", allow_module_level=True)
    return library


def counts(library: ctypes.CDLL) -> dict[str, dict[str, int]]:
    """Launches and bytes by kernel since the last reset."""
    library.cuda_emulation_finish()
    return dict(json.loads(library.cuda_emulation_counters()))


def calls(library: ctypes.CDLL, function: str) -> int:
    """How often a function of the runtime was called since the last reset."""
    return int(library.cuda_emulation_calls(function.encode()))


class ByInterface:
    """An array of another library that shows itself by __cuda_array_interface__ alone."""

    def __init__(self, array: ie.DeviceArray, **changes: Any) -> None:
        self.array = array
        self.__cuda_array_interface__ = {**array.__cuda_array_interface__, **changes}


class ByDLPack:
    """An array of another library that shows itself by DLPack alone."""

    def __init__(self, array: ie.DeviceArray, *, versioned: bool = True) -> None:
        self.array = array
        self.versioned = versioned
        self.streams: list[int | None] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __dlpack__(self, *, stream: int | None = None, **options: Any) -> Any:
        if options and not self.versioned:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        self.streams.append(stream)
        return self.array.__dlpack__(stream=stream, **options)
