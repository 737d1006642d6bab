"""One file per system, each run in a process and an environment of its own by `worker`.

A system's module has a function `prepare(workload, task, arrays, threads)` that gives a `Prepared`,
or raises `RefusedError` with the reason; where a module holds several systems, the name of one
comes first. These modules import NumPy and their own library, nothing else: the peers' environments
hold no more. The workload is a `Workload`, its arrays are those of `workloads.problem`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
