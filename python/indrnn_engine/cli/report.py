"""`indrnn report` and `indrnn compare`: runs as web pages."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..report import collect, collect_runs, write
from ..training.run_folder import RunFolder
from .smoothed import format_metrics

__all__ = ["compare", "report"]

Open = Annotated[bool, typer.Option("--open", help="Show it in the web browser.")]


def report(
    run: Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="An .html file.", show_default="RUN/report.html"),
    ] = None,
    data: Annotated[
        bool, typer.Option(help="Load the data, for the confusion matrix of a classifier.")
    ] = True,
    show: Open = False,
) -> None:
    """Write all there is to see of a run into one web page that needs no network.

    Curves that the mouse reads off, recurrent weights of each layer, confusion matrix of a
    classifier, text that a language model writes, configuration, environment.
    """
    target = run / "report.html" if output is None else check_html(output)
    write(collect(run, with_data=data), target)
    typer.echo(str(target))
    if show:
        webbrowser.open(target.resolve().as_uri())


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", metavar="RUN RUN...")],
    output: Annotated[Path, typer.Option("--output", "-o", help="An .html file.")] = Path(
        "compare.html"
    ),
    show: Open = False,
) -> None:
    """Draw several runs together, and list where they differ, in one web page."""
    if len(runs) < 2:
        raise ValueError("[compare] at least 2 runs must be given, got 1")
    check_html(output)
    page = collect_runs(runs)
    write(page, output)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "steps", "best validation", "test"):
        table.add_column(heading)
    for path, one in zip(runs, page["runs"], strict=True):
        result = one["result"] or {}
        steps = result.get("step", RunFolder(path).last_step())
        table.add_row(
            str(path),
            str(steps),
            format_metrics(result.get("best")),
            format_metrics(result.get("test")),
        )
    console.print(table, markup=False)
    typer.echo(str(output))
    if show:
        webbrowser.open(output.resolve().as_uri())


def check_html(path: Path) -> Path:
    """Check the ending of a file's name."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"[report] output must end in .html, got {path}")
    return path
