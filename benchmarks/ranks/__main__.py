"""`python -m benchmarks.ranks`: what several ranks cost and bring.

sums       cost of the all-reduce against size and ranks
pixel      two ranks of one thread against one process of two; overhead of one rank
gradients  how long the sum of gradients is beside backward
recipes    seconds of a step of every recipe at small batches, and what it exchanges
render     write the tables and the plot of docs/distributed.md from the results
bars       hold the results against the bars; status 1 where one fails
"""

from __future__ import annotations

import argparse

from benchmarks.ranks import measure, page

CHOICES = ["sums", "pixel", "gradients", "recipes", "render", "bars"]


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ranks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=CHOICES, nargs="+")
    parser.add_argument("--only", nargs="+", default=[], help="these recipes alone")
    options = parser.parse_args(arguments)
    for what in options.what:
        if what == "sums":
            measure.save(measure.measure_sums())
        elif what == "pixel":
            measure.save(measure.measure_pixel())
        elif what == "gradients":
            measure.save(measure.measure_gradients())
        elif what == "recipes":
            for name in options.only or measure.distinct():
                measure.save(measure.measure_recipes([name]))
        elif what == "render":
            page.render(measure.load())
        elif not page.show_bars(measure.load()):
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
