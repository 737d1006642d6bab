"""Results and predictions as the tables and the plot of docs/distributed.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import markdown
from benchmarks.chart import plt, save
from benchmarks.native import ROOT
from benchmarks.ranks.measure import distinct
from benchmarks.ranks.model import (
    NETWORKS,
    RANKS,
    allreduce,
    computing,
    fit,
    saved_at_most,
    scaling,
)

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "distributed.md"
IMAGE = ROOT / "docs" / "images" / "ranks.png"
SHOWN = ("pmnist-plain6", "ntu-cs-plain6", "adding-5000", "ptb-char-residual21")
LEAST_SPEED, MOST_OVERHEAD, MOST_CROWDED = 0.9, 1.02, 1.5
PARTS = ("forward", "backward", "sum")
GAMMA = 1 / 10e9  # seconds to add a byte of float32, about what one core's memory allows


def of_two_ranks(results: dict[str, Any]) -> tuple[float, float]:
    """Alpha and beta of this machine's memory."""
    (two,) = (found for found in results["allreduce"] if found["ranks"] == 2)
    return fit(two["seconds"])


def speeds(results: dict[str, Any]) -> dict[str, tuple[float, float, float]]:
    """Speed of two ranks over one process; seconds through MPI, and of four ranks over two."""
    pixel, overhead = results["pixel"], results["overhead"]
    return {
        name: (
            min(pixel["alone"][name]) / min(pixel["ranks"][name]),
            min(overhead[name]["mpi"]) / min(overhead[name]["alone"]),
            min(pixel["crowded"][name]) / min(pixel["ranks"][name]),
        )
        for name in pixel["alone"]
    }


def show_bars(results: dict[str, Any]) -> bool:
    """Print the bars; says whether all hold."""
    good = True
    for name, (speed, overhead, crowded) in speeds(results).items():
        holds = speed >= LEAST_SPEED and overhead <= MOST_OVERHEAD and crowded <= MOST_CROWDED
        print(f"{name}: two ranks {speed:.2f} x (>= {LEAST_SPEED}), one rank {overhead:.3f} x time")
        print(f"{name}: four ranks on two cores {crowded:.2f} x time (<= {MOST_CROWDED})")
        good &= holds
    return good


