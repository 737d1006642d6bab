"""States that stay in the memory of the GPU: the bits of those that go over the host."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import indrnn_engine as ie
from captured_cases import all_of
from cuda_device import require_cuda
from indrnn_engine import nn

require_cuda()

T, B, INPUTS, CLASSES = 7, 3, 2, 4
# The norm has statistics of its own for each time step since the state was zero.
LAYERS = [
    nn.IndRNN(5),
    nn.BatchNorm(mode="step", time_steps=12),
    nn.IndRNN(4, "tanh", zoneout=0.2),
    nn.Linear(CLASSES),
]


def network(device="cuda", layers=LAYERS, **options):
    return ie.Network(layers, INPUTS, device=device, seed=1, **options)


def inputs(steps=T, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=(steps, B, INPUTS)).astype(dtype)


def bits(state):
    return np.asarray(state.flat).tobytes(), state.steps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("on_device", [True, False], ids=["device", "host"])
def test_forward_and_step_carry_it_on(on_device, dtype):
    net = network(dtype=dtype)
    put = (lambda a: ie.to_device(a, net)) if on_device else np.asarray
    host, kept = net.initial_state(B), net.device_state(B)
    for seed, steps in enumerate((4, 1, 3)):
        x = inputs(steps, seed, dtype)
        expected, host = net.forward(put(x), host)
        before = bits(kept)
        y, after = net.forward(put(x), kept)
        assert bits(kept) == before  # it is not changed
        kept = after
        assert isinstance(kept, ie.DeviceState)
        assert np.asarray(y).tobytes() == np.asarray(expected).tobytes()
        assert bits(kept) == bits(host)
    for row in inputs(3, 9, dtype):
        expected, _ = net.step(put(row), host)
        y, same = net.step(put(row), kept)
        assert same is kept  # updated in place
        assert np.asarray(y).tobytes() == np.asarray(expected).tobytes()
        assert bits(kept) == bits(host)
    assert kept.steps == 11


@pytest.mark.parametrize("on_device", [True, False], ids=["device", "host"])
def test_backward_takes_and_gives_gradients_of_states(on_device):
    results = []
    for make in (ie.Network.initial_state, ie.Network.device_state):
        net = network()
        put = (lambda a, net=net: ie.to_device(a, net)) if on_device else np.asarray
        state = make(net, B)
        for seed in (1, 2):
            y, state = net.forward(put(inputs(seed=seed)), state, training=True)
        after = make(net, B)
        after["2.hidden"][:] = np.full((B, 4), 0.5, np.float32)
        before = bits(after)
        dx, dstate = net.backward(y, after)
        assert type(dstate) is type(after)
        assert bits(after) == before  # it is not changed
        found = np.asarray(dx).tobytes(), bits(dstate), np.asarray(net.gradients).tobytes()
        results.append(found)
    assert results[0] == results[1]
    assert np.any(np.asarray(dstate["0.hidden"]) != 0)


def test_gradients_of_truncated_sequences_stay_on_the_device():
    """The gradient of one piece's state enters the piece before: the bits of the host's way."""
    results = []
    for make in (ie.Network.initial_state, ie.Network.device_state):
        pieces = [network(), network()]
        state, ys = None, []
        for seed, net in enumerate(pieces):
            given = make(net, B)
            if state is not None:
                given.flat[:] = np.asarray(state.flat)
                given.steps = state.steps
            y, state = net.forward(inputs(3, seed), given, training=True)
            ys.append(y)
        dstate = make(pieces[1], B)
        dx, dstate = pieces[1].backward(ys[1], dstate)
        carried = make(pieces[0], B)
        carried.flat[:] = np.asarray(dstate.flat)
        dx, dstate = pieces[0].backward(ys[0], carried)
        results.append((dx.tobytes(), bits(dstate)))
    assert results[0] == results[1]


def test_lengths_and_empty_batches():
    net = network()
    lengths = np.array([0, 3, T])
    y, kept = net.forward(inputs(), net.device_state(B), lengths)
    expected, host = net.forward(inputs(), None, lengths)
    np.testing.assert_array_equal(y, expected)
    assert bits(kept) == bits(host)
    _, kept = net.forward(np.zeros((T, 0, INPUTS), np.float32), net.device_state(0))
    assert (kept.batch, kept.steps, kept.flat.shape) == (0, T, (0,))
    plain = ie.Network([nn.Linear(2)], INPUTS, device="cuda")  # without a recurrence
    _, kept = plain.forward(inputs(), plain.device_state(B))
    assert (kept.names(), kept.flat.shape) == ([], (0,))
    with pytest.raises(KeyError, match="the network has no recurrence"):
        kept["0.hidden"]


def test_values_go_in_and_out():
    net = network()
    state = net.device_state(B)
    assert state.names() == ["0.hidden", "2.hidden"]
    assert (state.flat.shape, state["2.hidden"].shape) == ((9 * B,), (B, 4))
    state["2.hidden"][:] = 0.5
    state["0.hidden"][1] = 2
    state.steps = 3
    host = state.to_host()
    assert (host["2.hidden"] == 0.5).all()
    assert host["0.hidden"].sum() == 10
    assert host.steps == 3
    twin = copy.deepcopy(state)
    state.zero()
    assert bits(state) == bits(net.initial_state(B))
    assert bits(twin) == bits(host)
    state.assign(host)
    assert bits(state) == bits(host)
    state.zero()
    state.assign(twin)
    assert bits(state) == bits(host)
    assert repr(state) == (
        "DeviceState({0.hidden: [3, 5], 2.hidden: [3, 4]}, dtype=float32, device='cuda:0', steps=3)"
    )


def test_it_outlives_the_network():
    net = network()
    _, state = net.forward(inputs(), net.device_state(B))
    expected = bits(state)
    del net
    assert bits(state) == expected


def test_errors():
    net, other = network(), network()
    state = net.device_state(B)
    with pytest.raises(ValueError, match=r"needs a network on a GPU .* this one is on 'cpu'"):
        network("cpu").device_state(B)
    with pytest.raises(ValueError, match="batch must be between 0 and"):
        net.device_state(-1)
    with pytest.raises(MemoryError):
        net.device_state(2**60)
    with pytest.raises(TypeError, match=r"use Network\.device_state"):
        ie.DeviceState()
    for call in (other.forward, network("cpu").forward):
        with pytest.raises(ValueError, match=r"DeviceState of another network; .*to_host"):
            call(inputs(), state)
    with pytest.raises(ValueError, match="state must be of batch 2, got one of batch 3"):
        net.forward(inputs()[:, :2], state)
    with pytest.raises(ValueError, match="state must be of batch 2, got one of batch 3"):
        net.step(inputs()[0, :2], state)
    y, _ = net.forward(inputs(), state, training=True)
    with pytest.raises(
        ValueError, match=r"\[backward\] dstate is a DeviceState of another network"
    ):
        net.backward(y, other.device_state(B))
    with pytest.raises(ValueError, match="dstate must be of batch 3, got one of batch 2"):
        net.backward(y, net.device_state(2))
    with pytest.raises(
        TypeError, match=r"dstate must be a State, .* or a DeviceState, got ndarray"
    ):
        net.backward(y, np.zeros(3))
    net.backward(y)  # none of these used the forward up
    with pytest.raises(TypeError, match=r"to_host\(\) gives a State"):
        pickle.dumps(state)
    with pytest.raises(TypeError, match="must be a State or DeviceState, got None"):
        state.assign(None)
    with pytest.raises(TypeError, match="DeviceState, got ndarray"):
        state.assign(np.zeros(27, np.float32))
    with pytest.raises(ValueError, match=r"state must be like DeviceState.* got State"):
        state.assign(net.initial_state(2))
    with pytest.raises(TypeError, match="state must be float32, got float64"):
        state.assign(network("cpu", dtype="float64").initial_state(B))
    with pytest.raises(ValueError, match="steps"):
        state.steps = -1


# In captured steps


def plain_step(net, optimizer, x, classes, state):
    net.zero_gradients()
    y, state = net.forward(ie.to_device(x, net), state, training=True)
    loss, dy = ie.losses.softmax_cross_entropy(y, classes)
    net.backward(dy, input_gradient=False)
    ie.optim.clip_gradients(net, norm=0.1)
    optimizer.step()
    return loss, int((y.numpy().argmax(-1) == classes).sum()), state


def test_captured_steps_of_different_lengths_share_it():
    results = []
    for captured in (False, True):
        net = network()
        adam = ie.optim.Adam(net, lr=1e-2)
        state = net.device_state(B) if captured else net.initial_state(B)
        steps = {
            length: ie.cuda.CapturedStep(
                adam, "softmax_cross_entropy", clip_norm=0.1, state=state if captured else None
            )
            for length in (2, 3)
        }
        seen = []
        for i in range(10):
            length = 2 + (i % 3 == 1)
            x = inputs(length, i)
            classes = np.random.default_rng(i).integers(0, CLASSES, size=x.shape[:2])
            if i == 6:  # a new sequence
                if captured:
                    state.zero()
                else:
                    state = net.initial_state(B)
            if captured:
                loss, _ = steps[length](x, classes)
                correct = steps[length].correct
            else:
                loss, correct, state = plain_step(net, adam, x, classes, state)
            seen.append((loss, correct, bits(state)))
        assert [step.captured for step in steps.values()] == [captured, captured]
        results.append((seen, all_of(net, adam)))
    assert results[0] == results[1]
    assert len({state for _, _, state in results[0][0]}) == 10
    assert any(correct for _, correct, _ in results[0][0])


def test_a_failed_capture_leaves_the_count_of_steps():
    net = network()
    state = net.device_state(B)
    step = ie.cuda.CapturedStep(ie.optim.SGD(net, lr=1e-2), "softmax_cross_entropy", state=state)
    classes = np.zeros((T, B), np.int64)
    step(inputs(), classes)
    before = bits(state)
    net.set_reduction(lambda values: None)
    with pytest.raises(ValueError, match="network with set_reduction cannot be captured"):
        step(inputs(), classes)
    assert bits(state) == before


def test_correct_counts_as_argmax_does():
    layers = [nn.Linear(CLASSES)]
    net = ie.Network(layers, CLASSES, device="cuda")
    views = net.named_parameters()
    views["0.weight"][:] = np.eye(CLASSES)
    views["0.bias"][:] = 0
    sgd = ie.optim.SGD(net, lr=1e-30, momentum=0.0)
    step = ie.cuda.CapturedStep(sgd, "softmax_cross_entropy")
    x = np.array([[[1, 1, 0, 0], [0, 2, 2, 1]], [[3, 3, 3, 3], [0, 0, 0, 1]]], np.float32)
    mask = np.array([[True, True], [True, False]])
    for classes in ([[0, 1], [0, 3]], [[1, 2], [3, 3]], [[0, 2], [0, 0]]):
        classes = np.array(classes)
        step(x, classes, mask)
        assert step.correct == ((x.argmax(-1) == classes) & mask).sum()


def test_errors_of_captured_steps():
    net = network()
    sgd = ie.optim.SGD(net, lr=1e-2)
    with pytest.raises(TypeError, match="state must be a DeviceState, got State"):
        ie.cuda.CapturedStep(sgd, "softmax_cross_entropy", state=net.initial_state(B))
    with pytest.raises(ValueError, match="state must be a DeviceState of the optimizer's network"):
        ie.cuda.CapturedStep(sgd, "softmax_cross_entropy", state=network().device_state(B))
    step = ie.cuda.CapturedStep(sgd, "softmax_cross_entropy", state=net.device_state(B + 1))
    with pytest.raises(ValueError, match="no step has been made yet"):
        _ = step.correct
    with pytest.raises(ValueError, match="state must be of batch 3, got one of batch 4"):
        step(inputs(), np.zeros((T, B), np.int64))
