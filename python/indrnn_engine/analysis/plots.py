"""Pictures of recurrent weights and of activations; they need matplotlib (extra "cli")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..extras import require
from .memory import memory_length, recurrent_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..network import Network

__all__ = ["plot_activations", "plot_recurrent_weights"]

COLUMNS = 6
COLOR = "#c8553d"


def plot_recurrent_weights(network: Network, *, bins: int = 50, title: str = "") -> Any:
    """Draw a histogram of the recurrent weights of each layer, as in the papers.

    Parameters
    ----------
    network : Network
    bins : int, default 50
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        One panel for each recurrent layer, headed by its path, its number of neurons, and the
        median of their memory lengths (`memory_length` with the threshold 0.5).

    Raises
    ------
    ValueError
        The network has no recurrent weights, or `bins` is below 1.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> net = ie.Network(ie.architectures.plain(3, 32, 10, time_steps=784), input_size=1)
    >>> figure = ie.analysis.plot_recurrent_weights(net)
    >>> len(figure.axes)
    3
    """
    weights = recurrent_weights(network)
    if not weights:
        raise ValueError("[plot_recurrent_weights] network must have a recurrent layer")
    if bins < 1:
        raise ValueError(f"[plot_recurrent_weights] bins must be at least 1, got {bins}")
    everything = np.concatenate(list(weights.values()))
    finite = everything[np.isfinite(everything)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    figure, panels = _panels(len(weights), width=2.6, height=2.0)
    for axes, (path, values) in zip(panels, weights.items(), strict=True):
        axes.hist(values[np.isfinite(values)], bins=bins, range=(low, high), color=COLOR)
        steps = np.median(memory_length(values))
        remembers = "no end" if np.isinf(steps) else f"{steps:.3g} steps"
        axes.set_title(f"layer {path}: {values.size}, {remembers}", fontsize=8)
        axes.tick_params(labelsize=7)
        for limit in (-1.0, 1.0):  # where a state neither fades nor grows
            if low <= limit <= high:
                axes.axvline(limit, color="#8aa4c8", linewidth=0.8, linestyle="--")
    figure.supxlabel("recurrent weight u", fontsize=9)
    figure.supylabel("neurons", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def plot_activations(
    recorded: Mapping[str, NDArray[Any]],
    *,
    sample: int = 0,
    neurons: Sequence[int] | None = None,
    title: str = "",
) -> Any:
    """Draw what `record` gave over time, one line for each neuron.

    Parameters
    ----------
    recorded : mapping of str to array [T, B, F]
        Arrays without time, [B, F], are left out.
    sample : int, default 0
        Which of the B sequences.
    neurons : sequence of int, optional
        Which neurons of every layer; default: all.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        One panel for each layer.

    Raises
    ------
    ValueError
        Nothing to draw, or no such sample or neuron.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(8), ie.nn.IndRNN(4)], input_size=1)
    >>> recorded = ie.analysis.record(net, np.ones((20, 1, 1), np.float32))
    >>> figure = ie.analysis.plot_activations(recorded, title="a constant input")
    >>> [len(axes.lines) for axes in figure.axes]
    [8, 4]
    """
    shown = {path: array for path, array in recorded.items() if array.ndim == 3}
    if not shown:
        raise ValueError("[plot_activations] recorded must hold an array [T, B, F]")
    for path, array in shown.items():
        chosen = range(array.shape[2]) if neurons is None else neurons
        if not 0 <= sample < array.shape[1]:
            raise ValueError(
                f"[plot_activations] sample must be between 0 and {array.shape[1] - 1}, "
                f"got {sample}"
            )
        if not all(0 <= neuron < array.shape[2] for neuron in chosen):
            raise ValueError(
                f"[plot_activations] neurons of layer {path} must be between 0 and "
                f"{array.shape[2] - 1}, got {list(chosen)}"
            )
    figure, panels = _panels(len(shown), width=6.4, height=1.8, columns=1)
    for axes, (path, array) in zip(panels, shown.items(), strict=True):
        chosen = list(range(array.shape[2]) if neurons is None else neurons)
        axes.plot(array[:, sample, chosen], linewidth=0.8)
        axes.set_ylabel(f"layer {path}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.margins(x=0)
    panels[-1].set_xlabel("time step", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _panels(
    number: int, *, width: float, height: float, columns: int = COLUMNS
) -> tuple[Any, list[Any]]:
    """Make a figure with so many panels, row by row."""
    figures = require("matplotlib.figure", "matplotlib")
    columns = min(columns, number)
    rows = -(-number // columns)
    figure = figures.Figure(
        figsize=(width * columns + 0.4, height * rows + 0.6), layout="constrained"
    )
    return figure, [figure.add_subplot(rows, columns, index + 1) for index in range(number)]
