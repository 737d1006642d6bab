"""Activations of chosen layers for one input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import nn
from ..network import Network
from .paths import Path, find_layer, path_of, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ..state import State

__all__ = ["record", "truncate"]


def truncate(network: Network, layer: Path) -> Network:
    """Give a network that ends behind a layer: its output is what that layer passes on.

    Parameters
    ----------
    network : Network
    layer : int or str
        Number or path of the last layer. A layer inside of a `Residual` or `Concat` ends its
        branch: the result is what the branch has come to there.

    Returns
    -------
    Network
        With copies of parameters and running statistics; layers are counted anew from 0.

    Raises
    ------
    ValueError
        There is no such layer, or it lies inside of a `Bidirectional`.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(8), ie.nn.LastStep(), ie.nn.Linear(2)], input_size=3)
    >>> [type(layer).__name__ for layer in ie.analysis.truncate(net, 0).layers]
    ['IndRNN']
    """
    return _truncate(network, path_of("truncate", layer), "truncate")[0]


def record(
    network: Network,
    x: NDArray[Any],
    layers: Iterable[Path] | None = None,
    *,
    state: State | None = None,
    lengths: NDArray[Any] | None = None,
) -> dict[str, NDArray[Any]]:
    """Record what layers give for one input, as in prediction: without dropout.

    Parameters
    ----------
    network : Network
    x : array [T, B, I] or int64 [T, B]
        As for `Network.forward`.
    layers : iterable of int or str, optional
        Numbers or paths of layers, as for `truncate`; default: all recurrent layers that do not lie
        inside of a `Bidirectional`.
    state : State, optional
        Where to start from.
    lengths : integer array [B], optional
        Where each sequence ends.

    Returns
    -------
    dict of str to array
        Path -> output of that layer: [T, B, F], or [B, F] behind `LastStep`.

    Raises
    ------
    ValueError
        There is no such layer, or whatever `Network.forward` finds wrong.

    Notes
    -----
    Each layer takes a forward of the layers before it.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(8), ie.nn.IndRNN(4), ie.nn.LastStep()], input_size=1)
    >>> x = np.ones((20, 1, 1), np.float32)
    >>> {path: array.shape for path, array in ie.analysis.record(net, x).items()}
    {'0': (20, 1, 8), '1': (20, 1, 4)}
    """
    if layers is None:
        layers = _recurrent_layers(network.layers)
    recorded = {}
    for layer in layers:
        path = path_of("record", layer)
        part, paths = _truncate(network, path, "record")
        start = None
        if state is not None:
            start = part.initial_state(state.batch)
            start.steps = state.steps
            for name in start.names():
                start[name][...] = state[_renamed(name, paths)]
        recorded[path] = part.forward(x, start, lengths)[0]
    return recorded


def _truncate(network: Network, path: str, operation: str) -> tuple[Network, list[str]]:
    """Give the network that ends behind a layer, and for each of its layers the path it had."""
    find_layer(operation, network.layers, path)
    prefix = _prefix(operation, network.layers, path, "")
    part = Network(
        [layer for _, layer in prefix],
        input_size=network.input_size,
        dtype=network.dtype,
        device=network.device,
        memory=network.memory,
        storage=network.storage,
    )
    paths = [path for path, _ in prefix]
    whole = {**network.named_parameters(), **network.named_buffers()}
    for name, view in {**part.named_parameters(), **part.named_buffers()}.items():
        view[...] = whole[_renamed(name, paths)]
    return part, paths


def _prefix(
    operation: str, layers: Sequence[nn.Layer], path: str, outside: str
) -> list[tuple[str, nn.Layer]]:
    """List all layers that are passed up to a path, each with the path it has."""
    index, rest = split(operation, layers, path)
    before = [(f"{outside}{number}", layers[number]) for number in range(index)]
    container = layers[index]
    if not rest:
        return [*before, (f"{outside}{index}", container)]
    if isinstance(container, nn.Bidirectional) or not isinstance(container, nn.Container):
        raise ValueError(
            f"[{operation}] layer must not lie inside of a Bidirectional, got {outside}{path}"
        )
    return before + _prefix(operation, container.layers, rest, f"{outside}{index}.")


def _renamed(name: str, paths: list[str]) -> str:
    """Give the name in the whole network of what has `name` in the truncated one."""
    number, _, rest = name.partition(".")
    return f"{paths[int(number)]}.{rest}"


def _recurrent_layers(layers: Sequence[nn.Layer], outside: str = "") -> list[str]:
    found = []
    for index, layer in enumerate(layers):
        path = f"{outside}{index}"
        if isinstance(layer, (nn.Recurrence, nn.IndRNN)):
            found.append(path)
        elif isinstance(layer, nn.Container) and not isinstance(layer, nn.Bidirectional):
            found += _recurrent_layers(layer.layers, f"{path}.")
    return found
