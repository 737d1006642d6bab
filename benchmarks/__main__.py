"""`python -m benchmarks`: the engine against its floor and against other implementations.

install    put the peers into build/peers
run        measure workloads with every system, taking turns
gap        where the time beside the matrix products goes (needs perf)
kernels    the inner loops by themselves, in C++
scaling    measure the engine over sequence length, width, depth and threads
bars       hold a file of results against the bars
render     write results into docs/performance.md and the chart beside it
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path

from rich.console import Console

from benchmarks import bars, chart, gap, markdown, measure, native, peers, report, results, scaling
from benchmarks.catalogue import SYSTEMS
from benchmarks.workloads import TASKS, WORKLOADS, Workload, tasks_of

CONSOLE = Console(width=None if os.isatty(1) else 170)
RESULTS = native.ROOT / "benchmarks" / "results" / "cpu.json"
SCALING = RESULTS.with_name("scaling.json")
GAP = RESULTS.with_name("gap.json")
PAGE = native.ROOT / "docs" / "performance.md"
IMAGES = native.ROOT / "docs" / "images"
DEFAULT_WORKLOADS = ("pixel", "char", "adding", "skeleton")
GAP_WORKLOADS = ("pixel", "char", "adding", "skeleton", "ptb", "long")


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
    add_settings(parser, [min(2, os.cpu_count() or 1)])
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the results to this file")
    parser.set_defaults(function=run)


def add_scaling(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("scaling", help="measure the engine over T, H, L and threads")
    parser.add_argument("--axes", nargs="+", choices=scaling.AXES, default=list(scaling.AXES))
    parser.add_argument(
        "--systems", nargs="+", choices=scaling.SYSTEMS, default=list(scaling.SYSTEMS)
    )
    add_settings(parser, [1, 2])
    parser.add_argument("--json", type=Path, metavar="FILE", default=SCALING)
    parser.set_defaults(function=grow)


def add_gap(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("gap", help="where the time beside the matrix products goes")
    parser.add_argument("workloads", nargs="*", default=list(GAP_WORKLOADS), metavar="WORKLOAD")
    parser.add_argument("--build-dir", type=Path, default=native.ROOT / "build" / "release")
    parser.add_argument("--json", type=Path, metavar="FILE", default=GAP)
    parser.set_defaults(function=profile)


def add_settings(parser: argparse.ArgumentParser, threads: list[int]) -> None:
    parser.add_argument("--threads", type=int, nargs="+", default=threads)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument(
        "--budget",
        type=float,
        default=30.0,
        help="seconds for one system of one case; a slow one is run fewer times",
    )
    parser.add_argument("--build-dir", type=Path, default=native.ROOT / "build" / "release")


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
    every = []
    for threads in options.threads:
        found, versions = measured(names, cases, threads, program, options)
        every += found
        if options.json:
            results.save(options.json, found, versions)
    CONSOLE.print(report.overview(every))
    wrong = any(case["systems"].get("engine", {}).get("wrong") for case in every)
    return 1 if wrong else 0


def measured(
    names: list[str],
    cases: list[tuple[Workload, str]],
    threads: int,
    program: Path,
    options: argparse.Namespace,
) -> tuple[list[results.Case], dict[str, str]]:
    """Run cases; print each and add it to the file as soon as it is done."""

    def show(case: results.Case) -> None:
        CONSOLE.print(report.case_table(case))
        if options.json:
            results.save(options.json, [case], {})

    with CONSOLE.status("starting") as status:
        return measure.run(
            names,
            cases,
            threads,
            options.repeats,
            options.budget,
            program,
            say=status.update,
            done=show,
        )


def install(_: argparse.Namespace) -> int:
    """Install the peers; what cannot be installed is a line."""
    failures = peers.install()
    for requirements, reason in failures.items():
        CONSOLE.print(f"requirements/{requirements}: {reason}")
    CONSOLE.print(f"peers are in {peers.PEERS.relative_to(native.ROOT)}")
    return 0


def grow(options: argparse.Namespace) -> int:
    """Measure the engine over T, H and L."""
    names = [name for name in options.systems if name in scaling.SYSTEMS]
    program = native.build("indrnn_benchmark_worker", options.build_dir)
    cases = [(workload, "train") for axis in options.axes for _, workload in scaling.AXES[axis]]
    for threads in options.threads:
        found, versions = measured(names, cases, threads, program, options)
        results.save(options.json, found, versions)
    return 0


def profile(options: argparse.Namespace) -> int:
    """Measure what the engine does beside the products."""
    program = native.build("indrnn_benchmark_worker", options.build_dir)
    document = results.four_digits(
        gap.measure(program, [WORKLOADS[name] for name in options.workloads])
    )
    CONSOLE.print(gap.markdown(document))
    options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def run_kernels(options: argparse.Namespace) -> int:
    """The C++ program's own table."""
    built = native.build("indrnn_kernels", options.build_dir)
    return subprocess.run([built, *options.words], check=False).returncode


