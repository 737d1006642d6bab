"""From names and shapes to layers: which of the authors' networks a state_dict is of."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .. import nn
from .structure import Structure, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Shapes = Mapping[str, tuple[int, ...]]

__all__ = ["infer_layers"]

OPERATION = "from_indrnn_pytorch"

OLDER = r"BNs\.|lastfc\.|DIs\.\d+\.(weight|bias)$|RNNs\.\d+\.weight_hh$"

# What only one kind of network has, for classifiers and language models: its blocks or layers, or
# both, with their numbers; and the first number.
KINDS: dict[tuple[str, bool], tuple[str, int]] = {
    ("dense", False): (r"features\.denseblock(\d+)\.denselayer(\d+)\.", 1),
    ("dense", True): (r"DenseBlocks\.(\d+)\.denselayers\.(\d+)\.", 0),
    ("residual", False): (r"features\.resblock(\d+)\.", 1),
    ("residual", True): (r"resblocks\.(\d+)\.", 0),
    ("plain", False): (r"(?:DIs|BNs|RNNs)\.(\d+)\.", 0),
    ("plain", True): (r"(?:DIs|RNNs)\.(\d+)\.", 0),
}


def infer_layers(shapes: Shapes, batch_norm: str) -> tuple[Structure, list[nn.Layer], int | None]:
    """Give the network that names and shapes belong to, as far as they are consistent.

    Parameters
    ----------
    shapes : mapping
        Name -> shape of every array of a state_dict.
    batch_norm : {"after", "before"}
        Place of the batch norms of a classifier.

    Returns
    -------
    structure : Structure
    layers : list of layer specs
        Without dropouts.
    input_size : int or None

    Raises
    ------
    ValueError
        No network of the authors has such names, or a size cannot be told.
    """
    structure = _structure(shapes, batch_norm)
    builder = _Builder(shapes, structure)
    walk(structure, builder)
    return structure, builder.layers, builder.input_size


def _structure(shapes: Shapes, batch_norm: str) -> Structure:
    _refuse_unreadable(shapes)
    language_model = any(re.match(r"(encoder|decoder)\.", name) for name in shapes)
    found = {
        kind: _counts(shapes, pattern, first)
        for (kind, of_language_model), (pattern, first) in KINDS.items()
        if of_language_model == language_model
    }
    kind = next((kind for kind, counts in found.items() if counts), None)
    if kind is None:
        some = ", ".join(list(shapes)[:3]) or "nothing"
        raise ValueError(
            f"[{OPERATION}] state_dict must have the names of a plain, residual or dense network "
            f"of the authors, got {some}"
        )
    place: str | None = batch_norm
    older = kind == "plain" and any(re.match(OLDER, name) for name in shapes)
    if not any(re.search(r"(^|\.)(norm1|extra_bn|BNs)\.", name) for name in shapes):
        place = None
    elif older:
        place = "after"
    elif language_model:
        extra = any(re.search(r"(^|\.)extra_bn\.", name) for name in shapes)
        place = "before" if extra else "after"
    last_transition = any(name.startswith("features.lastlayer.") for name in shapes)
    differences = kind == "dense" and not language_model and _has_differences(shapes)
    return Structure(kind, language_model, found[kind], place, last_transition, differences, older)


def _has_differences(shapes: Shapes) -> bool:
    """Whether dense layers read twice the features that their first recurrence gives."""
    twice = []
    for name, shape in shapes.items():
        read = shapes.get(name.replace(".fc1.fc.bias", ".fc2.fc.weight"), ())
        if name.endswith(".fc1.fc.bias") and len(shape) == 1 and len(read) == 2:
            twice.append(read[1] == 2 * shape[0])
    return 2 * sum(twice) > len(twice)


def _refuse_unreadable(shapes: Shapes) -> None:
    """Refuse the authors' networks that have no counterpart, and say why."""
    if any(re.match(r"embed\.|BNs\.\d+\.bns\.", name) for name in shapes):
        raise ValueError(
            f"[{OPERATION}] state_dict must not be of cPTB/language_model.py: its norms have "
            "statistics of each step of a piece, and its residual connections are not in the names"
        )


