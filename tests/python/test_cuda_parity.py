"""Every layer and the papers' networks on a CUDA device against the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie
from cuda_device import require_cuda
from harness import SHAPES, Shape, assert_same_outcome, engine_outcome, make_problem, on_device
from indrnn_engine import nn
from test_gradients_architectures import ARCHITECTURES, CLASSIFIER, PURPOSES, SIZES
from test_gradients_layers import LAYERS

require_cuda()

# Sums run in another order on the device; activations are other polynomials.
TOLERANCE = {"float64": 1e-11, "float32": 2e-4}

dtypes = pytest.mark.parametrize("dtype", TOLERANCE)
modes = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])


def assert_parity(problem, floor=1e-2):
    """The same network, values, masks and batch on both devices."""
    expected = engine_outcome(problem)
    actual = engine_outcome(on_device(problem, "cuda"))
    assert_same_outcome(actual, expected, TOLERANCE[str(problem.network.dtype)], floor)


@dtypes
@modes
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_layers(layers, shape, training, dtype):
    assert_parity(make_problem(layers, shape, training=training, dtype=dtype))


@modes
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("place", ["after", "before"])
@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures(name, purpose, place, size, training):
    layers = ARCHITECTURES[name](batch_norm=place, **PURPOSES[purpose])
    # A bias in front of a norm has no gradient: what is there is rounding.
    assert_parity(make_problem(layers, SIZES[size], training=training, seed=2), floor=1.0)


# Not multiples of a warp, a vector or a block; and the smallest of each.
@dtypes
@pytest.mark.parametrize(
    ("time_steps", "batch", "hidden"),
    [(1, 1, 1), (1, 5, 33), (70, 1, 1), (3, 1, 130), (65, 3, 31), (9, 33, 17), (130, 2, 64)],
)
def test_odd_sizes(time_steps, batch, hidden, dtype):
    layers = [nn.IndRNN(hidden), nn.BatchNorm(), nn.IndRNN(hidden, "tanh"), nn.LayerNorm()]
    layers += [nn.LastStep(), nn.Linear(3)]
    problem = make_problem(layers, Shape(time_steps, batch, states=True), dtype=dtype)
    assert_parity(problem, floor=1.0)


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("time_steps", [1, 31, 500, 2049])
def test_long_sequences_of_one_sample(activation, time_steps):
    """Where the time-parallel scan is chosen, it gives what walking time gives."""
    shape = Shape(time_steps, 1, states=True)
    assert_parity(make_problem([nn.Recurrence(activation)], shape, input_size=2), floor=1.0)


@pytest.mark.parametrize("time_steps", [0, 4])
@pytest.mark.parametrize("batch", [0, 3])
def test_empty(time_steps, batch):
    results = []
    for device in ("cpu", "cuda"):
        net = ie.Network([nn.IndRNN(4), nn.Linear(2)], input_size=3, device=device, seed=1)
        x = np.ones((time_steps, batch, 3), np.float32)
        y, state = net.forward(x, training=True)
        dx, _ = net.backward(np.ones_like(y))
        results.append((y, dx, state["0.hidden"], np.array(net.gradients)))
    for found, expected in zip(*results[::-1], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_same_bits_every_time(name):
    """No sum depends on the order in which blocks happen to run."""
    problem = on_device(make_problem(LAYERS[name], SHAPES["everything"], dtype="float32"), "cuda")
    first, second = engine_outcome(problem), engine_outcome(problem)
    np.testing.assert_array_equal(first.y, second.y)
    for part in ("state", "buffers", "gradients", "dstate"):
        for key, values in getattr(first, part).items():
            np.testing.assert_array_equal(values, getattr(second, part)[key], err_msg=key)


def test_step_follows_forward():
    net = ie.Network([nn.IndRNN(5), nn.IndRNN(4, "tanh"), nn.Linear(2)], 3, device="cuda", seed=3)
    x = np.random.default_rng(0).normal(size=(9, 4, 3)).astype(np.float32)
    whole, last = net.forward(x)
    state = net.initial_state(4)
    for t, x_t in enumerate(x):
        y, state = net.step(x_t, state)
        np.testing.assert_allclose(y, whole[t], rtol=1e-5, atol=1e-6)
    assert state.steps == last.steps == 9
    np.testing.assert_allclose(state.flat, last.flat, rtol=1e-5, atol=1e-6)


def test_recompute_gives_the_same_bits():
    layers = ARCHITECTURES["plain"](batch_norm=None, **CLASSIFIER)
    outcomes = []
    for memory in ("store", "recompute"):
        net = ie.Network(layers, input_size=3, device="cuda", memory=memory, seed=4)
        x = np.random.default_rng(1).normal(size=(60, 4, 3)).astype(np.float32)
        y, _ = net.forward(x, training=True)
        net.backward(np.ones_like(y))
        outcomes.append(np.array(net.gradients))
    np.testing.assert_array_equal(*outcomes)
