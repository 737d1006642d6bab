"""The application that all commands hang on."""

import inspect
from collections.abc import Callable
from typing import Annotated

import typer

from .errors import ErrorGroup
from .exchange import convert, export
from .folders import print_folder
from .inspect import evaluate, info
from .plot import plot
from .recipes import recipes
from .report import compare, report
from .train import train
from .use import predict, sample

__all__ = ["app"]

app = typer.Typer(
    cls=ErrorGroup,
    help="Train and use Independently Recurrent Neural Networks (IndRNN).",
    epilog="Start with:  indrnn train digits",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train, name="train")
EXAMPLES: dict[Callable[..., None], str] = {
    evaluate: "evaluate runs/digits-1",
    predict: "predict runs/arrays-1 new.npz --output predictions.csv",
    sample: 'sample runs/text-1 --prompt "ROMEO:" --length 500',
    info: "info runs/digits-1",
    report: "report runs/digits-1",
    compare: "compare runs/digits-1 runs/digits-2",
    recipes: "recipes smnist-plain6",
    export: "export runs/digits-1 digits.onnx --lengths",
    convert: "convert authors.pt model.safetensors",
    plot: "plot runs/digits-1 -o memory.png",
}


def prose(function: Callable[..., None]) -> str:
    """Give the docstring with each paragraph on one line: the terminal's width breaks it."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


for _command, _example in EXAMPLES.items():
    app.command(help=prose(_command), epilog=f"Example:  indrnn {_example}")(_command)


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        import indrnn_engine

        typer.echo(f"indrnn_engine {indrnn_engine.version()}")
        raise typer.Exit


def show_cmake_dir(wanted: bool) -> None:
    """Print the folder of the CMake package and leave."""
    if wanted:
        print_folder("--cmake-dir")
        raise typer.Exit


def show_pkgconfig_dir(wanted: bool) -> None:
    """Print the folder of the pkg-config file and leave."""
    if wanted:
        print_folder("--pkgconfig-dir")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=show_version, is_eager=True),
    ] = False,
    cmake_dir: Annotated[
        bool,
        typer.Option(
            "--cmake-dir",
            help="Print the folder of the CMake package, for C++ projects.",
            callback=show_cmake_dir,
            is_eager=True,
        ),
    ] = False,
    pkgconfig_dir: Annotated[
        bool,
        typer.Option(
            "--pkgconfig-dir",
            help="Print the folder of the pkg-config file, for C++ projects.",
            callback=show_pkgconfig_dir,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Train and use Independently Recurrent Neural Networks (IndRNN)."""
