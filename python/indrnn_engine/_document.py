"""The JSON document that describes a network: layers, input size and dtype."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _checks, nn

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


def write(layers: Sequence[nn.Layer], input_size: object, dtype: DTypeLike) -> str:
    """Return the document for these layers, after checking what Python knows about them."""
    takes_indices = bool(layers) and isinstance(layers[0], nn.Embedding)
    size = 0
    if not takes_indices:
        if input_size is None:
            raise ValueError(
                "[Network] input_size must be given unless the first layer is an Embedding"
            )
        size = _checks.integer("Network", "input_size", input_size, 1)
    document = {
        "input_size": size,
        "dtype": _dtype_name(dtype),
        "layers": [nn.to_dict(spec) for spec in layers],
    }
    return json.dumps(document)


def read(text: str) -> dict[str, Any]:
    """Return the document in `text`: "layers", specs, and perhaps "input_size" and "dtype"."""
    try:
        document = json.loads(_checks.text("Network.from_json", "text", text))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"[Network.from_json] text must be JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("layers"), list):
        raise ValueError('[Network.from_json] text must be an object {"layers": [...], ...}')
    for key in document:
        if key not in ("input_size", "dtype", "layers"):
            raise ValueError(f"[Network.from_json] unknown field {key!r}")
    try:
        document["layers"] = [nn.from_dict(values) for values in document["layers"]]
        _dtype_name(document.get("dtype", "float32"))
        if document.get("input_size") is not None:
            _checks.integer("Network.from_json", "input_size", document["input_size"])
    except TypeError as error:  # in a text, a field of the wrong type is a wrong value
        raise ValueError(str(error)) from None
    return document


def specs(layers: object) -> tuple[nn.Layer, ...]:
    """Return `layers` as a tuple, if all of them are layer specs."""
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        raise TypeError(
            f"[Network] layers must be a list of layer specs, got {_checks.got(layers)}"
        )
    for index, spec in enumerate(layers):
        if not isinstance(spec, nn.Layer):
            raise TypeError(
                f"[Network] layers[{index}] must be a layer spec such as nn.Linear(10), "
                f"got {_checks.got(spec)}"
            )
    return tuple(layers)


def _dtype_name(dtype: DTypeLike) -> str:
    try:
        name = str(np.dtype(dtype).name) if dtype is not None else "None"
    except TypeError:
        name = repr(dtype)
    if name not in ("float32", "float64"):
        raise TypeError(f"[Network] dtype must be float32 or float64, got {name}")
    return name
