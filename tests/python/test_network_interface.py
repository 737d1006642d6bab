"""What a Network is and does as a Python object: names, states, keeping, stepping, seeds, JSON."""

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


class TestState:
    def test_starts_at_zero_with_its_names(self):
        state = network().initial_state(B)
        assert state.names() == list(state) == ["0.hidden"]
        assert (state.batch, state.steps, len(state)) == (B, 0, 1)
        assert state["0.hidden"].shape == (B, H)
        assert state.flat.shape == (B * H,)
        assert not state.flat.any()
        assert dict(state.items()).keys() == {"0.hidden"}

    def test_forward_leaves_the_given_state_alone(self, x):
        net = network()
        state = net.initial_state(B)
        state.flat[:] = 0.25
        _, after = net.forward(x, state)
        assert after is not state
        np.testing.assert_array_equal(state.flat, 0.25)
        assert not np.shares_memory(after.flat, state.flat)
        assert (state.steps, after.steps) == (0, T)

    def test_what_is_written_into_a_state_is_where_forward_starts(self, x):
        net = network()
        state = net.initial_state(B)
        state["0.hidden"][:] = np.arange(1.0, B * H + 1).reshape(B, H)
        y, _ = net.forward(x, state)
        assert not np.array_equal(y, net.forward(x)[0])

    def test_pieces_of_a_sequence_join(self, x):
        net = network()
        whole, end = net.forward(x)
        first, state = net.forward(x[:2])
        second, state = net.forward(x[2:], state)
        np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-12)
        np.testing.assert_allclose(state.flat, end.flat, rtol=1e-12)
        assert state.steps == T

    def test_setting_an_entry_checks_dtype_and_shape(self):
        state = network().initial_state(B)
        state["0.hidden"] = np.full((B, H), 3.0)
        np.testing.assert_array_equal(state.flat, 3.0)
        with pytest.raises(TypeError, match=r"0\.hidden must be an array of float64, got float32"):
            state["0.hidden"] = np.zeros((B, H), np.float32)
        with pytest.raises(ValueError, match="shape"):
            state["0.hidden"] = np.zeros(H)
        np.testing.assert_array_equal(state.flat, 3.0)

    def test_an_unknown_name_lists_the_known(self):
        with pytest.raises(KeyError, match=r"'1\.hidden'.*0\.hidden"):
            network().initial_state(B)["1.hidden"]
        assert "1.hidden" not in network().initial_state(B)

    def test_a_state_of_another_network_batch_or_dtype_is_refused(self, x):
        net = network()
        others = [
            net.initial_state(B + 1),
            network(dtype="float32").initial_state(B),
            ie.Network([ie.nn.IndRNN(H + 1)], INPUTS, "float64").initial_state(B),
            ie.Network([ie.nn.Linear(2), ie.nn.IndRNN(H)], INPUTS, "float64").initial_state(B),
            ie.Network([ie.nn.IndRNN(H), ie.nn.IndRNN(H)], INPUTS, "float64").initial_state(B),
            ie.Network([ie.nn.Linear(H)], INPUTS, "float64").initial_state(B),
        ]
        net.forward(x, keep=True)
        for other in others:
            for call, array in (
                (net.forward, x),
                (net.step, x[0]),
                (net.backward, np.zeros((T, B, 2))),
            ):
                with pytest.raises((ValueError, TypeError), match="state must"):
                    call(array, other)

    def test_something_else_is_no_state(self, x):
        for value in (np.zeros((B, H)), {"0.hidden": np.zeros((B, H))}, 3):
            with pytest.raises(TypeError, match=r"\[forward\] state must be a State"):
                network().forward(x, value)
        with pytest.raises(TypeError, match="initial_state"):
            ie.State()

    def test_negative_steps_and_batch_are_refused(self):
        state = network().initial_state(B)
        state.steps = 12
        assert state.steps == 12
        for bad in (-1, 2.5):
            with pytest.raises((ValueError, TypeError), match="steps"):
                state.steps = bad
        with pytest.raises(ValueError, match="batch"):
            network().initial_state(-1)
        with pytest.raises(TypeError, match="batch"):
            network().initial_state(2.0)


