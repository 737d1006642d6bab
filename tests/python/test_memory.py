"""Memory: what a step needs is what workspace_bytes says, and running again needs nothing more."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine import nn

DEEP = [nn.IndRNN(64), nn.BatchNorm(), nn.Dropout(0.1)] * 4 + [nn.Linear(4)]
PLAIN = [nn.IndRNN(64)] * 4 + [nn.Linear(4)]
CLASSIFIER = [*DEEP[:-1], nn.LastStep(), nn.Linear(4)]
NETWORKS = {"deep": DEEP, "plain": PLAIN, "classifier": CLASSIFIER}


def python_bytes(call):
    """Most memory that Python and NumPy held at once during a call, beyond what they had before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_step_into_out_makes_no_array():
    network = ie.Network(PLAIN, input_size=2)
    x, y = np.zeros((5000, 2), np.float32), np.empty((5000, 4), np.float32)
    state = network.initial_state(5000)
    network.step(x, state, out=y)
    assert python_bytes(lambda: network.step(x, state, out=y)) < 8192


def test_forward_into_out_makes_no_array():
    network = ie.Network(PLAIN, input_size=2)
    x, y = np.zeros((200, 50, 2), np.float32), np.empty((200, 50, 4), np.float32)
    network.forward(x, out=y)
    assert python_bytes(lambda: network.forward(x, out=y)) < 8192
    assert python_bytes(lambda: network.forward(x)) >= y.nbytes


def status_bytes(entry):
    """VmRSS: memory this process holds now. VmHWM: the most it ever held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(entry + ":"))


def train_step(network, optimizer, x, targets):
    y, _ = network.forward(x, training=True)
    _, dy = ie.losses.softmax_cross_entropy(y, targets)
    network.zero_gradients()
    network.backward(dy)
    ie.optim.clip_gradients(network, value=10.0)
    optimizer.step()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_training_steps_do_not_grow_the_process(rng):
    network = ie.Network(CLASSIFIER, input_size=2)
    optimizer = ie.optim.Adam(network)
    x = rng.normal(size=(60, 32, 2)).astype(np.float32)
    targets = rng.integers(0, 4, 32)
    for _ in range(30):
        train_step(network, optimizer, x, targets)
    before = status_bytes("VmRSS")
    for _ in range(150):
        train_step(network, optimizer, x, targets)
    assert status_bytes("VmRSS") - before < 1 << 20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_networks_give_their_memory_back(rng):
    x = rng.normal(size=(300, 32, 2)).astype(np.float32)

    def use_one():
        network = ie.Network(DEEP, input_size=2)
        y, state = network.forward(x, training=True)
        network.backward(y, state)

    for _ in range(5):
        use_one()
    before = status_bytes("VmRSS")
    for _ in range(30):
        use_one()
    assert status_bytes("VmRSS") - before < 8 << 20  # one that stayed would be more than 10 MiB


# Run alone in a process, whose peak is then this step's; prints growth, workspace and results.
MEASURE = """
import json, sys
import numpy as np, indrnn_engine as ie
from test_memory import NETWORKS, status_bytes

name, time_steps, batch, training = json.loads(sys.argv[1])
network = ie.Network(NETWORKS[name], input_size=2)
small, _ = network.forward(np.ones((40, 8, 2), np.float32), training=True)
network.backward(small)  # threads and libraries have started
x = np.ones((time_steps, batch, 2), np.float32)
dy = np.ones((batch, 4) if name == "classifier" else (time_steps, batch, 4), np.float32)
before = status_bytes("VmRSS")
y, state = network.forward(x, training=training)
results = y.nbytes
if training:
    dx, _ = network.backward(dy)
    results += dx.nbytes
growth = status_bytes("VmHWM") - before
print(json.dumps([growth, network.workspace_bytes(time_steps, batch, training), results]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", NETWORKS)
def test_peak_memory_is_workspace_and_results(name, training):
    """Beside the arrays that forward and backward return, a step needs the workspace, no more."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps([name, 2000, 32, training])],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    measured, workspace, arrays = json.loads(done.stdout)
    margin = 2 << 20
    assert measured <= 1.02 * (workspace + arrays) + margin
    if training:  # the formula is no overestimate either
        assert measured >= 0.95 * (workspace + arrays) - margin


def test_workspace_grows_with_the_work_and_does_not_overflow():
    network = ie.Network(DEEP, input_size=2)
    thousand, million = (network.workspace_bytes(steps, 32, True) for steps in (1000, 1_000_000))
    assert 900 < million / thousand < 1100
    assert million > 2**32
    assert network.workspace_bytes(1000, 32) < thousand
    assert network.workspace_bytes(1000, 32, keep=True) <= thousand


def test_a_long_sequence(rng):
    """T = 20 000 in one call is what it is in pieces, and its gradients are finite."""
    network = ie.Network(
        [nn.IndRNN(16), nn.IndRNN(16), nn.Linear(2)], input_size=2, dtype="float64"
    )
    ie.optim.constrain_recurrent(network, 0.999)
    x = rng.normal(size=(20_000, 2, 2))
    whole, final = network.forward(x, training=True)
    dx, _ = network.backward(np.full_like(whole, 1e-3))
    assert np.all(np.isfinite(dx))
    assert np.all(np.isfinite(network.gradients))
    assert np.any(network.gradients)
    state = None
    for start in range(0, 20_000, 7000):
        piece, state = network.forward(x[start : start + 7000], state)
        np.testing.assert_allclose(piece, whole[start : start + 7000], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(state.flat, final.flat, rtol=1e-9, atol=1e-9)
    assert state.steps == final.steps == 20_000
