"""Keeps the result of a training run, or of several seeds, as a small JSON file in docs/results.

scripts/record_result.py RUN docs/results/NAME.json --command "indrnn train ..."
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from indrnn_engine.files import write_atomically
from indrnn_engine.report import collect_runs

POINTS = 60  # of the validation curve


def rounded(value: Any) -> Any:
    """Five digits are enough for a record."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def without_folders(experiment: dict[str, Any]) -> dict[str, Any]:
    """Of paths only the last part: the rest says nothing about the result."""

    def shortened(section: dict[str, Any]) -> dict[str, Any]:
        return {
            key: Path(value).name if key in ("path", "data_dir", "weights") and value else value
            for key, value in section.items()
        }

    return {**experiment, **{part: shortened(experiment[part]) for part in ("data", "model")}}


def describe(run: Path) -> dict[str, Any]:
    (one,) = collect_runs([run])["runs"]
    score = next(name for name in ("accuracy", "mse", "bits", "loss") if name in one["curves"])
    if score == "bits":
        score = "loss"
    points = one["curves"][score].get("validation", [])
    return {
        "result": one["result"],
        "parameters": one["parameters"],
        "data": one["data"],
        "environment": one["environment"],
        "experiment": without_folders(one["experiment"]),
        "validation": {"metric": score, "points": points[:: -(-len(points) // POINTS) or 1]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--command", required=True)
    arguments = parser.parse_args()
    record: dict[str, Any] = {"command": arguments.command}
    seeds = sorted(arguments.run.glob("seed-*"))
    if seeds:
        record["summary"] = json.loads((arguments.run / "summary.json").read_text())
        record["runs"] = {run.name: describe(run)["result"] for run in seeds}
        first = describe(seeds[0])
        record |= {
            name: first[name] for name in ("parameters", "data", "environment", "experiment")
        }
    else:
        record |= describe(arguments.run)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(arguments.output, (json.dumps(rounded(record)) + "\n").encode())
    print(arguments.output)


if __name__ == "__main__":
    main()
