"""The options of `indrnn train`, as one table: where each value goes and what it says in --help.

Every option is optional: what is not given comes from the source's preset, which is shown as the
default.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..architectures import ARCHITECTURES
from ..data import SOURCES
from ..recipes.recipe import with_value
from ..training import Experiment

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMMON", "SOURCE_OPTIONS", "TrainOption", "apply", "options_for", "parameters"]

MODEL, TRAINING, DATA = "Network", "Training", "Data"


@dataclass(frozen=True)
class TrainOption:
    """One option.

    Attributes
    ----------
    field : str
        Where the value goes: "data.*", "training.*", "model.*" or "options.*" (of the
        architecture).
    type : type
    help : str
    flags : tuple of str
        Names on the command line; empty: the field's last part.
    argument : bool
        A positional argument, which must be given.
    """

    field: str
    type: Any
    help: str
    flags: tuple[str, ...] = ()
    argument: bool = False

    @property
    def name(self) -> str:
        """Parameter name."""
        return self.field.replace(".", "_")

    @property
    def key(self) -> str:
        """Last part of the field."""
        return self.field.split(".")[1]

    @property
    def panel(self) -> str:
        """Heading in --help."""
        return {"data": DATA, "training": TRAINING}.get(self.field.split(".")[0], MODEL)


COMMON = (
    TrainOption("options.num_layers", int, "Recurrent layers.", ("--layers",)),
    TrainOption("options.hidden_size", int, "Neurons in each layer."),
    TrainOption("options.activation", str, "relu, tanh, sigmoid or identity."),
    TrainOption("options.batch_norm", str, "after or before each recurrence, or none."),
    TrainOption("options.dropout", float, "Dropout over time behind each layer."),
    TrainOption(
        "options.blocks_dropout", float, "Of a residual network: behind its last recurrence."
    ),
    TrainOption("options.magnitude", float, "Recurrent weights are kept within magnitude^(1/T)."),
    TrainOption("options.bound", float, "Fixed bound on recurrent weights in place of magnitude."),
    TrainOption("model.dtype", str, "float32 or float64."),
    TrainOption("model.device", str, "cpu, or another that `indrnn info` lists."),
    TrainOption("model.storage", str, "full, or bfloat16: half the memory and traffic on a GPU."),
    TrainOption("model.weights", Path, "Model file to start from, in place of drawn weights."),
    TrainOption("data.batch_size", int, "Sequences in a batch."),
    TrainOption("training.seed", int, "Of weights, splits, data order and dropout."),
    TrainOption("training.epochs", int, "Passes over the training data."),
    TrainOption("training.max_steps", int, "Updates at most.", ("--max-steps", "--steps")),
    TrainOption("training.max_minutes", float, "Stops after this time; the run can be resumed."),
    TrainOption("training.optimizer", str, "adam or sgd."),
    TrainOption("training.learning_rate", float, "Highest rate.", ("--learning-rate", "--lr")),
    TrainOption("training.schedule", str, "constant, step, cosine or one-cycle."),
    TrainOption("training.schedule_every", int, "Steps between decays of schedule step."),
    TrainOption("training.schedule_factor", float, "Factor of each decay of schedule step."),
    TrainOption("training.warmup_steps", int, "Steps of rising rate of schedule cosine."),
    TrainOption("training.weight_decay", float, "On weights, not on biases and recurrent weights."),
    TrainOption("training.clip_value", float, "Bound on each gradient; 0: none."),
    TrainOption("training.clip_norm", float, "Bound on the norm of all gradients; 0: none."),
    TrainOption(
        "training.patience",
        int,
        "Validations without a better one before going back to the best weights "
        "with a lower rate; 0: never.",
    ),
    TrainOption("training.early_stop", int, "Validations without a better one before the end."),
    TrainOption("training.stop_at", float, "Ends once the validation score is this good."),
    TrainOption("training.evaluate_every", int, "Steps between validations; 0: each epoch."),
    TrainOption("training.log_every", int, "Steps between training records."),
    TrainOption("training.checkpoint_minutes", float, "Time between checkpoints."),
    TrainOption("training.final_model", str, "Which weights are tested: best or last."),
    TrainOption("training.evaluation", str, "Batch norms' statistics in tests: running or batch."),
    TrainOption(
        "training.piece_steps",
        int,
        "Cuts longer batches into pieces of so many steps, the state carried; 0: never.",
    ),
    TrainOption("training.cuda_graph", bool, "Give each step to the GPU as one CUDA graph."),
)

NONE = {"batch_norm": "none", "clip_value": 0, "clip_norm": 0}
"""What to write for a value that is None."""

VALIDATION = TrainOption("data.validation_fraction", float, "Share held out for validation.")

DATA_DIR = TrainOption("data.data_dir", Path, "Folder of the problem's .ts files.")
STREAM = (
    TrainOption("data.time_steps", int, "Symbols between two updates."),
    TrainOption("options.embedding_size", int, "Size of a symbol's vector."),
    TrainOption("data.random_lengths", bool, "Draw the length of each training batch."),
    TrainOption(
        "data.drop_state", int, "Start from a zero state with chance 1 in so many; 0: never."
    ),
    TrainOption("data.evaluation_streams", int, "Streams that evaluation reads side by side."),
)

SOURCE_OPTIONS: dict[str, tuple[TrainOption, ...]] = {
    "adding": (TrainOption("data.time_steps", int, "Length of the sequences."),),
    "digits": (
        VALIDATION,
        TrainOption("data.augment", bool, "Move or distort training images a little."),
    ),
    "mnist": (
        TrainOption(
            "data.data_dir", Path, "Folder of the four IDX files; else they are downloaded."
        ),
        TrainOption("data.permuted", bool, "Read the pixels in one fixed random order."),
        VALIDATION,
    ),
    "text": (
        TrainOption("data.path", Path, "A UTF-8 text file.", argument=True),
        *STREAM,
        VALIDATION,
    ),
    "ptb": (
        TrainOption("data.path", Path, "Folder of the Penn Treebank files.", argument=True),
        TrainOption("data.level", str, "char or word."),
        *STREAM,
    ),
    "skeleton": (
        TrainOption("data.path", Path, "Folder of the .skeleton files.", argument=True),
        TrainOption("data.split_by", str, "subject or view."),
        TrainOption("data.time_steps", int, "Frames drawn of each recording."),
        TrainOption("data.features", str, "joints, distances or both."),
        TrainOption("data.differences", bool, "Join each feature's difference in time."),
        TrainOption("data.center", bool, "Put the first body at the origin."),
        TrainOption("data.missing", Path, "List of samples to leave out."),
        TrainOption("data.cache_dir", Path, "Where the parsed array is kept."),
        TrainOption("data.workers", int, "Processes that parse."),
        TrainOption("training.test_draws", int, "Draws that test predictions are averaged over."),
        VALIDATION,
    ),
    "ucr": (
        TrainOption("data.name", str, "Name of the problem.", ("--name",)),
        TrainOption("data.noise", float, "Deviation of the noise added in training."),
        DATA_DIR,
        VALIDATION,
    ),
    "arrays": (
        TrainOption(
            "data.path", Path, "An .npz file with x, y and perhaps lengths.", argument=True
        ),
        VALIDATION,
        TrainOption("data.test_fraction", float, "Share held out for the final test."),
        TrainOption("data.standardize", bool, "Bring features to mean 0, deviation 1."),
    ),
}


def options_for(preset: Experiment) -> tuple[TrainOption, ...]:
    """Give the options that an experiment has: those of its source and of its architecture."""
    architecture: Any = ARCHITECTURES[preset.model.architecture]
    known = inspect.signature(architecture).parameters
    return tuple(
        option
        for option in (*SOURCE_OPTIONS[preset.source], *COMMON)
        if not option.field.startswith("options.") or option.key in known
    )


def parameters(options: tuple[TrainOption, ...], preset: Experiment) -> list[inspect.Parameter]:
    """Give the options as parameters that typer understands."""
    kinds = inspect.Parameter
    result = []
    for option in options:
        if option.argument:
            declared: Any = typer.Argument(help=option.help, metavar="FILE")
            annotation: Any = Annotated[option.type, declared]
            result.append(kinds(option.name, kinds.POSITIONAL_OR_KEYWORD, annotation=annotation))
            continue
        flag = f"--{option.key.replace('_', '-')}"
        flags = option.flags or ((f"{flag}/--no-{flag[2:]}",) if option.type is bool else (flag,))
        default = default_of(option, preset)
        declared = typer.Option(
            *flags,
            help=f"{option.help} (default {default})" if default else option.help,
            rich_help_panel=option.panel,
            show_default=False,
        )
        annotation = Annotated[option.type | None, declared]
        result.append(kinds(option.name, kinds.KEYWORD_ONLY, default=None, annotation=annotation))
    return result


def default_of(option: TrainOption, preset: Experiment) -> str:
    """Give what the preset, or else the function behind it, has for an option; empty: nothing."""
    section = _section(preset.to_dict(), option)
    if option.key in section:
        value = section[option.key]
    else:
        data = option.field.startswith("data.")
        function: Any = SOURCES[preset.source] if data else ARCHITECTURES[preset.model.architecture]
        parameter = inspect.signature(function).parameters.get(option.key)
        value = None if parameter is None else parameter.default
    if value is None:
        return str(NONE.get(option.key, ""))
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def apply(
    preset: Experiment,
    options: tuple[TrainOption, ...],
    values: dict[str, Any],
    settings: Sequence[str] = (),
) -> Experiment:
    """Give the preset with the values that were given on the command line.

    Parameters
    ----------
    preset, options
    values : dict
        By the names of the options.
    settings : sequence of str
        FIELD=VALUE, for fields that have no option of their own.

    Raises
    ------
    ValueError
        A value that is out of range.
    """
    document = preset.to_dict()
    for option in options:
        value = values.get(option.name)
        if value is None:
            continue
        if option.key in NONE and value == NONE[option.key]:
            value = None
        if isinstance(value, Path):
            value = str(value.resolve())
        _section(document, option)[option.key] = value
    for setting in settings:
        field, _, text = setting.partition("=")
        if not text:
            raise ValueError(f"[train] --set must be given FIELD=VALUE, got {setting!r}")
        with_value(document, field, parse(text))
    if values.get("training_epochs") and not values.get("training_max_steps"):
        document["training"]["max_steps"] = None
    elif values.get("training_max_steps") and not values.get("training_epochs"):
        document["training"]["epochs"] = None
    return Experiment.from_dict(document)


def parse(text: str) -> Any:
    """Give what a text on the command line means: JSON, "none", or itself."""
    if text.lower() == "none":
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _section(document: dict[str, Any], option: TrainOption) -> dict[str, Any]:
    section = option.field.split(".")[0]
    found: dict[str, Any] = (
        document["model"]["options"] if section == "options" else document[section]
    )
    return found
