"""One clear message on stderr and an exit status in place of a traceback.

2: something about the request or its files is wrong; 1: training itself failed; 130: interrupted.
"""

from __future__ import annotations

import errno
import os
from typing import Any

import typer
from typer.core import TyperGroup

from ..training import TrainingDivergedError

__all__ = ["ErrorGroup"]


class ErrorGroup(TyperGroup):
    """A group whose commands fail with a message; INDRNN_DEBUG=1 shows the traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except (ValueError, TypeError, OSError, MemoryError, ImportError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # the reader went away: not worth a word
            if os.environ.get("INDRNN_DEBUG"):
                raise
            typer.echo(f"error: {describe(error)}", err=True)
            raise typer.Exit(1 if isinstance(error, TrainingDivergedError) else 2) from error


def describe(error: BaseException) -> str:
    """Give the message of an error in one line."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError) and not str(error):
        return "out of memory"
    return " ".join(str(error).split()) or type(error).__name__
