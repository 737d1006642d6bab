"""What the tests share: random problems, and what the engine and the reference make of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

import indrnn_engine as ie
import reference
from closeness import assert_close
from cuda_device import require_cuda
from reference.random import Draws

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Arrays = dict[str, np.ndarray]
# Where the networks of the gradient tests run: on the emulated GPU as well, see docs/cuda.md.
DEVICE = os.environ.get("INDRNN_TEST_DEVICE", "cpu")
if DEVICE != "cpu":
    require_cuda()


@dataclass(frozen=True)
class Shape:
    """How much of what a problem has."""

    time_steps: int = 7
    batch: int = 5
    lengths: Sequence[int] | None = None  # [B]
    resets: bool = False
    states: bool = False  # given initial states, and gradients of the final ones
    start: int = 0  # steps that the given states have behind them


SHAPES = {
    "plain": Shape(),
    "lengths": Shape(lengths=(7, 0, 1, 6, 3)),
    "resets": Shape(resets=True),
    "states": Shape(states=True),
    "everything": Shape(lengths=(1, 7, 4, 0, 7), resets=True, states=True, start=3),
}
# With 128 features or more: several chunks of time, and samples in two lanes.
LONG = Shape(600, 3, lengths=(600, 0, 599), resets=True, states=True)


@dataclass
class Problem:
    """A network with random parameters, and one batch for it."""

    network: ie.Network
    x: np.ndarray  # [T, B, I] or int64 [T, B]; past the lengths NaN or no index
    dy: np.ndarray  # like y; NaN past the lengths
    lengths: np.ndarray | None  # int64 [B]
    resets: np.ndarray | None  # bool [T, B]
    state: Arrays | None  # [B, F] by name
    dstate: Arrays | None
    start: int
    training: bool

    @property
    def specs(self) -> list[dict[str, Any]]:
        return [ie.nn.to_dict(spec) for spec in self.network.layers]


@dataclass(frozen=True)
class Outcome:
    """Everything one forward and backward gives."""

    y: np.ndarray
    state: Arrays
    buffers: Arrays
    gradients: Arrays
    dx: np.ndarray | None
    dstate: Arrays


def assert_same_outcome(
    actual: Outcome, expected: Outcome, tolerance: float, floor: float = 1e-2
) -> None:
    assert_close(actual.y, expected.y, tolerance, "y", floor)
    if expected.dx is not None:
        assert_close(actual.dx, expected.dx, tolerance, "dx", floor)
    for part in ("state", "buffers", "gradients", "dstate"):
        found, wanted = getattr(actual, part), getattr(expected, part)
        assert list(found) == list(wanted), part
        for name in wanted:
            assert_close(found[name], wanted[name], tolerance, f"{part} {name}", floor)


def randomize(network: ie.Network, rng: np.random.Generator) -> None:
    """Values no initialisation would give: nothing at 0 or 1, both signs of weight_hh."""
    for name, values in network.named_parameters().items():
        fan_in = values.shape[1] if values.ndim == 2 else 1
        values[...] = rng.normal(scale=0.6, size=values.shape) / np.sqrt(fan_in) ** 0.5
        if name.endswith("weight_hh"):
            values[...] = rng.uniform(-1.0, 1.0, size=values.shape)
    for name, values in network.named_buffers().items():
        positive = name.endswith("running_var")
        values[...] = (
            rng.uniform(0.5, 2.0, values.shape)
            if positive
            else rng.normal(scale=0.3, size=values.shape)
        )


def reads_backwards(layer: ie.nn.Layer) -> bool:
    """Whether time runs backwards somewhere in it: then there are no resets and no steps."""
    inner = getattr(layer, "layers", ())
    return isinstance(layer, ie.nn.Bidirectional) or any(map(reads_backwards, inner))


def make_problem(
    layers: Sequence[Any],
    shape: Shape = SHAPES["plain"],
    *,
    input_size: int = 3,
    training: bool = True,
    dtype: str = "float64",
    seed: int = 0,
) -> Problem:
    rng = np.random.default_rng(seed)
    network = ie.Network(layers, input_size=input_size, dtype=dtype, seed=seed, device=DEVICE)
    randomize(network, rng)
    steps, batch = shape.time_steps, shape.batch
    lengths = None if shape.lengths is None else np.array(shape.lengths, np.int64)
    real = np.arange(steps)[:, None] < (np.full(batch, steps) if lengths is None else lengths)
    if network.takes_indices:
        x = rng.integers(0, network.layers[0].num, size=(steps, batch))
        x[~real] = -7
    else:
        x = rng.normal(size=(steps, batch, input_size)).astype(dtype)
        x[~real] = np.nan
    dy = rng.normal(size=network.forward(x, lengths=lengths)[0].shape).astype(dtype)
    if dy.ndim == 3:
        dy[~real] = np.nan
    with_resets = shape.resets and not any(map(reads_backwards, layers))
    resets = rng.random((steps, batch)) < 0.3 if with_resets else None
    state = dstate = None
    if shape.states:
        shapes = {name: view.shape for name, view in network.initial_state(batch).items()}
        state = {name: rng.normal(size=size).astype(dtype) for name, size in shapes.items()}
        dstate = {name: rng.normal(size=size).astype(dtype) for name, size in shapes.items()}
    return Problem(network, x, dy, lengths, resets, state, dstate, shape.start, training)


def draws(network: ie.Network) -> Draws:
    """The random numbers of the next training forward of `network`."""
    plan = network.describe_plan(1, 1, training=True)
    purposes = {"Dropout": "dropout", "Zoneout": "zoneout", "Embedding": "row_dropout"}
    nodes = {}
    for number, node in enumerate(node for part in plan["segments"] for node in part["nodes"]):
        path, kind = node.removesuffix("+bias").split(":")
        if kind in purposes:
            nodes[purposes[kind], path] = number
    return Draws(*network.random_state, nodes)


def as_state(
    network: ie.Network, batch: int, values: Arrays | None, steps: int = 0
) -> ie.State | None:
    if values is None:
        return None
    state = network.initial_state(batch)
    assert list(state.names()) == list(values)
    for name, array in values.items():
        state[name][...] = array
    state.steps = steps
    return state


def copy_of(network: ie.Network, **options: Any) -> ie.Network:
    """A network with the same values and masks to come, but other dtype, device or memory."""
    options = {"dtype": network.dtype, "device": network.device, **options}
    made = ie.Network(network.layers, input_size=network.input_size, **options)
    made.random_state = network.random_state
    for kind in ("named_parameters", "named_buffers"):
        for name, values in getattr(made, kind)().items():
            values[...] = np.asarray(getattr(network, kind)()[name])
    return made


def on_device(problem: Problem, device: str) -> Problem:
    """The same problem, value for value, with the network on another device."""
    return replace(problem, network=copy_of(problem.network, device=device))


def in_float64(problem: Problem) -> Problem:
    """The same problem, value for value, with a float64 network."""
    wide = copy_of(problem.network, dtype="float64")
    x = problem.x if wide.takes_indices else problem.x.astype(np.float64)
    return replace(problem, network=wide, x=x, dy=problem.dy.astype(np.float64))


def engine_forward(problem: Problem, keep: bool | None = None) -> tuple[np.ndarray, ie.State]:
    return problem.network.forward(
        problem.x,
        as_state(problem.network, problem.x.shape[1], problem.state, problem.start),
        problem.lengths,
        problem.training,
        resets=problem.resets,
        keep=keep,
    )


def engine_outcome(problem: Problem, *, zero_gradients: bool = True) -> Outcome:
    """Forward and backward by the engine; random state and running statistics stay as they were."""
    network, batch = problem.network, problem.x.shape[1]
    random_state = network.random_state
    buffers = {name: np.array(values) for name, values in network.named_buffers().items()}
    if zero_gradients:
        network.zero_gradients()
    y, state = engine_forward(problem, keep=True)
    dx, dstate = network.backward(problem.dy, as_state(network, batch, problem.dstate))
    outcome = Outcome(
        y,
        {name: values.copy() for name, values in state.items()},
        {name: np.array(values) for name, values in network.named_buffers().items()},
        {name: np.array(values) for name, values in network.named_gradients().items()},
        dx,
        {name: values.copy() for name, values in dstate.items()},
    )
    network.random_state = random_state
    for name, values in network.named_buffers().items():
        values[...] = buffers[name]
    return outcome


def as_float64(arrays: Mapping[str, np.ndarray]) -> Arrays:
    return {name: np.array(values, np.float64) for name, values in arrays.items()}


def reference_outcome(problem: Problem) -> Outcome:
    """Forward and backward by the reference, in float64 whatever the network is."""
    network, batch = problem.network, problem.x.shape[1]
    x = problem.x if network.takes_indices else problem.x.astype(np.float64)
    parameters = as_float64(network.named_parameters())
    zeros = {name: np.zeros(values.shape) for name, values in network.initial_state(batch).items()}
    options: dict[str, Any] = {
        "buffers": as_float64(network.named_buffers()),
        "state": as_float64(problem.state or zeros),
        "lengths": problem.lengths,
        "resets": problem.resets,
        "training": problem.training,
        "draw": draws(network),
        "start": 0 if problem.state is None else problem.start,
    }
    result = reference.forward(problem.specs, parameters, x, **options)
    dy = np.where(np.isnan(problem.dy), 0.0, problem.dy)
    gradients = reference.gradients(
        problem.specs, parameters, x, dy, as_float64(problem.dstate or {}), **options
    )
    return Outcome(
        result.y, result.state, result.buffers, gradients.parameters, gradients.x, gradients.state
    )


def finite_difference_outcome(problem: Problem) -> dict[str, np.ndarray]:
    """Central differences of the engine's forward: by parameters, given states, and "x"."""
    network = problem.network
    random_state = network.random_state
    buffers = {name: np.array(values) for name, values in network.named_buffers().items()}
    dy = np.where(np.isnan(problem.dy), 0.0, problem.dy)

    def functional() -> float:
        network.random_state = random_state
        y, state = engine_forward(problem)
        for name, values in network.named_buffers().items():
            values[...] = buffers[name]
        value = float(np.sum(dy * y))
        return value + sum(
            float(np.sum(weights * state[name])) for name, weights in (problem.dstate or {}).items()
        )

    targets = {**network.named_parameters(), **(problem.state or {})}
    if not network.takes_indices:
        targets["x"] = problem.x
    found = {
        name: reference.finite_differences(functional, values) for name, values in targets.items()
    }
    network.random_state = random_state
    return found
