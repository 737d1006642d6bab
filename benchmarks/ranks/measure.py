"""Measuring: starts the worker in every way that is needed and gathers what it prints."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import indrnn_engine as ie
from benchmarks import machine
from benchmarks.native import ROOT
from benchmarks.results import four_digits

FILE = ROOT / "benchmarks" / "results" / "ranks.json"
ROUNDS = 3
OVERLAPPED = ("smnist-plain6", "text-plain", "ptb-char-plain")
FORMAT = 1


def start(ranks: int | None, threads: int, *arguments: str) -> Any:
    """Run the worker, under mpiexec or (None) alone; gives what it found."""
    command = [sys.executable, "-m", "benchmarks.ranks.worker", *arguments]
    if ranks is not None:
        beside = Path(sys.executable).with_name("mpiexec")
        starter = str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"
        command = [starter, "-n", str(ranks), *command]
    environment = {
        **os.environ,
        "INDRNN_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    return json.loads(done.stdout)


def distinct() -> dict[str, list[str]]:
    """Recipes by the first of those that train the same network on the same shapes."""
    groups: dict[str, list[str]] = {}
    for name in ie.recipes.names():
        experiment = ie.recipes.load(name).experiment
        sizes = {key: experiment.data.get(key) for key in ("batch_size", "time_steps", "features")}
        options = experiment.model.options.items()
        shape = {key: value for key, value in options if "dropout" not in key}
        key = json.dumps([experiment.source, sizes, shape], sort_keys=True)
        groups.setdefault(key, []).append(name)
    return {names[0]: names for names in groups.values()}


def measure_sums() -> dict[str, Any]:
    """Seconds of a sum over 2 and 4 ranks."""
    return {"allreduce": [start(ranks, 1, "allreduce") for ranks in (2, 4)]}


def measure_pixel() -> dict[str, Any]:
    """Steps of one process with two threads, of two ranks and of four; overhead."""
    ways = (("alone", None, 2), ("ranks", 2, 1), ("crowded", 4, 1))
    found: dict[str, Any] = {"pixel": {where: {} for where, *_ in ways}}
    for _, (where, ranks, threads) in itertools.product(range(ROUNDS), ways):
        for name, seconds in start(ranks, threads, "pixel", where).items():
            found["pixel"][where].setdefault(name, []).extend(seconds)
    return {**found, "overhead": start(1, 2, "overhead")}


def measure_gradients() -> dict[str, Any]:
    """Sums of gradients beside the work that they could go on during, two ranks of one thread."""
    return {"gradients": start(2, 1, "gradients", *OVERLAPPED)}


def measure_recipes(names: list[str]) -> dict[str, Any]:
    """Steps of recipes on two threads."""
    return {"recipes": start(None, 2, "step", *names)}


def load() -> dict[str, Any]:
    """Read the file of results; empty where there is none."""
    if not FILE.exists():
        return {}
    document: dict[str, Any] = json.loads(FILE.read_text())
    if document.get("format") != FORMAT:
        raise ValueError(f"{FILE} is no result file of format {FORMAT}")
    return document


def save(found: dict[str, Any]) -> None:
    """Write results over those of the same kind; recipes over those of the same name."""
    before = load()
    recipes = {**before.get("recipes", {}), **found.pop("recipes", {})}
    document = {**before, **found, "recipes": recipes}
    document |= {"format": FORMAT, "machine": machine.describe(), "date": machine.now()}
    document["mpi"] = subprocess.run(
        [sys.executable, "-c", "from mpi4py import MPI; print(MPI.Get_library_version())"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()[0]
    text = json.dumps(four_digits(document), indent=1)
    FILE.write_text(text + "\n")
