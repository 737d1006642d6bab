"""Ranks of one machine add up right, and leave the processor to whom they wait for."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mpi_runs
from distributed import sums
from indrnn_engine.distributed.bell import LONGEST, Bell
from indrnn_engine.distributed.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKER = Path(__file__).with_name("sums.py")
needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bells are of Linux")


@mpi_runs.needs_mpi
@needs_linux
def test_ranks_that_share_a_core_wait_asleep(tmp_path: Path) -> None:
    """Waiting for a rank that is late takes a tenth of its time at most."""
    mpi_runs.run(4, WORKER, tmp_path)
    spent = [float((tmp_path / f"{rank}").read_text()) for rank in range(4)]
    assert spent[0] >= sums.LATE
    assert max(spent[1:]) < 0.1 * sums.LATE


@pytest.fixture
def bells() -> Iterator[list[Bell]]:
    names = [f"\0indrnn-test-{uuid.uuid4().hex}" for _ in range(3)]
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Bell(names, rank))) for rank in range(3)]


@needs_linux
def test_ring_wakes_the_others_and_is_kept_for_who_comes_late(bells: list[Bell]) -> None:
    one, other, third = bells
    threading.Timer(0.2 * LONGEST, one.ring).start()
    begun = time.perf_counter()
    other.sleep()
    third.sleep()  # rung already
    assert time.perf_counter() - begun < 2.0  # far below what many lost rings would take
    for _ in range(5000):  # more than are kept
        one.ring()
    calls = iter([False, False, True])
    Waiting(other)(lambda: next(calls))
    assert next(calls, None) is None


@needs_linux
def test_nobody_is_woken_when_nobody_rings(bells: list[Bell]) -> None:
    one, other, _ = bells
    other.close()
    one.ring()  # at a bell that is gone, too
    begun = time.perf_counter()
    one.sleep()
    assert time.perf_counter() - begun >= 0.9 * LONGEST


def test_waiting_ends_at_the_limit() -> None:
    with pytest.raises(TimeoutError, match=r"has waited 0 s for the other ranks"):
        Waiting(crowded=True)(lambda: False, limit=0.01)
