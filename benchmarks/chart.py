"""Charts of results for the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl

from benchmarks import scaling
from benchmarks.catalogue import SYSTEMS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.results import Results

mpl.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {"engine": "#1b7837", "floor": "#888888"}
WORKLOADS = ("pixel", "char", "adding", "ptb", "skeleton", "long")


def speed(results: Results, file: Path, task: str = "train", threads: int = 2) -> None:
    """Time of every system over the engine's, a panel for each workload that was measured."""
    names = [name for name in WORKLOADS if results.median(name, task, threads, "engine")]
    columns = min(3, len(names)) or 1
    rows = -(-len(names) // columns) or 1
    figure, panels = plt.subplots(
        rows, columns, figsize=(5 * columns, 0.4 + 3.2 * rows), squeeze=False, layout="constrained"
    )
    for panel, name in zip(panels.flat, names, strict=False):
        engine = results.median(name, task, threads, "engine") or 1.0
        medians = {
            system: results.median(name, task, threads, system)
            for system in SYSTEMS
            if system != "engine-cpp"
        }
        shown = {system: value / engine for system, value in medians.items() if value}
        titles = [SYSTEMS[system].title for system in shown]
        colours = [COLOURS.get(system, "#4393c3") for system in shown]
        bars = panel.barh(titles, list(shown.values()), color=colours)
        panel.bar_label(bars, [f"{value:.2g}" for value in shown.values()], padding=2, fontsize=8)
        panel.set_xscale("log")
        panel.set_xlim(0.5, 3 * max(4.0, *shown.values()))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.xaxis.set_minor_formatter("")
        panel.axvline(1, color="#1b7837", linewidth=0.8)
        panel.invert_yaxis()
        panel.tick_params(labelsize=8)
        shapes = results.cases[name, task, threads]["workload"]
        sizes = ", ".join(
            f"{letter} {shapes[key]}"
            for letter, key in zip(
                "IHLTB", ("inputs", "hidden", "layers", "time_steps", "batch"), strict=True
            )
        )
        panel.set_title(f"{name}: {sizes}", fontsize=9)
    for panel in list(panels.flat)[len(names) :]:
        panel.axis("off")
    figure.suptitle(f"forward + backward, {threads} threads: time over the engine's", fontsize=11)
    save(figure, file)


def growth(results: Results, file: Path) -> None:
    """Time over sequence length, width and depth."""
    figure, panels = plt.subplots(1, len(scaling.AXES), figsize=(15, 4), layout="constrained")
    for panel, (axis, cases) in zip(panels, scaling.AXES.items(), strict=True):
        for system in scaling.SYSTEMS:
            for threads, style in ((1, "--"), (2, "-")):
                points = [
                    (size, results.median(workload.name, "train", threads, system))
                    for size, workload in cases
                ]
                known = [(size, value) for size, value in points if value is not None]
                if not known:
                    continue
                # Over the sequence length: the time of one step, which should not grow.
                panel.loglog(
                    [size for size, _ in known],
                    [value / (size if axis == "T" else 1) * 1e6 for size, value in known],
                    style,
                    marker="o",
                    markersize=3,
                    color=COLOURS.get(system, "#4393c3"),
                    label=f"{SYSTEMS[system].title}, {threads} thread{'s' * (threads > 1)}",
                )
        panel.set_xlabel(scaling.TITLES[axis], fontsize=9)
        panel.set_ylabel("µs per time step" if axis == "T" else "µs", fontsize=9)
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=7)
    figure.suptitle("forward + backward", fontsize=11)
    save(figure, file)


def save(figure: plt.Figure, file: Path) -> None:
    """As a PNG without the version of the library that drew it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plt.close(figure)
