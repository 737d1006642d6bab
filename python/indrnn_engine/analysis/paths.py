"""Layers of a network by their paths: "3" is the fourth layer, "3.0" the first one inside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Path", "find_layer", "path_of", "split"]

Path = int | str
"""A number or a path."""


def path_of(operation: str, layer: Path) -> str:
    """Give a layer's path as text."""
    if isinstance(layer, bool) or not isinstance(layer, (int, str)):
        raise TypeError(
            f'[{operation}] layer must be a number or a path such as "3.0", got {layer!r}'
        )
    return str(layer)


def split(operation: str, layers: Sequence[nn.Layer], path: str) -> tuple[int, str]:
    """Split a path in the number of a layer of `layers` and the rest, a path inside of it."""
    first, _, rest = path.partition(".")
    if not first.isdecimal() or int(first) >= len(layers) or (rest == "" and "." in path):
        raise ValueError(
            f"[{operation}] layer must be a path such as 0 or 3.0 with numbers below the number of "
            f"layers, {len(layers)}, got {path!r}"
        )
    return int(first), rest


def find_layer(operation: str, layers: Sequence[nn.Layer], path: str) -> nn.Layer:
    """Give the layer at a path; in a `Bidirectional`, behind "forward" or "backward"."""
    index, rest = split(operation, layers, path)
    layer = layers[index]
    if not rest:
        return layer
    if not isinstance(layer, nn.Container):
        raise ValueError(f"[{operation}] {type(layer).__name__} has no layers, got {path!r}")
    if isinstance(layer, nn.Bidirectional):
        direction, _, rest = rest.partition(".")
        if direction not in ("forward", "backward") or not rest:
            raise ValueError(
                f'[{operation}] a path in Bidirectional goes on with "forward" or "backward" and '
                f"a number, got {path!r}"
            )
    return find_layer(operation, layer.layers, rest)
