"""Whether a system computes what it is timed for."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads import LEARNING_RATE, Arrays, Workload

# Of |found - expected| / |expected| (Euclidean norms) in float32 against float64. Rounding gives
# 1e-7 to 1e-5. Where it moves a value across the kink of ReLU, a gradient that is the sum of N
# terms of random sign changes by one of them, 1 / sqrt(N): by 8e-4 where N is the 3 million values
# of a layer of `char`. A missing term gives more than 1e-2.
TOLERANCE = 5e-3
# Behind batch norms, whose gradients are differences of means over thousands of rows: moving each
# number of `pixel+norm` by half of its last digit moves the exact gradients by 4.5e-3, and NumPy in
# float32 is 3.3e-2 off. A norm whose gradient lacks one of its two means is off by more than 1.
NORM_TOLERANCE = 2e-2
# New parameters, in units of the step that Adam can make: where a gradient is near zero, rounding
# turns the sign and the step with it. A missing bias correction gives 0.5 and more.
STEP_TOLERANCE = 0.1


class WrongResultError(Exception):
    """The message says which array is off, and by how much."""


def required(workload: Workload, task: str) -> set[str]:
    """What a system must at least give, so that nothing is compared unseen."""
    if task in ("forward", "stream"):
        return {"y"}
    gradients = {f"d.{n}.{kind}" for n in range(workload.layers) for kind in ("weight", "u")}
    return {"y"} | gradients | ({"loss"} if task == "step" else set())


def error_of(name: str, found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    """Relative distance; infinite where the shape is another or a number is not finite."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    distance = float(np.linalg.norm(found.astype(np.float64).ravel() - expected.ravel()))
    if name.startswith("new."):
        scale = LEARNING_RATE * float(np.sqrt(expected.size))
    else:
        scale = float(np.linalg.norm(expected.ravel()))
    return distance / max(scale, 1e-30)


def compare(workload: Workload, task: str, found: Arrays, expected: Arrays) -> float:
    """Largest relative error of all gradients and outputs; raises for a wrong or missing array."""
    missing = required(workload, task) - set(found)
    if missing:
        raise WrongResultError(f"no result for {', '.join(sorted(missing))}")
    worst, tolerance = 0.0, NORM_TOLERANCE if workload.norm else TOLERANCE
    for name, array in found.items():
        error = error_of(name, array, expected[name])
        step = name.startswith("new.")
        if not error <= (STEP_TOLERANCE if step else tolerance):
            raise WrongResultError(f"{name} is off by {error:.1e} of its size")
        worst = worst if step else max(worst, error)
    return worst


def check_finite(found: Arrays) -> None:
    """For another cell, of which no more can be said."""
    if not found or not all(bool(array.all()) for array in found.values()):
        raise WrongResultError("results are not finite")
