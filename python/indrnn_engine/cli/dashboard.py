"""Training as seen on a terminal: a bar, curves and what the layers remember; gone at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from ..training import Reporter, Result, Trainer
from .smoothed import Smoothed, format_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType

__all__ = ["DashboardReporter", "format_speed", "spark", "thinned"]

BLOCKS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 48
HISTOGRAM_WIDTH = 24
MOST_POINTS = 4096  # of a curve that is kept
MOST_LAYERS = 6  # whose weights are shown
LOWEST = 14  # lines of a terminal that has room for more than the bar


def spark(values: Sequence[float]) -> str:
    """Draw values as a line of blocks, the least the lowest.

    Examples
    --------
    >>> from indrnn_engine.cli.dashboard import spark
    >>> spark([0.0, 1.0, 2.0, 7.0])
    '▁▂▃█'
    """
    if not len(values):
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    last = len(BLOCKS) - 1
    return "".join(BLOCKS[round((value - low) / span * last)] for value in values)


def thinned(values: Sequence[float], width: int) -> list[float]:
    """Give at most `width` values: means of equal parts."""
    if len(values) <= width:
        return list(values)
    return [float(np.mean(part)) for part in np.array_split(np.asarray(values), width)]


def format_speed(trainer: Trainer, samples_per_second: float) -> str:
    """Give samples per second on all ranks, and the share of the time in communication."""
    parts = (f"{samples_per_second:,.0f}/s", trainer.ranks.describe(trainer.speed.communication))
    return ", ".join(part for part in parts if part)


class DashboardReporter(Reporter):
    """A live view: progress, loss and score over time, the rate, the recurrent weights."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._smoothed = Smoothed()
        self._shown = 0.0
        self._curves: dict[str, list[float]] = {}
        self._facts: list[tuple[str, str]] = []
        self._layers: list[tuple[str, str, str]] = []
        self._task = TaskID(0)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[metrics]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
        )
        self._live = Live(
            get_renderable=self._view, console=console, transient=True, refresh_per_second=4
        )

    def started(self, trainer: Trainer) -> None:
        """Show the view."""
        self._task = self._progress.add_task(
            "training",
            total=trainer.total_steps,
            completed=trainer.progress.step,
            metrics="",
            speed="",
        )
        self._look_at(trainer)
        self._live.start()

    def stepped(
        self, trainer: Trainer, metrics: dict[str, float], samples_per_second: float
    ) -> None:
        """Take in a step, and move the bar ten times a second at most."""
        self._smoothed.add(metrics)
        self._keep("train loss", self._smoothed.values["loss"])
        now = time.monotonic()
        if now - self._shown < 0.1 and trainer.progress.step < trainer.total_steps:
            return
        self._shown = now
        self._progress.update(
            self._task,
            completed=trainer.progress.step,
            metrics=format_metrics(self._smoothed.values),
            speed=format_speed(trainer, samples_per_second),
        )
        self._facts = self._facts_of(trainer)

    def evaluated(self, trainer: Trainer, metrics: dict[str, float], *, improved: bool) -> None:  # noqa: ARG002
        """Keep the score of the validation in view."""
        score = trainer.objective.score
        self._keep(f"validation {score}", metrics[score])
        self._look_at(trainer)

    def noted(self, trainer: Trainer, message: str) -> None:
        """Print above the view."""
        self._live.console.print(f"step {trainer.progress.step}: {message}", highlight=False)

    def finished(self, trainer: Trainer, result: Result) -> None:  # noqa: ARG002
        """Take the view away."""
        self._live.stop()

    def abandoned(self) -> None:
        """Take the view away after an error."""
        self._live.stop()

    def _keep(self, name: str, value: float) -> None:
        values = self._curves.setdefault(name, [])
        values.append(value)
        if len(values) > MOST_POINTS:
            self._curves[name] = thinned(values, MOST_POINTS // 2)

    def _facts_of(self, trainer: Trainer) -> list[tuple[str, str]]:
        progress, score = trainer.progress, trainer.objective.score
        facts = [("learning rate", f"{trainer.learning_rate:.3g}"), ("epoch", str(progress.epoch))]
        if progress.best is not None:
            best = format_metrics({score: progress.best[score]})
            facts.append(("best", f"{best} (step {progress.best_step})"))
        return facts

    def _look_at(self, trainer: Trainer) -> None:
        """Histogram the recurrent weights: not while drawing, which another thread does."""
        from ..analysis import memory_length, recurrent_weights

        self._layers = []
        for name, weights in list(recurrent_weights(trainer.net).items())[:MOST_LAYERS]:
            counts, edges = np.histogram(weights, HISTOGRAM_WIDTH)
            half_life = float(np.median(memory_length(weights)))
            memory = f"{half_life:.3g} steps" if np.isfinite(half_life) else "endless"
            bars = f"{edges[0]:+.2f} {spark(counts.tolist())} {edges[-1]:+.2f}"
            self._layers.append((name, bars, memory))

    def _view(self) -> RenderableType:
        if self.console.height < LOWEST:
            return self._progress
        table = Table.grid(padding=(0, 2))
        for name, values in self._curves.items():
            shape = spark(thinned(values, CURVE_WIDTH))
            table.add_row(name, Text(shape, style="cyan"), f"{values[0]:.4g} → {values[-1]:.4g}")
        facts = "   ".join(f"{name} {value}" for name, value in self._facts)
        rows: list[Any] = [self._progress, table, Text(facts)]
        if self._layers:
            layers = Table.grid(padding=(0, 2))
            for name, bars, memory in self._layers:
                layers.add_row(f"weights of {name}", Text(bars, style="green"), memory)
            rows.append(layers)
        return Group(*rows)
