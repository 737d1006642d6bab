"""Training as seen on a terminal: a live bar; in a file or pipe: plain lines."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from ..training import Reporter, Result, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

__all__ = ["BarReporter", "LineReporter", "format_metrics", "make_reporter", "preparing"]

LINE_SECONDS = 10.0  # between two lines of training metrics in a log
SMOOTHING = 0.05  # weight of the newest batch in the metrics shown


def make_reporter(console: Console, *, quiet: bool = False) -> Reporter:
    """Give the reporter that fits where the output goes."""
    if quiet:
        return Reporter()
    return BarReporter(console) if console.is_terminal else LineReporter(console)


@contextlib.contextmanager
def preparing(
    console: Console, what: str = "reading the data", *, quiet: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for what takes long; it appears with the first call of what this gives."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn(what),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    tasks: list[TaskID] = []

    def progress(done: int, total: int) -> None:
        if not tasks:
            bar.start()
            tasks.append(bar.add_task("", total=total))
        bar.update(tasks[0], completed=done)

    try:
        yield progress
    finally:
        bar.stop()


def format_metrics(metrics: dict[str, float] | None) -> str:
    """Give metrics as text: percentages for accuracies, four digits for the rest.

    A loss that is the mean squared error itself is named once.

    Examples
    --------
    >>> from indrnn_engine.cli.progress import format_metrics
    >>> format_metrics({"loss": 0.123456, "accuracy": 0.975})
    'loss 0.1235, accuracy 97.50 %'
    """
    return ", ".join(
        f"{name} {100.0 * value:.2f} %" if name == "accuracy" else f"{name} {value:.4g}"
        for name, value in (metrics or {}).items()
        if name != "loss" or (metrics or {}).get("mse") != value
    )


class Smoothed:
    """Exponential means of metrics, for the eye."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def add(self, metrics: dict[str, float]) -> None:
        """Take in the metrics of one batch."""
        for name, value in metrics.items():
            before = self.values.get(name, value)
            self.values[name] = before + SMOOTHING * (value - before)


class BarReporter(Reporter):
    """A live bar with loss, score, speed and time left; it vanishes at the end."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._smoothed = Smoothed()
        self._validation = ""
        self._shown = 0.0
        self._task = TaskID(0)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[metrics]}"),
            TextColumn("[cyan]{task.fields[validation]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    def started(self, trainer: Trainer) -> None:
        """Show the bar."""
        self._task = self._progress.add_task(
            "training",
            total=trainer.total_steps,
            completed=trainer.progress.step,
            metrics="",
            validation="",
            speed="",
        )
        self._progress.start()

    def stepped(
        self, trainer: Trainer, metrics: dict[str, float], samples_per_second: float
    ) -> None:
        """Move the bar, ten times a second at most."""
        self._smoothed.add(metrics)
        now = time.monotonic()
        if now - self._shown < 0.1 and trainer.progress.step < trainer.total_steps:
            return
        self._shown = now
        self._progress.update(
            self._task,
            completed=trainer.progress.step,
            metrics=format_metrics(self._smoothed.values),
            validation=self._validation,
            speed=f"{samples_per_second:,.0f}/s",
        )

    def evaluated(self, trainer: Trainer, metrics: dict[str, float], *, improved: bool) -> None:
        """Keep the score of the validation in view."""
        score = trainer.objective.score
        best = (trainer.progress.best or metrics)[score]
        self._validation = f"valid {format_metrics({score: metrics[score]})}"
        if not improved:
            self._validation += f" (best {format_metrics({score: best})})"

    def noted(self, trainer: Trainer, message: str) -> None:
        """Print above the bar."""
        self._progress.console.print(f"step {trainer.progress.step}: {message}", highlight=False)

    def finished(self, trainer: Trainer, result: Result) -> None:  # noqa: ARG002
        """Take the bar away."""
        self._progress.stop()

    def abandoned(self) -> None:
        """Take the bar away after an error."""
        self._progress.stop()


class LineReporter(Reporter):
    """Plain lines for a log file."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._smoothed = Smoothed()
        self._printed = time.monotonic()

    def stepped(
        self, trainer: Trainer, metrics: dict[str, float], samples_per_second: float
    ) -> None:
        """Print now and then."""
        self._smoothed.add(metrics)
        now = time.monotonic()
        if now - self._printed < LINE_SECONDS:
            return
        self._printed = now
        self._line(trainer, f"{format_metrics(self._smoothed.values)}, {samples_per_second:,.0f}/s")

    def evaluated(self, trainer: Trainer, metrics: dict[str, float], *, improved: bool) -> None:
        """Print the validation."""
        self._line(trainer, f"validation {format_metrics(metrics)}{' *' if improved else ''}")

    def noted(self, trainer: Trainer, message: str) -> None:
        """Print the message."""
        self._line(trainer, message)

    def _line(self, trainer: Trainer, text: str) -> None:
        step, total = trainer.progress.step, trainer.total_steps
        self._print(f"step {step}/{total}: {text}")

    def _print(self, text: str, **options: Any) -> None:
        self.console.print(text, highlight=False, soft_wrap=True, markup=False, **options)
