"""One clear message on stderr and an exit status in place of a traceback.

2: something about the request or its files is wrong; 1: training itself failed; 130: interrupted.
Of several ranks one speaks, and all end.
"""

from __future__ import annotations

import errno
import os
from typing import Any

import typer
from typer.core import TyperGroup

from ..distributed import present
from ..distributed.ending import describe, status_of

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
            status = status_of(error)
            present().fail(describe(error), status, error)
            raise typer.Exit(status) from error
