"""Densely connected network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import nn
from .common import Style, check_counts, check_fraction, check_sizes, dropout_over_time
from .ends import Ends

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["dense"]

BOTTLENECK = 4  # a dense layer passes through this many times the growth rate
DIFFERENCES = (False, "first", "every")


def dense(
    growth_rate: int,
    output_size: int,
    *,
    time_steps: int,
    blocks: Sequence[int] = (8, 6, 4),
    num_first: int = 6,
    last_transition: bool = True,
    time_difference: bool | str = False,
    magnitude: float = 2.0,
    bound: float | None = None,
    activation: str = "relu",
    batch_norm: str | None = "after",
    norm_mode: str | None = None,
    first_dropout: float = 0.0,
    dense_dropout: float = 0.0,
    bottleneck_dropout: float = 0.0,
    transition_dropout: float = 0.0,
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
    """Densely connected network, [D].

    A Linear to num_first * k features, R and a dropout; then blocks of dense layers, each of which
    joins to its input x the k features Dropout(R(Linear(Dropout(R(Linear to 4 k of x))))). Between
    blocks a transition halves the features: Linear, R, Dropout. R is a Recurrence with its norm.

    With a tied decoder the first layer is left out, as the embedding takes its place, and the last
    transition goes to the embedding size.

    Parameters
    ----------
    growth_rate, output_size : int
        k, and the width of the output layer (classes, targets or symbols).
    blocks : sequence of int, default (8, 6, 4)
        Dense layers in each block.
    num_first : int, default 6
        The first layer has num_first * k features.
    last_transition : bool, default True
        Whether there is a transition behind the last block, too; always with a tied decoder.
    time_difference : {False, "first", "every"}, default False
        Where features are joined by their differences in time: behind the first layer ("first", or
        True), or, as in [R]'s network for skeletons, at the input, behind the first layer, behind
        both recurrences of each dense layer and behind each transition ("every"). The difference at
        the first step is 0; in [R] it is the first step itself.
    first_dropout, dense_dropout, bottleneck_dropout, transition_dropout : float, default 0.0
        Probabilities of the dropouts over time behind the first layer, behind the two recurrences
        of a dense layer (bottleneck: the one of 4 k neurons) and in the transitions; 0 leaves them
        out.
    last_dropout : float, optional
        Of the last transition; default: as `transition_dropout`.
    bidirectional : bool, default False
        Each recurrence with its norm in both directions of time; what reads it reads twice as many
        features.
    time_steps, magnitude, bound, activation, batch_norm, norm_mode, last_step, mean_over_time
        As for `plain`.
    num_embeddings, embedding_size, embedding_init_scale, row_dropout, word_dropout
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
    The dense network of sequential MNIST:

    >>> import indrnn_engine as ie
    >>> layers = ie.architectures.dense(
    ...     16, 10, time_steps=784, magnitude=5.0, first_dropout=0.2, dense_dropout=0.2,
    ...     bottleneck_dropout=0.1, transition_dropout=0.1,
    ... )
    >>> ie.Network(layers, input_size=1).num_parameters
    256514
    """
    check_sizes("dense", growth_rate=growth_rate, num_first=num_first, blocks=len(blocks))
    for index, size in enumerate(blocks):
        check_counts("dense", **{f"blocks[{index}]": size})
    check_fraction(
        "dense",
        first_dropout=first_dropout,
        dense_dropout=dense_dropout,
        bottleneck_dropout=bottleneck_dropout,
        transition_dropout=transition_dropout,
        last_dropout=last_dropout or 0.0,
    )
    last_transition = last_transition or tied
    if last_dropout is not None and not last_transition:
        raise ValueError("[dense] last_dropout needs last_transition=True or tied=True")
    differences = "first" if time_difference is True else time_difference
    if differences not in DIFFERENCES:
        raise ValueError(
            '[dense] time_difference must be False, True, "first" or "every", '
            f"got {time_difference!r}"
        )
    if tied and (first_dropout or differences):
        option = "first_dropout" if first_dropout else "time_difference"
        raise ValueError(f"[dense] {option} needs a first layer, which tied=True leaves out")
    style = Style(
        name="dense",
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
        name="dense",
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

    joined: list[nn.Layer] = [nn.Concat((nn.TimeDifference(),))]
    everywhere = joined if differences == "every" else []
    width = style.width * (2 if everywhere else 1)  # features that a neuron gives

    def layer(size: int, dropout: float, *, remembers: bool = False) -> list[nn.Layer]:
        """Linear, recurrence with norm, dropout, perhaps differences in time."""
        recurrent = style.both_ways(style.recurrent(remembers=remembers))
        return [style.linear(size), *recurrent, *dropout_over_time(dropout), *everywhere]

    def dense_layer(*, remembers: bool) -> nn.Layer:
        bottleneck = layer(BOTTLENECK * growth_rate, bottleneck_dropout)
        return nn.Concat((*bottleneck, *layer(growth_rate, dense_dropout, remembers=remembers)))

    layers = [*ends.front(), *everywhere]
    features = embedding_size
    if not tied:
        layers += layer(num_first * growth_rate, first_dropout)
        features = num_first * growth_rate * width
        if differences == "first":
            layers += joined
            features *= 2
    for index, size in enumerate(blocks):
        is_last = index == len(blocks) - 1
        remembers = ends.reads_last_step and is_last and not last_transition
        layers += [dense_layer(remembers=False)] * (size - 1) + [dense_layer(remembers=remembers)]
        features += size * growth_rate * width
        if not is_last:
            neurons = max(1, features // (2 * width))
            layers += layer(neurons, transition_dropout)
            features = neurons * width
    last = transition_dropout if last_dropout is None else last_dropout
    if last_transition and not tied:  # with a tied decoder it is a part of the head
        neurons = max(1, features // (2 * width))
        layers += layer(neurons, last, remembers=ends.reads_last_step)
    return layers + ends.head(style, last)
