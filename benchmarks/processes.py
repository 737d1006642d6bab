"""The process of each system, kept alive and commanded over pipes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import subprocess
from typing import TYPE_CHECKING, Any

from benchmarks.native import ROOT
from benchmarks.peers import PEERS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.catalogue import System
    from benchmarks.workloads import Workload

THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "INDRNN_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
)
Answer = dict[str, Any]


def environment(threads: int) -> dict[str, str]:
    """Variables of every worker: the number of threads, and where what was tuned is kept."""
    kept = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    kept |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    kept |= {
        "BENCHMARK_TUNING": str(PEERS / "tuning.json"),
        "BENCHMARK_JAX_CACHE": str(PEERS / "jax"),
    }
    # jaxlib's compiler otherwise warns at every start about processors it does not know, and takes
    # most of a GPU's memory, which others need too.
    return kept | {"TF_CPP_MIN_LOG_LEVEL": "3", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


@contextlib.contextmanager
def pinned(threads: int) -> Any:
    """Processes started inside may use that many cores, the same for all of them; 0: every one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[: threads or None])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Process:
    """A child process that answers each line with a line of JSON, within `limit` seconds."""

    def __init__(
        self,
        command: list[str],
        threads: int,
        variables: dict[str, str],
        limit: float | None = None,
    ) -> None:
        self._limit = limit
        with pinned(threads):
            self._child = subprocess.Popen(
                command,
                cwd=ROOT,
                env=variables,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        self.hello = self.read()
        self.pid = self._child.pid

    def read(self) -> Answer:
        """The next answer; a process that has died, or takes too long and is ended, is one too."""
        assert self._child.stdout is not None
        if not select.select([self._child.stdout], [], [], self._limit)[0]:
            self._child.kill()
            self._child.wait()
            return {"refused": f"no answer within {self._limit:g} s"}
        line = self._child.stdout.readline()
        if not line:
            return {"refused": f"the process ended with status {self._child.wait()}"}
        answer: Answer = json.loads(line)
        return answer

    @property
    def has_ended(self) -> bool:
        """Whether it can answer no more."""
        return self._child.poll() is not None

    def ask(self, line: str) -> Answer:
        """Send a command and wait for its answer."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(line + "\n")
            self._child.stdin.flush()
        except OSError:
            return {"refused": f"the process ended with status {self._child.wait()}"}
        return self.read()

    def close(self) -> None:
        """End the process."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with contextlib.suppress(OSError):
            self._child.stdin.close()
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()


class PythonSystem:
    """A system of `benchmarks.systems` in the interpreter of its environment.

    `threads` is 0 where a GPU does the work: all cores may be used, and libraries need one each.
    """

    def __init__(self, system: System, threads: int) -> None:
        self.versions: dict[str, str] = {}
        self._process: Process | None = None
        self._missing = ""
        self._system, self._threads = system, threads
        if not system.interpreter.exists():
            program = "benchmarks.gpu" if system.device == "cuda" else "benchmarks"
            self._missing = f"not installed: run `python -m {program} install`"
            return
        self._start()

    def _start(self) -> None:
        system, threads = self._system, self._threads
        variables = environment(threads or 1) | system.variables
        # Only the engine's own process sees the packages of this one.
        own = "" if system.environment else variables.get("PYTHONPATH", "")
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), own]))
        command = [str(system.interpreter), "-m", "benchmarks.systems.worker"]
        command += [system.module, str(threads or 1), system.device]
        self._process = Process(command, threads, variables, system.limit)
        self._missing = self._process.hello.get("refused", "")
        self.versions = self._process.hello.get("versions", {})

    def _ask(self, command: str, **arguments: Any) -> Answer:
        if self._missing or self._process is None:
            return {"refused": self._missing}
        return self._process.ask(json.dumps({"command": command, **arguments}))

    def prepare(self, workload: Workload, task: str, problem: Path) -> Answer:
        """Build the task; `problem` is the file with its arrays.

        A process that a task before this one has ended is started anew.
        """
        if self._process is not None and self._process.has_ended and not self._missing:
            self._process.close()
            self._start()
        return self._ask(
            "prepare", workload=dataclasses.asdict(workload), task=task, problem=str(problem)
        )

    def results(self, file: Path) -> Answer:
        """Run once and write the results."""
        return self._ask("results", file=str(file))

    def time(self, runs: int = 1) -> Answer:
        """Run on the clock; the answer is the time of one run."""
        return self._ask("time", runs=runs)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()


def start_native(
    program: Path, part: str, workload: Workload, threads: int, chunk_rows: int | None = None
) -> Process:
    """Start a part of the C++ program (`benchmarks/cpp/worker.cpp`) on a workload."""
    numbers = {key: getattr(workload, key) for key in ("inputs", "hidden", "layers", "batch")}
    numbers |= {"time-steps": workload.time_steps, "threads": threads}
    if chunk_rows is not None:
        numbers["chunk-rows"] = chunk_rows
    words = [word for key, value in numbers.items() for word in (f"--{key}", str(value))]
    return Process([str(program), part, *words], threads, environment(threads))


class NativeSystem:
    """The C++ program, started anew for each task; it has no results to compare."""

    CHUNK_ROWS = (256, 512, 1024, 2048)

    def __init__(self, system: System, threads: int, program: Path) -> None:
        self.versions: dict[str, str] = {}
        self._part, self._threads, self._program = system.native, threads, program
        self._process: Process | None = None
        self._task = ""

    def _start(self, workload: Workload, chunk_rows: int) -> Process:
        return start_native(self._program, self._part, workload, self._threads, chunk_rows)

    def prepare(self, workload: Workload, task: str, problem: Path) -> Answer:  # noqa: ARG002
        """Start the program; the floor takes the number of rows per product that is fastest."""
        self.close()
        served = {"floor": ("forward", "train"), "engine": ("stream",)}[self._part]
        if workload.norm or task not in served:
            return {"refused": f"measured for {' and '.join(served)} without norm only"}
        self._task, times = task, {}
        sizes = self.CHUNK_ROWS if self._part == "floor" else self.CHUNK_ROWS[:1]
        for chunk_rows in sizes:
            process = self._start(workload, chunk_rows)
            if len(sizes) > 1:
                process.ask(f"{task} 1")
                times[chunk_rows] = min(process.ask(f"{task} 1")["seconds"] for _ in range(2))
            process.close()
        best = min(times, key=lambda rows: times[rows]) if times else sizes[0]
        self._process = self._start(workload, best)
        self.versions = self._process.hello.get("versions", {})
        return {"details": {"form": f"chunks of {best} rows"} if times else {}}

    def results(self, file: Path) -> Answer:  # noqa: ARG002
        """Nothing to compare; the program checks that its numbers are finite."""
        return self.time()

    def time(self, runs: int = 1) -> Answer:
        """Run on the clock; the answer is the time of one run."""
        assert self._process is not None
        return self._process.ask(f"{self._task} {runs}")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
            self._process = None


def start(system: System, threads: int, program: Path) -> PythonSystem | NativeSystem:
    """The system's process."""
    if system.native:
        return NativeSystem(system, threads, program)
    return PythonSystem(system, threads)
