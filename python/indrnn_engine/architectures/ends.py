"""The first and the last layers: what a network reads and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import nn
from .common import check_fraction, check_sizes, dropout_over_time

if TYPE_CHECKING:
    from .common import Style

__all__ = ["Ends"]


@dataclass(frozen=True)
class Ends:
    """Front and head of a network, for classification, regression or language modelling.

    Attributes
    ----------
    name : str
        The architecture, for messages.
    output_size, last_step, mean_over_time
        As for `plain`.
    num_embeddings, embedding_size, embedding_init_scale, row_dropout, word_dropout, tied
        As for `plain`.
    """

    name: str
    output_size: int
    last_step: bool | None
    mean_over_time: bool
    num_embeddings: int
    embedding_size: int
    embedding_init_scale: float
    row_dropout: float
    word_dropout: float
    tied: bool

    def __post_init__(self) -> None:
        check_sizes(self.name, output_size=self.output_size)
        check_fraction(self.name, row_dropout=self.row_dropout, word_dropout=self.word_dropout)
        if self.num_embeddings:
            check_sizes(
                self.name, num_embeddings=self.num_embeddings, embedding_size=self.embedding_size
            )
        elif self.tied or self.row_dropout or self.word_dropout:
            option = "tied" if self.tied else "row_dropout" if self.row_dropout else "word_dropout"
            raise ValueError(f"[{self.name}] {option} needs num_embeddings and embedding_size")
        if self.mean_over_time and self.last_step:
            raise ValueError(f"[{self.name}] last_step and mean_over_time exclude each other")
        if self.tied and (self.last_step or self.mean_over_time):
            option = "last_step" if self.last_step else "mean_over_time"
            raise ValueError(f"[{self.name}] a tied decoder answers at every step: no {option}")
        if self.tied and self.output_size != self.num_embeddings:
            raise ValueError(
                f"[{self.name}] output_size must be num_embeddings, {self.num_embeddings}, "
                f"for a tied decoder, got {self.output_size}"
            )

    @property
    def reads_last_step(self) -> bool:
        """Whether the answer comes from the last step alone."""
        if self.last_step is None:
            return not (self.tied or self.mean_over_time)
        return self.last_step

    def check_directions(self, style: Style) -> None:
        """Check that a network in both directions is asked for what it can answer."""
        if style.bidirectional and self.tied:
            raise ValueError(
                f"[{self.name}] bidirectional must be False for a language model: "
                "it would read what it is to predict"
            )
        if style.bidirectional and self.reads_last_step:
            raise ValueError(
                f"[{self.name}] bidirectional needs mean_over_time=True or last_step=False: at "
                "the last step the reverse direction has read one step only"
            )

    def front(self) -> list[nn.Layer]:
        """Make the embedding of a network that reads indices, and its dropout; else nothing."""
        if not self.num_embeddings:
            return []
        embedding = nn.Embedding(
            self.num_embeddings,
            self.embedding_size,
            row_dropout=self.row_dropout,
            init="uniform",
            init_scale=self.embedding_init_scale,
        )
        return [embedding, *dropout_over_time(self.word_dropout)]

    def head(self, style: Style, last_dropout: float) -> list[nn.Layer]:
        """Make what follows the recurrent layers: the classifier, or all up to the tied decoder."""
        if self.tied:
            # [R] starts the norms beside recurrences small; this one has another name there.
            extra = [style.norm(small=False)] if style.batch_norm == "before" else []
            return [
                style.linear(self.embedding_size),
                *style.recurrent(),
                *extra,
                *dropout_over_time(last_dropout),
                nn.TiedLinear(),
            ]
        layers: list[nn.Layer] = []
        if self.mean_over_time:
            layers.append(nn.MeanOverTime())
        elif self.reads_last_step:
            layers.append(nn.LastStep())
        return [*layers, nn.Linear(self.output_size, init="kaiming_normal", init_scale=0.0)]
