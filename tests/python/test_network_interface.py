"""What a Network is as a Python object: names, properties, JSON, memory, seeds, plan."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pytest

import indrnn_engine as ie

T, B, INPUTS, H = 6, 4, 3, 5


def network(*, dtype: str = "float64", seed: int = 1, batch_norm: bool = False) -> ie.Network:
    norm = [ie.nn.BatchNorm()] if batch_norm else []
    return ie.Network(
        [ie.nn.IndRNN(H), *norm, ie.nn.Linear(2)], input_size=INPUTS, dtype=dtype, seed=seed
    )


@pytest.fixture
def x(rng) -> np.ndarray:
    return rng.normal(size=(T, B, INPUTS))


def test_names_follow_the_layers_and_the_flat_buffer():
    net = ie.Network(
        [ie.nn.IndRNN(8), ie.nn.BatchNorm(), ie.nn.LastStep(), ie.nn.Linear(10)], input_size=1
    )
    names = ["0.weight", "0.bias", "0.weight_hh", "1.weight", "1.bias", "3.weight", "3.bias"]
    assert list(net.named_parameters()) == names
    assert list(net.named_gradients()) == names
    assert list(net.named_buffers()) == ["1.running_mean", "1.running_var"]
    shapes = [view.shape for view in net.named_parameters().values()]
    assert shapes == [(8, 1), (8,), (8,), (8,), (8,), (10, 8), (10,)]
    assert net.num_parameters == sum(int(np.prod(shape)) for shape in shapes)
    for flat, views in (
        (net.parameters, net.named_parameters()),
        (net.gradients, net.named_gradients()),
    ):
        offset = flat.__array_interface__["data"][0]
        for view in views.values():
            assert view.__array_interface__["data"][0] == offset
            offset += view.nbytes


def test_properties_say_what_was_asked_for():
    net = network(dtype="float32")
    assert net.layers == (ie.nn.IndRNN(H), ie.nn.Linear(2))
    assert (net.input_size, net.dtype, net.device) == (INPUTS, np.dtype("float32"), "cpu")
    assert not net.takes_indices
    embedding = ie.Network([ie.nn.Embedding(9, 2)], dtype=np.float64)
    assert embedding.takes_indices
    assert embedding.input_size is None
    assert embedding.dtype == np.float64
    assert repr(embedding) == (
        f"Network([{ie.nn.Embedding(9, 2)!r}], dtype='float64', device='cpu')"
    )


def test_json_gives_the_same_network_back():
    net = network(batch_norm=True)
    document = json.loads(net.to_json())
    assert document["layers"] == [ie.nn.to_dict(spec) for spec in net.layers]
    assert (document["input_size"], document["dtype"]) == (INPUTS, "float64")
    again = ie.Network.from_json(net.to_json(), seed=1)
    assert again.to_json() == net.to_json()
    assert again.layers == net.layers
    np.testing.assert_array_equal(again.parameters, net.parameters)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        "[]",
        "{}",
        '{"layers": {"type": "LastStep"}}',
        '{"layers": [{"type": "LastStep"}], "input_size": 1, "colour": "red"}',
        '{"layers": [{"type": "LastStep"}], "input_size": 1, "dtype": "int8"}',
        '{"layers": [{"type": "LastStep"}], "input_size": 1, "dtype": 5}',
        '{"layers": [{"type": "LastStep"}], "input_size": "1"}',
        '{"layers": [{"type": "LastStep"}], "input_size": 1.5}',
        '{"layers": ["LastStep"], "input_size": 1}',
        '{"layers": [{"type": "Dropout", "p": NaN}], "input_size": 1}',
    ],
)
def test_from_json_refuses_what_is_no_network(text):
    with pytest.raises(ValueError, match=r"^\["):
        ie.Network.from_json(text)


@pytest.mark.parametrize("text", [None, b"{}", {"layers": []}])
def test_from_json_takes_text_only(text):
    with pytest.raises(TypeError, match=r"\[Network\.from_json\] text must be a str"):
        ie.Network.from_json(text)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layers": ie.nn.Linear(3)}, TypeError, "layers must be a list"),
        ({"layers": "Linear"}, TypeError, "layers must be a list"),
        (
            {"layers": [ie.nn.Linear(3), ie.nn.Linear]},
            TypeError,
            r"layers\[1\] must be a layer spec",
        ),
        ({"layers": [[ie.nn.Linear(3)]]}, TypeError, r"layers\[0\] must be a layer spec"),
        ({"input_size": None}, ValueError, "input_size must be given"),
        ({"input_size": 0}, ValueError, "input_size must be between 1"),
        ({"input_size": 2.0}, TypeError, "input_size must be an integer"),
        ({"input_size": True}, TypeError, "input_size must be an integer"),
        ({"dtype": "float16"}, TypeError, "dtype must be float32 or float64, got float16"),
        ({"dtype": "real"}, TypeError, "dtype must be float32 or float64, got 'real'"),
        ({"dtype": None}, TypeError, "dtype must be"),
        ({"seed": -1}, ValueError, "seed must be between 0"),
        ({"seed": 2**64}, ValueError, "seed must be between 0"),
        ({"seed": 0.5}, TypeError, "seed must be an integer"),
        ({"device": 0}, TypeError, "device must be a str"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        ie.Network(**{"layers": [ie.nn.Linear(3)], "input_size": 2, **arguments})


@pytest.mark.parametrize("device", ["tpu", "cuda:99"])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises((RuntimeError, ValueError), match=device):
        ie.Network([ie.nn.Linear(3)], input_size=2, device=device)


def test_the_largest_seed_works():
    net = ie.Network([ie.nn.Linear(3)], input_size=2, seed=2**64 - 1)
    assert net.random_state[0] == 2**64 - 1


def test_same_seed_same_parameters_another_seed_others():
    np.testing.assert_array_equal(network(seed=7).parameters, network(seed=7).parameters)
    assert not np.array_equal(network(seed=7).parameters, network(seed=8).parameters)


class TestMemory:
    LAYERS: ClassVar = [ie.nn.IndRNN(H), ie.nn.IndRNN(H)]

    def test_recompute_gives_the_same_bits(self, rng):
        x = rng.normal(size=(2000, B, INPUTS))
        results = []
        for memory in ("store", "recompute"):
            net = ie.Network(self.LAYERS, INPUTS, "float64", memory=memory)
            assert net.memory == memory
            y, _ = net.forward(x, training=True)
            dx, _ = net.backward(y)
            results.append((y, dx, net.gradients))
        for stored, again in zip(*results, strict=True):
            np.testing.assert_array_equal(stored, again)

    def test_copies_remember_it_and_files_do_not(self, tmp_path):
        net = ie.Network(self.LAYERS, INPUTS, memory="recompute")
        assert net.copy().memory == "recompute"
        assert "memory='recompute'" in repr(net)
        net.save(tmp_path / "net")
        assert ie.Network.load(tmp_path / "net").memory == "store"
        assert ie.Network.load(tmp_path / "net", memory="recompute").memory == "recompute"

    def test_another_word_is_refused(self):
        with pytest.raises(ValueError, match=r"memory must be .*forget"):
            ie.Network(self.LAYERS, INPUTS, memory="forget")
        with pytest.raises(TypeError, match="memory must be a str"):
            ie.Network(self.LAYERS, INPUTS, memory=True)


class TestRandomState:
    def test_counts_training_forwards_and_repeats(self, x):
        net = ie.Network([ie.nn.Dropout(0.5)], INPUTS, "float64", seed=4)
        assert net.random_state == (4, 0)
        first, _ = net.forward(x, training=True)
        second, _ = net.forward(x, training=True)
        net.forward(x)
        assert net.random_state == (4, 2)
        assert not np.array_equal(first, second)
        net.random_state = (4, 1)
        np.testing.assert_array_equal(net.forward(x, training=True)[0], second)

    @pytest.mark.parametrize("bad", [3, (1,), (1, 2, 3), (-1, 0), (0, -1), (0, 2**64), ("a", 0)])
    def test_refuses_what_is_no_random_state(self, bad):
        net = network()
        with pytest.raises((ValueError, TypeError), match=r"\[Network\]"):
            net.random_state = bad
        assert net.random_state == (1, 0)


class TestPlan:
    def test_workspace_grows_with_the_work(self):
        net = network()
        small = net.workspace_bytes(100, B)
        assert 0 < small <= net.workspace_bytes(100, B, training=True)
        assert net.workspace_bytes(100, B, keep=True) <= net.workspace_bytes(100, B, training=True)
        assert net.workspace_bytes(10_000, B, True) > net.workspace_bytes(100, B, True)

    def test_plan_is_a_dict(self):
        plan = network().describe_plan(100, B, training=True)
        assert isinstance(plan, dict)
        assert plan

    @pytest.mark.parametrize("call", ["workspace_bytes", "describe_plan"])
    def test_sizes_are_checked(self, call):
        for bad in (-1, 2**63):
            with pytest.raises(ValueError, match="time_steps must be"):
                getattr(network(), call)(bad, B)
        with pytest.raises(TypeError, match="batch must be an integer"):
            getattr(network(), call)(T, 1.5)


def test_runtime_functions():
    assert ie.version() == ie.__version__
    assert len(ie.version().split(".")) == 3
    assert ie.instruction_set() in ("baseline", "avx2", "avx512")
    assert ie.devices()[0] == "cpu"
    for bad in (0, -1, 2**31):
        with pytest.raises(ValueError, match="count must be between 1"):
            ie.set_num_threads(bad)
    with pytest.raises(TypeError, match="count must be an integer"):
        ie.set_num_threads(1.0)


def test_the_number_of_threads_is_settable(threads):
    ie.set_num_threads(3)
    assert ie.num_threads() == 3


def test_an_unknown_attribute_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'layers'"):
        getattr(ie, "layers")  # noqa: B009
