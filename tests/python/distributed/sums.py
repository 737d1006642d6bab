"""Sums of many sizes, of ranks that share one core; writes what waiting cost each rank."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from indrnn_engine.distributed import find
from indrnn_engine.distributed.machine import LARGEST

WAITS = 100
LATE = 0.005  # seconds of the processor


def busy(seconds: float) -> None:
    """Compute so long; what other programs take does not count."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def check_sums(ranks: Any) -> None:
    """Each comes late at times, and every sum is that of the ranks in their order."""
    random = np.random.default_rng(0)  # the same on all ranks
    for size in [1, 2, 3, 100, 1000, LARGEST // 8, LARGEST // 8 + 1] * 8:
        dtype = np.dtype(random.choice(["f4", "f8"]))
        parts = random.normal(size=(ranks.size, size)).astype(dtype)
        if random.random() < 0.3 and ranks.rank == random.integers(ranks.size):
            time.sleep(1e-3)
        mine = parts[ranks.rank].copy()
        ranks._sum(mine)
        expected = sum(parts[1:], parts[0])
        if mine.nbytes <= LARGEST:
            assert mine.tobytes() == expected.tobytes(), (size, dtype)
        else:  # in the order of the MPI library
            np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=1e-5)
        assert ranks.any(ranks.rank == size % ranks.size, False) == (True, False)


def main(folder: Path) -> None:
    """Write the seconds of the processor that a rank spends on waiting for a late one."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    ranks: Any = find("on")
    assert ranks._machine is not None
    check_sums(ranks)
    begun = time.process_time()
    for _ in range(WAITS):
        if ranks.is_first:
            busy(LATE)
        ranks._sum(np.zeros(100))
    spent = (time.process_time() - begun) / WAITS
    (folder / f"{ranks.rank}").write_text(f"{spent}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
