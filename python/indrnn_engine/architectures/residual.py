"""Residual network with pre-activation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn
from .common import Style, check_counts, check_fraction, check_sizes, dropout_over_time
from .ends import Ends

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["residual"]


def residual(
    num_blocks: int,
    hidden_size: int,
    output_size: int,
    *,
    time_steps: int,
    magnitude: float = 2.0,
    bound: float | None = None,
    activation: str = "relu",
    batch_norm: str | None = "after",
    norm_mode: str | None = None,
    dropout: float = 0.0,
    blocks_dropout: float = 0.0,
    last_dropout: float | None = None,
    last_step: bool | None = None,
    mean_over_time: bool = False,
    num_embeddings: int = 0,
    embedding_size: int = 0,
    embedding_init_scale: float = 0.01,
    row_dropout: float = 0.0,
    word_dropout: float = 0.0,
    tied: bool = False,
    small_norm_init: bool = False,
    recurrent_normal: Sequence[float] | None = None,
    bidirectional: bool = False,
) -> list[nn.Layer]:
    """Residual network with pre-activation: [R], and with batch norm "before" [C]'s blocks.

    A Linear, then blocks x + Linear(Dropout(R(Linear(Dropout(R(x)))))), then a last R, where R is a
    Recurrence with its batch norm. A block holds two recurrences, so that `num_blocks` blocks are
    2 * num_blocks + 1 recurrent layers. [C] counts those: its 21 layers are 10 blocks. [R] counts
    one more: 5 blocks are its "12 layers" of sequential MNIST.

    Parameters
    ----------
    num_blocks, hidden_size, output_size : int
        Number of blocks, H and the width of the output layer (classes, targets or symbols).
    dropout : float, default 0.0
        Probability of the dropouts over time in the blocks; 0 leaves them out.
    blocks_dropout : float, default 0.0
        Of the dropout over time behind the last R: before the classifier, or in a language model
        before the Linear to the embedding size ("dropout_last" of [R]). Before a tied decoder it is
        `last_dropout`.
    bidirectional : bool, default False
        Each recurrence with its norm in both directions of time; the Linear behind it reads 2 H
        features.
    time_steps, magnitude, bound, activation, batch_norm, norm_mode, last_dropout, last_step
        As for `plain`.
    mean_over_time, num_embeddings, embedding_size, embedding_init_scale, row_dropout, word_dropout
        As for `plain`.
    tied, small_norm_init, recurrent_normal
        As for `plain`.

    Returns
    -------
    list of layer specs

    Raises
    ------
    ValueError
        As for `plain`.

    Examples
    --------
    The residual network of sequential MNIST:

    >>> import indrnn_engine as ie
    >>> layers = ie.architectures.residual(5, 128, 10, time_steps=784, magnitude=5.0, dropout=0.1)
    >>> [type(layer).__name__ for layer in layers[1].layers]
    ['Recurrence', 'BatchNorm', 'Dropout', 'Linear', 'Recurrence', 'BatchNorm', 'Dropout', 'Linear']
    >>> ie.Network(layers, input_size=1).num_parameters
    170890
    """
    check_counts("residual", num_blocks=num_blocks)
    check_sizes("residual", hidden_size=hidden_size)
    check_fraction(
        "residual", dropout=dropout, blocks_dropout=blocks_dropout, last_dropout=last_dropout or 0.0
    )
    if last_dropout is not None and not tied:
        raise ValueError("[residual] last_dropout needs tied=True")
    style = Style(
        name="residual",
        time_steps=time_steps,
        magnitude=magnitude,
        bound=bound,
        activation=activation,
        batch_norm=batch_norm,
        norm_mode=norm_mode or ("step" if tied else "sequence"),
        small_norm_init=small_norm_init,
        recurrent_normal=recurrent_normal,
        bidirectional=bidirectional,
    )
    ends = Ends(
        name="residual",
        output_size=output_size,
        last_step=last_step,
        mean_over_time=mean_over_time,
        num_embeddings=num_embeddings,
        embedding_size=embedding_size,
        embedding_init_scale=embedding_init_scale,
        row_dropout=row_dropout,
        word_dropout=word_dropout,
        tied=tied,
    )
    ends.check_directions(style)
    half = [
        *style.both_ways(style.recurrent()),
        *dropout_over_time(dropout),
        style.linear(hidden_size),
    ]
    return [
        *ends.front(),
        style.linear(hidden_size),
        *[nn.Residual((*half, *half))] * num_blocks,
        *style.both_ways(style.recurrent(remembers=ends.reads_last_step)),
        *dropout_over_time(blocks_dropout),
        *ends.head(style, dropout if last_dropout is None else last_dropout),
    ]