class TestStep:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_steps_equal_the_sequence(self, x, dtype):
        net = network(dtype=dtype, batch_norm=True)
        x = x.astype(dtype)
        whole, end = net.forward(x)
        state = net.initial_state(B)
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        for x_t, wanted in zip(x, whole, strict=True):
            y, after = net.step(x_t, state)
            assert after is state
            np.testing.assert_allclose(y, wanted, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(state.flat, end.flat, rtol=tolerance, atol=tolerance)
        assert state.steps == T

    def test_views_of_the_state_see_the_update(self, x):
        net = network()
        state = net.initial_state(B)
        hidden = state["0.hidden"]
        net.step(x[0], state)
        assert np.shares_memory(hidden, state.flat)
        np.testing.assert_array_equal(hidden, state["0.hidden"])
        assert hidden.any()

    def test_without_a_state_it_starts_from_zero(self, x):
        net = network()
        y, state = net.step(x[0])
        wanted, _ = net.forward(x[:1])
        np.testing.assert_allclose(y, wanted[0], rtol=1e-12)
        assert state.steps == 1

    def test_indices(self):
        net = ie.Network([ie.nn.Embedding(9, 4), ie.nn.IndRNN(H)], dtype="float64")
        x = np.array([[1, 2], [8, 0]])
        whole, _ = net.forward(x)
        state = None
        for x_t, wanted in zip(x, whole, strict=True):
            y, state = net.step(x_t, state)
            np.testing.assert_allclose(y, wanted, rtol=1e-12)


class TestBackward:
    def test_needs_a_forward_that_kept(self, x):
        net = network()
        dy = np.ones((T, B, 2))
        with pytest.raises(ValueError, match=r"\[backward\] needs a forward"):
            net.backward(dy)
        net.forward(x)
        with pytest.raises(ValueError, match=r"\[backward\] needs a forward"):
            net.backward(dy)
        assert not net.gradients.any()

    def test_works_once_per_forward(self, x):
        net = network()
        net.forward(x, training=True)
        net.backward(np.ones((T, B, 2)))
        with pytest.raises(ValueError, match="one backward"):
            net.backward(np.ones((T, B, 2)))

    def test_keep_without_training_gives_gradients_of_the_evaluation(self, x):
        net = network(batch_norm=True)
        before = {name: view.copy() for name, view in net.named_buffers().items()}
        net.forward(x, keep=True)
        net.backward(np.ones((T, B, 2)))
        assert net.gradients.any()
        for name, view in net.named_buffers().items():
            np.testing.assert_array_equal(view, before[name])
        assert net.random_state == (1, 0)

    def test_a_failed_backward_can_be_repeated_rightly(self, x):
        net = network()
        net.forward(x, training=True)
        with pytest.raises(ValueError, match="dy must have the shape"):
            net.backward(np.ones((T, B, 3)))
        with pytest.raises(TypeError, match="dy must be float64"):
            net.backward(np.ones((T, B, 2), np.float32))
        dx, _ = net.backward(np.ones((T, B, 2)))
        assert dx.shape == x.shape

    def test_a_refused_forward_leaves_the_kept_one_alone(self, x):
        net = network()
        net.forward(x, training=True)
        expected, _ = net.backward(np.ones((T, B, 2)))
        net.forward(x, training=True)
        with pytest.raises(ValueError, match="x must"):
            net.forward(np.zeros((T, B, INPUTS + 1)), training=True)
        found, _ = net.backward(np.ones((T, B, 2)))
        np.testing.assert_array_equal(found, expected)

    def test_gradients_add_up_until_zeroed(self, x):
        net = network()
        for _ in range(2):
            net.forward(x, training=True)
            net.backward(np.ones((T, B, 2)))
        twice = net.gradients.copy()
        net.zero_gradients()
        assert not net.gradients.any()
        net.forward(x, training=True)
        net.backward(np.ones((T, B, 2)))
        np.testing.assert_allclose(twice, 2 * net.gradients, rtol=1e-12)

    def test_input_gradient_can_be_left_out_without_changing_the_others(self, x):
        net = network()
        net.forward(x, training=True)
        dx, _ = net.backward(np.ones((T, B, 2)))
        assert dx.shape == x.shape
        expected = net.gradients.copy()
        net.zero_gradients()
        net.forward(x, training=True)
        none, _ = net.backward(np.ones((T, B, 2)), input_gradient=False)
        assert none is None
        np.testing.assert_array_equal(net.gradients, expected)

    def test_indices_have_no_gradient(self):
        net = ie.Network([ie.nn.Embedding(9, 4), ie.nn.IndRNN(H)])
        y, _ = net.forward(np.zeros((T, B), np.int64), training=True)
        dx, _ = net.backward(y)
        assert dx is None

    def test_dstate_goes_in_and_comes_out_and_the_given_one_stays(self, x):
        net = network()
        net.forward(x, training=True)
        dstate = net.initial_state(B)
        dstate.flat[:] = 1.0
        _, first = net.backward(np.zeros((T, B, 2)), dstate)
        np.testing.assert_array_equal(dstate.flat, 1.0)
        net.forward(x, training=True)
        _, zero = net.backward(np.zeros((T, B, 2)))
        assert first.flat.any()
        assert not zero.flat.any()

    def test_behind_last_step_dy_has_no_time(self, x):
        net = ie.Network([ie.nn.IndRNN(H), ie.nn.LastStep()], INPUTS, "float64")
        y, _ = net.forward(x, training=True)
        assert y.shape == (B, H)
        with pytest.raises(ValueError, match=r"dy must have 2 dimensions \[B, O\]"):
            net.backward(np.zeros((T, B, H)))
        dx, _ = net.backward(np.ones((B, H)))
        assert dx.shape == x.shape

    def test_the_input_need_not_live_until_backward(self, x):
        net = network()
        net.forward(x, training=True)
        expected, _ = net.backward(np.ones((T, B, 2)))
        given = x.copy()
        net.forward(given, training=True)
        given[:] = np.nan
        found, _ = net.backward(np.ones((T, B, 2)))
        np.testing.assert_array_equal(found, expected)


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


def test_resets_start_a_new_sequence_inside(x):
    net = network()
    resets = np.zeros((T, B), bool)
    resets[2] = True
    y, state = net.forward(x, resets=resets)
    first, _ = net.forward(x[:2])
    second, end = net.forward(x[2:])
    np.testing.assert_allclose(y, np.concatenate([first, second]), rtol=1e-12)
    np.testing.assert_allclose(state.flat, end.flat, rtol=1e-12)


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
