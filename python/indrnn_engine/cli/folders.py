"""Where C++ projects find the library: printed without the packages of the command line."""

from __future__ import annotations

import sys

__all__ = ["FLAGS", "print_folder"]

FLAGS = ("--cmake-dir", "--pkgconfig-dir")


def print_folder(flag: str) -> None:
    """Print the folder that one of `FLAGS` asks for.

    Raises
    ------
    SystemExit
        Status 2: it is not there, with a message.
    """
    from .. import locations

    folder = {"--cmake-dir": locations.cmake_dir, "--pkgconfig-dir": locations.pkgconfig_dir}[
        flag
    ]()
    if not folder.is_dir():
        sys.stderr.write(f"error: {folder} does not exist: the C++ part is not installed\n")
        sys.exit(2)
    sys.stdout.write(f"{folder}\n")
