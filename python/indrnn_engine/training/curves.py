"""The curves of a run as a picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ..extras import require
from ..files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["draw_curves"]

STYLE: dict[str, dict[str, Any]] = {
    "train": {"color": "#8aa4c8", "linewidth": 1.0},
    "validation": {"color": "#c8553d"},
}
LOG_RANGE = 30.0  # values that span more than this factor are drawn on a logarithmic axis


def draw_curves(records: list[dict[str, Any]], path: Path, title: str = "") -> None:
    """Draw loss, score and learning rate against the step.

    Parameters
    ----------
    records : list of dict
        Lines of metrics.jsonl.
    path : Path
        The PNG to write, atomically.
    title : str

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    figures = require("matplotlib.figure", "matplotlib")
    names = [
        name for name in ("loss", "accuracy", "mse", "learning_rate") if _points(records, name)
    ]
    if "mse" in names and _points(records, "mse") == _points(records, "loss"):
        names.remove("mse")  # one curve twice
    figure = figures.Figure(figsize=(4.2 * max(len(names), 1), 3.4), layout="constrained")
    for index, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), index + 1)
        values = _draw_panel(axes, records, name)
        if name != "accuracy" and min(values) > 0 and max(values) > LOG_RANGE * min(values):
            axes.set_yscale("log")
        axes.set_title(name.replace("_", " "))
        axes.set_xlabel("step")
        axes.grid(alpha=0.25)
    if title:
        figure.suptitle(title)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=130)
    write_atomically(path, picture.getvalue())


def _draw_panel(axes: Any, records: list[dict[str, Any]], name: str) -> list[float]:
    values: list[float] = []
    for split, style in STYLE.items():
        points = [(step, value) for of, step, value in _points(records, name) if of == split]
        if points:
            marker = "." if len(points) < 60 and split == "validation" else ""
            axes.plot(*zip(*points, strict=True), label=split, marker=marker, **style)
            values += [value for _, value in points]
    for of, step, value in _points(records, name):
        if of == "test":
            axes.plot(
                [step], [value], "*", color="#2f6f4f", markersize=10, label=f"test {value:.4g}"
            )
    if name != "learning_rate":
        axes.legend(frameon=False)
    return values or [1.0]


def _points(records: list[dict[str, Any]], name: str) -> list[tuple[str, int, float]]:
    return [(r["split"], r["step"], r[name]) for r in records if name in r and "split" in r]
