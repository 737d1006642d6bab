"""The authors' networks: what lies in them, in which order, under which names.

A `Structure` holds what differs between two networks of a kind, apart from sizes; `walk` visits its
parts in the order of computation and says how the released code names each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["Structure", "Visitor", "walk"]

# Plain networks of 2018 (Indrnn_mnist_network.py, Indrnn_action_network.py): names of today on the
# left, and what the same arrays are called there.
OLDER_NAMES = (
    (r"^DIs\.(\d+)\.fc\.", r"DIs.\1."),
    (r"^RNNs\.(\d+)\.indrnn1\.", r"RNNs.\1."),
    (r"^RNNs\.(\d+)\.norm1\.", r"BNs.\1."),
    (r"^classifier\.", "lastfc."),
)


@dataclass(frozen=True)
class Structure:
    """What a network is, apart from its sizes.

    Attributes
    ----------
    kind : {"plain", "residual", "dense"}
    language_model : bool
        Reads indices and has a tied decoder; otherwise it is a classifier of its last step.
    counts : tuple of int
        (layers,) of a plain network, (blocks,) of a residual one, layers per block of a dense one.
    batch_norm : {"after", "before", None}
    last_transition : bool
        Of a dense classifier: whether there is a transition behind the last block.
    differences : bool
        Of a dense classifier: whether its features are joined by their differences in time, at the
        input and wherever a recurrence gives some (Indrnn_densenet_FA.py).
    older : bool
        Of a plain classifier: whether it has the names of 2018.
    """

    kind: str
    language_model: bool
    counts: tuple[int, ...]
    batch_norm: str | None
    last_transition: bool = False
    differences: bool = False
    older: bool = False

    def __str__(self) -> str:
        purpose = "language model" if self.language_model else "classifier"
        return f"{self.kind} {purpose}{' with time differences' if self.differences else ''}"

    def released(self, name: str) -> str:
        """Give the name that an array has in this network's state_dict, of that in `walk`."""
        if self.older:
            for pattern, older in OLDER_NAMES:
                name = re.sub(pattern, older, name)
        return name


class Visitor(Protocol):
    """What `walk` calls; `name` is always the released one, without a last dot."""

    def embedding(self, name: str) -> None:
        """Visit an Embedding with `name`.weight."""

    def linear(self, name: str) -> None:
        """Visit a Linear with `name`.weight and `name`.bias."""

    def recurrent(self, name: str) -> None:
        """Visit a Recurrence with `name`.indrnn1 and its norm, `name`.norm1."""

    def norm(self, name: str) -> None:
        """Visit a batch norm that stands alone."""

    def tied(self, name: str) -> None:
        """Visit the decoder with the weights of the embedding and `name`.bias."""

    def last_step(self) -> None:
        """Visit the reading of the last step."""

    def residual(self) -> AbstractContextManager[None]:
        """Enter a residual branch: all parts visited inside of it."""

    def difference(self) -> None:
        """Visit the join of all features with their differences in time."""

    def concat(self) -> AbstractContextManager[None]:
        """Enter a branch that is joined to its input: all parts visited inside of it."""


def walk(structure: Structure, visitor: Visitor) -> None:
    """Visit all parts of a network in the order of computation."""
    if structure.language_model:
        visitor.embedding("encoder")
    {"plain": _plain, "residual": _residual, "dense": _dense}[structure.kind](structure, visitor)
    if structure.language_model:
        visitor.tied("decoder")
    else:
        visitor.last_step()
        visitor.linear("classifier")


def _plain(structure: Structure, visitor: Visitor) -> None:
    for index in range(structure.counts[0]):
        visitor.linear(f"DIs.{index}.fc")
        visitor.recurrent(f"RNNs.{index}")
    if structure.language_model:
        _to_embedding_size(structure, visitor)


def _residual(structure: Structure, visitor: Visitor) -> None:
    front = "" if structure.language_model else "features."
    visitor.linear(f"{front}fc0.fc")
    for index in range(structure.counts[0]):
        if structure.language_model:
            block = f"resblocks.{index}"
        else:
            block = f"features.resblock{index + 1}"
        with visitor.residual():
            for half in ("1", "2"):
                visitor.recurrent(f"{block}.IndRNNwithBN{half}")
                visitor.linear(f"{block}.fc{half}.fc")
    if structure.language_model:
        visitor.recurrent("IndRNNwithBN_resfinal")
        _to_embedding_size(structure, visitor)
    else:
        visitor.recurrent("features.IndRNNwithBN_last")


def _to_embedding_size(structure: Structure, visitor: Visitor) -> None:
    visitor.linear("last_fc.fc")
    visitor.recurrent("last_indrnn")
    if structure.batch_norm == "before":
        visitor.norm("extra_bn")


def _dense(structure: Structure, visitor: Visitor) -> None:
    if not structure.language_model:
        _difference(structure, visitor)
        visitor.linear("features.fc0.fc")
        visitor.recurrent("features.IndRNNwithBN0")
        _difference(structure, visitor)
    for block, layers in enumerate(structure.counts):
        for layer in range(layers):
            if structure.language_model:
                name = f"DenseBlocks.{block}.denselayers.{layer}"
            else:
                name = f"features.denseblock{block + 1}.denselayer{layer + 1}"
            with visitor.concat():
                for half in ("1", "2"):
                    visitor.linear(f"{name}.fc{half}.fc")
                    visitor.recurrent(f"{name}.IndRNNwithBN{half}")
                    _difference(structure, visitor)
        _transition(structure, visitor, block)


def _difference(structure: Structure, visitor: Visitor) -> None:
    if structure.differences:
        visitor.difference()


def _transition(structure: Structure, visitor: Visitor, block: int) -> None:
    is_last = block == len(structure.counts) - 1
    if structure.language_model:
        name, recurrent = f"TransBlocks.{block}", "IndRNNwithBN1"
    elif not is_last:
        name, recurrent = f"features.transition{block + 1}", "IndRNNwithBN"
    elif structure.last_transition:
        name, recurrent = "features.lastlayer", "IndRNNwithBN"
    else:
        return
    visitor.linear(f"{name}.fc.fc")
    visitor.recurrent(f"{name}.{recurrent}")
    _difference(structure, visitor)
    if structure.language_model and is_last and structure.batch_norm == "before":
        visitor.norm(f"{name}.extra_bn")
