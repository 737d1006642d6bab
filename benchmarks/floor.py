"""The engine against its floor: the matrix products alone, same shapes, same BLAS, one process.

Run it with `python -m benchmarks.floor` (or `make benchmark`). Engine and floor take turns; each
time is the median of the repeats, with half the distance between the quartiles as its spread. The
floor is forward, dX and dW of every layer (no dX in the first): single-threaded products of 512
rows, from as many threads as the engine uses.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import native
from benchmarks.workloads import WORKLOADS, Workload


def measure(program: Path, workload: Workload, repeats: int, threads: int | None) -> dict[str, Any]:
    """Time one workload; the result holds every measurement in seconds."""
    arguments = {key: value for key, value in dataclasses.asdict(workload).items() if key != "name"}
    if threads is not None:
        arguments["threads"] = threads
    times = native.run(program, repeats=repeats, **arguments)
    for who in ("engine", "floor"):
        both = zip(times[f"{who}_forward"], times[f"{who}_backward"], strict=True)
        times[f"{who}_both"] = [forward + backward for forward, backward in both]
    return {"workload": dataclasses.asdict(workload), **times}


def milliseconds(times: list[float]) -> str:
    """Median and spread."""
    low, _, high = statistics.quantiles(times, n=4)
    return f"{statistics.median(times) * 1e3:.1f} ± {(high - low) / 2 * 1e3:.1f}"


def ratio(result: dict[str, Any], part: str) -> float:
    """Median time of the engine over the floor's, for `forward`, `backward` or `both`."""
    engine, floor = (
        statistics.median(result[f"engine_{part}"]),
        statistics.median(result[f"floor_{part}"]),
    )
    return engine / floor


def table(results: list[dict[str, Any]]) -> Table:
    """One row per workload."""
    first = results[0]
    blas = first["blas"].split()[0]
    title = f"Engine / floor, {first['threads']} threads, {first['instruction_set']}, {blas}"
    view = Table(title=title, caption="milliseconds: median ± half the interquartile range")
    for column in ("workload", "engine", "floor", "forward", "backward", "forward + backward"):
        view.add_column(column, justify="left" if column == "workload" else "right")
    for result in results:
        workload = Workload(**result["workload"])
        ratios = [f"{ratio(result, part):.2f} x" for part in ("forward", "backward", "both")]
        times = [milliseconds(result[f"{who}_both"]) for who in ("engine", "floor")]
        view.add_row(f"{workload.name}: {workload.shapes}", *times, *ratios)
    return view


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.floor", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; default: all"
    )
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--threads", type=int, help="default: the cores this process may use")
    parser.add_argument("--build-dir", type=Path, default=native.ROOT / "build" / "release")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every measurement")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.workloads if name not in WORKLOADS]
    if unknown or options.repeats < 2:
        parser.error(
            f"unknown workloads: {', '.join(unknown)}"
            if unknown
            else "--repeats must be at least 2"
        )

    program = native.build("indrnn_floor", options.build_dir)
    chosen = [WORKLOADS[name] for name in options.workloads or WORKLOADS]
    results = [measure(program, workload, options.repeats, options.threads) for workload in chosen]
    Console(width=140).print(table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
