"""One case, a task of a workload: every system checked, warmed up and timed, taking turns."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import checks, machine, processes, reference
from benchmarks.catalogue import SYSTEMS, System
from benchmarks.workloads import Arrays, Workload, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Running = dict[str, processes.PythonSystem | processes.NativeSystem]
Case = dict[str, Any]
PAUSE = 0.02  # lets the threads of the system before fall asleep
# Of [T, B, H] and layers: the reference in float64 needs some 50 bytes for each. Larger cases are
# not compared, and their entries have no error.
MOST_COMPARED = 150_000_000
LEAST_TURN = (
    0.02  # seconds: a turn of a fast system is several runs, so that waking up counts little
)


class Expected:
    """The reference's results, computed when first needed."""

    def __init__(self, workload: Workload, task: str, arrays: Arrays) -> None:
        self._workload, self._task, self._arrays = workload, task, arrays
        self._results: dict[str, Arrays] = {}

    def of(self, activation: str) -> Arrays:
        """For one activation."""
        if activation not in self._results:
            workload = dataclasses.replace(self._workload, activation=activation)
            self._results[activation] = reference.results(workload, self._task, self._arrays)
        return self._results[activation]


def prepared(
    system: System,
    process: processes.PythonSystem | processes.NativeSystem,
    workload: Workload,
    task: str,
    file: Path,
    expected: Expected,
) -> dict[str, Any]:
    """Build, check and warm up one system; gives its entry of the case."""
    if workload.name in system.left_out:
        return {"refused": system.left_out[workload.name]}
    plain = dataclasses.replace(workload, dropout=0.0, activation=system.activation)
    answer = process.prepare(plain, task, file)
    if "refused" in answer:
        return answer
    entry: dict[str, Any] = dict(answer)
    if not is_compared(workload):
        return entry
    found_file = file.with_name(f"{system.name}.npz")
    answer = process.results(found_file)
    if "refused" in answer:
        return answer
    if not system.native:
        with np.load(found_file) as results:
            found = dict(results)
        found_file.unlink()
        try:
            if system.other_cell:
                checks.check_finite(found)
            else:
                entry["error"] = checks.compare(plain, task, found, expected.of(system.activation))
        except checks.WrongResultError as error:
            return {"refused": f"wrong: {error}", "wrong": True}
    if workload.dropout:
        # Masks differ between systems, so they are checked without; the time is with dropout.
        process.prepare(dataclasses.replace(plain, dropout=workload.dropout), task, file)
    return entry


def is_compared(workload: Workload) -> bool:
    """Whether a case is small enough to be computed in float64."""
    elements = workload.time_steps * workload.batch * workload.hidden * workload.layers
    return elements <= MOST_COMPARED


def warm_up(process: processes.PythonSystem | processes.NativeSystem, budget: float) -> float | str:
    """Run twice, or once if that takes long; gives the seconds of a turn, or what went wrong."""
    for _ in range(2):
        start = time.perf_counter()
        answer = process.time()
        took = time.perf_counter() - start
        if "refused" in answer:
            return str(answer["refused"])
        if took > budget / 10:
            break
    return took


def summary(seconds: Any) -> dict[str, float]:
    """One timed run; of a stream's many calls the median and the 99th percentile."""
    if isinstance(seconds, float):
        return {"seconds": seconds}
    median, high = np.percentile(seconds, [50, 99])
    return {"seconds": float(median), "p99": float(high)}


def measure(
    running: Running,
    workload: Workload,
    task: str,
    threads: int,
    repeats: int,
    budget: float = 30.0,
    say: Callable[[str], None] = lambda _: None,
    systems: Mapping[str, System] = SYSTEMS,
) -> Case:
    """Time every system; one that takes long is run fewer times, `budget` seconds in all."""
    arrays = problem(workload)
    expected = Expected(workload, task, arrays)
    entries: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="indrnn-benchmark-") as folder:
        file = Path(folder) / "problem.npz"
        np.savez(file, **arrays)
        for name, process in running.items():
            say(f"{workload.name} {task}: {name} is checked")
            entries[name] = prepared(systems[name], process, workload, task, file, expected)
        timed = {name: running[name] for name in entries if "refused" not in entries[name]}
        turns: dict[str, int] = {}
        runs: dict[str, int] = {}
        for name, process in timed.items():
            say(f"{workload.name} {task}: {name} warms up")
            seconds = warm_up(process, budget)
            if isinstance(seconds, str):
                entries[name] = {"refused": seconds}
                continue
            runs[name] = max(1, int(LEAST_TURN / seconds))
            turns[name] = max(1, min(repeats, int(budget / (seconds * runs[name]))))
        for turn in range(repeats):
            for name in [name for name, count in turns.items() if turn < count]:
                say(f"{workload.name} {task}: turn {turn + 1} of {repeats}, {name}")
                time.sleep(PAUSE)
                for key, value in summary(running[name].time(runs[name])["seconds"]).items():
                    entries[name].setdefault(key, []).append(value)
    return {
        "workload": dataclasses.asdict(workload),
        "task": task,
        "threads": threads,
        "date": machine.now(),
        "commit": machine.commit(),
        "systems": entries,
    }


def run(
    names: Iterable[str],
    cases: Iterable[tuple[Workload, str]],
    threads: int,
    repeats: int,
    budget: float,
    program: Path,
    say: Callable[[str], None] = lambda _: None,
    done: Callable[[Case], None] = lambda _: None,
    systems: Mapping[str, System] = SYSTEMS,
) -> tuple[list[Case], dict[str, str]]:
    """Measure cases with one process for each system; also give the versions of all libraries."""
    running: Running = {}
    versions: dict[str, str] = {}
    try:
        for name in names:
            say(f"{name} starts")
            running[name] = processes.start(systems[name], threads, program)
        results = []
        for workload, task in cases:
            case = measure(running, workload, task, threads, repeats, budget, say, systems)
            results.append(case)
            done(results[-1])
        for process in running.values():
            versions |= process.versions
        return results, versions
    finally:
        for process in running.values():
            process.close()
