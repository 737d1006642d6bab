"""Workers of the benchmarks may crash, hang or refuse: each is a reason, and the run goes on."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import processes
from benchmarks.catalogue import SYSTEMS
from benchmarks.workloads import WORKLOADS, problem

TINY = WORKLOADS["tiny"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Holds the arrays of the small workload."""
    path = tmp_path / "tiny.npz"
    np.savez(path, **problem(TINY))
    return path


def test_a_process_that_dies_is_a_reason_and_the_next_task_has_a_new_one(file: Path) -> None:
    engine = processes.start(SYSTEMS["engine"], 1, Path())
    assert isinstance(engine, processes.PythonSystem)
    try:
        assert "details" in engine.prepare(TINY, "train", file)
        assert engine._process is not None
        engine._process._child.kill()
        assert engine.time() == {"refused": "the process ended with status -9"}
        assert "details" in engine.prepare(TINY, "forward", file)
        assert engine.time()["seconds"] > 0
    finally:
        engine.close()


def test_a_process_that_hangs_is_ended() -> None:
    program = "import time; print('{}', flush=True); time.sleep(600)"
    process = processes.Process(
        [sys.executable, "-c", program], 1, processes.environment(1), limit=5
    )
    assert process.hello == {}
    start = time.perf_counter()
    assert process.ask("anything") == {"refused": "no answer within 5 s"}
    assert time.perf_counter() - start >= 5
    assert process.has_ended
    assert process.ask("more") == {"refused": "the process ended with status -9"}
    process.close()


def test_what_a_worker_cannot_do_is_a_reason_not_a_crash(file: Path) -> None:
    engine = processes.start(SYSTEMS["engine"], 1, Path())
    try:
        missing = engine.prepare(TINY, "train", file.with_name("missing.npz"))
        assert missing["refused"].startswith("failed: FileNotFoundError")
        assert "details" in engine.prepare(TINY, "train", file)
    finally:
        engine.close()


def test_workers_are_pinned_and_this_process_is_not() -> None:
    before = os.sched_getaffinity(0)
    with processes.pinned(1):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before
