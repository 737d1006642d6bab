"""onnxruntime: inference of the stack as an ONNX graph, in the faster of two forms."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.systems import Prepared, RefusedError
from benchmarks.systems.tuning import fastest

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.workloads import Arrays, Workload

VERSIONS = {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}
STREAM_CALLS = 2000
FLOAT = TensorProto.FLOAT


class Graph:
    """Nodes and constants of a graph while it is put together."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, array: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0]

    def session(self, inputs: list[Any], outputs: list[Any], threads: int) -> Any:
        graph = helper.make_graph(self.nodes, "indrnn", inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        onnx.checker.check_model(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def value(name: str, *shape: int) -> Any:
    """A float32 input or output."""
    return helper.make_tensor_value_info(name, FLOAT, list(shape))


def rnn_layer(graph: Graph, workload: Workload, arrays: Arrays, layer: int, x: str) -> str:
    """The RNN operator, whose recurrent matrix is the diagonal of u."""
    H = workload.hidden
    bias = np.concatenate([arrays[f"{layer}.bias"], np.zeros(H, np.float32)])
    constants = {
        "W": arrays[f"{layer}.weight"][None],
        "R": np.diag(arrays[f"{layer}.u"])[None],
        "B": bias[None],
    }
    names = [graph.constant(f"{layer}.{name}", array) for name, array in constants.items()]
    sizes = {"hidden_size": H, "activations": ["Relu"]}
    y = graph.add("RNN", [x, *names], [f"{layer}.directions"], **sizes)
    axis = graph.constant(f"{layer}.axis", np.array([1], np.int64))
    return graph.add("Squeeze", [y, axis], [f"{layer}.y"])


def scan_layer(graph: Graph, workload: Workload, arrays: Arrays, layer: int, x: str) -> str:
    """One matrix product for all steps, then Scan over max(0, z + u h)."""
    B, H = workload.batch, workload.hidden
    weight = graph.constant(f"{layer}.W", arrays[f"{layer}.weight"].T)
    bias = graph.constant(f"{layer}.B", arrays[f"{layer}.bias"])
    product = graph.add("MatMul", [x, weight], [f"{layer}.product"])
    z = graph.add("Add", [product, bias], [f"{layer}.z"])
    zero = graph.constant(f"{layer}.zero", np.zeros((B, H), np.float32))
    u = numpy_helper.from_array(arrays[f"{layer}.u"], "u")
    body = helper.make_graph(
        [
            helper.make_node("Mul", ["h", "u"], ["uh"]),
            helper.make_node("Add", ["uh", "z_t"], ["sum"]),
            helper.make_node("Relu", ["sum"], ["new"]),
            helper.make_node("Identity", ["new"], ["y_t"]),
        ],
        "step",
        [value("h", B, H), value("z_t", B, H)],
        [value("new", B, H), value("y_t", B, H)],
        [u],
    )
    graph.add("Scan", [zero, z], [f"{layer}.last", f"{layer}.y"], body=body, num_scan_inputs=1)
    return f"{layer}.y"


def stack(form: str, workload: Workload, arrays: Arrays, threads: int) -> Callable[[], Any]:
    """A function that predicts from x and gives y."""
    graph, x = Graph(), "x"
    add_layer = {"RNN operator": rnn_layer, "Scan operator": scan_layer}[form]
    for layer in range(workload.layers):
        x = add_layer(graph, workload, arrays, layer, x)
    T, B = workload.time_steps, workload.batch
    session = graph.session(
        [value("x", T, B, workload.inputs)], [value(x, T, B, workload.hidden)], threads
    )
    feed = {"x": arrays["x"]}
    return lambda: session.run(None, feed)[0]


def prepare(workload: Workload, task: str, arrays: Arrays, threads: int) -> Prepared:
    """Predictions only: the released package does not train."""
    if task not in ("forward", "stream"):
        raise RefusedError("does not train")
    if task == "stream":
        return stream(workload, arrays, threads)
    version = f"onnxruntime {onnxruntime.__version__}"
    key = f"{version} {workload.name} {workload.shapes} {task} {threads}"
    names = ("RNN operator", "Scan operator")
    makers = {name: partial(stack, name, workload, arrays, threads) for name in names}
    form = fastest(key, makers)
    run = makers[form]()
    return Prepared(lambda: run() is None or None, lambda: {"y": run()}, {"form": form})


def stream(workload: Workload, arrays: Arrays, threads: int) -> Prepared:
    """One step of all layers; states go in and come out, on buffers that are bound once."""
    graph, x, H = Graph(), "x", workload.hidden
    inputs, outputs = [value("x", 1, workload.inputs)], []
    for layer in range(workload.layers):
        weight = graph.constant(f"{layer}.W", arrays[f"{layer}.weight"].T)
        bias = graph.constant(f"{layer}.B", arrays[f"{layer}.bias"])
        u = graph.constant(f"{layer}.u", arrays[f"{layer}.u"])
        z = graph.add("Gemm", [x, weight, bias], [f"{layer}.z"])
        carried = graph.add("Mul", [f"{layer}.h", u], [f"{layer}.uh"])
        total = graph.add("Add", [z, carried], [f"{layer}.sum"])
        x = graph.add("Relu", [total], [f"{layer}.new"])
        inputs.append(value(f"{layer}.h", 1, H))
        outputs.append(value(x, 1, H))
    session = graph.session(inputs, outputs, threads)
    # Two sets of states that take turns: what a step wrote the next one reads.
    states = [np.zeros((2, 1, H), np.float32) for _ in range(workload.layers)]
    bindings = []
    for turn in (0, 1):
        binding = session.io_binding()
        binding.bind_cpu_input("x", np.ascontiguousarray(arrays["x"][0]))
        for layer, both in enumerate(states):
            binding.bind_cpu_input(f"{layer}.h", both[turn])
            pointer = both[1 - turn].ctypes.data
            binding.bind_output(f"{layer}.new", "cpu", 0, np.float32, (1, H), pointer)
        bindings.append(binding)

    def run() -> list[float]:
        seconds = []
        for call in range(STREAM_CALLS):
            binding = bindings[call % 2]
            start = time.perf_counter()
            session.run_with_iobinding(binding)
            seconds.append(time.perf_counter() - start)
        return seconds

    def results() -> dict[str, Any]:
        for both in states:
            both[:] = 0
        session.run_with_iobinding(bindings[0])
        return {"y": states[-1][1][None].copy()}

    return Prepared(run, results, {"calls": STREAM_CALLS})
