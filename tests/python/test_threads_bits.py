"""The same bits for any number of threads; the same seed, the same bits."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine import nn

CLASSIFIER = [
    *[nn.IndRNN(24), nn.BatchNorm(), nn.Dropout(0.1)],
    *[nn.IndRNN(24), nn.BatchNorm(), nn.Dropout(0.1)],
    *[nn.LastStep(), nn.Linear(5)],
]
DEEP = [nn.IndRNN(24) for _ in range(7)] + [nn.LastStep(), nn.Linear(5)]
STREAM = [
    *[nn.IndRNN(20, zoneout=0.1), nn.LayerNorm(), nn.Concat([nn.TimeDifference()])],
    *[nn.Residual([nn.BatchNorm("step", time_steps=9), nn.IndRNN(40)]), nn.Linear(5)],
]
TURNED = [nn.Bidirectional([nn.IndRNN(20), nn.BatchNorm()]), nn.MeanOverTime(), nn.Linear(5)]
LANGUAGE_MODEL = [
    nn.Embedding(40, 16),
    nn.IndRNN(32),
    nn.Dropout(0.3),
    nn.IndRNN(32),
    nn.Linear(40),
]
# (layers, T, B): many tiles, one tile, few long samples, one sample in several chunks
WORK = {
    "classifier": (CLASSIFIER, 64, 48),
    "small": (CLASSIFIER, 5, 3),
    "long": (CLASSIFIER, 3000, 3),
    "one_sample": (CLASSIFIER, 5000, 1),
    "deep_one_sample": (DEEP, 5000, 1),
    "deep_two_samples": (DEEP, 4000, 2),
    "stream": (STREAM, 70, 30),
    "stream_one_sample": (STREAM, 2500, 1),
    "bidirectional": (TURNED, 60, 40),
    "language_model": (LANGUAGE_MODEL, 35, 40),
}
DTYPES = ("float32", "float64")


def train_a_little(layers, time_steps, batch, dtype, seed=3):
    """Three training steps; every array on the way, by name."""
    rng = np.random.default_rng(7)
    network = ie.Network(layers, input_size=2, dtype=dtype, seed=seed)
    optimizer = ie.optim.Adam(network, lr=1e-3, weight_decay=1e-4)
    found = {}
    for step in range(3):
        lengths = rng.integers(0, time_steps + 1, batch)
        if network.takes_indices:
            x = rng.integers(0, layers[0].num, (time_steps, batch))
        else:
            x = rng.normal(size=(time_steps, batch, 2)).astype(dtype)
        y, state = network.forward(x, lengths=lengths, training=True)
        targets = rng.integers(0, y.shape[-1], y.shape[:-1])
        loss, dy = ie.losses.softmax_cross_entropy(y, targets)
        network.zero_gradients()
        dx, dstate = network.backward(dy, state.copy())
        norm = ie.optim.clip_gradients(network, norm=1.0)
        found |= {f"y {step}": y, f"loss {step}": np.array(loss), f"norm {step}": np.array(norm)}
        found |= {f"dx {step}": dx, f"state {step}": state.flat, f"dstate {step}": dstate.flat}
        found |= {f"gradients {step}": network.gradients.copy()}
        optimizer.step()
        ie.optim.constrain_recurrent(network, 0.9)
        found |= {f"parameters {step}": network.parameters.copy()}
    found |= {f"buffer {name}": values.copy() for name, values in network.named_buffers().items()}
    found["evaluation"] = network.forward(x, lengths=lengths)[0]
    squared, gradient = ie.losses.mean_squared_error(y, np.zeros_like(y))
    return {**found, "squared": np.array(squared), "squared gradient": gradient}


def same_bits(a, b):
    return (a is None and b is None) or a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_any_number_of_threads_gives_the_same_bits(work, dtype, threads):
    outcomes = []
    for count in (1, 2, 3):
        ie.set_num_threads(count)
        assert ie.num_threads() == count
        outcomes.append(train_a_little(*work, dtype))
    for other in outcomes[1:]:
        differing = [
            name for name, array in outcomes[0].items() if not same_bits(array, other[name])
        ]
        assert not differing


def test_ops_give_the_same_bits(threads, rng):
    z, dh = rng.normal(size=(2, 40, 37, 50)).astype(np.float32)
    u = rng.uniform(-1, 1, 50).astype(np.float32)
    h0 = rng.normal(size=(37, 50)).astype(np.float32)
    lengths = rng.integers(0, 41, 37)
    outcomes = []
    for count in (1, 2, 3):
        ie.set_num_threads(count)
        h = ie.ops.indrnn_forward(z, u, h0, lengths=lengths)
        outcomes.append([h, *ie.ops.indrnn_backward(dh, h, u, h0, lengths=lengths)])
    for other in outcomes[1:]:
        assert all(same_bits(a, b) for a, b in zip(outcomes[0], other, strict=True))


def digest(arrays):
    combined = hashlib.sha256()
    for name in sorted(arrays):
        combined.update(b"" if arrays[name] is None else arrays[name].tobytes())
    return combined.hexdigest()


def test_another_process_gives_the_same_bits():
    code = (
        "import indrnn_engine as ie, test_threads_bits as t\n"
        "assert ie.num_threads() == 3\n"
        "print(t.digest(t.train_a_little(*t.WORK['classifier'], 'float32')))"
    )
    environment = {**os.environ, "INDRNN_NUM_THREADS": "3", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(train_a_little(*WORK["classifier"], "float32"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_seed_gives_the_same_bits(dtype):
    first, second = (train_a_little(*WORK["small"], dtype) for _ in range(2))
    assert all(same_bits(array, second[name]) for name, array in first.items())


def test_another_seed_gives_other_parameters_and_other_masks():
    networks = [ie.Network(CLASSIFIER, input_size=2, seed=seed) for seed in (0, 1)]
    for name, values in networks[0].named_parameters().items():
        if name.endswith(("weight_hh", "0.weight", "7.weight")):
            assert np.any(values != networks[1].named_parameters()[name]), name
    ones = np.ones((1, 64, 50), np.float32)
    masks = [
        ie.Network([nn.Dropout(0.5)], 50, seed=seed).forward(ones, training=True)[0]
        for seed in (0, 1)
    ]
    assert np.mean(masks[0] != masks[1]) > 0.4


def test_dropout_draws_afresh_in_every_training_forward_and_repeats_from_a_random_state():
    network = ie.Network([nn.Dropout(0.25)], input_size=80, seed=5)
    ones = np.ones((3, 90, 80), np.float32)
    state = network.random_state
    first, second = (network.forward(ones, training=True)[0] for _ in range(2))
    assert np.any(first != second)
    network.random_state = state
    assert same_bits(network.forward(ones, training=True)[0], first)
    assert network.random_state == (state[0], state[1] + 1)
    assert np.array_equal(first, np.broadcast_to(first[:1], first.shape))  # one mask for all steps
    assert np.all((first == 0) | (first == np.float32(1 / 0.75)))
    assert abs(np.mean(first[0] == 0) - 0.25) < 0.02


def test_two_dropouts_of_one_network_draw_different_masks():
    network = ie.Network([nn.Dropout(0.5), nn.Dropout(0.5)], input_size=100)
    y, _ = network.forward(np.ones((1, 100, 100), np.float32), training=True)
    assert abs(np.mean(y == 0) - 0.75) < 0.02


def test_evaluation_draws_nothing():
    network = ie.Network(CLASSIFIER, input_size=2, seed=5)
    state = network.random_state
    x = np.ones((4, 3, 2), np.float32)
    first = network.forward(x)[0]
    assert same_bits(network.forward(x, keep=True)[0], first)
    assert network.random_state == state
