"""The engine's thread count for threadpoolctl, where the program uses threadpoolctl."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["register"]

# set_num_threads refuses more; threadpool_limits of another pool's size must not fail.
_MOST_THREADS = 1024

_registered: list[Any] = []  # the module that has our controller


def register() -> None:
    """Make the engine known to threadpoolctl if it is loaded; it is never imported from here.

    Then `threadpool_info` lists the engine and `threadpool_limits` limits it. Called when the
    package is imported, when a network is made, and by `num_threads` and `set_num_threads`:
    whichever comes first after threadpoolctl.
    """
    module = sys.modules.get("threadpoolctl")
    if module is None or module in _registered:
        return
    # Another thread may be in the middle of its import; versions before 3.2 have no register.
    if getattr(module.__spec__, "_initializing", False) or not hasattr(module, "register"):
        return
    _registered.append(module)
    module.register(_controller(module.LibController))


def _controller(base: type) -> type:
    class IndrnnController(base):  # type: ignore[misc]
        """Speaks to the shared library through its C interface, so each copy counts by itself."""

        user_api = "indrnn_engine"
        internal_api = "indrnn_engine"
        filename_prefixes = ("libindrnn_engine", "indrnn_engine")
        check_symbols = ("indrnn_set_num_threads",)

        def get_num_threads(self) -> int:
            return int(self.dynlib.indrnn_num_threads())

        def set_num_threads(self, num_threads: int) -> None:
            self.dynlib.indrnn_set_num_threads(max(1, min(int(num_threads), _MOST_THREADS)))

        def get_version(self) -> str:
            import ctypes

            version = self.dynlib.indrnn_version
            version.restype = ctypes.c_char_p
            return str(version().decode())

    return IndrnnController
