"""Results as Markdown, put between two marks of a page of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import bars, report
from benchmarks.catalogue import SYSTEMS, System
from benchmarks.results import Results, quartiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from benchmarks.results import Case
    from benchmarks.workloads import Workload

ORDER = ("pixel", "char", "adding", "ptb", "skeleton", "long", "stream")


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; all columns but the first to the right."""
    columns = list(header)
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def place(case: Case) -> tuple[int, str, str, int]:
    """Where a case comes in the page."""
    name = case["workload"]["name"].split("+")[0]
    order = ORDER.index(name) if name in ORDER else len(ORDER)
    return order, case["workload"]["name"], case["task"], case["threads"]


def ratios(cases: list[Case], systems: Mapping[str, System] = SYSTEMS) -> str:
    """Time of every system over the engine's."""
    results = Results.of(cases)
    shown = [s for s in systems if any("seconds" in c["systems"].get(s, {}) for c in cases)]
    others = [s for s in shown if s != "engine"]
    rows = []
    for case in cases:
        name = (case["workload"]["name"], case["task"], case["threads"])
        engine = results.median(*name, "engine")
        if engine is not None:
            quotients = [report.ratio(results.median(*name, s), engine) for s in others]
            rows.append([report.work_of(case), report.duration(engine), *quotients])
    return table(["workload", "engine", *[systems[s].title for s in others]], rows)


def details(case: Case, systems: Mapping[str, System] = SYSTEMS) -> str:
    """Times of one case with their quartiles, and who was not measured."""
    rows, absent = [], []
    name = (case["workload"]["name"], case["task"], case["threads"])
    results = Results.of([case])
    engine = results.median(*name, "engine")
    for system, entry in case["systems"].items():
        if "seconds" not in entry:
            absent.append(f"{systems[system].title}: {entry.get('refused', 'not measured')}")
            continue
        low, median, high = quartiles(entry["seconds"])
        p99 = results.median(*name, system, "p99")
        rows.append(
            [
                systems[system].title,
                report.duration(median),
                f"{report.duration(low)} - {report.duration(high)}",
                report.duration(p99) if p99 is not None else "",
                str(len(entry["seconds"])),
                report.ratio(median, engine),
                f"{entry['error']:.0e}" if "error" in entry else "",
                report.note(systems[system], entry),
            ]
        )
    header = ["system", "median", "quartiles", "p99", "runs", "/ engine", "error", "form"]
    notes = f"\nNot measured: {'; '.join(absent)}.\n" if absent else ""
    return f"**{report.title_of(case)}** ({case['date']})\n\n{table(header, rows)}\n{notes}"


def held(
    cases: list[Case],
    all_bars: Iterable[bars.Bar] = bars.BARS,
    limits: Iterable[str] = ("AVX2", "AVX-512"),
) -> str:
    """The bars."""
    rows = []
    for bar, value, words in bars.judge(Results.of(cases), all_bars):
        cells = [
            f"{bar.sign}{limit:g}: {word}" for limit, word in zip(bar.limits, words, strict=True)
        ]
        measured = "" if value is None else f"{value:#.3g}"
        rows.append([bar.work, bar.what, measured, *cells])
    return table(["work", "ratio", "measured", *limits], rows)


def grown(cases: list[Case], axis: str, sizes: list[tuple[int, Workload]]) -> str:
    """One row for each size of an axis."""
    results = Results.of(cases)
    rows = []
    for size, workload in sizes:
        one, two, floor, jax = (
            results.median(workload.name, "train", threads, system)
            for threads, system in ((1, "engine"), (2, "engine"), (2, "floor"), (2, "jax-scan"))
        )
        if two is not None:
            per_step = report.duration(two / workload.time_steps)
            quotients = [report.ratio(one, two), report.ratio(two, floor), report.ratio(jax, two)]
            rows.append([f"{size:,}", report.duration(two), per_step, *quotients])
    header = [axis, "engine, two threads", "per time step"]
    header += ["one thread / two", "engine / floor", "JAX scan / engine"]
    if not any(row[-1] for row in rows):  # where the peer was not measured
        header, rows = header[:-1], [row[:-1] for row in rows]
    return table(header, rows)


def replace(page: Path, name: str, text: str) -> None:
    """Put the text between `<!-- NAME: begin -->` and `<!-- NAME: end -->`."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = page.read_text()
    before, found, rest = content.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} has no marks {begin} and {end}")
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}")


def versions_of(document: dict[str, Any]) -> str:
    """Every library with its version."""
    return ", ".join(f"{name} {version}" for name, version in document["versions"].items())


def machine_line(document: dict[str, Any]) -> str:
    """What it was measured on, in one sentence."""
    machine = document["machine"]
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    widest = [flag for flag in ("avx512f", "avx2", "asimd") if flag in machine["flags"]]
    return (
        f"Measured on {machine['cores']} cores of {machine['processor']} ({' '.join(widest[:1])}; "
        f"{caches}), {machine['memory_gib']} GiB, {machine['system']}, with "
        f"{versions_of(document)}."
    )
