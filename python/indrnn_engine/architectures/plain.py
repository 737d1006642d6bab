"""Plain stack of recurrent layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import Style, check_counts, check_fraction, check_sizes, dropout_over_time
from .ends import Ends

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .. import nn

__all__ = ["plain"]


def plain(
    num_layers: int,
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
    """Plain stack of recurrent layers with a linear output layer.

    With batch norm "after" ([R]) a layer is Linear, Recurrence, BatchNorm, Dropout; with "before"
    it is Linear, BatchNorm, Recurrence, Dropout. Recurrent weights start from U(0, bound) with
    bound = magnitude^(1/T). Where only the last step is read, those of the last layer start from
    U(magnitude^(-1/T), bound), so that what was read early is still there at the end. Linear
    weights are Kaiming-uniform with a = 8, the output layer's Kaiming-normal; biases start at zero.

    Parameters
    ----------
    num_layers, hidden_size, output_size : int
        L, H and the width of the output layer (classes, targets or symbols).
    time_steps : int
        T, the length of the sequences, for the range of the recurrent weights and the running
        statistics of norm mode "step".
    magnitude : float, default 2.0
        MAG of the papers.
    bound : float, optional
        Bound on the recurrent weights in place of magnitude^(1/T); language models whose state is
        carried on for ever use 0.99.
    activation : str, default "relu"
        Of every recurrent layer: "relu", "tanh", "sigmoid" or "identity".
    batch_norm : {"after", "before", None}, default "after"
    norm_mode : {"sequence", "step"}, optional
        Mode of the batch norms; default "step" with a tied decoder, else "sequence".
    dropout : float, default 0.0
        Probability of the dropout over time behind each layer; 0 leaves the layer out.
    last_dropout : float, optional
        Of the dropout before a tied decoder; default: as `dropout`.
    last_step : bool, optional
        Whether the output is read at the last step only ([B, O]) or at every step ([T, B, O]);
        default True, but for a tied decoder and `mean_over_time`.
    mean_over_time : bool, default False
        Read the mean of all steps in place of the last one.
    num_embeddings, embedding_size : int, default 0
        Size of the vocabulary and of its vectors for a network that reads class indices; 0 for
        real-valued input.
    embedding_init_scale : float, default 0.01
        Embedding vectors start from U(-scale, scale).
    row_dropout : float, default 0.0
        Dropout of whole embedding vectors.
    word_dropout : float, default 0.0
        Dropout over time on what the embedding gives.
    tied : bool, default False
        The papers' language model: behind the layers a Linear to the embedding size, a recurrence
        with its norm (with batch norm "before" a norm more), a dropout, and a decoder that shares
        the embedding's weights.
    small_norm_init : bool, default False
        [R]'s "small_normini": Kaiming-uniform with a = 0, and norm weights that start at 0.1; those
        of the norm more of a language model at 1.
    recurrent_normal : (float, float), optional
        Mean and standard deviation that all recurrent weights are drawn with; (0.4, 0.2) in [C]'s
        word-level language model.
    bidirectional : bool, default False
        Each layer in both directions of time, their outputs joined: 2 H features.

    Returns
    -------
    list of layer specs

    Raises
    ------
    ValueError
        A size below 1, more than 10 000 layers, an unknown place of the batch norm, a dropout
        outside [0, 1), or options that exclude each other.

    Examples
    --------
    The 6 x 128 network of sequential MNIST:

    >>> import indrnn_engine as ie
    >>> layers = ie.architectures.plain(6, 128, 10, time_steps=784, magnitude=5.0, dropout=0.1)
    >>> [type(layer).__name__ for layer in layers[:4]]
    ['Linear', 'Recurrence', 'BatchNorm', 'Dropout']
    >>> len(layers)
    26

    [C]'s character model of Penn Treebank, T = 50:

    >>> layers = ie.architectures.plain(
    ...     6, 2000, 50, time_steps=50, num_embeddings=50, embedding_size=600, tied=True,
    ...     batch_norm="before", dropout=0.25,
    ... )
    >>> layers[0].size, layers[2], type(layers[-1]).__name__
    (600, BatchNorm(mode='step', time_steps=50, ...), 'TiedLinear')
    """
    check_counts("plain", num_layers=num_layers)
    check_sizes("plain", hidden_size=hidden_size)
    check_fraction("plain", dropout=dropout, last_dropout=last_dropout or 0.0)
    if last_dropout is not None and not tied:
        raise ValueError("[plain] last_dropout needs tied=True")
    style = Style(
        name="plain",
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
        name="plain",
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
    layers = ends.front()
    for index in range(num_layers):
        remembers = ends.reads_last_step and index == num_layers - 1
        layers += style.both_ways(
            [style.linear(hidden_size), *style.recurrent(remembers=remembers)]
        )
        layers += dropout_over_time(dropout)
    return layers + ends.head(style, dropout if last_dropout is None else last_dropout)
