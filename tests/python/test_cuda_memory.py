"""Arrays on a GPU come and go: memory is allocated once and taken again, never too early."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import indrnn_engine as ie
from cuda_device import ByDLPack, ByInterface, calls, require_emulator
from indrnn_engine import nn

emulator = require_emulator()

T, B, INPUTS, CLASSES = 6, 4, 3, 5
TARGETS = np.arange(B) % CLASSES


def network():
    layers = [nn.IndRNN(5), nn.LastStep(), nn.Linear(CLASSES)]
    return ie.Network(layers, INPUTS, device="cuda", seed=1)


def inputs():
    return np.random.default_rng(0).normal(size=(T, B, INPUTS)).astype(np.float32)


def test_a_training_loop_allocates_nothing_and_waits_for_loss_and_norm_alone():
    net = network()
    adam = ie.optim.Adam(net)

    def step(state):
        net.zero_gradients()
        y, state = net.forward(ie.to_device(inputs(), net), state, training=True)
        _, dy = ie.losses.softmax_cross_entropy(y, TARGETS)
        net.backward(dy, net.device_state(B))
        ie.optim.clip_gradients(net, norm=1.0)
        adam.step()
        return state

    state = net.device_state(B)
    for _ in range(3):
        state = step(state)
    emulator.cuda_emulation_reset_counters()
    for _ in range(5):
        state = step(state)
    for function in ("cudaMalloc", "cudaFree", "cudaHostAlloc", "cudaFreeHost"):
        assert calls(emulator, function) == 0
    assert calls(emulator, "cudaStreamSynchronize") == 2 * 5  # each for one number


@pytest.mark.parametrize("export", [lambda y: y.__dlpack__(), lambda y: y.__cuda_array_interface__])
def test_what_others_have_used_is_freed(export):
    net = network()
    y = ie.to_device(inputs(), net)
    emulator.cuda_emulation_reset_counters()
    exported = export(y)
    del exported, y
    assert calls(emulator, "cudaFree") == 1
    y = ie.to_device(inputs(), net)
    del y
    assert calls(emulator, "cudaFree") == 1


@pytest.mark.parametrize("producer", [lambda x: x, ByInterface, ByDLPack])
def test_what_another_network_has_used_is_freed(producer):
    """Its stream may not have read it yet when the owner takes the memory for something else."""
    net, other = network(), network()
    expected, _ = other.forward(inputs())
    y, _ = other.forward(producer(ie.to_device(inputs(), net)))
    np.testing.assert_array_equal(y.numpy(), expected)
    del y, other  # it kept the array until its work was done
    gc.collect()
    emulator.cuda_emulation_reset_counters()
    ie.to_device(inputs(), net)
    assert calls(emulator, "cudaMalloc") == 1


def test_a_thread_that_brings_batches_leaves_a_capture_alone():
    net = network()
    expected = network()
    step, plain = (
        ie.cuda.CapturedStep(ie.optim.Adam(each), "softmax_cross_entropy")
        for each in (net, expected)
    )
    stop = threading.Event()
    failures = []

    def bring():
        try:
            while not stop.is_set():
                assert (ie.to_device(inputs(), net).numpy() == inputs()).all()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=bring)
    thread.start()
    try:
        losses = [step(inputs(), TARGETS) for _ in range(20)]
        for first_sample in range(10):  # each is captured anew
            net.set_first_sample(first_sample)
            losses.append(step(inputs(), TARGETS))
    finally:
        stop.set()
        thread.join()
    assert not failures
    assert losses == [plain(inputs(), TARGETS) for _ in range(30)]
