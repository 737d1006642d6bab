"""The live view of a terminal: what it shows, and that it costs next to nothing."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("typer")

from rich.console import Console

from indrnn_engine.cli.dashboard import DashboardReporter, spark, thinned
from test_training_trainer import small, trainer_of

if TYPE_CHECKING:
    import numpy as np


def terminal(height: int = 40) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=140, height=height)


def view(reporter: DashboardReporter) -> str:
    """What stands on the screen now."""
    screen = Console(file=io.StringIO(), width=140, height=40)
    screen.print(reporter._view())
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


class Kept(DashboardReporter):
    """Remembers the last view before it is taken away."""

    last = ""

    def finished(self, *arguments: object) -> None:
        self.last = view(self)
        super().finished(*arguments)  # type: ignore[arg-type]


def test_view_shows_curves_rate_and_weights() -> None:
    reporter = Kept(terminal())
    trainer_of(small(), reporter=reporter).fit()
    for words in ("40/40", "train loss", "validation mse", "→", "learning rate 0.003", "best mse"):
        assert words in reporter.last
    assert "weights of 1" in reporter.last
    assert "█" in reporter.last


def test_small_terminal_gets_the_bar_alone() -> None:
    reporter = Kept(terminal(height=8))
    trainer_of(small(), reporter=reporter).fit()
    assert "40/40" in reporter.last
    assert "weights of" not in reporter.last


def test_nothing_is_left_behind() -> None:
    console = terminal()
    trainer_of(small(), reporter=DashboardReporter(console)).fit()
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().rstrip().endswith(("\x1b[2K", "\x1b[?25h", "\x1b[1A\x1b[2K"))


def test_long_curves_are_kept_short(rng: np.random.Generator) -> None:
    reporter = DashboardReporter(terminal())
    started = time.perf_counter()
    for value in rng.random(100_000):
        reporter._keep("loss", float(value))
    assert len(reporter._curves["loss"]) <= 4096
    assert time.perf_counter() - started < 5.0


def test_blocks_follow_the_values() -> None:
    assert spark([]) == ""
    assert spark([2.0, 2.0]) == "▁▁"
    assert spark([3.0, -4.0]) == "█▁"
    assert thinned([1.0, 3.0, 5.0, 7.0], 2) == [2.0, 6.0]
    assert thinned([1.0, 2.0], 5) == [1.0, 2.0]
