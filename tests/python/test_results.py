"""What docs/results.md says is what its records hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROWS = [
    row
    for row in (DOCS / "results.md").read_text().splitlines()
    if row.startswith("|") and "](results/" in row
]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def record(row: str) -> dict[str, Any]:
    name = re.search(r"\]\((results/[^)]+\.json)\)", row)
    assert name is not None
    document: dict[str, Any] = json.loads((DOCS / name.group(1)).read_text())
    return document


def reached(document: dict[str, Any]) -> list[dict[str, float]]:
    if "runs" in document:
        results = list(document["runs"].values())
    else:  # of one run, or of a peer
        results = [document.get("result", document)]
    return [result["test"] or result["best"] for result in results]


def stated(value: str, runs: int) -> list[str]:
    """One number for each run: "98.89, 99.72, 97.78 %", or one that holds of them all."""
    numbers = re.findall(r"\d+(?:\.\d+)?", re.sub(r"\(.*?\)", "", value))
    return numbers * runs if len(numbers) == 1 else numbers


@pytest.mark.parametrize("row", ROWS, ids=[cells(row)[-1] for row in ROWS])
def test_row_agrees_with_its_record(row: str) -> None:
    _, value, _, command, _, _ = cells(row)
    document = record(row)
    results = reached(document)
    for number, metrics in zip(stated(value, len(results)), results, strict=True):
        name = "accuracy" if "%" in value else "mse" if "mse" in metrics else "loss"
        found = metrics[name] * (100 if "%" in value else 1)
        assert f"{found:.{len(number.partition('.')[2])}f}" == number
    assert document["command"].startswith(command.strip("`"))


def test_every_record_is_in_the_table() -> None:
    text = (DOCS / "results.md").read_text()
    records = sorted((DOCS / "results").glob("*.json"))
    assert records
    for path in records:
        assert f"results/{path.name}" in text
        assert path.stat().st_size < 20_000
