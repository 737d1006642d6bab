"""A process that holds one system and does what it is told: one JSON object per line, in and out.

`python -m benchmarks.systems.worker MODULE[:FORM] THREADS DEVICE`. Commands: `prepare` (workload,
task, problem: an .npz), `results` (file: where to write an .npz), `time` (runs: how many one after
the other; gives the seconds of one), `close`. What a library prints goes to the standard error, so
that the replies stay clean.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from typing import Any

import numpy as np

from benchmarks.systems import Prepared, RefusedError
from benchmarks.workloads import Workload


class Worker:
    """Carries out commands for one system."""

    def __init__(self, system: str, threads: int, device: str) -> None:
        module, _, form = system.partition(":")
        self.module = importlib.import_module(f"benchmarks.systems.{module}")
        self.form = [form] if form else []
        self.threads = threads
        self.device = {} if device == "cpu" else {"device": device}
        self.prepared: Prepared | None = None

    def prepare(self, workload: dict[str, Any], task: str, problem: str) -> dict[str, Any]:
        self.prepared = None  # frees what the task before this one held
        gc.collect()
        getattr(self.module, "release", lambda: None)()
        with np.load(problem) as file:
            arrays = dict(file)
        self.prepared = self.module.prepare(
            *self.form, Workload(**workload), task, arrays, self.threads, **self.device
        )
        return {"details": self.prepared.details}

    def results(self, file: str) -> dict[str, Any]:
        assert self.prepared is not None
        start = time.perf_counter()
        found = self.prepared.results()
        seconds = time.perf_counter() - start
        np.savez(file, **{name: np.asarray(array) for name, array in found.items()})
        return {"seconds": seconds}

    def time(self, runs: int) -> dict[str, Any]:
        assert self.prepared is not None
        gc.disable()
        start = time.perf_counter()
        for _ in range(runs):
            each = self.prepared.run()
        seconds = (time.perf_counter() - start) / runs
        gc.enable()
        return {"seconds": seconds if each is None else each}


def main(system: str, threads: int, device: str) -> None:
    """Answer commands until `close` or the end of the input."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=replies, flush=True)

    try:
        worker = Worker(system, threads, device)
    except ImportError as error:
        reply({"refused": f"not installed: {error}"})
        return
    reply({"versions": getattr(worker.module, "VERSIONS", {})})
    for line in sys.stdin:
        arguments = json.loads(line)
        command = arguments.pop("command")
        if command == "close":
            return
        try:
            reply(getattr(worker, command)(**arguments))
        except RefusedError as reason:
            reply({"refused": str(reason)})
        except Exception as error:  # the run goes on without this system, and says why
            message = str(error).strip() or "no message"
            reply({"refused": f"failed: {type(error).__name__}: {message.splitlines()[0]}"})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
