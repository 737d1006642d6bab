"""`python -m benchmarks`: the engine against its floor and against other implementations.

install    put the peers into build/peers
run        measure workloads with every system, taking turns
scaling    measure the engine over sequence length, width, depth and threads
bars       hold a file of results against the bars
render     write results into docs/performance.md and the chart beside it
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rich.console import Console

from benchmarks import bars, measure, native, peers, report, results
from benchmarks.catalogue import SYSTEMS
from benchmarks.workloads import TASKS, WORKLOADS, tasks_of

CONSOLE = Console(width=None if os.isatty(1) else 170)
RESULTS = native.ROOT / "benchmarks" / "results" / "cpu.json"
DEFAULT_WORKLOADS = ("pixel", "char", "adding", "skeleton")


def add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("run", help="measure workloads with every system, taking turns")
    parser.add_argument(
        "workloads",
        nargs="*",
        default=list(DEFAULT_WORKLOADS),
        metavar="WORKLOAD",
        help=f"of {', '.join(WORKLOADS)}; default: {' '.join(DEFAULT_WORKLOADS)}",
    )
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=["forward", "train", "stream"])
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--without", nargs="+", choices=SYSTEMS, default=[], metavar="SYSTEM")
    parser.add_argument("--threads", type=int, nargs="+", default=[min(2, os.cpu_count() or 1)])
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument(
        "--budget",
        type=float,
        default=30.0,
        help="seconds for one system of one case; a slow one is run fewer times",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the results to this file")
    parser.add_argument("--build-dir", type=Path, default=native.ROOT / "build" / "release")
    parser.set_defaults(function=run)


def run(options: argparse.Namespace) -> int:
    """Measure; the status is 1 where this engine's results are wrong."""
    unknown = [name for name in options.workloads if name not in WORKLOADS]
    if unknown or options.repeats < 1:
        CONSOLE.print(
            f"error: unknown workloads: {', '.join(unknown)}; known are {', '.join(WORKLOADS)}"
            if unknown
            else "error: --repeats must be at least 1"
        )
        return 2
    workloads = [WORKLOADS[name] for name in options.workloads]
    cases = [(w, task) for w in workloads for task in tasks_of(w) if task in options.tasks]
    names = [name for name in options.systems if name not in options.without]
    needs_program = any(SYSTEMS[name].native for name in names)
    program = (
        native.build("indrnn_benchmark_worker", options.build_dir) if needs_program else Path()
    )
    measured = []
    for threads in options.threads:
        with CONSOLE.status("starting") as status:
            found, versions = measure.run(
                names,
                cases,
                threads,
                options.repeats,
                options.budget,
                program,
                say=status.update,
                done=lambda case: CONSOLE.print(report.case_table(case)),
            )
        measured += found
        if options.json:
            results.save(options.json, found, versions)
    CONSOLE.print(report.overview(measured))
    wrong = any(case["systems"].get("engine", {}).get("wrong") for case in measured)
    return 1 if wrong else 0


def install(_: argparse.Namespace) -> int:
    """Install the peers; what cannot be installed is a line."""
    failures = peers.install()
    for requirements, reason in failures.items():
        CONSOLE.print(f"requirements/{requirements}: {reason}")
    CONSOLE.print(f"peers are in {peers.PEERS.relative_to(native.ROOT)}")
    return 0


def show_bars(options: argparse.Namespace) -> int:
    """The status is 1 where a measured bar does not hold."""
    cases = []
    wide = False
    for file in options.files:
        document = results.load(file)
        cases += document["cases"]
        wide |= "avx512f" in document["machine"]["flags"]
    gathered = results.Results.of(cases)
    CONSOLE.print(bars.table(gathered, wide))
    return 1 if any(word == "FAIL" for _, _, word in bars.judge(gathered, wide)) else 0


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_run(commands)
    commands.add_parser("install", help="put the peers into build/peers").set_defaults(
        function=install
    )
    held = commands.add_parser("bars", help="hold files of results against the bars")
    held.add_argument("files", type=Path, nargs="*", default=[RESULTS])
    held.set_defaults(function=show_bars)
    options = parser.parse_args(arguments)
    status: int = options.function(options)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
