"""Reading recipes: of the package by name, of the user by path."""

from __future__ import annotations

import copy
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..extras import require
from ..training.experiment import Experiment

__all__ = ["Recipe", "load", "names", "with_value"]

FOLDER = Path(__file__).parent
HEADINGS = ("task", "network", "published")
SECTIONS = ("source", "data", "model", "training")


@dataclass(frozen=True)
class Recipe:
    """An experiment with what is known of it.

    Attributes
    ----------
    name : str
    task, network, published : str
        What the papers call it, and what they reached.
    experiment, smoke : Experiment
        The thing itself, and a size of it that runs within a minute.
    text : str
        The file.
    """

    name: str
    task: str
    network: str
    published: str
    experiment: Experiment
    smoke: Experiment
    text: str


def names() -> list[str]:
    """Give the names of the package's recipes.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> [name for name in ie.recipes.names() if name.startswith("adding")]
    ['adding-100', 'adding-500', 'adding-1000', 'adding-5000']
    """
    stems = (path.stem for path in FOLDER.glob("*.toml"))
    return sorted(stems, key=lambda stem: [_order(part) for part in stem.split("-")])


def load(name: str | Path) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name : str or path
        Of the package's own, or the path of a .toml file.

    Raises
    ------
    ValueError
        No such recipe, or not in the format (named).
    ImportError
        Python 3.10 without tomli.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> recipe = ie.recipes.load("smnist-plain6")
    >>> recipe.published, recipe.experiment.model.options["hidden_size"]
    ('99.0 % test accuracy', 128)
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = FOLDER / f"{name}.toml"
        if not path.is_file():
            raise ValueError(
                f"[recipe] recipe must be one of {', '.join(names())}, got {str(name)!r}"
            )
    try:
        text = path.read_text(encoding="utf-8")
        document = _toml().loads(text)
    except ValueError as error:
        raise ValueError(f"[recipe] cannot read {path}: {error}") from error
    known = (*HEADINGS, *SECTIONS, "smoke")
    for key in document:
        if key not in known:
            raise ValueError(
                f"[recipe] {path} has the unknown entry {key!r}; known: {', '.join(known)}"
            )
    document = _with_none(document)
    experiment = {key: document[key] for key in SECTIONS if key in document}
    smoke = copy.deepcopy(experiment)
    for section, values in document.get("smoke", {}).items():
        for key, value in values.items():
            with_value(smoke, f"{section}.{key}", value)
    try:
        return Recipe(
            name=path.stem,
            task=str(document.get("task", "")),
            network=str(document.get("network", "")),
            published=str(document.get("published", "")),
            experiment=Experiment.from_dict(experiment),
            smoke=Experiment.from_dict(smoke),
            text=text,
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"[recipe] {path}: {error}") from error


def with_value(document: dict[str, Any], field: str, value: Any) -> None:
    """Set a field of an experiment's document, such as "training.seed" or "options.dropout".

    Raises
    ------
    ValueError
        No such section.
    """
    *section, key = field.removeprefix("model.options.").split(".")
    if field.startswith(("model.options.", "options.")):
        document.setdefault("model", {}).setdefault("options", {})[key] = value
    elif section and section[0] in ("data", "model", "training") and len(section) == 1:
        document.setdefault(section[0], {})[key] = value
    else:
        raise ValueError(
            f"[recipe] a field must begin with data., model., options. or training., got {field!r}"
        )


def _with_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_none(inner) for key, inner in value.items()}
    return None if value == "none" else value


def _order(part: str) -> tuple[int, str]:
    return (int(part), "") if part.isdecimal() else (-1, part)


def _toml() -> Any:
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib
    return require("tomli", "tomli")
