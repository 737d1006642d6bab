"""Which device there is to measure, or why there is none."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from typing import Any

from indrnn_engine import _cuda


def is_emulated() -> bool:
    """Whether the CUDA library is the emulated device of the tests, where times mean nothing."""
    library = os.environ.get("INDRNN_CUDA_LIBRARY", "")
    return bool(library) and hasattr(ctypes.CDLL(library), "cuda_emulation_counters")


def problem(emulated: bool) -> str:
    """Why nothing can be measured, in one sentence; empty where it can."""
    why = _cuda.problem()
    if emulated and (why or not is_emulated()):
        return (
            "--emulated needs the emulated device: INDRNN_CUDA_LIBRARY must name the library that "
            "-DINDRNN_CUDA_EMULATION=ON builds (docs/cuda.md, testing without a GPU)"
        )
    if why:
        return f"there is no GPU to measure: {why}"
    if is_emulated() and not emulated:
        return (
            "there is no GPU to measure: INDRNN_CUDA_LIBRARY names an emulated device, whose times "
            "mean nothing; --emulated runs everything on it at tiny sizes"
        )
    return ""


def describe(emulated: bool) -> dict[str, Any]:
    """The first device and its driver."""
    device = _cuda.devices()[0]
    return {
        "name": device.name,
        "memory_gib": round(device.memory / 2**30, 1),
        "capability": ".".join(map(str, device.capability)),
        "driver": "none" if emulated else driver(),
    }


def driver() -> str:
    """The driver's version, as nvidia-smi knows it."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "unknown"
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
