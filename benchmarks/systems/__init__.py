"""One file per system, each run in a process and an environment of its own by `worker`.

A system's module has a function `prepare(workload, task, arrays, threads)` that gives a `Prepared`,
or raises `RefusedError` with the reason; where a module holds several systems, the name of one
comes first, and one that also runs on a GPU has a last argument `device`, "cpu" or "cuda". A
module that caches a device's memory has a function `release` that gives it back. These modules
import NumPy and their own library, nothing else: the peers' environments hold no more. The
workload is a `Workload`, its arrays are those of `workloads.problem`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


class RefusedError(Exception):
    """This system cannot do this task; the message says why."""


@dataclass
class Prepared:
    """A system that is ready to be timed.

    `run` does the work once, blocks until it is done and gives nothing, or, for `stream`, the
    seconds of each of many calls. `results` runs it once and gives arrays named as
    `reference.results` names them, or as many of them as the system computes. `details` says which
    form was chosen.
    """

    run: Callable[[], Any]
    results: Callable[[], dict[str, Any]]
    details: dict[str, Any] = field(default_factory=dict)


def stream_calls(usual: int) -> int:
    """How many calls a run of `stream` makes; an emulated device, where each is slow, has fewer."""
    return int(os.environ.get("BENCHMARK_STREAM_CALLS", usual))


def finite(found: dict[str, Any]) -> Any:
    """1 where all results are finite numbers: all that is said of what has nothing to compare."""
    return np.array(float(all(np.isfinite(array).all() for array in found.values())))
