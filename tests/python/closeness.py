"""How close is close enough: the tolerances of the tests, and the comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

# Largest relative error allowed. The engine and the reference only round differently; central
# differences lose ten of sixteen digits; float32 keeps seven, and sums over time lose some of them.
AUTOGRAD_TOLERANCE = 1e-9
FINITE_DIFFERENCE_TOLERANCE = 1e-6
FLOAT32_TOLERANCE = 1e-4


def relative_error(actual: np.ndarray, expected: np.ndarray, floor: float = 1e-2) -> float:
    """Largest difference, relative to the largest expected value (but at least to `floor`)."""
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    if actual.size == 0:
        return 0.0
    difference = np.abs(actual.astype(np.float64) - expected).max()
    return float(difference / max(np.abs(expected).max(), floor))


def assert_close(
    actual: Any, expected: Any, tolerance: float, what: str = "", floor: float = 1e-2
) -> None:
    error = relative_error(np.asarray(actual), np.asarray(expected), floor)
    assert error <= tolerance, f"{what}: relative error {error:.3g} above {tolerance:.3g}"


def assert_all_close(
    actual: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float, what: str = ""
) -> None:
    assert list(actual) == list(expected)
    for name in expected:
        assert_close(actual[name], expected[name], tolerance, f"{what} {name}")
