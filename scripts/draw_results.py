"""Draws the validation curves of records in docs/results together.

scripts/draw_results.py docs/images/adding.png docs/results/adding-*.json
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

from matplotlib.figure import Figure

from indrnn_engine.files import write_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("records", type=Path, nargs="+")
    arguments = parser.parse_args()
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for path in sorted(arguments.records, key=lambda path: (len(path.stem), path.stem)):
        curve = json.loads(path.read_text())["validation"]
        axes.plot(*zip(*curve["points"], strict=True), label=path.stem, linewidth=1.2)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel(f"validation {curve['metric']}")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_atomically(arguments.output, picture.getvalue())
    print(arguments.output)


if __name__ == "__main__":
    main()
