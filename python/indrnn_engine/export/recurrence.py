"""h_t = act(z_t + u * h_{t-1}) in standard operators, in two ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .graph import Graph, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .. import nn

__all__ = ["rnn", "scan"]

_OF_RNN = {"relu": "Relu", "sigmoid": "Sigmoid", "identity": "Affine"}
_NODES = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "identity": "Identity"}


def rnn(
    graph: Graph,
    layer: nn.Recurrence | nn.IndRNN,
    x: Value,
    u: NDArray[np.float64],
    state: str,
    lengths: str | None,
) -> tuple[str, str]:
    """Use the RNN operator: the held back product is its W, and R is diagonal.

    R costs H * H multiplications a step where H would do, but the loop is one call. The final
    state of a sequence without steps is zero in onnxruntime, whatever the state given.
    """
    assert x.weight is not None
    assert x.bias is not None
    int32 = graph.onnx.TensorProto.INT32
    inputs = [
        x.name,
        graph.constant(x.weight[None]),
        graph.constant(np.diag(u)[None]),
        graph.constant(np.concatenate([x.bias, np.zeros_like(x.bias)])[None]),
        "" if lengths is None else graph.node("Cast", lengths, to=int32),
        graph.node("Unsqueeze", state, graph.integers(0)),
    ]
    affine = {"activation_alpha": [1.0]} if layer.activation == "identity" else {}
    sequence, final = graph.node(
        "RNN",
        *inputs,
        outputs=2,
        hidden_size=x.features,
        activations=[_OF_RNN[layer.activation]],
        **affine,
    )
    return (
        graph.node("Squeeze", sequence, graph.integers(1)),
        graph.node("Squeeze", final, graph.integers(0)),
    )


def scan(
    graph: Graph,
    layer: nn.Recurrence | nn.IndRNN,
    x: Value,
    u: NDArray[np.float64],
    state: str,
    mask: str | None,
) -> tuple[str, str]:
    """Use Scan over time; mask [T, B, 1] keeps the state where a sequence has ended."""
    body = Graph(graph.onnx, graph.dtype, prefix=graph.name("step") + ".")
    before, z, valid = (body.name(name) for name in ("before", "z", "valid"))
    shape: list[int | str] = ["B", x.features]
    inputs = [body.value_info(before, shape), body.value_info(z, shape)]
    sources = [state, x.name]
    h = body.node("Add", z, body.node("Mul", before, body.constant(u)))
    h = body.node(_NODES[layer.activation], h)
    if layer.zoneout > 0:
        old = body.node("Mul", before, body.constant(layer.zoneout))
        h = body.node("Add", old, body.node("Mul", h, body.constant(1 - layer.zoneout)))
    y = h
    if mask is not None:
        inputs.append(body.value_info(valid, ["B", 1]))
        sources.append(mask)
        within = body.node("Cast", valid, to=int(graph.onnx.TensorProto.BOOL))
        y = body.node("Where", within, h, body.constant(0))
        h = body.node("Where", within, h, before)
    after, out = body.name("after"), body.name("h")
    body.rename(h, after)
    body.rename(y, out)
    outputs = [body.value_info(after, shape), body.value_info(out, shape)]
    final, sequence = graph.node(
        "Scan",
        *sources,
        outputs=2,
        body=body.subgraph(graph.name("body"), inputs, outputs),
        num_scan_inputs=len(sources) - 1,
    )
    return sequence, final
