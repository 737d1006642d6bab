"""`python -m benchmarks.gpu`: the engine on a GPU against its limits and other implementations.

Without a command everything is measured: workloads with every system, taking turns, and the
recurrences by themselves; what is not installed is a line.

run        check and measure (the default)
install    put the peers into build/peers/gpu
bars       hold a file of results against the bars
render     write a file of results into docs/cuda.md
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import bars, markdown, measure, native, peers, processes, report, results
from benchmarks.gpu import device
from benchmarks.gpu.bars import bars_of
from benchmarks.gpu.catalogue import TASKS, WORKLOADS_OF_GPU, systems
from benchmarks.workloads import tasks_of

CONSOLE = Console(width=None if os.isatty(1) else 170)
RESULTS = native.ROOT / "benchmarks" / "results" / "gpu.json"
PAGE = native.ROOT / "docs" / "cuda.md"
NOT_MEASURED = "No figures yet: the backend has run on the emulated device alone, never on a GPU."


def parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", choices=list(COMMANDS), default="run")
    known = systems(emulated=False)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS_OF_GPU, metavar="WORKLOAD")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--systems", nargs="+", choices=known, default=list(known))
    parser.add_argument("--without", nargs="+", choices=known, default=[], metavar="SYSTEM")
    parser.add_argument("--no-kernels", action="store_true", help="no recurrences by themselves")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--budget", type=float, default=20.0, help="seconds for a system and case")
    parser.add_argument(
        "--emulated",
        action="store_true",
        help="tiny sizes on the emulated device, peers on the CPU: tries all, measures nothing",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", default=RESULTS)
    return parser.parse_args(words)


def run(options: argparse.Namespace) -> int:
    """Measure; the status is 1 without a device, or where this engine's results are wrong."""
    why = device.problem(options.emulated) or problem_of_file(options)
    if why:
        print(why, file=sys.stderr)
        return 1
    of_device = device.describe(options.emulated)
    CONSOLE.print(f"{of_device['name']}, driver {of_device['driver']}")
    every = systems(options.emulated)
    names = [name for name in options.systems if name not in options.without]
    workloads = [WORKLOADS_OF_GPU[name] for name in options.workloads or WORKLOADS_OF_GPU]
    if options.emulated:
        workloads = [workload.tiny() for workload in workloads]
    cases = [(w, task) for w in workloads for task in tasks_of(w) if task in options.tasks]
    found: dict[str, Any] = {"device": of_device}
    if not options.no_kernels:
        found["kernels"] = kernels(options.emulated)
    results.save(options.json, [], {}, **found)

    def show(case: results.Case) -> None:
        CONSOLE.print(report.case_table(case, every))
        results.save(options.json, [case], {})

    with CONSOLE.status("starting") as status:
        measured, versions = measure.run(
            *(names, cases, 0, options.repeats, options.budget, Path()),
            say=status.update,
            done=show,
            systems=every,
        )
    results.save(options.json, measured, versions)
    CONSOLE.print(report.overview(measured, every))
    show_bars(options)
    ours = [
        case["systems"].get(name, {}) for case in measured for name in every if "engine" in name
    ]
    wrong = any(entry.get("wrong") for entry in ours)
    return 1 if wrong or "refused" in found.get("kernels", {}) else 0


def problem_of_file(options: argparse.Namespace) -> str:
    """Why results cannot go into this file: one file holds those of one device."""
    if options.emulated and options.json == RESULTS:
        return "--emulated needs --json FILE, as its times are no results"
    if options.json.exists():
        held = results.load(options.json)["device"]["name"]
        if held != device.describe(options.emulated)["name"]:
            return f"{options.json} holds the results of {held}: give another --json FILE"
    return ""


def kernels(emulated: bool) -> dict[str, Any]:
    """The recurrences by themselves, in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.gpu.kernels", *(["--tiny"] * emulated)]
    cores = len(os.sched_getaffinity(0))
    process = processes.Process(command, cores, processes.environment(cores))
    process.close()
    if "refused" in process.hello:
        CONSOLE.print(f"recurrences by themselves: {process.hello['refused']}")
    return process.hello


def show_bars(options: argparse.Namespace) -> int:
    """The status is 1 where a measured bar does not hold, or nothing was measured."""
    if not options.json.exists():
        print(f"nothing was measured: {options.json} is not there", file=sys.stderr)
        return 1
    document = results.load(options.json)
    judged = list(bars.judge(results.Results.of(document["cases"]), bars_of(document)))
    title = f"Bars, on {document['device']['name']}"
    CONSOLE.print(bars.table_of(title, ("limit",), judged))
    return 1 if any("FAIL" in words for _, _, words in judged) else 0


def install(_: argparse.Namespace) -> int:
    """Install the peers; what cannot be installed is a line."""
    for requirements, reason in peers.install(peers.GPU_INSTALLATIONS).items():
        CONSOLE.print(f"requirements/{requirements}: {reason}")
    command = [str(peers.interpreter("gpu")), "-c", "import torch; print(torch.version.cuda)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.stdout.strip() == "None":  # where pip's index prefers a build for the CPU
        CONSOLE.print(
            "PyTorch in build/peers/gpu is built without CUDA, so that cuDNN and the loops cannot "
            f"be measured: {command[0]} -m pip install --force-reinstall torch==VERSION from an "
            "index that has it"
        )
    return 0


def render(options: argparse.Namespace) -> int:
    """Rewrite the tables of the page."""
    markdown.replace(PAGE, "gpu", page(options.json))
    return 0


def page(file: Path) -> str:
    """What the page says of a file of results."""
    if not file.exists():
        return NOT_MEASURED
    document = results.load(file)
    known = systems(emulated=False)
    place = {name: number for number, name in enumerate(WORKLOADS_OF_GPU)}
    cases = sorted(
        document["cases"],
        key=lambda case: (place[case["workload"]["name"]], TASKS.index(case["task"])),
    )
    of = document["device"]
    measured = (
        f"Measured on {of['name']} (compute capability {of['capability']}, {of['memory_gib']} GiB, "
        f"driver {of['driver']}), with {markdown.versions_of(document)}. Time of the engine, given "
        "call by call, then the time of every other system over it: below 1 is faster than that."
    )
    parts = [
        measured,
        markdown.ratios(cases, known),
        markdown.held(cases, bars_of(document), ("bar",)),
        *(markdown.details(case, known) for case in cases),
    ]
    return "\n\n".join(parts)


COMMANDS = {"run": run, "install": install, "bars": show_bars, "render": render}


def main(words: list[str] | None = None) -> int:
    """Entry point."""
    options = parse(words)
    status: int = COMMANDS[options.command](options)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
