"""This engine, from Python; on a GPU with all arrays in its memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

import indrnn_engine as ie
from benchmarks.systems import Prepared, stream_calls
from benchmarks.workloads import (
    LEARNING_RATE,
    RECURRENT_BOUND,
    Arrays,
    Workload,
    parameter_names,
)

if TYPE_CHECKING:
    from collections.abc import Callable

VERSIONS = {
    "indrnn_engine": ie.version(),
    "instruction_set": ie._core.instruction_set(),
    "blas": ie._core.blas_name(),
}
STREAM_CALLS = stream_calls(5000)


def layers_of(workload: Workload, head: bool) -> list[Any]:
    """The stack as specs."""
    layers: list[Any] = []
    for _ in range(workload.layers):
        layers.append(ie.nn.IndRNN(workload.hidden))
        if workload.norm:
            layers += [ie.nn.BatchNorm(), ie.nn.Dropout(workload.dropout)]
    if head:
        layers += [ie.nn.LastStep()] if workload.last else []
        layers.append(ie.nn.Linear(workload.outputs))
    return layers


def engine_name(name: str, workload: Workload, layers: list[Any]) -> str:
    """The engine's name of a parameter: `2.gamma` is `7.weight` with norm and dropout between."""
    layer, kind = name.split(".")
    if layer == "head":
        return f"{len(layers) - 1}.{kind}"
    position = int(layer) * (3 if workload.norm else 1)
    if kind in ("gamma", "beta"):
        return f"{position + 1}.{'weight' if kind == 'gamma' else 'bias'}"
    return f"{position}.{'weight_hh' if kind == 'u' else kind}"


def network(
    workload: Workload, head: bool, arrays: Arrays, device: str
) -> tuple[ie.Network, dict[str, str]]:
    """A network with the problem's parameters, and the engine's names of them."""
    layers = layers_of(workload, head)
    net = ie.Network(layers, input_size=workload.inputs, device=device)
    names = {n: engine_name(n, workload, layers) for n in parameter_names(workload, head)}
    set_parameters(net, names, arrays)
    return net, names


def set_parameters(net: ie.Network, names: dict[str, str], arrays: Arrays) -> None:
    """Give parameters the problem's values."""
    for name, own in names.items():
        net.named_parameters()[own][:] = arrays[name]


def placed(array: Any, net: ie.Network) -> Any:
    """The array in the memory of the network's device."""
    return array if net.device == "cpu" else ie.to_device(array, net)


def waiting(run: Callable[[], None], net: ie.Network) -> Callable[[], None]:
    """The same, back when the device is done."""
    if net.device == "cpu":
        return run
    behind = ie.to_device(np.zeros(1, np.float32), net)

    def run_and_wait() -> None:
        run()
        behind.numpy()

    return run_and_wait


def passes(net: ie.Network, x: Any, y: Any, dy: Any) -> tuple[Callable[[], None], ...]:
    """A prediction; and forward and backward. The output is written into y."""

    def forward() -> None:
        net.forward(x, out=y)

    def train() -> None:
        net.forward(x, training=True, out=y)
        net.zero_gradients()
        net.backward(dy, input_gradient=False)

    return forward, train


def loss_name(workload: Workload) -> str:
    """The loss of a workload's head."""
    return "mean_squared_error" if workload.outputs == 1 else "softmax_cross_entropy"


def arrays_of_step(net: ie.Network, names: dict[str, str]) -> Arrays:
    """Gradients and parameters behind a training step."""
    gradients, now = net.named_gradients(), net.named_parameters()
    found = {f"d.{name}": np.array(gradients[names[name]]) for name in names}
    return found | {f"new.{name}": np.array(now[names[name]]) for name in names}


def prepare(
    workload: Workload, task: str, arrays: Arrays, threads: int, device: str = "cpu"
) -> Prepared:
    """A network with the problem's parameters."""
    ie.set_num_threads(threads)
    head = task in ("head", "step")
    net, names = network(workload, head, arrays, device)
    if task == "stream":
        return stream(net, arrays["x"], workload.hidden)
    x, target, dy = (placed(arrays[name], net) for name in ("x", "target", "dy"))
    rows = x.shape[:1] * (not (head and workload.last)) + x.shape[1:2]
    y = placed(np.empty((*rows, workload.outputs if head else workload.hidden), np.float32), net)
    # The loss of `head` and its gradient are computed before the clock starts.
    loss_of = getattr(ie.losses, loss_name(workload))
    found: dict[str, Any] = {}
    if head:
        found["loss"], dy = loss_of(net.forward(x, training=True)[0], target)
    dlogits = placed(np.empty(dy.shape, dy.dtype), net)
    adam = ie.optim.Adam(net, lr=LEARNING_RATE)

    def step() -> None:
        net.forward(x, training=True, out=y)
        found["loss"], _ = loss_of(y, target, out=dlogits)
        net.zero_gradients()
        net.backward(dlogits, input_gradient=False)
        adam.step()
        ie.optim.constrain_recurrent(net, RECURRENT_BOUND)

    forward, train = passes(net, x, y, dy)
    run = waiting({"forward": forward, "train": train, "head": train, "step": step}[task], net)

    def results() -> dict[str, Any]:
        run()
        given = {"y": np.array(y)} | ({"loss": np.array(found["loss"])} if head else {})
        if task == "forward":
            return given
        kinds = ("d.", "new.") if task == "step" else ("d.",)
        behind = arrays_of_step(net, names)
        return given | {name: behind[name] for name in behind if name.startswith(kinds)}

    return Prepared(run, results, {"parameters": net.num_parameters})


def stream(net: ie.Network, x: Any, features: int) -> Prepared:
    """One time step of one sample, each call on the clock."""
    sample, out = x[0], np.empty((1, features), np.float32)
    state = net.initial_state(1)

    def run() -> list[float]:
        seconds = []
        for _ in range(STREAM_CALLS):
            start = time.perf_counter()
            net.step(sample, state, out=out)
            seconds.append(time.perf_counter() - start)
        return seconds

    def results() -> dict[str, Any]:
        y, _ = net.step(sample, net.initial_state(1), out=out)
        return {"y": y[None].copy()}

    return Prepared(run, results, {"calls": STREAM_CALLS})
