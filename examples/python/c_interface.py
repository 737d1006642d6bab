"""Another language's way to the engine: the C interface, here through ctypes.

Nothing but the shared library is used; any language that can call C does the same.

    python examples/python/c_interface.py model.safetensors
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path


class Engine:
    """The functions of indrnn.h that this program needs."""

    def __init__(self, library: Path) -> None:
        self.c = ctypes.CDLL(str(library))
        handle, size = ctypes.c_void_p, ctypes.c_int64
        self.c.indrnn_last_message.restype = ctypes.c_char_p
        self.c.indrnn_model_load.argtypes = [ctypes.c_char_p, ctypes.POINTER(handle)]
        self.c.indrnn_model_input_size.argtypes = [handle]
        self.c.indrnn_model_input_size.restype = size
        self.c.indrnn_model_output_size.argtypes = [handle]
        self.c.indrnn_model_output_size.restype = size
        self.c.indrnn_model_free.argtypes = [handle]
        self.c.indrnn_model_free.restype = None
        self.c.indrnn_session_create.argtypes = [
            *(handle, size, handle, ctypes.c_size_t, handle),
            ctypes.POINTER(handle),
        ]
        self.c.indrnn_session_step.argtypes = [handle, handle, handle]
        self.c.indrnn_session_free.argtypes = [handle]
        self.c.indrnn_session_free.restype = None

    def check(self, status: int) -> None:
        """Raise what the engine says went wrong."""
        if status != 0:
            raise RuntimeError(self.c.indrnn_last_message().decode())


def run(engine: Engine, path: str, steps: int) -> list[list[float]]:
    """Return the outputs of a float32 model for a ramp of inputs."""
    model, session = ctypes.c_void_p(), ctypes.c_void_p()
    engine.check(engine.c.indrnn_model_load(path.encode(), ctypes.byref(model)))
    x = (ctypes.c_float * engine.c.indrnn_model_input_size(model))()
    y = (ctypes.c_float * engine.c.indrnn_model_output_size(model))()
    create = engine.c.indrnn_session_create
    status = create(model, 1, None, 0, None, ctypes.byref(session))
    engine.c.indrnn_model_free(model)  # the session keeps the weights
    engine.check(status)
    outputs = []
    for step in range(steps):
        x[:] = [0.1 * step] * len(x)
        engine.check(engine.c.indrnn_session_step(session, x, y))
        outputs.append(list(y))
    engine.c.indrnn_session_free(session)
    return outputs


def find_library() -> Path:
    """Find the library that the installed Python package ships."""
    question = "from indrnn_engine import locations; print(locations.library_dir())"
    done = subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=True
    )
    return next(Path(done.stdout.strip()).glob("libindrnn_engine.so*"))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(f"usage: {sys.argv[0]} model.safetensors [library]")
    library = Path(sys.argv[2]) if len(sys.argv) == 3 else find_library()
    for row in run(Engine(library), sys.argv[1], 5):
        print(" ".join(f"{value:.6f}" for value in row))
