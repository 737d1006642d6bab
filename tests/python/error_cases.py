"""What the tests of errors share: small networks and arrays, and tables of wrong calls."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine import nn

T, B, INPUTS, SIZE = 4, 3, 2, 5


def network(**options):
    return ie.Network([nn.IndRNN(SIZE), nn.Linear(2)], INPUTS, **options)


def embedding_network():
    return ie.Network([nn.Embedding(7, 3), nn.IndRNN(SIZE)])


def array(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def ready():
    """A network whose last forward waits for its backward."""
    net = network()
    net.forward(array(T, B, INPUTS), training=True)
    return net


def check(cases):
    return pytest.mark.parametrize(
        ("call", "error", "message"), [case[1:] for case in cases], ids=[case[0] for case in cases]
    )


def assert_raises(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert str(caught.value).startswith("["), "an error says first which operation it comes from"
