"""Result files: one JSON object with the machine, the versions and a list of cases."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import machine

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
Case = dict[str, Any]


def key(case: Case) -> tuple[str, str, int]:
    """What a file has at most one case of."""
    return case["workload"]["name"], case["task"], case["threads"]


def four_digits(value: Any) -> Any:
    """Round every float, in whatever lists and dicts it lies: more cannot be measured."""
    if isinstance(value, dict):
        return {key: four_digits(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [four_digits(inner) for inner in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def rounded(case: Case) -> Case:
    """Times with four digits: a file that can be kept under version control."""
    systems = {
        name: {
            field: four_digits(entry[field])
            if field in ("seconds", "p99")
            else float(f"{entry[field]:.2g}")
            if field == "error"
            else entry[field]
            for field in entry
        }
        for name, entry in case["systems"].items()
    }
    return {**case, "systems": systems}


def load(file: Path) -> dict[str, Any]:
    """Read a result file; raises ValueError for another format."""
    document: dict[str, Any] = json.loads(file.read_text())
    if document.get("format") != FORMAT:
        raise ValueError(f"{file} is no result file of format {FORMAT}")
    return document


def save(file: Path, cases: list[Case], versions: dict[str, str], **more: Any) -> None:
    """Write cases, in place of those of the same name, task and threads that the file holds.

    `more` are further fields of the file; those that are left out stay.
    """
    empty = {"format": FORMAT, "machine": {}, "versions": {}, "cases": []}
    before = load(file) if file.exists() else empty
    merged = {key(case): case for case in before["cases"]}
    merged |= {key(case): rounded(case) for case in cases}
    document = before | {
        "machine": machine.describe(),
        "versions": before["versions"] | versions,
        "cases": [merged[name] for name in sorted(merged)],
        **four_digits(more),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    # One line per system keeps differences between versions readable.
    text = json.dumps(document, indent=1)
    file.write_text(compact_lists(text) + "\n")


def compact_lists(text: str) -> str:
    """Lists of numbers on one line each."""
    lines: list[str] = []
    joining = False
    for line in text.splitlines():
        if joining:
            lines[-1] += line.strip() if lines[-1].endswith("[") else " " + line.strip()
            joining = not line.strip().startswith("]")
        else:
            lines.append(line)
            joining = line.endswith(('seconds": [', 'p99": [', 'flags": ['))
    return "\n".join(lines)


@dataclass(frozen=True)
class Results:
    """Cases by name, task and threads."""

    cases: dict[tuple[str, str, int], Case]

    @classmethod
    def of(cls, cases: list[Case]) -> Results:
        """From a list."""
        return cls({key(case): case for case in cases})

    def times(
        self, workload: str, task: str, threads: int, system: str, field: str = "seconds"
    ) -> list[float] | None:
        """All measurements, or None where there are none."""
        case = self.cases.get((workload, task, threads))
        entry = case["systems"].get(system, {}) if case else {}
        found: list[float] | None = entry.get(field)
        return found

    def median(
        self, workload: str, task: str, threads: int, system: str, field: str = "seconds"
    ) -> float | None:
        """Median, or None."""
        times = self.times(workload, task, threads, system, field)
        return statistics.median(times) if times else None


def quartiles(times: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile; of one value three times that."""
    if len(times) == 1:
        return times[0], times[0], times[0]
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive")
    return low, middle, high
