"""What must hold for any network, any shape and any lengths (hypothesis draws them)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeness import AUTOGRAD_TOLERANCE, assert_all_close, assert_close
from harness import (
    Shape,
    assert_same_outcome,
    engine_forward,
    engine_outcome,
    make_problem,
    reference_outcome,
)
from indrnn_engine import nn

ROUNDING = 1e-12  # float64, the same sums in another order

sizes = st.one_of(st.integers(1, 6), st.sampled_from([1, 15, 16, 17, 33]))
activations = st.sampled_from(["relu", "tanh", "sigmoid", "identity"])
pointwise_layers = st.one_of(
    st.builds(nn.Linear, sizes, bias=st.booleans()),
    st.just(nn.BatchNorm()),
    st.builds(nn.Dropout, st.sampled_from([0.0, 0.2, 0.6])),
)
time_layers = st.one_of(
    pointwise_layers,
    st.builds(nn.Recurrence, activations),
    st.builds(nn.IndRNN, sizes, activations, bias=st.booleans()),
)
first_layers = st.one_of(time_layers, st.builds(nn.Embedding, st.integers(1, 7), sizes))


@st.composite
def sequence_stacks(draw):
    """Layers that give a sequence, [T, B, O]."""
    return [draw(first_layers), *draw(st.lists(time_layers, max_size=4))]


@st.composite
def stacks(draw):
    layers = draw(sequence_stacks())
    if draw(st.booleans()):
        layers += [nn.LastStep(), *draw(st.lists(pointwise_layers, max_size=2))]
    # Two Dropouts with nothing between them multiply; the harness could not tell their masks apart.
    kept = [layers[0]]
    for layer in layers[1:]:
        if not (isinstance(layer, nn.Dropout) and isinstance(kept[-1], nn.Dropout | nn.LastStep)):
            kept.append(layer)
    return kept


@st.composite
def shapes(draw, most_steps=8):
    steps, batch = draw(st.integers(1, most_steps)), draw(st.one_of(st.integers(1, 6), st.just(17)))
    lengths = draw(st.none() | st.lists(st.integers(0, steps), min_size=batch, max_size=batch))
    return Shape(steps, batch, lengths, resets=draw(st.booleans()), states=draw(st.booleans()))


input_sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)


@given(stacks(), shapes(), input_sizes, st.booleans(), seeds)
def test_any_stack_matches_the_reference(layers, shape, input_size, training, seed):
    problem = make_problem(layers, shape, input_size=input_size, training=training, seed=seed)
    # A norm over one or two rows divides by almost nothing and magnifies rounding.
    tolerance = (
        1e-6 if any(isinstance(layer, nn.BatchNorm) for layer in layers) else AUTOGRAD_TOLERANCE
    )
    assert_same_outcome(engine_outcome(problem), reference_outcome(problem), tolerance)


@given(sequence_stacks(), shapes(), st.integers(0, 8), seeds)
def test_forward_in_two_pieces_is_forward_of_the_whole(layers, shape, cut, seed):
    problem = make_problem(layers, shape, training=False, seed=seed)
    whole, final = engine_forward(problem)
    cut = min(cut, shape.time_steps)
    lengths = (
        problem.lengths if problem.lengths is not None else np.full(shape.batch, shape.time_steps)
    )
    state = None if problem.state is None else problem.network.initial_state(shape.batch)
    for name, values in (problem.state or {}).items():
        state[name][...] = values
    pieces = []
    for part in (slice(0, cut), slice(cut, shape.time_steps)):
        steps = part.stop - part.start
        y, state = problem.network.forward(
            problem.x[part],
            state,
            np.clip(lengths - part.start, 0, steps),
            resets=None if problem.resets is None else problem.resets[part],
        )
        pieces.append(y)
    assert_close(np.concatenate(pieces), whole, ROUNDING)
    assert_all_close(dict(state.items()), dict(final.items()), ROUNDING)


@given(stacks(), shapes(), seeds)
def test_repeated_step_is_forward(layers, shape, seed):
    shape = Shape(shape.time_steps, shape.batch, states=shape.states)
    problem = make_problem(layers, shape, training=False, seed=seed)
    whole, final = engine_forward(problem)
    state = None if problem.state is None else problem.network.initial_state(shape.batch)
    for name, values in (problem.state or {}).items():
        state[name][...] = values
    for t in range(shape.time_steps):
        y, state = problem.network.step(problem.x[t], state)
        if whole.ndim == 3:
            assert_close(y, whole[t], ROUNDING, f"step {t}")
    if whole.ndim == 2:
        assert_close(y, whole, ROUNDING)
    assert_all_close(dict(state.items()), dict(final.items()), ROUNDING)
    assert state.steps == final.steps == shape.time_steps


@given(stacks(), shapes(), seeds)
def test_samples_are_independent(layers, shape, seed):
    problem = make_problem(layers, shape, training=False, seed=seed)
    outcome = engine_outcome(problem)
    order = np.random.default_rng(seed).permutation(shape.batch)
    problem.x, problem.dy = problem.x[:, order], problem.dy[..., order, :]
    problem.lengths = None if problem.lengths is None else problem.lengths[order]
    problem.resets = None if problem.resets is None else problem.resets[:, order]
    for part in ("state", "dstate"):
        values = getattr(problem, part)
        setattr(problem, part, values and {name: array[order] for name, array in values.items()})
    shuffled = engine_outcome(problem)
    assert_close(shuffled.y, outcome.y[..., order, :], ROUNDING)
    if outcome.dx is not None:
        assert_close(shuffled.dx, outcome.dx[:, order], ROUNDING)
    assert_all_close(shuffled.gradients, outcome.gradients, ROUNDING)
    for name, values in outcome.state.items():
        assert_close(shuffled.state[name], values[order], ROUNDING)


@given(stacks(), shapes(), seeds)
def test_a_short_sequence_is_the_same_alone(layers, shape, seed):
    problem = make_problem(layers, shape, training=False, seed=seed)
    whole, final = engine_forward(problem)
    network = problem.network
    for sample, length in enumerate(shape.lengths or [shape.time_steps] * shape.batch):
        state = network.initial_state(1)
        for name, values in (problem.state or {}).items():
            state[name][...] = values[sample]
        if length == 0:
            for name, values in state.items():
                assert np.array_equal(final[name][sample], values[0])
            continue
        one = slice(sample, sample + 1)
        resets = None if problem.resets is None else problem.resets[:length, one]
        y, state = network.forward(problem.x[:length, one], state, resets=resets)
        expected = whole[:length, one] if whole.ndim == 3 else whole[one]
        assert_close(y, expected, ROUNDING)
        for name, values in state.items():
            assert_close(final[name][one], values, ROUNDING)


@given(sequence_stacks(), shapes(), seeds, st.data())
def test_a_reset_starts_afresh(layers, shape, seed, data):
    problem = make_problem(layers, Shape(shape.time_steps, shape.batch), training=False, seed=seed)
    start = data.draw(st.integers(0, shape.time_steps - 1))
    problem.resets = np.zeros((shape.time_steps, shape.batch), bool)
    problem.resets[start] = True
    whole, final = engine_forward(problem)
    y, state = problem.network.forward(problem.x[start:])
    assert_close(whole[start:], y, ROUNDING)
    assert_all_close(dict(final.items()), dict(state.items()), ROUNDING)


@given(stacks(), shapes(), seeds)
def test_arguments_are_left_alone(layers, shape, seed):
    problem = make_problem(layers, shape, seed=seed)
    network = problem.network
    state = network.initial_state(shape.batch)
    state.flat[...] = 0.5
    dstate = state.copy()
    arguments = [problem.x, problem.dy, problem.lengths, problem.resets, state.flat, dstate.flat]
    before = [None if array is None else array.copy() for array in arguments]
    network.forward(problem.x, state, problem.lengths, True, resets=problem.resets)
    network.backward(problem.dy, dstate)
    for array, copy in zip(arguments, before, strict=True):
        assert array is None or np.array_equal(array, copy, equal_nan=array.dtype.kind == "f")


SEQUENCE = [nn.IndRNN(5), nn.BatchNorm(), nn.Dropout(0.5), nn.IndRNN(4)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "layers", [SEQUENCE, [*SEQUENCE, nn.LastStep(), nn.Linear(2)]], ids=["sequence", "last step"]
)
def test_no_time_steps(layers, training):
    problem = make_problem(layers, Shape(0, 3, states=True), training=training)
    outcome = engine_outcome(problem)
    assert outcome.y.shape == ((0, 3, 4) if outcome.y.ndim == 3 else (3, 2))
    assert outcome.dx.shape == (0, 3, 3)
    assert_same_outcome(outcome, reference_outcome(problem), AUTOGRAD_TOLERANCE)
    for name, values in problem.state.items():
        assert np.array_equal(outcome.state[name], values)
        assert np.array_equal(outcome.dstate[name], problem.dstate[name])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "layers", [SEQUENCE, [*SEQUENCE, nn.LastStep(), nn.Linear(2)]], ids=["sequence", "last step"]
)
def test_no_samples(layers, training):
    problem = make_problem(layers, Shape(4, 0, lengths=(), states=True), training=training)
    outcome = engine_outcome(problem)
    assert outcome.y.shape == ((4, 0, 4) if outcome.y.ndim == 3 else (0, 2))
    assert outcome.dx.shape == (4, 0, 3)
    assert not any(np.any(gradient) for gradient in outcome.gradients.values())
    for name, values in problem.network.named_buffers().items():
        assert np.array_equal(outcome.buffers[name], values)
