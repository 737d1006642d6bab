"""`indrnn evaluate` and `indrnn info`: what a model can do and what it is."""

import inspect
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ..data import SOURCES, Data, StreamSource
from ..distributed import find
from ..training import Experiment, objective_for
from ..training import evaluate as run_evaluation
from ..training.dynamic import DynamicRule, evaluate_dynamically, gradient_rms
from ..training.experiment import environment
from ..training.model_file import read_description
from ..training.prediction import find_model
from ..training.run_folder import read_json
from .progress import preparing
from .smoothed import format_metrics
from .summary import print_summary
from .train import Distributed, Threads, set_threads
from .use import Model, Weights

__all__ = ["evaluate", "info"]

TIME_STEPS = 100  # of costs and plan, for a model that does not say what it was trained on

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def evaluate(
    model: Model,
    split: Annotated[
        str | None,
        typer.Option(help="test, validation or train.", show_default="test, or validation"),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="File or folder of the data, where it has moved.", show_default=False),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            help="Of data that are drawn: draws averaged over.", show_default="as trained"
        ),
    ] = None,
    batch_statistics: Annotated[
        bool, typer.Option(help="Batch norms use the statistics of each batch.")
    ] = False,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Goes on learning from the text; language models.")
    ] = False,
    dynamic_rate: Annotated[
        float, typer.Option(help="Rate of dynamic evaluation.")
    ] = DynamicRule.learning_rate,
    dynamic_decay: Annotated[
        float, typer.Option(help="Pull of dynamic evaluation towards the trained weights.")
    ] = DynamicRule.decay,
    dynamic_steps: Annotated[
        int, typer.Option(help="Symbols between two updates of dynamic evaluation.", min=1)
    ] = 5,
    weights: Weights = None,
    threads: Threads = None,
    distributed: Distributed = "auto",
    as_json: Json = False,
) -> None:
    """Measure a trained model on the data it was trained with."""
    import indrnn_engine

    ranks = find(distributed)
    set_threads(threads)
    path = find_model(model, weights)
    document = read_description(path).get("experiment")
    if document is None:
        raise ValueError(f"[evaluate] {path} does not say what data it was trained on")
    experiment = Experiment.from_dict(document)
    if data is not None:
        known = inspect.signature(SOURCES[experiment.source]).parameters
        places = [name for name in ("data_dir", "path") if name in known]
        if not places:
            raise ValueError(f"[evaluate] {experiment.source} takes no --data")
        if not data.exists():
            raise FileNotFoundError(
                f"[evaluate] --data must be an existing file or folder, got {data}"
            )
        experiment.data[places[0]] = str(data)
    net = indrnn_engine.Network.load(path)
    loaded = experiment.load_data()
    if split is None:
        split = "test" if loaded.test is not None else "validation"
    objective, training = objective_for(loaded), experiment.training
    if dynamic:
        rule = DynamicRule(
            learning_rate=dynamic_rate,
            decay=dynamic_decay,
            recurrent_bound=experiment.bound(loaded),
        )
        metrics: dict[str, float] | None = ranks.first(  # one text, from its beginning to its end
            lambda: dynamically(net, loaded, split, rule, dynamic_steps)
        )
    else:
        metrics = run_evaluation(
            net,
            loaded.source(split),
            objective,
            seed=training.seed,
            batch_statistics=batch_statistics or training.evaluation == "batch",
            draws=training.test_draws if draws is None else draws,
            ranks=ranks,
        )
    if not ranks.is_first:
        return
    if as_json:
        typer.echo(json.dumps({"model": str(path), "split": split, **(metrics or {})}))
    else:
        typer.echo(f"{path}: {split} {format_metrics(metrics)}")


def dynamically(
    net: Any, data: Data, split: str, rule: DynamicRule, time_steps: int
) -> dict[str, float]:
    """Measure a language model that goes on learning, one stream in pieces of `time_steps`."""
    source = data.source(split)
    if not isinstance(source, StreamSource):
        raise ValueError("[evaluate] --dynamic is for language models, whose text is one stream")
    objective = objective_for(data)
    console = Console(stderr=True)
    with preparing(console, "gradients of the training text") as progress:
        rms = gradient_rms(net, data.train, objective, progress=progress)
    stream = StreamSource(source.symbols, time_steps, 1)
    return evaluate_dynamically(net, stream, objective, rms, rule)


def info(
    model: Annotated[
        Path | None, typer.Argument(help="Run folder or model file.", metavar="[RUN|MODEL]")
    ] = None,
    weights: Weights = None,
    time_steps: Annotated[
        int | None,
        typer.Option(help="Length that costs and plan are of.", show_default="as trained, or 100"),
    ] = None,
    batch: Annotated[int, typer.Option(help="Sequences that costs and plan are of.")] = 1,
    as_json: Json = False,
) -> None:
    """Show versions, instruction set, threads and devices; of a model: what it is made of.

    For each layer: settings that are not the default, shape of the output, parameters, and the
    arithmetic and the activations moved per time step. The plan says which layers run together,
    chunk by chunk.
    """
    import indrnn_engine

    described: dict[str, Any] = {**environment(), "devices": list(indrnn_engine.devices())}
    if model is not None:
        described = describe_model(find_model(model, weights), time_steps, batch)
        if model.is_dir():
            described["run"] = str(model)
            described |= read_result(model / "result.json")
    if as_json:
        typer.echo(json.dumps(described))
        return
    console = Console(highlight=False)
    layers, summary = described.pop("layers", None), described.pop("summary", None)
    for name, value in described.items():
        if value is not None:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            shown = format_metrics(value) if isinstance(value, dict) else shown
            console.print(f"{name.replace('_', ' '):<18}{shown}", markup=False, soft_wrap=True)
    if layers is not None:
        print_summary(layers, summary)


def read_result(path: Path) -> dict[str, Any]:
    """Give how a run ended; empty while it has not."""
    if not path.is_file():
        return {}
    result = read_json(path)
    return {f"run_{name}": value for name, value in result.items() if value is not None}


def describe_model(path: Path, time_steps: int | None = None, batch: int = 1) -> dict[str, Any]:
    """Give what a model file holds, as JSON values; costs and plan for a size of input."""
    import indrnn_engine

    net = indrnn_engine.Network.load(path)
    description = read_description(path)
    named = net.named_parameters()
    layers = []
    for index, layer in enumerate(net.layers):
        prefix = f"{index}."
        shapes = {
            name[len(prefix) :]: list(view.shape)
            for name, view in named.items()
            if name.startswith(prefix)
        }
        count = sum(view.size for name, view in named.items() if name.startswith(prefix))
        layers.append(
            {**indrnn_engine.nn.to_dict(layer), "parameters": shapes, "num_parameters": count}
        )
    if time_steps is None:
        time_steps = description.get("time_steps") or TIME_STEPS
    return {
        "model": str(path),
        "source": description.get("source"),
        "kind": description.get("kind"),
        "step": description.get("step"),
        "time_steps": description.get("time_steps"),
        "input_size": net.input_size,
        "dtype": net.dtype.name,
        "num_parameters": net.num_parameters,
        "layers": layers,
        "summary": net.describe(time_steps, batch).to_dict(),
    }
