"""What all layer specs have in common: fields of checked types."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .. import _checks

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Container", "Layer"]


def _layers(operation: str, name: str, value: object) -> tuple[Layer, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(
            f"[{operation}] {name} must be a list of layer specs, got {_checks.got(value)}"
        )
    for index, layer in enumerate(value):
        if not isinstance(layer, Layer):
            raise TypeError(
                f"[{operation}] {name}[{index}] must be a layer spec such as nn.Linear(10), "
                f"got {_checks.got(layer)}"
            )
    return tuple(value)


def _integer(operation: str, name: str, value: object) -> int:
    return _checks.integer(operation, name, value, -_checks.INT64_MAX)


_FIELD_CHECKS: dict[str, Callable[[str, str, object], Any]] = {
    "bool": _checks.boolean,
    "int": _integer,
    "float": _checks.finite,
    "str": _checks.text,
    "tuple[Layer, ...]": _layers,
}


@dataclass(frozen=True)
class Layer:
    """Base of all layer specs; not a layer itself.

    What the rest of the package must know of a layer, beside its fields, is said by its class:
    """

    leaves_time: ClassVar[bool] = False
    """It makes one [B, F] of a sequence [T, B, F]."""
    reads_all_time: ClassVar[bool] = False
    """An output depends on all of the sequence: it cannot be read in pieces."""
    each_feature_alone: ClassVar[bool] = False
    """Feature f of the output, and value f of each parameter, belong to feature f of the input."""
    operations_per_feature: ClassVar[int] = 0
    """Of one step in prediction, beside matrix products and recurrences."""

    def __post_init__(self) -> None:
        if type(self) in (Layer, Container):
            raise TypeError(f"[nn.{type(self).__name__}] is only the base of layer specs")
        for field in dataclasses.fields(self):
            check = _FIELD_CHECKS[str(field.type)]
            operation = f"nn.{type(self).__name__}"
            value = check(operation, field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)


@dataclass(frozen=True)
class Container(Layer):
    """Base of the specs that are made of layers; not a layer itself."""

    layers: tuple[Layer, ...]
