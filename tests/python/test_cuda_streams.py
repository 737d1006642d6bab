"""A network's stream and those of other libraries: who waits for whom, and nobody for nothing."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import indrnn_engine as ie
from cuda_device import ByDLPack, ByInterface, calls, emulator, require_cuda
from indrnn_engine import nn

require_cuda()
emulated = emulator()

T, B, INPUTS = 6, 4, 3


def network(device="cuda"):
    return ie.Network([nn.IndRNN(5), nn.Linear(INPUTS)], INPUTS, device=device, seed=1)


def inputs(seed=0):
    return np.random.default_rng(seed).normal(size=(T, B, INPUTS)).astype(np.float32)


def stream_of(net):
    return net.parameters.__cuda_array_interface__["stream"]


class ByProtocol:
    def __init__(self, handle):
        self.handle = handle

    def __cuda_stream__(self):
        return (0, self.handle)


class Named:
    def __init__(self, name, handle):
        setattr(self, name, handle)


KINDS = {
    "address": lambda handle: handle,
    "protocol": ByProtocol,
    "torch": lambda handle: Named("cuda_stream", handle),
    "cupy": lambda handle: Named("ptr", handle),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_stream_that_reads_is_waited_for(kind):
    """Each y is read by another stream, without its knowledge of ours, and then written anew."""
    net, other = network(), network()
    y = ie.to_device(np.zeros((T, B, INPUTS), np.float32), net)
    for seed in range(10):
        net.forward(ie.to_device(inputs(seed), net), net.device_state(B), out=y)
        net.let_wait(kind(stream_of(other)))
        found, _ = other.forward(ByInterface(y, stream=None), other.device_state(B))
        net.wait_for(kind(stream_of(other)))
        net.forward(ie.to_device(inputs(99), net), net.device_state(B), out=y)
        expected = other.forward(net.forward(inputs(seed))[0])[0]
        np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.skipif(emulated is None, reason="waits are counted on the emulated device")
def test_to_order_streams_is_not_to_wait():
    net, other = network(), network()
    net.forward(ie.to_device(inputs(), net))
    emulated.cuda_emulation_reset_counters()
    net.let_wait(stream_of(other))
    net.wait_for(stream_of(other))
    for function in ("cudaStreamSynchronize", "cudaEventSynchronize"):
        assert calls(emulated, function) == 0
    net.synchronize()
    assert calls(emulated, "cudaStreamSynchronize") == 1


@pytest.mark.skipif(emulated is None, reason="waits are counted on the emulated device")
def test_arrays_of_others_make_no_call_wait():
    net, other = network(), network()
    arrays = [ByDLPack(ie.to_device(inputs(), other)) for _ in range(40)]
    net.forward(arrays[0], net.device_state(B))
    emulated.cuda_emulation_reset_counters()
    for array in arrays:
        net.forward(array, net.device_state(B))
    # Events are waited for where the host is more than eight calls ahead.
    for function in ("cudaStreamSynchronize", "cudaFree"):
        assert calls(emulated, function) == 0


def test_producers_in_a_thread_leave_a_capture_alone():
    """What they are told of is no captured stream."""
    net, expected, source = network(), network(), network()
    x, y = (ie.to_device(inputs(seed), source) for seed in (0, 1))
    stop = threading.Event()
    failures = []

    def predict():
        try:
            while not stop.is_set():
                net.forward(ByDLPack(y))
        except Exception as error:
            failures.append(error)

    def steps(each):
        step = ie.cuda.CapturedStep(ie.optim.SGD(each, lr=0.0), "mean_squared_error")
        losses = []
        for first_sample in range(40):  # each is captured anew
            each.set_first_sample(first_sample)
            losses += [step(x, y)[0] for _ in range(2)]
        return losses

    thread = threading.Thread(target=predict)
    thread.start()
    try:
        found = steps(net)
    finally:
        stop.set()
        thread.join()
    assert not failures
    assert found == steps(expected)


def test_wrong_streams_are_named():
    net = network()
    for wrong in (None, "0", 1.5, True):
        with pytest.raises(TypeError, match=r"\[wait_for\] stream must be an integer"):
            net.wait_for(wrong)
    with pytest.raises(ValueError, match=r"\[let_wait\] stream must be between 0"):
        net.let_wait(-1)


def test_a_network_on_the_cpu_has_no_stream():
    net = network("cpu")
    net.synchronize()
    for call in (net.wait_for, net.let_wait):
        with pytest.raises(
            ValueError, match="the network must be on a CUDA device, got one on cpu"
        ):
            call(0)
