"""Checks of plain arguments, with messages of one form: [operation] name must be ..., got ..."""

from __future__ import annotations

import math
import numbers
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

INT64_MAX = 2**63 - 1


def got(value: object) -> str:
    """Return what came, for a message: its type, and the value itself where that is short."""
    name = type(value).__name__
    text = "" if value is None else repr(value)
    return f"{name} {text}" if 0 < len(text) <= 80 else name


def integer(operation: str, name: str, value: object, low: int = 0, high: int = INT64_MAX) -> int:
    """`value` as an int between `low` and `high`; any integer type, but no bool and no float."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"[{operation}] {name} must be an integer, got {got(value)}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"[{operation}] {name} must be an integer, got {got(value)}") from None
    if not low <= number <= high:
        raise ValueError(f"[{operation}] {name} must be between {low} and {high}, got {number}")
    return number


def at_least_one(operation: str, name: str, value: object) -> int:
    """`value` as an int of at least 1."""
    if isinstance(value, numbers.Integral) and value < 1:
        raise ValueError(f"[{operation}] {name} must be at least 1, got {value}")
    return integer(operation, name, value, 1)


def real(operation: str, name: str, value: object) -> float:
    """`value` as a float, perhaps not finite; any real number, but no bool and no text."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"[{operation}] {name} must be a number, got {got(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def finite(operation: str, name: str, value: object) -> float:
    """`value` as a finite float; any real number, but no bool and no text."""
    number = real(operation, name, value)
    if not math.isfinite(number):
        raise ValueError(f"[{operation}] {name} must be finite, got {value!r}")
    return number


def non_negative(operation: str, name: str, value: object) -> float:
    """`value` as a finite float of at least 0."""
    number = finite(operation, name, value)
    if number < 0:
        raise ValueError(f"[{operation}] {name} must be at least 0, got {value!r}")
    return number


def positive(operation: str, name: str, value: object) -> float:
    """`value` as a finite float above 0."""
    number = finite(operation, name, value)
    if number <= 0:
        raise ValueError(f"[{operation}] {name} must be above 0, got {value!r}")
    return number


def fraction(operation: str, name: str, value: object) -> float:
    """`value` as a float in [0, 1)."""
    number = finite(operation, name, value)
    if not 0 <= number < 1:
        raise ValueError(f"[{operation}] {name} must be in [0, 1), got {value!r}")
    return number


def boolean(operation: str, name: str, value: object) -> bool:
    """`value` as a bool; True and False only, of Python or NumPy."""
    if isinstance(value, bool):
        return value
    if type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise TypeError(f"[{operation}] {name} must be True or False, got {got(value)}")


def text(operation: str, name: str, value: object) -> str:
    """`value` as a str."""
    if not isinstance(value, str):
        raise TypeError(f"[{operation}] {name} must be a str, got {got(value)}")
    return str(value)


def not_masked(operation: str, name: str, value: object) -> None:
    """No masked array, whose mask NumPy drops without a word."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"[{operation}] {name} is a masked array, whose mask would be lost; "
            "give .filled(...) of it"
        )


def unmasked(operation: str, name: str, value: object) -> NDArray[Any]:
    """`value` as a plain array; no masked one."""
    not_masked(operation, name, value)
    return np.asarray(value)


def array_like(operation: str, name: str, value: object, like: NDArray[Any]) -> NDArray[Any]:
    """`value`, an array of the dtype and shape of `like`, not masked."""
    if not isinstance(value, np.ndarray) or value.dtype != like.dtype:
        came = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"[{operation}] {name} must be an array of {like.dtype}, got {came}")
    if value.shape != like.shape:
        raise ValueError(f"[{operation}] {name} must have shape {like.shape}, got {value.shape}")
    return unmasked(operation, name, value)
