"""Networks, states and optimizers by pickle, copy and deepcopy: equal, and independent then."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie

if TYPE_CHECKING:
    from collections.abc import Callable

T, B, INPUTS = 5, 4, 2

WAYS: dict[str, Callable[[Any], Any]] = {
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "method": lambda value: value.copy(),
    **{
        f"pickle {protocol}": lambda value, protocol=protocol: pickle.loads(
            pickle.dumps(value, protocol)
        )
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def network(dtype: str = "float64") -> ie.Network:
    layers = [ie.nn.IndRNN(6), ie.nn.BatchNorm(), ie.nn.Dropout(0.5), ie.nn.Linear(3)]
    return ie.Network(layers, INPUTS, dtype, seed=5)


def train(net: ie.Network, count: int) -> np.ndarray:
    """Outputs of the last of `count` training steps."""
    x = np.random.default_rng(1).normal(size=(T, B, INPUTS)).astype(net.dtype)
    adam = ie.optim.Adam(net, lr=0.01)
    for _ in range(count):
        net.zero_gradients()
        y, _ = net.forward(x, training=True)
        net.backward(y)
        adam.step()
    return y


@ways
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_copy_of_a_network_computes_and_draws_the_same(way, dtype):
    net = network(dtype)
    train(net, 3)
    other = way(net)
    assert other is not net
    assert other.layers == net.layers
    assert (other.dtype, other.device, other.input_size) == (net.dtype, net.device, net.input_size)
    assert other.random_state == net.random_state == (5, 3)
    np.testing.assert_array_equal(other.parameters, net.parameters)
    for name, view in net.named_buffers().items():
        np.testing.assert_array_equal(other.named_buffers()[name], view)
    assert not other.gradients.any()
    np.testing.assert_array_equal(train(other, 2), train(net, 2))


@ways
def test_a_copy_of_a_network_is_independent(way):
    net = network()
    other = way(net)
    before = net.parameters.copy()
    other.parameters[:] = 0.0
    for view in other.named_buffers().values():
        view[:] = 7.0
    np.testing.assert_array_equal(net.parameters, before)
    assert not net.named_buffers()["1.running_mean"].any()


@ways
def test_a_copy_of_a_state_is_equal_and_independent(way):
    net = network()
    x = np.random.default_rng(1).normal(size=(T, B, INPUTS))
    _, state = net.forward(x)
    other = way(state)
    assert other.names() == state.names()
    assert (other.batch, other.steps) == (state.batch, state.steps) == (B, T)
    np.testing.assert_array_equal(other.flat, state.flat)
    np.testing.assert_array_equal(net.forward(x, other)[0], net.forward(x, state)[0])
    other.flat[:] = 9.0
    assert (state.flat != 9.0).all()


def test_deepcopy_keeps_shared_objects_shared():
    net = network()
    first, second = copy.deepcopy([net, net])
    assert first is second


OPTIMIZERS: dict[str, Callable[[ie.Network], Any]] = {
    "Adam": lambda net: ie.optim.Adam(
        net, 0.01, (0.8, 0.9), 1e-6, weight_decay=0.1, decoupled=True
    ),
    "SGD": lambda net: ie.optim.SGD(net, 0.01, momentum=0.9, weight_decay=0.1, nesterov=True),
}
optimizers = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
optimizer_ways = pytest.mark.parametrize(
    "way", [way for name, way in WAYS.items() if name != "method"]
)


def steps(net: ie.Network, optimizer: Any, count: int) -> np.ndarray:
    for seed in range(count):
        net.gradients[:] = np.random.default_rng(seed).normal(size=net.num_parameters)
        optimizer.step()
    return net.parameters.copy()


@optimizers
@optimizer_ways
def test_a_copy_of_an_optimizer_goes_on_with_its_own_moments(way, make):
    net = network()
    optimizer = make(net)
    steps(net, optimizer, 3)
    start = net.parameters.copy()
    other = way(optimizer)
    assert type(other) is type(optimizer)
    assert repr(other) == repr(optimizer)
    expected = steps(net, optimizer, 2)
    other.network.parameters[:] = start
    np.testing.assert_array_equal(steps(other.network, other, 2), expected)


@optimizers
def test_a_network_and_its_optimizer_stay_together(make):
    net = network()
    optimizer = make(net)
    for together in (copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))):
        for first, second in (((net, optimizer), (0, 1)), ((optimizer, net), (1, 0))):
            pair = together(first)
            assert pair[second[1]].network is pair[second[0]]
    assert copy.copy(optimizer).network is net
    assert copy.deepcopy(optimizer).network is not net


def test_schedules_are_equal_after_pickle_and_copies():
    for schedule in (
        ie.optim.schedules.Constant(0.1),
        ie.optim.schedules.StepDecay(0.1, every=5),
        ie.optim.schedules.Cosine(0.1, total_steps=7),
        ie.optim.schedules.OneCycle(0.1, total_steps=7),
    ):
        assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule


def test_a_state_pickle_that_lies_about_its_sizes_is_refused():
    state = network().initial_state(B)
    rebuild, (names, features, batch, steps, flat) = state.__reduce__()
    for bad in (
        (names, features, batch + 1, steps, flat),
        (names, [2**62], 4, steps, flat),
        (names, [-1], batch, steps, flat),
        (names, features, -1, steps, flat),
        (names, features, batch, -1, flat),
        ([], [], batch, steps, flat),
        (names, [*features, 0], batch, steps, flat),
        (names, features, batch, steps, flat[:-1]),
        (names, features, batch, steps, flat[None]),
    ):
        with pytest.raises(ValueError, match=r"\[State\]"):
            rebuild(*bad)
    with pytest.raises(TypeError, match=r"\[State\] flat must be float32 or float64"):
        rebuild(names, features, batch, steps, flat.astype(np.int64))


def test_a_network_travels_to_another_process():
    import multiprocessing

    net = network()
    x = np.random.default_rng(1).normal(size=(T, B, INPUTS))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply_async(forward, (net, x)).get(timeout=60)
    np.testing.assert_array_equal(found, net.forward(x)[0])


def forward(net: ie.Network, x: np.ndarray) -> np.ndarray:
    return net.forward(x)[0]


class Named(ie.Network):
    """A network with attributes of its own."""

    def __init__(self, name: str) -> None:
        super().__init__([ie.nn.IndRNN(3)], INPUTS)
        self.names = [name]


@ways
def test_a_copy_is_of_the_same_class_and_has_its_attributes(way):
    net = Named("first")
    other = way(net)
    assert type(other) is Named
    assert other.names == ["first"]
    np.testing.assert_array_equal(other.parameters, net.parameters)
    other.parameters[:] = 0.0
    assert net.parameters.any()


def test_a_deep_copy_has_attributes_of_its_own():
    net = Named("first")
    net.itself = net
    other = copy.deepcopy(net)
    other.names.append("second")
    assert net.names == ["first"]
    assert other.itself is other


def test_a_subclass_is_what_its_loaders_give(tmp_path):
    net = Named("first")
    net.save(tmp_path / "model.safetensors")
    assert type(Named.load(tmp_path / "model.safetensors")) is Named
    assert type(Named.from_bytes(net.to_bytes())) is Named
