"""Forward, backward and step of a Network from Python: what goes in, comes out and stays."""

from __future__ import annotations

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


def test_resets_start_a_new_sequence_inside(x):
    net = network()
    resets = np.zeros((T, B), bool)
    resets[2] = True
    y, state = net.forward(x, resets=resets)
    first, _ = net.forward(x[:2])
    second, end = net.forward(x[2:])
    np.testing.assert_allclose(y, np.concatenate([first, second]), rtol=1e-12)
    np.testing.assert_allclose(state.flat, end.flat, rtol=1e-12)


def test_steps_that_cannot_be_counted_are_refused():
    net = ie.Network([ie.nn.IndRNN(3)], input_size=2)
    state = net.initial_state(1)
    state.steps = 2**63 - 2
    x = np.zeros((1, 1, 2), np.float32)
    net.step(x[0], state)
    assert state.steps == 2**63 - 1
    with pytest.raises(ValueError, match=r"\[step\] state must have so many steps that 1 more"):
        net.step(x[0], state)
    with pytest.raises(ValueError, match=r"\[forward\] state must have so many steps"):
        net.forward(x, state)
    assert state.steps == 2**63 - 1


def test_switches_are_true_or_false():
    net = ie.Network([ie.nn.IndRNN(3)], input_size=2)
    x = np.zeros((1, 1, 2), np.float32)
    for arguments in ({"training": "yes"}, {"training": None}, {"keep": "x"}):
        with pytest.raises(TypeError, match=r"\[forward\] .* must be True or False, got "):
            net.forward(x, **arguments)
    y, _ = net.forward(x, training=np.True_)
    with pytest.raises(TypeError, match=r"\[backward\] input_gradient must be True or False"):
        net.backward(y, input_gradient="n")
