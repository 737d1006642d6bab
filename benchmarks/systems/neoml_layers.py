"""NeoML: its IndRNN layers on the CPU, which it runs in one thread."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import neoml
import numpy as np

from benchmarks.systems import Prepared, RefusedError

if TYPE_CHECKING:
    from benchmarks.workloads import Arrays, Workload

VERSIONS = {"neoml": version("neoml"), "numpy": np.__version__}


def prepare(workload: Workload, task: str, arrays: Arrays, threads: int) -> Prepared:  # noqa: ARG001
    """Give the tasks of a stack of NeoML's layers."""
    if workload.norm or task not in ("forward", "train"):
        raise RefusedError("measured as a plain stack only")
    T, B = workload.time_steps, workload.batch
    engine = neoml.MathEngine.CpuMathEngine()

    def sequence(array: Any) -> Any:
        shape = (T, B, 1, 1, 1, 1, array.shape[-1])
        return neoml.Blob.asblob(engine, array, shape)

    def network(loss: bool) -> tuple[Any, list[Any]]:
        net = neoml.Dnn.Dnn(engine)
        layer: Any = neoml.Dnn.Source(net, "x")
        cells = []
        for _ in range(workload.layers):
            layer = neoml.Dnn.IndRnn(
                layer, workload.hidden, activation="relu", name=f"r{len(cells)}"
            )
            cells.append(layer)
        if loss:
            # (y - label) / rows is the gradient of this loss.
            label = neoml.Dnn.Source(net, "label")
            neoml.Dnn.EuclideanLoss((layer, label), loss_weight=T * B, name="loss")
            net.solver = neoml.Dnn.Solver.SimpleGradient(
                engine, learning_rate=1.0, moment_decay_rate=0.0
            )
        else:
            neoml.Dnn.Sink(layer, "y")
        return net, cells

    def set_parameters(cells: list[Any]) -> None:
        for number, cell in enumerate(cells):
            weight = arrays[f"{number}.weight"]
            H, inputs = weight.shape
            cell.input_weights = neoml.Blob.asblob(
                engine, weight.copy(), (1, H, 1, 1, 1, 1, inputs), copy=True
            )
            shapes = {"u": (1, 1, 1, 1, 1, 1, H), "bias": (H, 1, 1, 1, 1, 1, 1)}
            u, bias = (
                neoml.Blob.asblob(engine, arrays[f"{number}.{kind}"].copy(), shape, copy=True)
                for kind, shape in shapes.items()
            )
            cell.recurrent_weights, cell.bias = u, bias

    def initialized(loss: bool, inputs: dict[str, Any]) -> tuple[Any, list[Any]]:
        net, cells = network(loss)
        # Weights can be set once the first run has given the layers their sizes.
        (net.run_and_backward if loss else net.run)(inputs)
        set_parameters(cells)
        return net, cells

    inputs = {"x": sequence(arrays["x"])}
    predictor, _ = initialized(loss=False, inputs=inputs)

    def output() -> Any:
        return predictor.run(inputs)["y"].asarray().reshape(T, B, -1)

    if task == "forward":
        return Prepared(lambda: predictor.run(inputs) and None, lambda: {"y": output().copy()})

    # The label that makes the loss's gradient dy, made smaller: NeoML clips it to [-1, 1].
    scale = float(2 ** np.ceil(np.log2(np.abs(arrays["dy"]).max())))
    y = output().copy()
    label = y - arrays["dy"] / np.float32(scale)  # held by name: the blob is a view
    both = inputs | {"label": sequence(label)}
    net, _ = initialized(loss=True, inputs=both)

    def results() -> dict[str, Any]:
        # A plain gradient step of length one moves each parameter by its gradient.
        learner, learned = initialized(loss=True, inputs=both)
        learner.solver = neoml.Dnn.Solver.SimpleGradient(
            engine, learning_rate=1.0, moment_decay_rate=0.0
        )
        learner.learn(both)
        found = {"y": y}
        for number, cell in enumerate(learned):
            for kind, blob in (("weight", cell.input_weights), ("u", cell.recurrent_weights)):
                before = arrays[f"{number}.{kind}"]
                moved = before - blob.asarray().reshape(before.shape)
                found[f"d.{number}.{kind}"] = moved * scale
        return found

    def run() -> None:
        net.run_and_backward(both)

    return Prepared(run, results, {"threads": 1})
