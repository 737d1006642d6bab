"""What is seen of training: the dashboard on a terminal, plain lines in a file or pipe."""

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

from ..training import Reporter, Trainer
from .dashboard import DashboardReporter, format_speed
from .smoothed import Smoothed, format_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

__all__ = ["LineReporter", "make_reporter", "preparing"]

LINE_SECONDS = 10.0  # between two lines of training metrics in a log


def make_reporter(console: Console, *, quiet: bool = False) -> Reporter:
    """Give the reporter that fits where the output goes."""
    if quiet:
        return Reporter()
    return DashboardReporter(console) if console.is_terminal else LineReporter(console)


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
        speed = format_speed(trainer, samples_per_second)
        self._line(trainer, f"{format_metrics(self._smoothed.values)}, {speed}")

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
