"""Where the engine's time goes beside the matrix products: a profile by sampling.

`python -m benchmarks gap` runs forward and backward of workloads in one thread under `perf record`
(Linux; the Debian package linux-perf), sorts the samples by what the sampled function does, and
counts the bytes that each part must move at least.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import machine
from benchmarks.markdown import table
from benchmarks.processes import Process, environment, start_native

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

# What a function belongs to: the first whose expression is found in "library function".
PRODUCTS = "matrix products"
PARTS = {
    PRODUCTS: r"openblas|memset",
    "recurrence, forward": r"forward_block",
    "recurrence, backward": r"backward_block",
    "first layer": r"outer_",
    "sums of gradients": r"add_lane_sums|column_sums|accumulate",
    "copies": r"mem(move|cpy)|gather|scatter",
    "page faults and system": r"kernel\.|\[k\]",
}
OTHER = "everything else"
WARM_UP, SECONDS = 3, 4.0


def bytes_moved(workload: Workload) -> dict[str, int]:
    """The least that a part reads and writes in forward and backward, in bytes."""
    row = 4 * workload.time_steps * workload.batch
    states = row * workload.hidden * workload.layers
    return {
        "recurrence, forward": 2 * states,  # z, h
        "recurrence, backward": 3 * states,  # dh, h, dz
        # y, x and dy between time-major [T, B, F] and the engine's sample-major [B, T, F].
        "copies": 2 * row * (2 * workload.hidden + workload.inputs),
    }


def part_of(line: str) -> str:
    """The part that a line of `perf report` belongs to."""
    return next((part for part, words in PARTS.items() if re.search(words, line)), OTHER)


def shares(report: str) -> dict[str, float]:
    """The fraction of samples in each part, from `perf report -F overhead,dso,symbol`."""
    found = dict.fromkeys((*PARTS, OTHER), 0.0)
    for line in report.splitlines():
        percent, _, name = line.strip().partition("%")
        if name and not line.startswith("#"):
            found[part_of(name)] += float(percent) / 100
    whole = sum(found.values())
    return {part: value / whole for part, value in found.items()} if whole else found


def profile(program: Path, workload: Workload) -> dict[str, Any]:
    """Seconds of one run, and the fraction of them in each part."""
    worker = start_native(program, "engine", workload, 1)
    try:
        once = worker.ask(f"train {WARM_UP}")["seconds"]
        runs = max(3, round(SECONDS / once))
        with tempfile.TemporaryDirectory() as folder:
            data = str(Path(folder) / "perf.data")
            record = ["perf", "record", "-e", "cpu-clock", "-F", "1999", "-o", data]
            # Sampling starts after the process has touched all its memory, and ends with it.
            with subprocess.Popen(
                [*record, "-p", str(worker.pid)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as sampler:
                answer = worker.ask(f"train {runs}")
                worker.close()
                sampler.wait()
            fields = ["--stdio", "-F", "overhead,dso,symbol", "-i", data]
            report = subprocess.run(
                ["perf", "report", *fields], capture_output=True, text=True, check=True
            ).stdout
    finally:
        worker.close()
    return {"seconds": answer["seconds"], "shares": shares(report)}


def bandwidth(program: Path) -> dict[str, float]:
    """Bytes per second, read and written, of a copy inside the second-level cache and in memory."""
    worker = Process([str(program), "bandwidth"], 1, environment(1))
    try:
        return {
            name: 1 / min(worker.ask(f"{name} 20")["seconds"] for _ in range(3))
            for name in ("cache", "memory")
        }
    finally:
        worker.close()


def measure(program: Path, workloads: list[Workload]) -> dict[str, Any]:
    """Profiles of workloads; raises SystemExit where perf is missing."""
    if shutil.which("perf") is None:
        raise SystemExit("error: perf is not installed (Debian: apt-get install linux-perf)")
    cases = {}
    for workload in workloads:
        floor = start_native(program, "floor", workload, 1)
        try:
            floor.ask("train 1")
            products = min(floor.ask("train 2")["seconds"] for _ in range(3))
        finally:
            floor.close()
        found = profile(program, workload) | {"floor": products}
        cases[workload.name] = found | {"bytes": bytes_moved(workload)}
    return {
        "machine": machine.describe(),
        "bandwidth": bandwidth(program),
        "cases": cases,
    }


def markdown(document: dict[str, Any]) -> str:
    """Milliseconds of each part, with the bandwidth that it reaches where its bytes are counted."""
    names = list(document["cases"])
    rows = []
    for part in (*PARTS, OTHER):
        cells = []
        for case in document["cases"].values():
            seconds = case["shares"][part] * case["seconds"]
            moved = case["bytes"].get(part)
            rate = f" ({moved / seconds / 1e9:.0f} GB/s)" if moved and seconds > 1e-3 else ""
            cells.append(f"{1e3 * seconds:.1f}{rate}")
        rows.append([part, *cells])
    totals = [f"{1e3 * case['seconds']:.1f}" for case in document["cases"].values()]
    floors = [f"{1e3 * case['floor']:.1f}" for case in document["cases"].values()]
    ratios = [f"{case['seconds'] / case['floor']:.3f}" for case in document["cases"].values()]
    rows += [["all", *totals], ["floor", *floors], ["all / floor", *ratios]]
    copies = ", ".join(
        f"{value / 1e9:.0f} GB/s {where}"
        for where, value in zip(
            ("in the second-level cache", "in memory"),
            document["bandwidth"].values(),
            strict=True,
        )
    )
    title = f"Milliseconds, one thread. A copy moves, read and written: {copies}."
    return f"{title}\n\n{table(['part', *names], rows)}"
