"""What systems that compute matrix products alone share: their results, held against NumPy's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.systems import RefusedError, finite

if TYPE_CHECKING:
    from benchmarks.workloads import Arrays, Workload

# Rounding of float32 products gives some 1e-6 of the largest value; a wrong one 1 or more.
TOLERANCE = 1e-3


def results_of(workload: Workload, arrays: Arrays, y: Any, gradients: Any) -> Arrays:
    """Compare y with NumPy's product of all weights; of gradients say whether they are finite."""
    wanted = arrays["x"].reshape(-1, workload.inputs)
    for layer in range(workload.layers):
        wanted = wanted @ arrays[f"{layer}.weight"].T
    if not np.abs(y.reshape(wanted.shape) - wanted).max() <= TOLERANCE * np.abs(wanted).max():
        raise RefusedError("wrong: the products differ from NumPy's")
    return {"finite": finite({"gradients": gradients})}
