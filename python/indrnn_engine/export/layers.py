"""How each layer becomes standard ONNX operators, as it is outside training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import nn
from .graph import Graph, Value
from .recurrence import rnn, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Lowering"]


class Lowering:
    """Walks the layers of one network.

    Parameters
    ----------
    graph : Graph
        Taken nodes and constants.
    arrays : mapping
        Parameters and buffers by name.
    states : mapping
        State entry -> name of its input; `final_states` collects the outputs.
    lengths : str or None
        Name of the int64 input [B].
    start : str or None
        Name of the int64 input [1]: steps since the state was reset.
    widest_rnn : int
        Recurrences up to this width use the RNN operator, others Scan.
    """

    def __init__(
        self,
        graph: Graph,
        arrays: Mapping[str, NDArray[Any]],
        states: Mapping[str, str],
        lengths: str | None,
        start: str | None,
        widest_rnn: int,
    ) -> None:
        self.graph = graph
        self.arrays = arrays
        self.states = states
        self.final_states: dict[str, str] = {}
        self.lengths = lengths
        self.start = start
        self.widest_rnn = widest_rnn
        self.mask: str | None = None  # [T, B, 1], made when first asked for
        self.shape_source = ""  # a sequence [T, B, ...] to read T from
        self.table: dict[type[nn.Layer], Callable[[Any, Value, str], Value]] = {
            nn.Embedding: self._embedding,
            nn.Linear: self._linear,
            nn.IndRNN: self._indrnn,
            nn.Recurrence: self._recurrence,
            nn.BatchNorm: self._batch_norm,
            nn.LayerNorm: self._layer_norm,
            nn.Dropout: lambda _, x, __: x,
            nn.LastStep: self._last_step,
            nn.MeanOverTime: self._mean_over_time,
            nn.TimeDifference: self._time_difference,
            nn.TiedLinear: self._tied_linear,
            nn.Residual: self._residual,
            nn.Concat: self._concat,
            nn.Bidirectional: self._bidirectional,
        }

    def layers(self, layers: Sequence[nn.Layer], x: Value, prefix: str = "") -> Value:
        """Lower layers one after the other."""
        for index, layer in enumerate(layers):
            path, kind = f"{prefix}{index}", type(layer)
            if kind not in self.table:
                raise ValueError(f"[to_onnx] layer {path} ({kind.__name__}) has no ONNX form")
            x = self.table[kind](layer, x, path)
        return x

    def array(self, name: str) -> NDArray[np.float64]:
        """Return a parameter or buffer in float64."""
        return np.asarray(self.arrays[name], np.float64)

    def settled(self, x: Value) -> Value:
        """Compute what was held back."""
        graph, name = self.graph, x.name
        if x.weight is not None and x.bias is not None:
            name = graph.node("MatMul", name, graph.constant(x.weight.T))
            if x.bias.any():
                name = graph.node("Add", name, graph.constant(x.bias))
        if x.scale is not None and x.offset is not None:
            name = graph.node("Mul", name, graph.constant(x.scale))
            name = graph.node("Add", name, graph.constant(x.offset))
        return Value(name, x.features, x.sequence)

    def valid(self) -> str:
        """Return a mask [T, B, 1]: 1 within the lengths."""
        if self.mask is None:
            graph = self.graph
            shape = graph.node("Shape", self.shape_source)
            steps = graph.node("Gather", shape, graph.constant(0, np.int64), axis=0)
            zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
            step = graph.node("Unsqueeze", graph.node("Range", zero, steps, one), graph.integers(1))
            within = graph.node("Less", step, str(self.lengths))
            within = graph.node("Unsqueeze", within, graph.integers(2))
            self.mask = str(graph.node("Cast", within, to=graph.element_type))
        return self.mask

    # Layers

    def _embedding(self, layer: nn.Embedding, x: Value, path: str) -> Value:
        table = self.graph.constant(self.arrays[f"{path}.weight"])
        return Value(self.graph.node("Gather", table, x.name, axis=0), layer.size)

    def _product(self, x: Value, weight: NDArray[Any], bias: NDArray[Any]) -> Value:
        if x.weight is not None:
            x = self.settled(x)
        if x.scale is not None and x.offset is not None:
            bias = bias + weight @ x.offset
            weight = weight * x.scale
        return Value(x.name, len(bias), x.sequence, weight, bias)

    def _linear(self, layer: nn.Linear | nn.IndRNN, x: Value, path: str) -> Value:
        bias = self.array(f"{path}.bias") if layer.bias else np.zeros(layer.size)
        return self._product(x, self.array(f"{path}.weight"), bias)

    def _tied_linear(self, layer: nn.TiedLinear, x: Value, path: str) -> Value:
        weight = self.array("0.weight")
        bias = self.array(f"{path}.bias") if layer.bias else np.zeros(len(weight))
        return self._product(x, weight, bias)

    def _batch_norm(self, layer: nn.BatchNorm, x: Value, path: str) -> Value:
        variance = self.array(f"{path}.running_var")
        scale = self.array(f"{path}.weight") / np.sqrt(variance + layer.epsilon)
        offset = self.array(f"{path}.bias") - self.array(f"{path}.running_mean") * scale
        if layer.mode == "step":
            return self._step_norm(layer, self.settled(x), scale, offset)
        if x.scale is not None and x.offset is not None:
            return replace(x, scale=x.scale * scale, offset=x.offset * scale + offset)
        if x.weight is not None and x.bias is not None:
            return replace(x, weight=x.weight * scale[:, None], bias=x.bias * scale + offset)
        return replace(x, scale=scale, offset=offset)

    def _step_norm(
        self, layer: nn.BatchNorm, x: Value, scale: NDArray[Any], offset: NDArray[Any]
    ) -> Value:
        """Use row min(start, 2 N) + t of the statistics, at most the last."""
        graph, last = self.graph, 4 * layer.time_steps
        shape = graph.node("Shape", x.name)
        steps = graph.node("Gather", shape, graph.constant(0, np.int64), axis=0)
        row = graph.node("Range", graph.constant(0, np.int64), steps, graph.constant(1, np.int64))
        if self.start is not None:
            first = graph.node("Min", self.start, graph.integers(2 * layer.time_steps))
            row = graph.node("Add", row, first)
        row = graph.node("Min", row, graph.integers(last))
        rows = [
            graph.node("Gather", graph.constant(table[:, None, :]), row, axis=0)
            for table in (scale, offset)
        ]
        name = graph.node("Add", graph.node("Mul", x.name, rows[0]), rows[1])
        return Value(name, x.features)

    def _layer_norm(self, layer: nn.LayerNorm, x: Value, path: str) -> Value:
        x = self.settled(x)
        parameters = [self.graph.constant(self.arrays[f"{path}.{n}"]) for n in ("weight", "bias")]
        name = self.graph.node(
            "LayerNormalization", x.name, *parameters, axis=-1, epsilon=layer.epsilon
        )
        return replace(x, name=name)

    def _indrnn(self, layer: nn.IndRNN, x: Value, path: str) -> Value:
        return self._recurrence(layer, self._linear(layer, x, path), path)

    def _recurrence(self, layer: nn.Recurrence | nn.IndRNN, x: Value, path: str) -> Value:
        entry = f"{path}.hidden"
        u = self.array(f"{path}.weight_hh")
        wide = x.features > self.widest_rnn or self.graph.dtype != np.float32
        held_back = x.weight is not None and x.scale is None
        # onnxruntime's RNN is off by some 1e-7 in a tanh, however small that is itself.
        inexact = layer.activation == "tanh"
        if wide or inexact or layer.zoneout > 0 or not held_back:
            x = self.settled(x)
            mask = None if self.lengths is None else self.valid()
            name, final = scan(self.graph, layer, x, u, self.states[entry], mask)
        else:
            name, final = rnn(self.graph, layer, x, u, self.states[entry], self.lengths)
            final = self.kept(final, self.states[entry])  # RNN's is zero for a length of 0
        self.final_states[entry] = final
        return Value(name, x.features)

    def kept(self, final: str, state: str) -> str:
        """Return a final state [B, F] that is the one given for a length of 0."""
        if self.lengths is None:
            return final
        some = self.graph.node("Cast", self.some_steps(), to=int(self.graph.onnx.TensorProto.BOOL))
        return str(self.graph.node("Where", some, final, state))

    def _last_of(self, name: str) -> str:
        """Take the last real step of a sequence, [B, F]; zero for a length of 0."""
        graph = self.graph
        if self.lengths is None:
            return str(graph.node("Gather", name, graph.constant(-1, np.int64), axis=0))
        zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
        last = graph.node("Max", graph.node("Sub", self.lengths, one), zero)
        by_sample = graph.node("Transpose", name, perm=[1, 0, 2])
        index = graph.node("Unsqueeze", last, graph.integers(1))
        step = graph.node("GatherND", by_sample, index, batch_dims=1)
        return str(graph.node("Mul", step, self.some_steps()))

    def some_steps(self) -> str:
        """Return a mask [B, 1]: 1 where the length is not 0."""
        graph = self.graph
        some = graph.node("Greater", str(self.lengths), graph.constant(0, np.int64))
        some = graph.node("Unsqueeze", some, graph.integers(1))
        return str(graph.node("Cast", some, to=graph.element_type))

    def _last_step(self, layer: nn.LastStep, x: Value, path: str) -> Value:
        x = self.settled(x)
        return Value(self._last_of(x.name), x.features, sequence=False)

    def _mean_over_time(self, layer: nn.MeanOverTime, x: Value, path: str) -> Value:
        graph, x = self.graph, self.settled(x)
        axis = graph.integers(0)
        if self.lengths is None:
            name = graph.node("ReduceMean", x.name, axis, keepdims=0)
        else:
            real = graph.node("Mul", x.name, self.valid())
            total = graph.node("ReduceSum", real, axis, keepdims=0)
            count = graph.node("Max", self.lengths, graph.constant(1, np.int64))
            count = graph.node("Unsqueeze", count, graph.integers(1))
            name = graph.node("Div", total, graph.node("Cast", count, to=graph.element_type))
        return Value(name, x.features, sequence=False)

    def _time_difference(self, layer: nn.TimeDifference, x: Value, path: str) -> Value:
        graph, x, entry = self.graph, self.settled(x), f"{path}.previous"
        state, features = self.states[entry], x.features
        sizes = graph.integers(features, 1)
        previous, had_one = graph.node("Split", state, sizes, outputs=2, axis=1)
        end = graph.integers(-1)
        head = graph.node("Slice", x.name, graph.integers(0), end, graph.integers(0))
        first = graph.node("Unsqueeze", previous, graph.integers(0))
        before = graph.node("Concat", first, head, axis=0)
        difference = graph.node("Sub", x.name, before)
        # Nothing lies before the first step of a fresh state.
        start = graph.node("Slice", difference, graph.integers(0), graph.integers(1))
        rest = graph.node("Slice", difference, graph.integers(1), graph.integers(2**62))
        start = graph.node("Mul", start, had_one)
        name = graph.node("Concat", start, rest, axis=0)
        last = self._last_of(x.name)
        ones = graph.node("Add", graph.node("Mul", had_one, graph.constant(0)), graph.constant(1))
        final = graph.node("Concat", last, ones, axis=1)
        self.final_states[entry] = self.kept(final, state)
        return Value(name, features)

    # Containers

    def _residual(self, layer: nn.Residual, x: Value, path: str) -> Value:
        x = self.settled(x)
        branch = self.settled(self.layers(layer.layers, x, f"{path}."))
        return replace(branch, name=self.graph.node("Add", branch.name, x.name))

    def _join(self, first: Value, second: Value) -> Value:
        name = self.graph.node("Concat", first.name, second.name, axis=-1)
        return Value(name, first.features + second.features, first.sequence)

    def _concat(self, layer: nn.Concat, x: Value, path: str) -> Value:
        x = self.settled(x)
        return self._join(x, self.settled(self.layers(layer.layers, x, f"{path}.")))

    def _turned(self, name: str) -> str:
        """Turn each sequence: from its end."""
        graph = self.graph
        if self.lengths is None:
            numbers = (graph.integers(n) for n in (-1, -(2**62), 0, -1))
            return str(graph.node("Slice", name, *numbers))
        return str(graph.node("ReverseSequence", name, self.lengths, time_axis=0, batch_axis=1))

    def _bidirectional(self, layer: nn.Bidirectional, x: Value, path: str) -> Value:
        x = self.settled(x)
        ahead = self.settled(self.layers(layer.layers, x, f"{path}.forward."))
        turned = replace(x, name=self._turned(x.name))
        back = self.settled(self.layers(layer.layers, turned, f"{path}.backward."))
        return self._join(ahead, replace(back, name=self._turned(back.name)))
