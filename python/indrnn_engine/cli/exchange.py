"""`indrnn export` and `indrnn convert`: models for, and of, other programs."""

from pathlib import Path
from typing import Annotated

import typer

from ..training.prediction import find_model

__all__ = ["convert", "export"]


def export(
    model: Annotated[Path, typer.Argument(help="Run folder or model file.", metavar="RUN|MODEL")],
    output: Annotated[Path, typer.Argument(help="The .onnx file to write.", metavar="OUTPUT")],
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights", help="best or last, of a run folder.", show_default="the tested ones"
        ),
    ] = None,
    lengths: Annotated[
        bool, typer.Option("--lengths", help="With an input for the lengths of the sequences.")
    ] = False,
) -> None:
    """Write a model as ONNX, for inference elsewhere.

    The file has standard operators only. Inputs are x [T, B, I], the initial states, and with
    --lengths the lengths [B]; outputs are y and the final states.
    """
    import indrnn_engine

    if output.suffix != ".onnx":
        raise ValueError(f"[export] output must end in .onnx, got {output}")
    net = indrnn_engine.Network.load(find_model(model, weights))
    indrnn_engine.export.to_onnx(net, output, lengths=lengths)
    typer.echo(f"wrote {output}")


def convert(
    checkpoint: Annotated[
        Path, typer.Argument(help="The authors' PyTorch checkpoint.", metavar="CHECKPOINT")
    ],
    output: Annotated[
        Path, typer.Argument(help="The .safetensors file to write.", metavar="OUTPUT")
    ],
    batch_norm: Annotated[
        str,
        typer.Option("--batch-norm", help="Place of a classifier's batch norms: after or before."),
    ] = "after",
    dtype: Annotated[str, typer.Option("--dtype", help="float32 or float64.")] = "float32",
) -> None:
    """Make a model of a checkpoint of the authors' released PyTorch code.

    Plain, residual and dense networks are recognised by their names and shapes. PyTorch must be
    installed to read the file.
    """
    import indrnn_engine

    if output.suffix != ".safetensors":
        raise ValueError(f"[convert] output must end in .safetensors, got {output}")
    net = indrnn_engine.convert.from_indrnn_pytorch(checkpoint, batch_norm, dtype)
    net.save(output)
    typer.echo(f"wrote {output}: {len(net.layers)} layers, {net.num_parameters:,} parameters")
