"""From layers to names: which parameter of a network has which released name."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import nn
from .structure import Structure, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Entry", "match_layers"]

# Where a name stands in the authors' state_dict; those that are not listed follow in order.
ORDER = {"encoder": 0, "DIs": 1, "DenseBlocks": 1, "RNNs": 2, "TransBlocks": 2}

DIFFERENCE = (nn.TimeDifference(),)  # what a Concat holds that joins differences in time


class MismatchError(Exception):
    """The layers are not those of the structure that is tried."""


@dataclass(frozen=True)
class Entry:
    """One array under both of its names.

    Attributes
    ----------
    released, engine : str
        Name in the authors' state_dict, and in the network.
    shape : tuple of int
    buffer : bool
        Whether it is a running statistic.
    """

    released: str
    engine: str
    shape: tuple[int, ...]
    buffer: bool = False


@dataclass(frozen=True)
class _Part:
    path: str
    spec: nn.Layer


def match_layers(
    layers: Sequence[nn.Layer], input_size: int | None
) -> tuple[Structure, list[Entry]] | None:
    """Give the names of a network's parameters and buffers; None if it is not one of the authors'.

    Dropouts are passed over: they have no parameters.
    """
    parts = _parts(layers)
    for structure in _candidates(parts):
        matcher = _Matcher(parts, input_size or 0, structure)
        try:
            walk(structure, matcher)
            matcher.finish()
        except MismatchError:
            continue
        return structure, sorted(
            matcher.entries, key=lambda entry: ORDER.get(entry.released.split(".")[0], 3)
        )
    return None


def _parts(layers: Sequence[nn.Layer], path: str = "") -> list[_Part]:
    """List the layers that matter, an IndRNN as the two layers that it is."""
    parts: list[_Part] = []
    for index, spec in enumerate(layers):
        here = f"{path}{index}"
        if isinstance(spec, nn.IndRNN):
            parts.append(_Part(here, nn.Linear(spec.size, spec.bias)))
            parts.append(_Part(here, nn.Recurrence(spec.activation)))
        elif not isinstance(spec, nn.Dropout):
            parts.append(_Part(here, spec))
    return parts


def _candidates(parts: list[_Part]) -> Iterator[Structure]:
    """List every structure that the layers might have, by what they are counted to."""
    if not parts:
        return
    specs = [part.spec for part in parts]
    language_model = isinstance(specs[0], nn.Embedding)
    places: tuple[str | None, ...] = (None, "after", "before")
    residuals = sum(isinstance(spec, nn.Residual) for spec in specs)
    blocks = _runs(specs)
    for place in places:
        if blocks:
            differences = any(_is_difference(spec) for spec in specs)
            for last in (False, True):
                yield Structure("dense", language_model, blocks, place, last, differences)
        elif residuals:
            yield Structure("residual", language_model, (residuals,), place)
        else:
            # A language model has one recurrence more, on the way to its decoder.
            count = sum(isinstance(spec, nn.Recurrence) for spec in specs) - language_model
            if count > 0:
                yield Structure("plain", language_model, (count,), place)


def _runs(specs: list[nn.Layer]) -> tuple[int, ...]:
    """Give the lengths of the runs of Concat layers: the dense layers of each block."""
    runs = [0]
    for spec in specs:
        if isinstance(spec, nn.Concat) and not _is_difference(spec):
            runs[-1] += 1
        elif runs[-1]:
            runs.append(0)
    return tuple(run for run in runs if run)


def _is_difference(spec: nn.Layer) -> bool:
    return isinstance(spec, nn.Concat) and tuple(spec.layers) == DIFFERENCE


class _Matcher:
    """A visitor that takes a layer for each part, and notes the names of its arrays."""

    def __init__(self, parts: list[_Part], input_size: int, structure: Structure) -> None:
        self.entries: list[Entry] = []
        self._parts = parts
        self._next = 0
        self._features = input_size
        self._structure = structure
        self._table: _Part | None = None  # of the embedding

    def finish(self) -> None:
        """Check that all layers have been taken."""
        if self._next != len(self._parts):
            raise MismatchError

    def embedding(self, name: str) -> None:
        part = self._take(nn.Embedding)
        assert isinstance(part.spec, nn.Embedding)
        self._table, self._features = part, part.spec.size
        self._add(name, part, "weight", (part.spec.num, part.spec.size))

    def linear(self, name: str) -> None:
        part = self._take(nn.Linear)
        assert isinstance(part.spec, nn.Linear)
        if not part.spec.bias:
            raise MismatchError
        self._add(name, part, "weight", (part.spec.size, self._features))
        self._add(name, part, "bias", (part.spec.size,))
        self._features = part.spec.size

    def recurrent(self, name: str) -> None:
        if self._structure.batch_norm == "before":
            self.norm(f"{name}.norm1")
        self._add(f"{name}.indrnn1", self._take(nn.Recurrence), "weight_hh", (self._features,))
        if self._structure.batch_norm == "after":
            self.norm(f"{name}.norm1")

    def norm(self, name: str) -> None:
        part = self._take(nn.BatchNorm)
        assert isinstance(part.spec, nn.BatchNorm)
        shape: tuple[int, ...] = (self._features,)
        for parameter in ("weight", "bias"):
            self._add(self._norm_name(name, part.spec), part, parameter, shape)
        if part.spec.mode == "step":
            shape = (4 * part.spec.time_steps + 1, self._features)
        for statistic in ("running_mean", "running_var"):
            self._add(self._norm_name(name, part.spec), part, statistic, shape, buffer=True)

    def tied(self, name: str) -> None:
        part = self._take(nn.TiedLinear)
        table = self._table
        assert isinstance(part.spec, nn.TiedLinear)
        if table is None or not part.spec.bias:
            raise MismatchError
        assert isinstance(table.spec, nn.Embedding)
        self._add(name, table, "weight", (table.spec.num, table.spec.size))
        self._add(name, part, "bias", (table.spec.num,))

    def last_step(self) -> None:
        self._take(nn.LastStep)

    def difference(self) -> None:
        if not _is_difference(self._take(nn.Concat).spec):
            raise MismatchError
        self._features *= 2

    @contextmanager
    def residual(self) -> Iterator[None]:
        features = self._features
        with self._inside(self._take(nn.Residual)):
            yield
        if self._features != features:
            raise MismatchError

    @contextmanager
    def concat(self) -> Iterator[None]:
        features = self._features
        with self._inside(self._take(nn.Concat)):
            yield
        self._features += features

    @contextmanager
    def _inside(self, part: _Part) -> Iterator[None]:
        assert isinstance(part.spec, nn.Container)
        outside = self._parts, self._next
        self._parts, self._next = _parts(part.spec.layers, f"{part.path}."), 0
        yield
        self.finish()
        self._parts, self._next = outside

    def _take(self, kind: type[nn.Layer]) -> _Part:
        if self._next == len(self._parts) or not isinstance(self._parts[self._next].spec, kind):
            raise MismatchError
        self._next += 1
        return self._parts[self._next - 1]

    def _add(
        self, name: str, part: _Part, own: str, shape: tuple[int, ...], *, buffer: bool = False
    ) -> None:
        self.entries.append(Entry(f"{name}.{own}", f"{part.path}.{own}", shape, buffer))

    @staticmethod
    def _norm_name(name: str, spec: nn.BatchNorm) -> str:
        """Statistics over all steps are those of an inner module; frame-wise ones are its own."""
        return f"{name}.bn" if spec.mode == "sequence" else name
