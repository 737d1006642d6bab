"""The application that all commands hang on."""

from typing import Annotated

import typer

from .errors import ErrorGroup
from .exchange import convert, export
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
app.command(epilog="Example:  indrnn evaluate runs/digits-1")(evaluate)
app.command(epilog="Example:  indrnn predict runs/arrays-1 new.npz --output predictions.csv")(
    predict
)
app.command(epilog='Example:  indrnn sample runs/text-1 --prompt "ROMEO:" --length 500')(sample)
app.command(epilog="Example:  indrnn info runs/digits-1")(info)
app.command(epilog="Example:  indrnn report runs/digits-1")(report)
app.command(epilog="Example:  indrnn compare runs/digits-1 runs/digits-2")(compare)
app.command(epilog="Example:  indrnn recipes smnist-plain6")(recipes)
app.command(epilog="Example:  indrnn export runs/digits-1 digits.onnx --lengths")(export)
app.command(epilog="Example:  indrnn convert authors.pt model.safetensors")(convert)
app.command(epilog="Example:  indrnn plot runs/digits-1 -o memory.png")(plot)


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        import indrnn_engine

        typer.echo(f"indrnn_engine {indrnn_engine.version()}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    """Train and use Independently Recurrent Neural Networks (IndRNN)."""
