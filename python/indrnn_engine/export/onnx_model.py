"""A network as an ONNX model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .. import _checks, nn
from ..extras import require
from ..files import write_atomically
from .graph import Graph, Value
from .layers import Lowering

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from ..network import Network

__all__ = ["to_onnx"]

_OPSET = 18
_IR_VERSION = 9  # what runtimes of 2023 and later read

# The RNN operator multiplies by all of its H * H recurrent weights, Scan by H, but a step of Scan
# costs more. In onnxruntime RNN is ahead for one stream up to a width of 128 (1.2 to 1.9 us a
# step), Scan for batches of 32 from 32 neurons on: `python -m benchmarks.streaming`.
WIDEST_RNN = 64


def to_onnx(
    network: Network,
    path: str | os.PathLike[str],
    *,
    lengths: bool = False,
    widest_rnn: int = WIDEST_RNN,
) -> None:
    """Write a network, as it is outside training, to an ONNX file of standard operators.

    Inputs: `x` [T, B, I] (int64 [T, B] for a network that takes indices), with `lengths` int64 [B]
    if asked for, and a state [B, F] for every entry of `Network.initial_state`, named `state.` and
    the entry's name: zeros at the start. Outputs: `y` [T, B, O] or [B, O], and `final.` and name
    for every state. T and B may be anything from 1 on. A network with a BatchNorm of mode "step"
    also has the input `start` int64 [1], the steps since the state was zero.

    Parameters
    ----------
    network : Network
    path : path
        Of the file; written atomically.
    lengths : bool, default False
        Whether sequences may end early, with the meaning of `Network.forward`.
    widest_rnn : int
        Recurrences up to this width use the RNN operator with a diagonal matrix, wider ones Scan.
        Scan also where RNN cannot be used: with tanh, which onnxruntime's RNN computes with too
        few digits, with zoneout, in float64, and without a product before the recurrence.

    Raises
    ------
    ImportError
        The package onnx is not installed.
    OSError
        The file cannot be written.
    ValueError
        A layer has no ONNX form.

    Examples
    --------
    >>> import os, tempfile
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(8), ie.nn.LastStep(), ie.nn.Linear(2)], input_size=3)
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
    ...     ie.export.to_onnx(net, os.path.join(folder, "model.onnx"))
    """
    onnx = require("onnx", "onnx", extra="export")
    widest_rnn = _checks.integer("to_onnx", "widest_rnn", widest_rnn, 0)
    graph = Graph(onnx, network.dtype)
    state = network.initial_state(1)
    states = {name: f"state.{name}" for name in state}
    by_step = _has_step_norm(network.layers)
    arrays = {**network.named_parameters(), **network.named_buffers()}
    lowering = Lowering(
        graph,
        arrays,
        states,
        "lengths" if lengths else None,
        "start" if by_step else None,
        widest_rnn,
    )
    lowering.shape_source = "x"
    size = network.input_size
    y = lowering.settled(lowering.layers(network.layers, Value("x", size or 1)))
    if lengths:  # past a sequence's length, and for an empty sequence, outputs are zero
        real = lowering.valid() if y.sequence else lowering.some_steps()
        y = replace(y, name=graph.node("Mul", y.name, real))
    graph.rename(y.name, "y")
    for name, final in lowering.final_states.items():
        graph.rename(final, f"final.{name}")

    shape: list[int | str] = ["T", "B"] if size is None else ["T", "B", size]
    inputs = [graph.value_info("x", shape, np.int64 if size is None else None)]
    if lengths:
        inputs.append(graph.value_info("lengths", ["B"], np.int64))
    if by_step:
        inputs.append(graph.value_info("start", [1], np.int64))
    outputs = [graph.value_info("y", ["T", "B", y.features] if y.sequence else ["B", y.features])]
    for name in state:
        view = state[name]
        inputs.append(graph.value_info(states[name], ["B", view.shape[1]]))
        outputs.append(graph.value_info(f"final.{name}", ["B", view.shape[1]]))

    from .. import __version__

    model = onnx.helper.make_model(
        graph.subgraph("network", inputs, outputs),
        producer_name="indrnn_engine",
        producer_version=__version__,
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    onnx.helper.set_model_props(model, {"indrnn_engine.network": network.to_json()})
    write_atomically(path, model.SerializeToString())


def _has_step_norm(layers: Sequence[nn.Layer]) -> bool:
    return any(
        (isinstance(layer, nn.BatchNorm) and layer.mode == "step")
        or (isinstance(layer, nn.Container) and _has_step_norm(layer.layers))
        for layer in layers
    )