def _counts(shapes: Shapes, pattern: str, first: int) -> tuple[int, ...]:
    """How many layers or blocks there are, or how many layers in each block; () for none."""
    matches = [re.match(pattern, name) for name in shapes]
    found = {tuple(int(number) - first for number in m.groups()) for m in matches if m}
    if not found:
        return ()
    numbers = range(max(index[0] for index in found) + 1)
    counts: tuple[int, ...] = (len(numbers),)
    if len(next(iter(found))) == 2 and len(numbers) <= len(found):
        counts = tuple(
            max((index[1] + 1 for index in found if index[0] == block), default=0)
            for block in numbers
        )
    if len(numbers) > len(found) or sum(counts) > len(shapes) or min(counts) < 1:
        raise ValueError(f"[{OPERATION}] state_dict must have layers that are numbered in order")
    return counts


class _Builder:
    """A visitor that makes a layer of each part, with the size that its tensors have."""

    def __init__(self, shapes: Shapes, structure: Structure) -> None:
        self.layers: list[nn.Layer] = []
        self.input_size: int | None = None
        self._shapes = shapes
        self._structure = structure
        self._features: int | None = None  # that the last Linear gave
        self._steps = self._time_steps()

    def embedding(self, name: str) -> None:
        tables = (f"{name}.weight", "decoder.weight")
        num = self._size("the vocabulary", *((table, 0) for table in tables), ("decoder.bias", 0))
        size = self._size("the embedding", *((table, 1) for table in tables))
        self.layers.append(nn.Embedding(num, size))
        self._features = size

    def linear(self, name: str) -> None:
        if self._features is None:
            read = self._size("the input", (f"{name}.weight", 1))
            self.input_size = max(1, read // 2) if self._structure.differences else read
        size = self._size(name, (f"{name}.weight", 0), (f"{name}.bias", 0))
        self.layers.append(nn.Linear(size))
        self._features = size

    def recurrent(self, name: str) -> None:  # noqa: ARG002
        self.layers.append(nn.Recurrence())
        if self._structure.batch_norm is not None:
            at = len(self.layers) - (1 if self._structure.batch_norm == "before" else 0)
            self.layers.insert(at, self._norm())

    def norm(self, name: str) -> None:  # noqa: ARG002
        self.layers.append(self._norm())

    def tied(self, name: str) -> None:  # noqa: ARG002
        self.layers.append(nn.TiedLinear())

    def last_step(self) -> None:
        self.layers.append(nn.LastStep())

    def difference(self) -> None:
        self.layers.append(nn.Concat((nn.TimeDifference(),)))

    @contextmanager
    def residual(self) -> Iterator[None]:
        outside, self.layers = self.layers, []
        yield
        self.layers = [*outside, nn.Residual(tuple(self.layers))]

    @contextmanager
    def concat(self) -> Iterator[None]:
        outside, self.layers = self.layers, []
        yield
        self.layers = [*outside, nn.Concat(tuple(self.layers))]

    def _norm(self) -> nn.Layer:
        return nn.BatchNorm("step", self._steps) if self._steps else nn.BatchNorm()

    def _time_steps(self) -> int:
        """T of frame-wise statistics [4 T + 1, F]; 0 where statistics are over all steps, [F]."""
        tables = {
            name: shape
            for name, shape in self._shapes.items()
            if re.search(r"(^|\.)(norm1|extra_bn)\.running_(mean|var)$", name)
        }
        for shape in tables.values():
            if len(shape) == 2 and shape[0] % 4 == 1 and shape[0] > 1:
                return (shape[0] - 1) // 4
        for name, shape in tables.items():
            raise ValueError(
                f"[{OPERATION}] {name} must have shape [4 T + 1, features], got {list(shape)}"
            )
        return 0

    def _size(self, what: str, *places: tuple[str, int]) -> int:
        places = tuple((self._structure.released(name), axis) for name, axis in places)
        for name, axis in places:
            shape = self._shapes.get(name, ())
            if axis < len(shape) and shape[axis] >= 1:
                return shape[axis]
        names = " or ".join(dict.fromkeys(name for name, _ in places))
        raise ValueError(f"[{OPERATION}] the size of {what} cannot be told without {names}")
