"""The JSON form of layer specs, there and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .. import _checks
from .base import Layer
from .connections import Bidirectional, Concat, Residual
from .linear import Embedding, Linear, TiedLinear
from .norm import BatchNorm, LayerNorm
from .recurrent import IndRNN, Recurrence
from .time import Dropout, LastStep, MeanOverTime, TimeDifference

__all__ = ["from_dict", "layer_types", "to_dict"]

# Every layer there is.
_LAYER_TYPES: dict[str, type[Layer]] = {
    spec.__name__: spec
    for spec in (
        Embedding,
        Linear,
        TiedLinear,
        Recurrence,
        IndRNN,
        BatchNorm,
        LayerNorm,
        Dropout,
        LastStep,
        MeanOverTime,
        TimeDifference,
        Residual,
        Concat,
        Bidirectional,
    )
}

_DEEPEST = 64  # layers within layers, as the engine allows


def layer_types() -> dict[str, type[Layer]]:
    """All layer specs by the name that `to_dict` writes under "type".

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ie.nn.layer_types()["Dropout"](p=0.1)
    Dropout(p=0.1)
    """
    return dict(_LAYER_TYPES)


def to_dict(spec: Layer) -> dict[str, Any]:
    """Return the JSON form of a spec: its type and all its fields.

    Parameters
    ----------
    spec : Layer
        Any layer spec.

    Returns
    -------
    dict
        {"type": ..., field: value, ...}; `from_dict` reads it back equal.

    Raises
    ------
    TypeError
        If `spec` is no layer spec.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ie.nn.to_dict(ie.nn.Residual([ie.nn.Dropout(p=0.25)]))
    {'type': 'Residual', 'layers': [{'type': 'Dropout', 'p': 0.25}]}
    """
    if not isinstance(spec, Layer):
        raise TypeError(f"[nn.to_dict] spec must be a layer spec, got {_checks.got(spec)}")
    values: dict[str, Any] = {"type": type(spec).__name__}
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        values[field.name] = [to_dict(layer) for layer in value] if _is_layers(field) else value
    return values


def from_dict(values: Mapping[str, Any]) -> Layer:
    """Return the spec whose JSON form is given; fields with a default may be left out.

    Parameters
    ----------
    values : mapping
        {"type": ..., field: value, ...}, as `to_dict` gives.

    Returns
    -------
    Layer

    Raises
    ------
    ValueError
        For an unknown type (the known ones are listed), an unknown field or a missing one, or more
        than 64 layers within each other.
    TypeError
        If `values` is no mapping or a field has the wrong type.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ie.nn.from_dict({"type": "Linear", "size": 10})
    Linear(size=10, bias=True, init='kaiming_uniform', init_scale=8.0)
    """
    return _read(values, depth=0)


def _read(values: object, depth: int) -> Layer:
    if depth > _DEEPEST:
        raise ValueError(f"[nn.from_dict] layers must not nest deeper than {_DEEPEST}")
    if not isinstance(values, Mapping):
        raise TypeError(
            f"[nn.from_dict] a layer must be a mapping with a type, got {_checks.got(values)}"
        )
    name = values.get("type")
    if not isinstance(name, str) or name not in _LAYER_TYPES:
        known = ", ".join(_LAYER_TYPES)
        raise ValueError(f"[nn.from_dict] unknown layer type {name!r}; the known types are {known}")
    spec = _LAYER_TYPES[name]
    fields = {field.name: field for field in dataclasses.fields(spec)}
    given = {key: value for key, value in values.items() if key != "type"}
    for key in given:
        if key not in fields:
            known = ", ".join(fields) or "none"
            raise ValueError(f"[nn.from_dict] {name} has no field {key!r}; its fields are {known}")
    for key, field in fields.items():
        if key not in given and field.default is dataclasses.MISSING:
            raise ValueError(f"[nn.from_dict] {name} needs the field {key!r}")
        if key in given and _is_layers(field) and isinstance(given[key], (list, tuple)):
            given[key] = [_read(layer, depth + 1) for layer in given[key]]
    return spec(**given)


def _is_layers(field: dataclasses.Field[Any]) -> bool:
    return str(field.type) == "tuple[Layer, ...]"
