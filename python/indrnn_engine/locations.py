"""Where the C++ library, its headers and its CMake package lie inside the installed package.

`python -m indrnn_engine --cmake-dir` prints :func:`cmake_dir` for use in a C++ build, and
`--pkgconfig-dir` prints :func:`pkgconfig_dir`:

    cmake -S . -B build -Dindrnn_engine_DIR="$(python -m indrnn_engine --cmake-dir)"
"""

from __future__ import annotations

from pathlib import Path

from . import _core

__all__ = ["cmake_dir", "include_dir", "library_dir", "pkgconfig_dir"]


def _prefix() -> Path:
    # Of the extension module, not of this file: in an editable installation the two differ.
    path = _core.__file__
    assert path is not None
    return Path(path).resolve().parent


def cmake_dir() -> Path:
    """Folder of the CMake package: the value for ``indrnn_engine_DIR``.

    Examples
    --------
    >>> from indrnn_engine import locations
    >>> (locations.cmake_dir() / "indrnn_engineConfig.cmake").exists()
    True
    """
    return library_dir() / "cmake" / "indrnn_engine"


def include_dir() -> Path:
    """Folder that holds ``indrnn/indrnn.hpp``.

    Examples
    --------
    >>> from indrnn_engine import locations
    >>> (locations.include_dir() / "indrnn" / "indrnn.hpp").exists()
    True
    """
    return _prefix() / "include"


def library_dir() -> Path:
    """Folder of the shared library ``indrnn_engine``, the one that the Python module uses too.

    Examples
    --------
    >>> from indrnn_engine import locations
    >>> any(path.name.startswith("libindrnn_engine") for path in locations.library_dir().iterdir())
    True
    """
    return _prefix() / "lib"


def pkgconfig_dir() -> Path:
    """Folder of ``indrnn_engine.pc``: belongs into ``PKG_CONFIG_PATH``.

    Examples
    --------
    >>> from indrnn_engine import locations
    >>> (locations.pkgconfig_dir() / "indrnn_engine.pc").exists()
    True
    """
    return library_dir() / "pkgconfig"
