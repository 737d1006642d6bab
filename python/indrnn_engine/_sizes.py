"""Whether a file justifies the memory that its layers claim, found before any is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import nn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Shapes = Mapping[str, tuple[int, ...]]


def check(layers: Sequence[nn.Layer], input_size: object, shapes: Shapes) -> None:
    """Check that `shapes` has the largest array of each layer: no other one of it is larger.

    A network of layers that pass needs no more memory than a small multiple of the file's size.
    """
    features = input_size if isinstance(input_size, int) else 0
    _walk(layers, features, "", shapes)


def _walk(layers: Sequence[nn.Layer], features: int, path: str, shapes: Shapes) -> int:
    """Check `layers`, which read `features` features, and return how many they give."""
    for index, layer in enumerate(layers):
        here = f"{path}{index}"
        if isinstance(layer, nn.Embedding):
            _expect(shapes, f"{here}.weight", (layer.num, layer.size))
            features = layer.size
        elif isinstance(layer, (nn.Linear, nn.IndRNN)):
            _expect(shapes, f"{here}.weight", (layer.size, features))
            features = layer.size
        elif isinstance(layer, nn.TiedLinear):
            features = shapes.get("0.weight", (0,))[0]
        elif isinstance(layer, nn.Recurrence):
            _expect(shapes, f"{here}.weight_hh", (features,))
        elif isinstance(layer, (nn.BatchNorm, nn.LayerNorm)):
            _expect(shapes, f"{here}.weight", (features,))
            if isinstance(layer, nn.BatchNorm) and layer.mode == "step":
                _expect(shapes, f"{here}.running_mean", (4 * layer.time_steps + 1, features))
        elif isinstance(layer, nn.Bidirectional):
            ahead = _walk(layer.layers, features, f"{here}.forward.", shapes)
            features = ahead + _walk(layer.layers, features, f"{here}.backward.", shapes)
        elif isinstance(layer, nn.Container):
            branch = _walk(layer.layers, features, f"{here}.", shapes)
            features = features + branch if isinstance(layer, nn.Concat) else branch
    return features


def _expect(shapes: Shapes, name: str, shape: tuple[int, ...]) -> None:
    if name not in shapes:
        raise ValueError(f"tensors are missing: {name}")
    if shapes[name] != shape:
        raise ValueError(f"{name} must have shape {list(shape)}, got {list(shapes[name])}")
