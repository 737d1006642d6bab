"""The networks of the IndRNN papers, as lists of layer specs for `indrnn_engine.Network`.

Sources: [C] Li et al., "Independently Recurrent Neural Network (IndRNN)", CVPR 2018; [D] Li et al.,
"Deep Independently Recurrent Neural Network", 2019; [R] the PyTorch code the authors released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ARCHITECTURES", "plain", "recurrent_bound"]

BATCH_NORM_PLACES = ("after", "before", None)


def recurrent_bound(time_steps: int, magnitude: float = 2.0) -> float:
    """Give the largest recurrent weight, magnitude^(1/T), for a bounded state over T steps.

    Parameters
    ----------
    time_steps : int
        T, the length of the sequences, at least 1.
    magnitude : float, default 2.0
        MAG of the papers: 2 in [C]'s adding problem, 5 in [R]'s pixel MNIST.

    Returns
    -------
    float

    Examples
    --------
    >>> from indrnn_engine.architectures import recurrent_bound
    >>> round(recurrent_bound(1000, magnitude=2.0), 6)
    1.000693
    """
    if time_steps < 1:
        raise ValueError(f"[recurrent_bound] time_steps must be at least 1, got {time_steps}")
    if magnitude <= 0.0:
        raise ValueError(f"[recurrent_bound] magnitude must be above 0, got {magnitude}")
    return float(magnitude ** (1.0 / time_steps))


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
    dropout: float = 0.0,
    last_step: bool = True,
    num_embeddings: int = 0,
    embedding_size: int = 0,
    embedding_init_scale: float = 0.01,
) -> list[Any]:
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
        T, the length of the sequences, for the range of the recurrent weights.
    magnitude : float, default 2.0
        MAG of the papers.
    bound : float, optional
        Bound on the recurrent weights in place of magnitude^(1/T); language models whose state is
        carried on for ever use 0.99.
    activation : str, default "relu"
        Of every recurrent layer: "relu", "tanh", "sigmoid" or "identity".
    batch_norm : {"after", "before", None}, default "after"
    dropout : float, default 0.0
        Probability of the dropout over time behind each layer; 0 leaves the layer out.
    last_step : bool, default True
        Whether the output is read at the last step only ([B, O]) or at every step ([T, B, O]).
    num_embeddings, embedding_size : int, default 0
        Size of the vocabulary and of its vectors for a network that reads class indices; 0 for
        real-valued input.
    embedding_init_scale : float, default 0.01
        Embedding vectors start from U(-scale, scale).

    Returns
    -------
    list of layer specs

    Raises
    ------
    ValueError
        A size below 1, an unknown place of the batch norm, a dropout outside [0, 1).

    Examples
    --------
    The 6 x 128 network of sequential MNIST:

    >>> import indrnn_engine as ie
    >>> layers = ie.architectures.plain(6, 128, 10, time_steps=784, magnitude=5.0, dropout=0.1)
    >>> [type(layer).__name__ for layer in layers[:4]]
    ['Linear', 'Recurrence', 'BatchNorm', 'Dropout']
    >>> len(layers)
    26
    """
    for name, value in (
        ("num_layers", num_layers),
        ("hidden_size", hidden_size),
        ("output_size", output_size),
    ):
        if value < 1:
            raise ValueError(f"[plain] {name} must be at least 1, got {value}")
    if batch_norm not in BATCH_NORM_PLACES:
        raise ValueError(
            f'[plain] batch_norm must be "after", "before" or None, got {batch_norm!r}'
        )
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"[plain] dropout must be in [0, 1), got {dropout}")
    if bound is None:
        bound = recurrent_bound(time_steps, magnitude)
    elif bound <= 0.0:
        raise ValueError(f"[plain] bound must be above 0, got {bound}")

    layers: list[Any] = []
    if num_embeddings:
        layers.append(_embedding(num_embeddings, embedding_size, embedding_init_scale))
    for index in range(num_layers):
        reads_last = last_step and index == num_layers - 1
        # Never an empty range: a fixed bound may lie below magnitude^(-1/T).
        low = min(recurrent_bound(time_steps, 1.0 / magnitude), bound) if reads_last else 0.0
        recurrence = nn.Recurrence(activation=activation, init_low=low, init_high=bound)
        layers += _block(nn.Linear(hidden_size), recurrence, batch_norm, dropout)
    if last_step:
        layers.append(nn.LastStep())
    layers.append(nn.Linear(output_size, init="kaiming_normal", init_scale=0.0))
    return layers


def _embedding(num: int, size: int, init_scale: float) -> Any:
    if size < 1:
        raise ValueError(f"[plain] embedding_size must be at least 1, got {size}")
    return nn.Embedding(num, size, init="uniform", init_scale=init_scale)


def _block(linear: Any, recurrence: Any, batch_norm: str | None, dropout: float) -> Sequence[Any]:
    """One recurrent layer with its norm and dropout."""
    layers = [linear, recurrence]
    if batch_norm == "before":
        layers.insert(1, nn.BatchNorm())
    elif batch_norm == "after":
        layers.append(nn.BatchNorm())
    if dropout > 0.0:
        layers.append(nn.Dropout(dropout))
    return layers


ARCHITECTURES = {"plain": plain}
"""Every architecture by the name that configurations use."""
