"""`python -m indrnn_engine`: the command line; `--cmake-dir` prints the folder for CMake."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] == ["--cmake-dir"]:
        from .locations import cmake_dir

        folder = cmake_dir()
        if not folder.is_dir():
            sys.stderr.write(f"error: {folder} does not exist: the C++ part is not installed\n")
            sys.exit(2)
        sys.stdout.write(f"{folder}\n")
        return
    from .cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
