"""`indrnn plot`: what a model remembers, as a picture."""

import io
from pathlib import Path
from typing import Annotated

import typer

from ..files import write_atomically
from ..training.prediction import find_model
from .use import Model, Weights

__all__ = ["plot"]

FORMATS = (".png", ".pdf", ".svg")


def plot(
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .png, .pdf or .svg file.", show_default=False)
    ],
    bins: Annotated[int, typer.Option(help="Bars of each histogram.")] = 50,
    weights: Weights = None,
) -> None:
    """Draw the recurrent weights of a model: one histogram per layer.

    Each panel is headed by the layer's path, its number of neurons and the median of their memory
    lengths: how many steps it takes until half of a state is left.
    """
    import indrnn_engine

    if output.suffix.lower() not in FORMATS:
        raise ValueError(f"[plot] output must end in {', '.join(FORMATS)}, got {output}")
    path = find_model(model, weights)
    net = indrnn_engine.Network.load(path)
    figure = indrnn_engine.analysis.plot_recurrent_weights(net, bins=bins, title=str(model))
    picture = io.BytesIO()
    figure.savefig(picture, format=output.suffix[1:].lower(), dpi=130)
    write_atomically(output, picture.getvalue())
    typer.echo(str(output))
