"""What must hold for any network, any shape and any lengths (hypothesis draws them)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
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
from strategies import contains, sequence_stacks, shapes, stacks

ROUNDING = 1e-12  # float64, the same sums in another order

seeds = st.integers(0, 2**32 - 1)


def is_norm(layer):
    return isinstance(layer, nn.BatchNorm | nn.LayerNorm)


@given(stacks(), shapes(), st.booleans(), seeds)
def test_any_stack_matches_the_reference(layers, shape, training, seed):
    problem = make_problem(layers, shape, training=training, seed=seed)
    # A norm over one or two numbers divides by almost nothing and magnifies rounding.
    tolerance, floor = (1e-6, 1.0) if contains(layers, is_norm) else (AUTOGRAD_TOLERANCE, 1e-2)
    assert_same_outcome(engine_outcome(problem), reference_outcome(problem), tolerance, floor)


@given(sequence_stacks(turned=False), shapes(), st.integers(0, 8), seeds)
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


@given(stacks(turned=False, ends=[nn.LastStep]), shapes(), seeds)
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


def counts_steps(layer):
    return isinstance(layer, nn.BatchNorm) and layer.mode == "step"


@given(sequence_stacks(turned=False), shapes(), seeds, st.data())
def test_a_reset_starts_afresh(layers, shape, seed, data):
    assume(not contains(layers, counts_steps))
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
