"""A trained network cut to chosen neurons of one layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks, nn
from ..network import Network
from .paths import Path, find_layer, path_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["keep_neurons"]

OPERATION = "keep_neurons"


def keep_neurons(network: Network, layer: Path, neurons: int | Sequence[int]) -> Network:
    """Cut a network to chosen neurons of a recurrent layer.

    The weights that make the other neurons are left out with all that depends on them: rows of the
    Linear before the recurrence, recurrent weights, norms and running statistics, columns of the
    Linear layers behind. What the chosen neurons compute stays the same.

    Parameters
    ----------
    network : Network
        It is not changed.
    layer : int or str
        Number or path of an `IndRNN`, or of a `Recurrence` that a `Linear` feeds.
    neurons : int or sequence of int
        Neurons to keep, in the order they will have.

    Returns
    -------
    Network
        With the same layers, of which those cut are narrower.

    Raises
    ------
    ValueError
        No such layer or neuron, or a network whose other layers need all neurons: a cut inside of a
        `Bidirectional`, at the end of a `Residual` branch, or before a `LayerNorm` or `TiedLinear`.

    Examples
    --------
    The neuron of the second layer that remembers longest:

    >>> import indrnn_engine as ie
    >>> layers = [ie.nn.IndRNN(16), ie.nn.IndRNN(16), ie.nn.LastStep(), ie.nn.Linear(1)]
    >>> net = ie.Network(layers, input_size=2)
    >>> neuron = ie.analysis.memory_ranking(net, 1)[0]
    >>> small = ie.analysis.keep_neurons(net, 1, [neuron])
    >>> small.layers[1].size, small.named_parameters()["3.weight"].shape
    (1, (1, 1))
    """
    path = path_of(OPERATION, layer)
    spec = find_layer(OPERATION, network.layers, path)
    if not isinstance(spec, (nn.Recurrence, nn.IndRNN)):
        raise ValueError(
            f"[{OPERATION}] layer must be a Recurrence or an IndRNN, got {type(spec).__name__} "
            f"at {path}"
        )
    arrays = {**network.named_parameters(), **network.named_buffers()}
    chosen = _chosen(neurons, arrays[f"{path}.weight_hh"].size)
    cutter = _Cutter(_producer(network.layers, path), chosen, arrays)
    size = network.input_size or 0
    layers, _ = cutter.cut(network.layers, _Features(size, np.arange(size)), "")
    small = Network(
        layers,
        input_size=network.input_size,
        dtype=network.dtype,
        device=network.device,
        memory=network.memory,
        storage=network.storage,
    )
    for name, view in {**small.named_parameters(), **small.named_buffers()}.items():
        view[...] = cutter.arrays[name]
    small.random_state = network.random_state
    return small


def _chosen(neurons: int | Sequence[int], size: int) -> NDArray[np.int64]:
    """Give the neurons as an array, checked."""
    listed = neurons if isinstance(neurons, (Sequence, np.ndarray)) else [neurons]
    chosen = [_checks.integer(OPERATION, "neurons", neuron, 0, size - 1) for neuron in listed]
    if not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(f"[{OPERATION}] neurons must be at least one, each once, got {neurons!r}")
    return np.array(chosen, np.int64)


def _producer(layers: Sequence[nn.Layer], path: str) -> str:
    """Find the layer whose rows are the neurons: the Linear before the recurrence."""
    outside, _, last = path.rpartition(".")
    inner = layers
    if outside:
        container = find_layer(OPERATION, layers, outside.removesuffix(".forward"))
        if isinstance(container, nn.Bidirectional) or not isinstance(container, nn.Container):
            raise ValueError(
                f"[{OPERATION}] layer must not lie inside of a Bidirectional, got {path}"
            )
        inner = container.layers
    for index in range(int(last), -1, -1):
        here = f"{outside}.{index}" if outside else str(index)
        if isinstance(inner[index], (nn.Linear, nn.IndRNN)):
            return here
        if not inner[index].each_feature_alone:
            break
    raise ValueError(f"[{OPERATION}] layer must be fed by a Linear beside it, got {path}")


@dataclass(frozen=True)
class _Features:
    """Which of `total` features are left, in their new order."""

    total: int
    kept: NDArray[np.int64]

    @property
    def whole(self) -> bool:
        return self.kept.size == self.total and bool((self.kept == np.arange(self.total)).all())


class _Cutter:
    """Walks through all layers with the features that are left, and cuts each layer's arrays."""

    def __init__(
        self, producer: str, neurons: NDArray[np.int64], arrays: dict[str, NDArray[Any]]
    ) -> None:
        self.arrays = dict(arrays)
        self._producer = producer
        self._neurons = neurons

    def cut(
        self, layers: Sequence[nn.Layer], features: _Features, outside: str
    ) -> tuple[list[nn.Layer], _Features]:
        """Cut the layers that read `features`; give the new ones and the features behind them."""
        result = []
        for index, layer in enumerate(layers):
            spec, features = self._cut_layer(layer, features, f"{outside}{index}")
            result.append(spec)
        return result, features

    def _cut_layer(
        self, layer: nn.Layer, features: _Features, path: str
    ) -> tuple[nn.Layer, _Features]:
        if layer.each_feature_alone:
            # A neuron that is left out is left out behind it, too.
            self._take(path, features.kept, axis=-1)
            return layer, features
        if isinstance(layer, (nn.Linear, nn.IndRNN)):
            return self._cut_linear(layer, features, path)
        if isinstance(layer, nn.Embedding):
            return layer, _Features(layer.size, np.arange(layer.size))
        if isinstance(layer, nn.Concat):
            inner, branch = self.cut(layer.layers, features, f"{path}.")
            kept = np.concatenate([features.kept, features.total + branch.kept])
            return nn.Concat(tuple(inner)), _Features(features.total + branch.total, kept)
        if isinstance(layer, nn.Residual):
            inner, branch = self.cut(layer.layers, features, f"{path}.")
            if not (features.whole and branch.whole):
                raise self._refusal(layer, path)
            return nn.Residual(tuple(inner)), features
        if isinstance(layer, nn.Bidirectional):
            inner, ahead = self.cut(layer.layers, features, f"{path}.forward.")
            _, back = self.cut(layer.layers, features, f"{path}.backward.")
            kept = np.concatenate([ahead.kept, ahead.total + back.kept])
            return nn.Bidirectional(tuple(inner)), _Features(2 * ahead.total, kept)
        if not features.whole:
            raise self._refusal(layer, path)
        size = (
            self.arrays["0.weight"].shape[0] if isinstance(layer, nn.TiedLinear) else features.total
        )
        return layer, _Features(size, np.arange(size))

    def _cut_linear(
        self, layer: nn.Linear | nn.IndRNN, features: _Features, path: str
    ) -> tuple[nn.Layer, _Features]:
        weight = f"{path}.weight"
        self.arrays[weight] = self.arrays[weight][:, features.kept]
        if path != self._producer:
            return layer, _Features(layer.size, np.arange(layer.size))
        self._take(path, self._neurons, axis=0)
        spec = dataclasses.replace(layer, size=self._neurons.size)
        return spec, _Features(layer.size, self._neurons)

    def _take(self, path: str, kept: NDArray[np.int64], axis: int) -> None:
        """Leave the chosen features of all arrays of a layer."""
        for name in self.arrays:
            if name.rpartition(".")[0] == path:
                self.arrays[name] = np.take(self.arrays[name], kept, axis)

    @staticmethod
    def _refusal(layer: nn.Layer, path: str) -> ValueError:
        return ValueError(
            f"[{OPERATION}] layer must not feed the {type(layer).__name__} at {path}, which needs "
            "all neurons"
        )
