"""Wrong arguments of a network's calls: the message names the argument and what is needed."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie
from error_cases import (
    INPUTS,
    SIZE,
    B,
    T,
    array,
    assert_raises,
    check,
    embedding_network,
    network,
    ready,
)


def forward(x=None, **options):
    return network().forward(array(T, B, INPUTS) if x is None else x, **options)


@check(
    [
        (
            "rank",
            lambda: forward(array(T, INPUTS)),
            ValueError,
            r"\[forward\] x must have 3 dimensions \[T, B, I\].* got .*\[4, 2\]",
        ),
        (
            "features",
            lambda: forward(array(T, B, 7)),
            ValueError,
            r"\[forward\] x must .*2.*got .*\[4, 3, 7\]",
        ),
        (
            "float64",
            lambda: forward(array(T, B, INPUTS, dtype=np.float64)),
            TypeError,
            r"x must .*float32.* got float64.*astype",
        ),
        (
            "int64",
            lambda: forward(array(T, B, INPUTS, dtype=np.int64)),
            TypeError,
            "x must .*float32.* got int64",
        ),
        (
            "float16",
            lambda: forward(array(T, B, INPUTS, dtype=np.float16)),
            TypeError,
            "x must .*float32.* got float16",
        ),
        (
            "complex",
            lambda: forward(array(T, B, INPUTS, dtype=np.complex64)),
            TypeError,
            "x must .*float32.* got complex64",
        ),
        ("list", lambda: forward([[[0.0, 0.0]]]), TypeError, "x must be .*array.* got list"),
        ("none", lambda: network().forward(None), TypeError, "x must be .*array.* got NoneType"),
        (
            "lengths float",
            lambda: forward(lengths=np.array([1.0, 2.0, np.nan])),
            TypeError,
            "lengths must .*int64.* got float64",
        ),
        (
            "lengths count",
            lambda: forward(lengths=array(2, dtype=np.int64)),
            ValueError,
            r"lengths must .*3.* got .*2",
        ),
        (
            "lengths rank",
            lambda: forward(lengths=array(B, 1, dtype=np.int64)),
            ValueError,
            "lengths must have 1 dimension",
        ),
        (
            "length above T",
            lambda: forward(lengths=np.array([1, 5, 2])),
            ValueError,
            r"lengths.*4.* got 5",
        ),
        (
            "length below 0",
            lambda: forward(lengths=np.array([1, -1, 2])),
            ValueError,
            r"lengths.* got -1",
        ),
        (
            "resets float",
            lambda: forward(resets=array(T, B)),
            TypeError,
            "resets must .*bool.* got float32",
        ),
        (
            "resets shape",
            lambda: forward(resets=array(B, T, dtype=bool)),
            ValueError,
            r"resets must .*\[4, 3\].* got .*\[3, 4\]",
        ),
        (
            "state batch",
            lambda: forward(state=network().initial_state(2)),
            ValueError,
            "state.*3.* got .*2",
        ),
        (
            "state of another network",
            lambda: forward(state=embedding_network().initial_state(B)),
            ValueError,
            "state",
        ),
        (
            "state dtype",
            lambda: forward(state=network(dtype="float64").initial_state(B)),
            TypeError,
            "state .*float32.* got float64",
        ),
        (
            "state array",
            lambda: forward(state=array(B, SIZE)),
            TypeError,
            "state must be .*State.* got ndarray",
        ),
        (
            "out shape",
            lambda: forward(out=array(T, B, 3)),
            ValueError,
            r"out must .*\[4, 3, 2\].* got .*\[4, 3, 3\]",
        ),
        (
            "out dtype",
            lambda: forward(out=array(T, B, 2, dtype=np.float64)),
            TypeError,
            "out must .*float32.* got float64",
        ),
        (
            "out strided",
            lambda: forward(out=array(T, B, 4)[..., ::2]),
            ValueError,
            "out must .*contiguous",
        ),
        (
            "indices float",
            lambda: embedding_network().forward(array(T, B)),
            TypeError,
            "x must .*int64.* got float32",
        ),
        (
            "indices rank",
            lambda: embedding_network().forward(array(T, B, 1, dtype=np.int64)),
            ValueError,
            r"x must have 2 dimensions \[T, B\]",
        ),
        ("index above", lambda: embedding_network().forward(np.full((T, B), 7)), ValueError, "7"),
        ("index below", lambda: embedding_network().forward(np.full((T, B), -1)), ValueError, "-1"),
    ]
)
def test_forward(call, error, message):
    assert_raises(call, error, message)


def twice():
    net = ready()
    net.backward(array(T, B, 2))
    net.backward(array(T, B, 2))


def after_evaluation():
    net = network()
    net.forward(array(T, B, INPUTS))
    net.backward(array(T, B, 2))


@check(
    [
        (
            "no forward",
            lambda: network().backward(array(T, B, 2)),
            ValueError,
            r"\[backward\].*training=True",
        ),
        ("no kept forward", after_evaluation, ValueError, r"\[backward\].*training=True"),
        ("twice", twice, ValueError, r"\[backward\].*one backward"),
        (
            "shape",
            lambda: ready().backward(array(T, B, 3)),
            ValueError,
            r"dy must .*\[4, 3, 2\].* got \[4, 3, 3\]",
        ),
        (
            "steps",
            lambda: ready().backward(array(T - 1, B, 2)),
            ValueError,
            r"dy must .*\[4, 3, 2\].* got \[3, 3, 2\]",
        ),
        ("rank", lambda: ready().backward(array(B, 2)), ValueError, "dy must have 3 dimensions"),
        (
            "dtype",
            lambda: ready().backward(array(T, B, 2, dtype=np.float64)),
            TypeError,
            "dy must .*float32.* got float64",
        ),
        (
            "dstate batch",
            lambda: ready().backward(array(T, B, 2), network().initial_state(2)),
            ValueError,
            "state.*3.* got .*2",
        ),
        (
            "dstate array",
            lambda: ready().backward(array(T, B, 2), array(B, SIZE)),
            TypeError,
            "dstate must be .*State.* got ndarray",
        ),
    ]
)
def test_backward(call, error, message):
    assert_raises(call, error, message)


@check(
    [
        (
            "rank",
            lambda: network().step(array(1, B, INPUTS)),
            ValueError,
            r"\[step\] x must have 2 dimensions \[B, I\]",
        ),
        (
            "features",
            lambda: network().step(array(B, 7)),
            ValueError,
            r"\[step\] x must .*2.* got .*\[3, 7\]",
        ),
        (
            "dtype",
            lambda: network().step(array(B, INPUTS, dtype=np.float64)),
            TypeError,
            "x must .*float32.* got float64",
        ),
        (
            "state batch",
            lambda: network().step(array(B, INPUTS), network().initial_state(2)),
            ValueError,
            "state.*3.* got .*2",
        ),
        (
            "out shape",
            lambda: network().step(array(B, INPUTS), out=array(B, 3)),
            ValueError,
            r"out must .*\[3, 2\].* got .*\[3, 3\]",
        ),
        (
            "batch of a state",
            lambda: network().initial_state(-1),
            ValueError,
            "batch must .* got -1",
        ),
        (
            "name in a state",
            lambda: network().initial_state(2)["hidden"],
            (KeyError, ValueError),
            "0.hidden",
        ),
    ]
)
def test_step_and_state(call, error, message):
    with pytest.raises(error, match=message):
        call()


@check(
    [
        (
            "steps",
            lambda: network().workspace_bytes(-1, 3),
            ValueError,
            "time_steps must .* got -1",
        ),
        ("batch", lambda: network().workspace_bytes(3, -1), ValueError, "batch must .* got -1"),
        (
            "too large",
            lambda: network().workspace_bytes(2**62, 2**62),
            MemoryError,
            "workspace.*time_steps",
        ),
        ("plan", lambda: network().describe_plan(3, -1), ValueError, "batch must .* got -1"),
        ("threads 0", lambda: ie.set_num_threads(0), ValueError, "must .* got 0"),
        ("threads float", lambda: ie.set_num_threads(1.5), TypeError, "must .* got"),
    ]
)
def test_settings(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_refused_call_changes_nothing():
    """After an error the parameters are what they were, and a waiting backward still runs."""
    net = ready()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="dy must"):
        net.backward(array(T, B, 3))
    with pytest.raises(ValueError, match="lengths"):
        net.forward(array(T, B, INPUTS), lengths=np.array([9, 9, 9]), training=True)
    net.backward(array(T, B, 2))
    assert np.array_equal(net.parameters, before)
