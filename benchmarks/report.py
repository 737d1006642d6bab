"""Tables of ratios for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from benchmarks.catalogue import SYSTEMS, System
from benchmarks.results import Case, Results, quartiles
from benchmarks.workloads import Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    Systems = Mapping[str, System]


def duration(seconds: float) -> str:
    """With three digits and a unit that fits."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError("unreachable")


def ratio(over: float | None, under: float | None) -> str:
    """A quotient with three digits, or nothing."""
    if over is None or under is None:
        return ""
    return f"{over / under:#.3g}"


def work_of(case: Case) -> str:
    """Name, task and threads; on a GPU the host's threads count for nothing."""
    name, task, threads = case["workload"]["name"], case["task"], case["threads"]
    on_host = f", {threads} thread{'s' if threads > 1 else ''}" if threads else ""
    return f"{name}, {task}{on_host}"


def title_of(case: Case) -> str:
    """Name, task, threads and sizes."""
    return f"{work_of(case)}: {Workload(**case['workload']).shapes}"


def case_table(case: Case, systems: Systems = SYSTEMS) -> Table:
    """One row per system."""
    results, name = Results.of([case]), (case["workload"]["name"], case["task"], case["threads"])
    engine = results.median(*name, "engine")
    floor = results.median(*name, "floor")
    table = Table(title=title_of(case), title_justify="left")
    for column in ("system", "median", "quartiles", "p99", "runs", "/ engine", "/ floor", "error"):
        table.add_column(column, justify="left" if column == "system" else "right", no_wrap=True)
    table.add_column("note", overflow="fold")
    absent: list[str] = []
    for system, entry in case["systems"].items():
        title = escape(systems[system].title)
        if "seconds" not in entry:
            absent.append(f"{title}: {escape(entry.get('refused', 'not measured'))}")
            continue
        low, median, high = quartiles(entry["seconds"])
        p99 = results.median(*name, system, "p99")
        table.add_row(
            title,
            duration(median),
            f"{duration(low)} - {duration(high)}",
            duration(p99) if p99 is not None else "",
            str(len(entry["seconds"])),
            ratio(median, engine),
            ratio(median, floor),
            f"{entry['error']:.0e}" if "error" in entry else "",
            note(systems[system], entry),
        )
    table.caption = "\n".join(absent) or None
    table.caption_justify = "left"
    return table


def note(system: System, entry: dict[str, Any]) -> str:
    """The form that was chosen, and what was not compared."""
    parts = [entry.get("details", {}).get("form", "")]
    if system.other_cell and not parts[0]:
        parts.append("another cell: not compared")
    if system.activation != "relu":
        parts.append(f"compared with {system.activation}")
    return ", ".join(filter(None, parts))


def overview(cases: list[Case], systems: Systems = SYSTEMS) -> Table:
    """Every system's time over the engine's, a row per case."""
    results = Results.of(cases)
    measured = [
        name
        for name in systems
        if any("seconds" in case["systems"].get(name, {}) for case in cases)
    ]
    table = Table(title="time of each system / time of the engine", title_justify="left")
    for column in ("workload", "task", "threads", "engine"):
        table.add_column(column, justify="left" if column in ("workload", "task") else "right")
    others = [name for name in measured if name != "engine"]
    for name in others:
        table.add_column(name, justify="right")
    for name in results.cases:
        engine = results.median(*name, "engine")
        if engine is not None:
            ratios = [ratio(results.median(*name, system), engine) for system in others]
            table.add_row(name[0], name[1], str(name[2] or ""), duration(engine), *ratios)
    return table
