"""The CUDA backend: a library of its own, found and loaded when a CUDA device is first asked for.

The package works the same without it, without a driver and without a GPU; what is missing is said
in one sentence when somebody wants a device.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from . import _core

_LIBRARY = "libindrnn_cuda.so"
_OVERRIDE = "INDRNN_CUDA_LIBRARY"  # the path of another library, for tests

_NO_DRIVER_TEXT = (
    "no NVIDIA driver is running: install one (`nvidia-smi` shows it), or in a container pass the "
    "GPU through"
)
_ERRORS = {
    3: (
        "CUDA was used before this process was forked, or cannot start: make processes by "
        "multiprocessing's 'spawn' or 'forkserver'"
    ),
    100: "the NVIDIA driver shows no GPU: see `nvidia-smi` and CUDA_VISIBLE_DEVICES",
    34: _NO_DRIVER_TEXT,
}
_INSUFFICIENT_DRIVER = 35


class Device(NamedTuple):
    """A CUDA device: "cuda:0", its name, bytes of memory and compute capability."""

    device: str
    name: str
    memory: int
    capability: tuple[int, int]


def problem() -> str:
    """Why no CUDA device can be used; empty if one can."""
    library = _library()
    if isinstance(library, str):
        return library
    return _status(library)[1]


def count() -> int:
    """How many CUDA devices there are; loads the library if it is there."""
    library = _library()
    return 0 if isinstance(library, str) else _status(library)[0]


def devices() -> list[Device]:
    """All CUDA devices."""
    library = _library()
    return [] if isinstance(library, str) else [_device(library, i) for i in range(count())]


def check(operation: str, device: str) -> str:
    """`device`, once the backend of a CUDA device is loaded; other devices as they are.

    Raises
    ------
    RuntimeError
        If it is a CUDA device that cannot be used.
    """
    kind, colon, index = device.partition(":")
    if kind != "cuda":
        return device
    why = problem()
    if why:
        raise RuntimeError(
            f"[{operation}] device {device!r} cannot be used: {why}; device='cpu' works"
        )
    known = count()
    if colon and not (index.isascii() and index.isdigit() and int(index) < known):
        names = ", ".join(f"'cuda:{i}'" for i in range(known))
        raise RuntimeError(
            f"[{operation}] device {device!r} is not there; the CUDA devices are {names}"
        )
    return device


@functools.cache
def _library() -> ctypes.CDLL | str:
    """Load the backend and register it with the engine; a text says why it is not there."""
    given = os.environ.get(_OVERRIDE)
    places = (
        [Path(given)] if given else sorted(Path(_core.__file__).parent.glob(f"lib*/{_LIBRARY}"))
    )
    if not places:
        return (
            "this installation was built without the CUDA backend: "
            "`pip install . -C cmake.define.INDRNN_CUDA=ON` builds it"
        )
    try:
        library = _load(places[0])
    except OSError as error:
        return f"the CUDA backend could not be loaded ({error})" + _hint(error)
    library.indrnn_cuda_error_text.restype = ctypes.c_char_p
    status = library.indrnn_cuda_register()
    return library if status == 0 else f"the CUDA backend does not fit this engine (code {status})"


def _load(path: Path) -> ctypes.CDLL:
    """Load the backend, with cuBLAS of the nvidia-cublas package where the loader finds none."""
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        version = _missing_cublas(error)
        if not version:
            raise
        spec = importlib.util.find_spec("nvidia")
        for folder in [] if spec is None else spec.submodule_search_locations or []:
            for name in ("libcublasLt", "libcublas"):  # the second needs the first
                for found in sorted(Path(folder).glob(f"*/lib/{name}.so.{version}")):
                    # If it cannot be loaded, the loader says so when the backend is.
                    with contextlib.suppress(OSError):
                        ctypes.CDLL(str(found))
        return ctypes.CDLL(str(path))


def _missing_cublas(error: OSError) -> str:
    """Give the version of the cuBLAS that the loader did not find; empty for another error."""
    found = re.search(r"libcublas(?:Lt)?\.so\.(\d+)", str(error))
    return found[1] if found else ""


def _hint(error: OSError) -> str:
    """Say what provides the cuBLAS that is missing."""
    version = _missing_cublas(error)
    package = "nvidia-cublas-cu12" if version == "12" else "nvidia-cublas"
    return f": `pip install {package}` provides cuBLAS {version}" if version else ""


def _status(library: Any) -> tuple[int, str]:
    """Give the number of devices and why there is none."""
    found, driver, runtime = (ctypes.c_int() for _ in range(3))
    status = library.indrnn_cuda_status(*map(ctypes.byref, (found, driver, runtime)))
    if status == 0:
        return found.value, "" if found.value else _ERRORS[100]
    if status == _INSUFFICIENT_DRIVER:
        if driver.value == 0:
            return 0, _NO_DRIVER_TEXT
        return 0, (
            f"the NVIDIA driver is too old: it offers CUDA {_version(driver.value)}, the backend "
            f"needs {_version(runtime.value)}; update the driver"
        )
    text = library.indrnn_cuda_error_text(status)
    return 0, _ERRORS.get(status, f"CUDA says {text.decode()!r}")


def _device(library: Any, index: int) -> Device:
    name = ctypes.create_string_buffer(256)
    memory, major, minor = ctypes.c_uint64(), ctypes.c_int(), ctypes.c_int()
    library.indrnn_cuda_device(
        index, name, ctypes.c_size_t(len(name)), *map(ctypes.byref, (memory, major, minor))
    )
    return Device(f"cuda:{index}", name.value.decode(), memory.value, (major.value, minor.value))


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"