def render(_: argparse.Namespace) -> int:
    """Rewrite the tables of the page, and the charts."""
    cases: list[results.Case] = []
    if RESULTS.exists():
        document = results.load(RESULTS)
        cases = sorted(document["cases"], key=markdown.place)
        trained = [c for c in cases if c["task"] == "train"]
        other = [c for c in cases if c["task"] in ("forward", "stream")]
        markdown.replace(PAGE, "machine", markdown.machine_line(document))
        markdown.replace(PAGE, "train", markdown.ratios(trained))
        markdown.replace(PAGE, "forward", markdown.ratios(other))
        step = [c for c in cases if c["task"] in ("head", "step")]
        markdown.replace(PAGE, "step", markdown.ratios(step))
        markdown.replace(PAGE, "details", "\n".join(markdown.details(c) for c in cases))
        chart.speed(results.Results.of(cases), IMAGES / "speed.png")
    if SCALING.exists():
        grown = results.load(SCALING)["cases"]
        known = {case["workload"]["name"] for case in grown}
        tables = [
            markdown.grown(grown, axis, sizes)
            for axis, sizes in scaling.AXES.items()
            if any(workload.name in known for _, workload in sizes)
        ]
        markdown.replace(PAGE, "scaling", "\n\n".join(tables))
        chart.growth(results.Results.of(grown), IMAGES / "scaling.png")
        cases += grown
    if GAP.exists():
        markdown.replace(PAGE, "gap", gap.markdown(json.loads(GAP.read_text())))
    markdown.replace(PAGE, "bars", markdown.held(cases))
    return 0


def show_bars(options: argparse.Namespace) -> int:
    """The status is 1 where a measured bar does not hold."""
    cases: list[results.Case] = []
    wide = False
    for file in filter(Path.exists, options.files):
        document = results.load(file)
        cases += document["cases"]
        wide |= "avx512f" in document["machine"]["flags"]
    gathered = results.Results.of(cases)
    CONSOLE.print(bars.table(gathered, wide))
    return 1 if any(words[wide] == "FAIL" for _, _, words in bars.judge(gathered)) else 0


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
    held.add_argument("files", type=Path, nargs="*", default=[RESULTS, SCALING])
    held.set_defaults(function=show_bars)
    add_scaling(commands)
    add_gap(commands)
    kernels = commands.add_parser("kernels", help="Google Benchmark of the inner loops")
    kernels.add_argument("--build-dir", type=Path, default=native.ROOT / "build" / "release")
    kernels.add_argument("words", nargs="*", metavar="WORD", help="after --: for Google Benchmark")
    kernels.set_defaults(function=run_kernels)
    commands.add_parser(
        "render", help="write results into docs/performance.md and the charts"
    ).set_defaults(function=render)
    options = parser.parse_args(arguments)
    status: int = options.function(options)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
