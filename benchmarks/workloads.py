"""The shapes that are measured, what is done with them, and the arrays that systems are given."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, "np.ndarray[Any, Any]"]

# What is timed. `forward` predicts; `train` is forward and backward for a given gradient of the
# output, of all parameters and not of the input; `head` is `train` with the workload's head behind
# the stack; `step` is a training step of that network: loss, Adam and recurrent constraint as well;
# `stream` is one time step of one sample, called again and again.
TASKS = ("forward", "train", "head", "step", "stream")

LEARNING_RATE = 1e-3
RECURRENT_BOUND = 0.99
EPSILON = 1e-5  # of batch norm


@dataclass(frozen=True)
class Workload:
    """A stack of `layers` IndRNN layers (ReLU) on an input [T, B, I].

    With `norm` each is followed by batch norm over [T, B] and dropout with one mask per sequence.
    The head is a Linear of `outputs` features behind the last step (`last`) or behind every step,
    with cross-entropy, or the squared error where there is one output.
    """

    name: str
    inputs: int
    hidden: int
    layers: int
    time_steps: int
    batch: int
    outputs: int
    last: bool = True
    norm: bool = False
    dropout: float = 0.0
    activation: str = "relu"

    @property
    def shapes(self) -> str:
        """The sizes on one line."""
        stack = f"I {self.inputs}, H {self.hidden}, L {self.layers}"
        return f"{stack}, T {self.time_steps}, B {self.batch}"

    def inputs_of(self, layer: int) -> int:
        """How many features a layer reads."""
        return self.inputs if layer == 0 else self.hidden

    def tiny(self) -> Workload:
        """The same with sizes that an emulated device runs in a moment."""
        most = {"inputs": 3, "hidden": 8, "layers": 2, "time_steps": 12, "batch": 3, "outputs": 4}
        sizes: dict[str, Any] = {name: min(getattr(self, name), most[name]) for name in most}
        return dataclasses.replace(self, **sizes)

    def with_norm(self, dropout: float = 0.1) -> Workload:
        """The same with batch norm and dropout behind every layer."""
        return dataclasses.replace(self, name=f"{self.name}+norm", norm=True, dropout=dropout)


def _named(*workloads: Workload) -> dict[str, Workload]:
    return {workload.name: workload for workload in workloads}


PIXEL = Workload("pixel", inputs=1, hidden=128, layers=6, time_steps=784, batch=32, outputs=10)
CHAR = Workload(
    "char", inputs=50, hidden=512, layers=3, time_steps=50, batch=128, outputs=50, last=False
)
SKELETON = Workload(
    "skeleton", inputs=150, hidden=512, layers=6, time_steps=20, batch=128, outputs=60
)
WORKLOADS = _named(
    PIXEL,
    CHAR,
    Workload("adding", inputs=2, hidden=128, layers=2, time_steps=5000, batch=50, outputs=1),
    Workload(
        "ptb", inputs=2000, hidden=2000, layers=6, time_steps=150, batch=32, outputs=50, last=False
    ),
    Workload("long", inputs=1, hidden=128, layers=4, time_steps=100_000, batch=1, outputs=1),
    SKELETON,
    Workload("stream", inputs=32, hidden=128, layers=6, time_steps=1, batch=1, outputs=1),
    Workload(
        "wide", inputs=4096, hidden=4096, layers=2, time_steps=128, batch=64, outputs=10, last=False
    ),
    PIXEL.with_norm(),
    CHAR.with_norm(),
    SKELETON.with_norm(),
    # Small enough for a test; no size is a multiple of a vector.
    Workload("tiny", inputs=3, hidden=17, layers=2, time_steps=11, batch=5, outputs=4, last=False),
    Workload("tiny-stream", inputs=3, hidden=17, layers=2, time_steps=1, batch=1, outputs=1),
)
WORKLOADS["tiny+norm"] = WORKLOADS["tiny"].with_norm()


def tasks_of(workload: Workload) -> tuple[str, ...]:
    """What can be timed with a workload."""
    if "stream" in workload.name:
        return ("stream",)
    # A prediction's batch norm is a product and a sum that folds into the layer behind it.
    return ("train", "head", "step") if workload.norm else ("forward", "train", "head", "step")


def problem(workload: Workload) -> Arrays:
    """Input, parameters and gradient of the output in float32, the same for every system.

    `x` [T, B, I]; `dy` [T, B, H]; for each layer l `l.weight` [H, I], `l.bias`, `l.u` [H] and with
    norm `l.gamma`, `l.beta` [H]; `head.weight` [O, H], `head.bias` [O]; `target`: int64 classes or
    float32 values.
    """
    random = np.random.default_rng(workload.layers * 1000 + workload.hidden)
    T, B, H = workload.time_steps, workload.batch, workload.hidden

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray[Any, Any]:
        return np.float32(scale) * random.standard_normal(shape, np.float32)

    arrays: Arrays = {"x": normal(T, B, workload.inputs), "dy": normal(T, B, H)}
    for layer in range(workload.layers):
        inputs = workload.inputs_of(layer)
        # Keeps the values' size from layer to layer: nothing overflows or becomes denormal.
        arrays[f"{layer}.weight"] = normal(H, inputs, scale=0.7 / inputs**0.5)
        arrays[f"{layer}.bias"] = normal(H, scale=0.1)
        arrays[f"{layer}.u"] = random.uniform(-0.95, 0.95, H).astype(np.float32)
        if workload.norm:
            arrays[f"{layer}.gamma"] = 1 + normal(H, scale=0.1)
            arrays[f"{layer}.beta"] = normal(H, scale=0.1)
    arrays["head.weight"] = normal(workload.outputs, H, scale=H**-0.5)
    arrays["head.bias"] = normal(workload.outputs, scale=0.1)
    rows = (B,) if workload.last else (T, B)
    if workload.outputs == 1:
        arrays["target"] = normal(*rows, 1)
    else:
        arrays["target"] = random.integers(0, workload.outputs, rows)
    return arrays


def parameter_names(workload: Workload, head: bool = False) -> list[str]:
    """Names of the trained arrays, in order."""
    kinds = ["weight", "bias", "u", *(["gamma", "beta"] if workload.norm else [])]
    names = [f"{layer}.{kind}" for layer in range(workload.layers) for kind in kinds]
    return names + (["head.weight", "head.bias"] if head else [])
