"""Errors that several ranks share."""

from __future__ import annotations

__all__ = ["RankError", "RanksDifferError", "agreed", "is_agreed"]


class RankError(RuntimeError):
    """An error of one rank, raised on all of them.

    Attributes
    ----------
    status : int
        Exit status of a program that ends by it.
    """

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


class RanksDifferError(RuntimeError):
    """Weights that should be the same on all ranks are not."""


def agreed(error: BaseException) -> BaseException:
    """Mark an error that every rank raises, so that one of them speaks for all."""
    error.raised_by_all_ranks = True  # type: ignore[attr-defined]
    return error


def is_agreed(error: BaseException) -> bool:
    """Say whether every rank raises this error."""
    return bool(getattr(error, "raised_by_all_ranks", False))
