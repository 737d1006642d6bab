"""What a network consists of and costs: a row for each layer, and how the engine runs them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from . import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .network import Network

__all__ = ["LayerSummary", "Summary", "describe"]


@dataclass(frozen=True)
class LayerSummary:
    """One layer.

    Attributes
    ----------
    path, type : str
        "3.0" is the first layer inside of layer 3; those of a `Bidirectional` go on with "forward"
        or "backward".
    output_shape : tuple of int
        (T, B, F), or (B, F) behind a layer that leaves no time.
    parameters : int
        How many it has itself; those inside of it have rows of their own.
    flops : float
        Floating-point operations of the forward for one time step of the whole batch: an addition
        or a multiplication is one, and so is an activation. Backward takes about twice as many. For
        what is done once per sequence: its share of a step.
    bytes : float
        Activations that it reads and writes for one time step of the whole batch, as if each layer
        ran by itself; fused layers move less. Parameters are not counted.
    """

    path: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int
    flops: float
    bytes: float


@dataclass(frozen=True)
class Summary:
    """All layers of a network for one size of input.

    Attributes
    ----------
    time_steps, batch : int
    dtype : str
    layers : tuple of LayerSummary
    parameters : int
    flops, bytes : float
        Sums over the layers.
    workspace_bytes : int
        What the engine takes beside input, output and parameters.
    segments : tuple of tuple of str
        What runs depth first, chunk by chunk, one segment after the other: "1:Recurrence+bias" is
        the recurrence of layer 1 with the bias of the Linear before it.
    plan : dict
        All that `Network.describe_plan` says.
    """

    time_steps: int
    batch: int
    dtype: str
    layers: tuple[LayerSummary, ...]
    parameters: int
    flops: float
    bytes: float
    workspace_bytes: int
    segments: tuple[tuple[str, ...], ...]
    plan: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON values."""
        values = asdict(self)
        for layer in values["layers"]:
            layer["output_shape"] = list(layer["output_shape"])
        values["layers"] = list(values["layers"])
        values["segments"] = [list(segment) for segment in self.segments]
        return values

    def __str__(self) -> str:
        rows = [("", "layer", "output", "parameters", "flops/step", "bytes/step")]
        rows += [
            (
                layer.path,
                layer.type,
                str(list(layer.output_shape)),
                f"{layer.parameters:,}",
                f"{layer.flops:,.0f}",
                f"{layer.bytes:,.0f}",
            )
            for layer in self.layers
        ]
        totals = (f"{self.parameters:,}", f"{self.flops:,.0f}", f"{self.bytes:,.0f}")
        rows.append(("", "total", "", *totals))
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        lines = [
            "  ".join(
                cell.ljust(width) if column < 3 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines += [
            f"segment {number}: {' > '.join(segment)}"
            for number, segment in enumerate(self.segments)
        ]
        return "\n".join(lines)


def describe(network: Network, time_steps: int, batch: int, training: bool = False) -> Summary:
    """Give layers, shapes, parameters, cost per time step and plan of a network.

    Parameters
    ----------
    network : Network
    time_steps, batch : int
        T and B, at least 1.
    training : bool, default False
        Whether plan and workspace are those of training.

    Returns
    -------
    Summary
        Print it for a table.

    Raises
    ------
    ValueError
        For T or B below 1.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(8), ie.nn.LastStep(), ie.nn.Linear(2)], input_size=3)
    >>> print(net.describe(time_steps=100, batch=1))
       layer     output       parameters  flops/step  bytes/step
    0  IndRNN    [100, 1, 8]          40          72          44
    1  LastStep  [1, 8]                0           0           1
    2  Linear    [1, 2]               18           0           0
       total                          58          72          45
    segment 0: input:Input > 0:Linear > 0:Recurrence+bias > 1:LastStep
    segment 1: 2:Linear > output:Output
    """
    for name, value in (("time_steps", time_steps), ("batch", batch)):
        if value < 1:
            raise ValueError(f"[describe] {name} must be at least 1, got {value}")
    walk = _Walk(network, time_steps, batch)
    walk.layers(network.layers, _Value(network.input_size or 0, sequence=True), "")
    plan = network.describe_plan(time_steps, batch, training)
    return Summary(
        time_steps,
        batch,
        network.dtype.name,
        tuple(walk.rows),
        network.num_parameters,
        sum(row.flops for row in walk.rows),
        sum(row.bytes for row in walk.rows),
        network.workspace_bytes(time_steps, batch, training),
        tuple(tuple(segment["nodes"]) for segment in plan["segments"]),
        plan,
    )


@dataclass(frozen=True)
class _Value:
    """What passes between two layers: [T, B, features], or [B, features] without time."""

    features: int
    sequence: bool


class _Walk:
    """Goes through all layers and makes their rows."""

    def __init__(self, network: Network, time_steps: int, batch: int) -> None:
        self.rows: list[LayerSummary] = []
        self._named = network.named_parameters()
        self._time_steps = time_steps
        self._batch = batch
        self._item = network.dtype.itemsize

    def layers(self, layers: Sequence[nn.Layer], value: _Value, outside: str) -> _Value:
        """Add rows for layers that read `value`; give what they pass on."""
        for index, layer in enumerate(layers):
            value = self._layer(layer, value, f"{outside}{index}")
        return value

    def _layer(self, layer: nn.Layer, value: _Value, path: str) -> _Value:
        if isinstance(layer, nn.Container):
            return self._container(layer, value, path)
        after = self._output(layer, value)
        read = float(value.features * self._item)
        if isinstance(layer, nn.Embedding):
            read = 8.0 + after.features * self._item  # an index and its vector
        written = after.features * self._item / (1 if after.sequence else self._time_steps)
        flops = _flops(layer, value.features, after.features)
        if not value.sequence:
            read, flops = read / self._time_steps, flops / self._time_steps
        elif isinstance(layer, nn.LastStep):
            read /= self._time_steps
        self._add(path, layer, after, flops, read + written)
        return after

    def _container(self, layer: nn.Container, value: _Value, path: str) -> _Value:
        at = len(self.rows)
        if isinstance(layer, nn.Bidirectional):
            inner = self.layers(layer.layers, value, f"{path}.forward.")
            self.layers(layer.layers, value, f"{path}.backward.")
            after, flops, moved = _Value(2 * inner.features, inner.sequence), 0.0, 0.0
        else:
            inner = self.layers(layer.layers, value, f"{path}.")
            joined = isinstance(layer, nn.Concat)
            after = _Value(value.features + inner.features if joined else inner.features, True)
            flops = 0.0 if joined else float(inner.features)
            moved = float(value.features + inner.features + after.features) * self._item
        self._add(path, layer, after, flops, moved)
        self.rows.insert(at, self.rows.pop())  # before those inside of it
        return after

    def _output(self, layer: nn.Layer, value: _Value) -> _Value:
        if isinstance(layer, (nn.Embedding, nn.Linear, nn.IndRNN)):
            return _Value(layer.size, value.sequence)
        if isinstance(layer, nn.TiedLinear):
            return _Value(self._named["0.weight"].shape[0], value.sequence)
        return _Value(value.features, value.sequence and not layer.leaves_time)

    def _add(self, path: str, layer: nn.Layer, after: _Value, flops: float, moved: float) -> None:
        shape = (self._batch, after.features)
        self.rows.append(
            LayerSummary(
                path,
                type(layer).__name__,
                (self._time_steps, *shape) if after.sequence else shape,
                sum(
                    view.size
                    for name, view in self._named.items()
                    if name.rpartition(".")[0] == path
                ),
                flops * self._batch,
                moved * self._batch,
            )
        )


def _flops(layer: nn.Layer, inputs: int, outputs: int) -> float:
    """Count the operations of one sample and step, in prediction."""
    count = 0
    if isinstance(layer, (nn.Linear, nn.IndRNN, nn.TiedLinear)):
        count += outputs * (2 * inputs - (0 if layer.bias else 1))
    if isinstance(layer, (nn.Recurrence, nn.IndRNN)):
        count += outputs * (6 if layer.zoneout else 3)  # u h, + z, activation; mean of two
    return float(count + outputs * layer.operations_per_feature)