def size_of(count: float) -> str:
    """Bytes for the eye."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024 or unit == "MiB":
            return f"{count:.0f} {unit}"
        count /= 1024
    return ""


def sums_table(results: dict[str, Any]) -> str:
    """Measured sums beside the fitted model."""
    alpha, beta = of_two_ranks(results)
    columns = {found["ranks"]: dict(map(tuple, found["seconds"])) for found in results["allreduce"]}
    rows = []
    for size in [2**power for power in (3, 6, 9, 12, 15, 18, 20, 22, 24, 26)]:
        cells = [f"{columns[ranks][size] * 1e6:,.0f} µs" for ranks in sorted(columns)]
        model = f"{allreduce(2, size, alpha, beta, 0.0) * 1e6:,.0f} µs"
        rows.append([size_of(size), *cells, model])
    ranks = [f"{ranks} ranks" for ranks in sorted(columns)]
    table = markdown.table(["sum of", *ranks, "model, 2 ranks"], rows)
    return (
        f"{table}\n\nFitted to two ranks: alpha = {alpha * 1e6:.1f} µs, "
        f"1 / beta = {1e-9 / beta:.1f} GB/s."
    )


def pixel_table(results: dict[str, Any]) -> str:
    """The bars."""
    rows = []
    for name, (speed, overhead, crowded) in speeds(results).items():
        seconds = [min(results["pixel"][where][name]) for where in ("alone", "ranks", "crowded")]
        cells = [f"{1000 * value:.0f} ms" for value in seconds]
        cells[2] += f", {crowded:.2f} times"
        rows.append([name, *cells, f"{speed:.2f}", f"{100 * (overhead - 1):+.1f} %"])
    heading = ["workload, 64 sequences in all", "one process, two threads"]
    heading += ["two ranks of one thread", "four ranks on the two cores (≤ 1.5 times two)"]
    heading += ["speed of two ranks (≥ 0.9)"]
    return markdown.table([*heading, "one rank through MPI (≤ +2 %)"], rows)


def networks_table() -> str:
    """What the predictions rest on."""
    rows = [
        [
            f"[{network.name}]({network.source})",
            f"{network.alpha * 1e6:g} µs",
            f"{1e-9 / network.beta:.2f} GB/s",
        ]
        for network in NETWORKS
    ]
    return markdown.table(["interconnect", "alpha", "1 / beta"], rows)


def gradients_table(results: dict[str, Any]) -> str:
    """What could be won if the sum of the gradients went on during backward."""
    rows = []
    for name, seconds in results["gradients"].items():
        recipe = results["recipes"][next(k for k, names in distinct().items() if name in names)]
        cells = [f"{float(f'{1e3 * seconds[part]:.3g}'):,g} ms" for part in PARTS]
        cells.append(f"{100 * seconds['sum'] / sum(seconds.values()):.1f} %")
        for network in NETWORKS:
            kinds = (recipe["batch"], RANKS[-1]), (1, recipe["batch"])  # weak, strong
            saved = [saved_at_most(recipe, n, batch, network, GAMMA) for batch, n in kinds]
            cells.append(" · ".join(f"{100 * value:.1f} %" for value in saved))
        rows.append([name, *cells])
    heading = ["recipe", "forward", "backward", "sum", "saved at most"]
    return markdown.table([*heading, *(network.name for network in NETWORKS)], rows)


def until(half: int | None) -> str:
    """From where on communication takes half the step."""
    return f"> {RANKS[-1]}" if half is None else f"{half}"


def scaling_table(results: dict[str, Any], kind: str) -> str:
    """A row for each network of layers: what is reached at 1024 ranks, or at best, and the half."""
    rows = []
    for first, names in distinct().items():
        recipe = results["recipes"].get(first)
        if recipe is None:
            continue
        cells = []
        for network in NETWORKS:
            found = scaling(recipe, network, GAMMA)
            if kind == "weak":
                cells.append(f"{100 * found.weak[-1]:.0f} %, {until(found.weak_half)}")
            else:
                best = max(found.strong)
                where = RANKS[found.strong.index(best)]
                cells.append(f"{best:.3g} at {where}, {until(found.strong_half)}")
        sizes = [f"{recipe['parameters'] / 1e6:.2f} M", str(recipe["norm_sums"])]
        sizes.append(f"{computing(recipe, recipe['batch']):.3g} s")
        rows.append([", ".join(names), *sizes, *cells])
    heading = ["recipes", "parameters", "sums of norms", "step on one rank"]
    return markdown.table([*heading, *(network.name for network in NETWORKS)], rows)


def draw(results: dict[str, Any], file: Path) -> None:
    """Weak efficiency above, strong speed-up below; a column for each of some recipes."""
    shown = [name for name in SHOWN if name in results["recipes"]]
    figure, panels = plt.subplots(
        2, len(shown), figsize=(3.6 * len(shown), 6), squeeze=False, layout="constrained"
    )
    for column, name in enumerate(shown):
        recipe = results["recipes"][name]
        for network in NETWORKS:
            found = scaling(recipe, network, GAMMA)
            panels[0, column].semilogx(RANKS, found.weak, base=2, label=network.name)
            panels[1, column].loglog(RANKS, found.strong, base=2)
        panels[0, column].axhline(0.5, color="#888888", linewidth=0.8, linestyle=":")
        panels[0, column].set_ylim(0, 1.05)
        panels[1, column].loglog(RANKS, RANKS, color="#888888", linewidth=0.8, linestyle=":")
        panels[0, column].set_title(f"{name}, B {recipe['batch']}", fontsize=9)
        panels[1, column].set_xlabel("ranks", fontsize=8)
        for panel in panels[:, column]:
            panel.grid(alpha=0.3)
            panel.tick_params(labelsize=8)
    panels[0, 0].set_ylabel("efficiency, B on each rank", fontsize=8)
    panels[1, 0].set_ylabel("speed-up, B in all", fontsize=8)
    panels[0, 0].legend(fontsize=6)
    figure.suptitle("Predicted scaling", fontsize=11)
    save(figure, file)


def render(results: dict[str, Any]) -> None:
    """Rewrite the tables of the page and the plot."""
    versions = {"MPICH": results["mpi"].split()[-1]}
    markdown.replace(PAGE, "machine", markdown.machine_line({**results, "versions": versions}))
    markdown.replace(PAGE, "sums", sums_table(results))
    markdown.replace(PAGE, "pixel", pixel_table(results))
    markdown.replace(PAGE, "gradients", gradients_table(results))
    markdown.replace(PAGE, "networks", networks_table())
    markdown.replace(PAGE, "weak", scaling_table(results, "weak"))
    markdown.replace(PAGE, "strong", scaling_table(results, "strong"))
    draw(results, IMAGE)
