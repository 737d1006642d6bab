"""A peer is measured in the fastest of its forms; which one that is, is remembered between runs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def fastest(key: str, candidates: dict[str, Callable[[], Callable[[], Any]]]) -> str:
    """Name of the fastest candidate; each is made by its function and run once to warm up.

    The choice is kept under `key` in the file that the variable BENCHMARK_TUNING names.
    """
    remembered = os.environ.get("BENCHMARK_TUNING")
    file = Path(remembered) if remembered else None
    known: dict[str, str] = json.loads(file.read_text()) if file and file.exists() else {}
    if known.get(key) in candidates:
        return known[key]
    times: dict[str, float] = {}
    for name, make in candidates.items():
        run = make()
        run()
        # A form far behind the best so far need not be run again.
        for _ in range(2):
            start = time.perf_counter()
            run()
            times[name] = min(times.get(name, float("inf")), time.perf_counter() - start)
            if times[name] > 2 * min(times.values()):
                break
    best = min(times, key=lambda name: times[name])
    if file:
        # Read again: another worker may have written meanwhile.
        known = json.loads(file.read_text()) if file.exists() else {}
        new = file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(known | {key: best}, indent=1))
        new.replace(file)
    return best
