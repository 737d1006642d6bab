"""`indrnn predict` and `indrnn sample`: what trained models are for."""

import csv
import io
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..data import arrays
from ..files import write_atomically
from ..training.model_file import read_description
from ..training.prediction import find_model, prepare
from ..training.prediction import predict as run_prediction
from ..training.prediction import sample as write_sample

__all__ = ["predict", "sample"]

Model = Annotated[Path, typer.Argument(help="Run folder or model file.", metavar="RUN|MODEL")]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights", help="best or last, of a run folder.", show_default="the tested ones"
    ),
]


def predict(
    model: Model,
    input_file: Annotated[
        Path, typer.Argument(help=".npz file with x and perhaps lengths.", metavar="INPUT")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .csv or .npz file.", show_default="CSV on stdout"),
    ] = None,
    weights: Weights = None,
) -> None:
    """Predict classes or values for new sequences.

    INPUT is an .npz file with x [N, T, F] (or [N, T] for one feature), and lengths [N] where
    sequences differ in length. The output has one row per sequence: its class and the probability
    of each class, or the predicted values. An .npz output holds the arrays "classes" and
    "probabilities", or "values".
    """
    import indrnn_engine

    if output is not None and output.suffix not in (".csv", ".npz"):
        raise ValueError(f"[predict] output must end in .csv or .npz, got {output}")
    path = find_model(model, weights)
    description = read_description(path)
    net = indrnn_engine.Network.load(path)
    given = arrays.read(input_file)
    if "x" not in given:
        raise ValueError(f"[predict] {input_file} must hold x, got {', '.join(sorted(given))}")
    values = run_prediction(
        net, prepare(given["x"], given.get("lengths"), description), description
    )
    regression = description.get("kind") == "regression"
    if output is not None and output.suffix == ".npz":
        content = io.BytesIO()
        if regression:
            np.savez(content, values=values)
        else:
            np.savez(content, classes=values.argmax(axis=1), probabilities=values)
        write_atomically(output, content.getvalue())
        return
    text = as_csv(values, regression=regression)
    if output is None:
        sys.stdout.write(text)
    else:
        write_atomically(output, text.encode())


def as_csv(values: Any, *, regression: bool) -> str:
    """Give predictions as CSV with a head line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if regression:
        writer.writerow(["sequence", *(f"value_{index}" for index in range(values.shape[1]))])
    else:
        names = [f"probability_{index}" for index in range(values.shape[1])]
        writer.writerow(["sequence", "class", *names])
    for number, row in enumerate(values):
        head = [number] if regression else [number, int(row.argmax())]
        writer.writerow([*head, *(f"{value:.6g}" for value in row)])
    return text.getvalue()


def sample(
    model: Model,
    length: Annotated[int, typer.Option("--length", "-n", help="Characters to write.")] = 500,
    prompt: Annotated[str, typer.Option(help="Text to go on from.")] = "",
    temperature: Annotated[
        float, typer.Option("--temperature", "-t", help="Below 1: safer choices; 0: the likeliest.")
    ] = 0.8,
    seed: Annotated[int, typer.Option(help="Of the choices.")] = 0,
    weights: Weights = None,
) -> None:
    """Write text with a model trained by `indrnn train text` or `ptb`."""
    import indrnn_engine

    path = find_model(model, weights)
    vocabulary = read_description(path).get("data", {}).get("vocabulary")
    if not isinstance(vocabulary, (str, list)) or not vocabulary:
        raise ValueError(f"[sample] {path} must be a model of text")
    net = indrnn_engine.Network.load(path)
    symbols = write_sample(
        net, vocabulary, length, prompt=prompt, temperature=temperature, seed=seed
    )
    sys.stdout.write(prompt)
    before = " " if isinstance(vocabulary, list) else ""
    for symbol in symbols:
        sys.stdout.write("\n" if symbol == "<eos>" else before + symbol)
        sys.stdout.flush()
    sys.stdout.write("\n")
