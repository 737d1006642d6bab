"""What a model file says about the data it was trained on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..files import read_metadata

if TYPE_CHECKING:
    from pathlib import Path

    from ..data import Data

__all__ = ["describe_data", "read_description"]

KEY = "training"
ALPHABET = "alphabet"
"""Of models of characters: those that the indices stand for, as a text of its own, so that a
program needs no more than that to read or write with the model."""


def describe_data(data: Data, experiment: dict[str, Any] | None, step: int) -> dict[str, str]:
    """Give the metadata for `Network.save`: the data, how they are scaled, the experiment.

    That is JSON under one key; models of characters have their alphabet beside it.
    """
    description = {
        "source": data.name,
        "kind": data.kind,
        "output_size": data.output_size,
        "time_steps": data.time_steps,
        "step": step,
        "data": data.metadata,
        "experiment": experiment,
    }
    metadata = {KEY: json.dumps(description)}
    vocabulary = data.metadata.get("vocabulary")
    if isinstance(vocabulary, str):
        metadata[ALPHABET] = vocabulary
    return metadata


def read_description(path: Path) -> dict[str, Any]:
    """Read what `describe_data` stored; empty for a model that was saved by hand.

    Raises
    ------
    ValueError
        No .safetensors file, or damaged.
    OSError
        The file is missing or cannot be read.
    """
    text = read_metadata(path).get(KEY, "{}")
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"[model] cannot read the description in {path}: {error}") from error
    return description if isinstance(description, dict) else {}
