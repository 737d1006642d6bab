"""The options of `indrnn train`, as one table: where each value goes and what it says in --help.

Every option is optional: what is not given comes from the source's preset, which is shown as the
default.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..architectures import ARCHITECTURES
from ..data import SOURCES
from ..training import Experiment

__all__ = ["COMMON", "SOURCE_OPTIONS", "TrainOption", "apply", "parameters"]

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
    TrainOption("options.magnitude", float, "Recurrent weights are kept within magnitude^(1/T)."),
    TrainOption("options.bound", float, "Fixed bound on recurrent weights in place of magnitude."),
    TrainOption("model.dtype", str, "float32 or float64."),
    TrainOption("model.device", str, "cpu, or another that `indrnn info` lists."),
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
)

NONE = {"batch_norm": "none", "clip_value": 0, "clip_norm": 0}
"""What to write for a value that is None."""

VALIDATION = TrainOption("data.validation_fraction", float, "Share held out for validation.")

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
        TrainOption("data.time_steps", int, "Characters between two updates."),
        TrainOption("options.embedding_size", int, "Size of a character's vector."),
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
    preset: Experiment, options: tuple[TrainOption, ...], values: dict[str, Any]
) -> Experiment:
    """Give the preset with the values that were given on the command line.

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
    if values.get("training_epochs") and not values.get("training_max_steps"):
        document["training"]["max_steps"] = None
    elif values.get("training_max_steps") and not values.get("training_epochs"):
        document["training"]["epochs"] = None
    return Experiment.from_dict(document)


def _section(document: dict[str, Any], option: TrainOption) -> dict[str, Any]:
    section = option.field.split(".")[0]
    found: dict[str, Any] = (
        document["model"]["options"] if section == "options" else document[section]
    )
    return found
