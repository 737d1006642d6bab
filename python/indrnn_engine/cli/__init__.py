"""The command `indrnn`."""

from __future__ import annotations

import sys

from ..distributed.supervisor import supervise
from .folders import FLAGS, print_folder

__all__ = ["main"]

PACKAGES = ("typer", "rich", "click", "shellingham")


def main() -> None:
    """Run the command line; without its packages it says how to install them and exits with 2.

    The folders for other builds are printed without them.
    """
    if len(sys.argv) == 2 and sys.argv[1] in FLAGS:
        print_folder(sys.argv[1])
        return
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in PACKAGES:
            raise
        print(
            f"error: the command line needs {error.name}, which is not installed; "
            'run: pip install "indrnn_engine[cli]"',
            file=sys.stderr,
        )
        sys.exit(2)
    if "train" in sys.argv[1:2]:
        supervise()
    app()
