"""The table of a model's layers that `indrnn info` prints."""

import dataclasses
from typing import Any

from rich.console import Console
from rich.table import Table

from .. import nn

__all__ = ["print_summary"]

FILE_WIDTH = 160  # where the output is no terminal, whose width would be taken


def print_summary(layers: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    """Print all layers with sizes and costs, and the plan.

    Parameters
    ----------
    layers : list of dict
        JSON form of each layer, with the shapes of its "parameters" by name.
    summary : dict
        JSON form of `indrnn_engine.summary.Summary`.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=FILE_WIDTH)
    print_layers(console, layers, summary)
    print_plan(console, summary)


def print_layers(console: Console, layers: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    """Print a row for each layer, and the sums."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "layer", "settings", "output", "parameters"):
        table.add_column(heading, overflow="fold")
    for heading in ("number", "flops/step", "bytes/step"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in summary["layers"]:
        spec, shapes = look_up(layers, row["path"])
        table.add_row(
            row["path"],
            row["type"],
            ", ".join(changed_settings(spec)),
            str(row["output_shape"]),
            ", ".join(f"{name} {shape}" for name, shape in shapes.items()),
            *costs(row),
        )
    table.add_row("", "total", "", "", "", *costs(summary))
    console.print(table, markup=False)


def costs(row: dict[str, Any]) -> list[str]:
    """Give the numbers of a layer, or of all together."""
    return [f"{row[name]:,.0f}" for name in ("parameters", "flops", "bytes")]


def print_plan(console: Console, summary: dict[str, Any]) -> None:
    """Print what runs together: one line for each segment, and how time and batch are cut."""
    plan = summary["plan"]
    where = f"T {summary['time_steps']}, batch {summary['batch']}"
    size = summary["workspace_bytes"]
    console.print(f"\nplan for {where}: {size:,} bytes of workspace", soft_wrap=True)
    cut = ", ".join(
        f"{name.replace('_', ' ')} {plan[name]}"
        for name in ("chunk_steps", "chunks", "tiles", "lanes")
        if name in plan
    )
    console.print(f"  {cut}", soft_wrap=True)
    for number, segment in enumerate(summary["segments"]):
        console.print(f"  segment {number}: {' > '.join(segment)}", markup=False, soft_wrap=True)


def look_up(layers: list[dict[str, Any]], path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the JSON form of the layer at a path, and the shapes of its own parameters."""
    first, *rest = path.split(".")
    outer = spec = layers[int(first)]
    for number in rest:
        if number.isdecimal():  # not "forward" or "backward"
            spec = spec["layers"][int(number)]
    inside = "".join(f"{number}." for number in rest)
    shapes = {
        name[len(inside) :]: shape
        for name, shape in outer["parameters"].items()
        if name.startswith(inside) and "." not in name[len(inside) :]
    }
    return spec, shapes


def changed_settings(spec: dict[str, Any]) -> list[str]:
    """Give the fields of a layer that differ from their defaults; not the layers inside of it."""
    shown = []
    for field in dataclasses.fields(nn.layer_types()[spec["type"]]):
        value = spec.get(field.name, field.default)
        if value != field.default and not isinstance(value, (list, tuple)):
            text = f"{value:.6g}" if isinstance(value, float) else str(value)
            shown.append(f"{field.name} {text}")
    return shown
