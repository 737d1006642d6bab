"""Training steps as CUDA graphs: the bits of the same steps given call by call."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie
from captured_cases import CLASSES, TIME_STEPS, all_of, batches, network
from cuda_device import require_cuda
from indrnn_engine import nn

require_cuda()

OPTIMIZERS = {
    "adam": lambda net: ie.optim.Adam(net, lr=1e-2, weight_decay=1e-2),
    "adamw": lambda net: ie.optim.Adam(net, lr=1e-2, weight_decay=1e-2, decoupled=True),
    "sgd": lambda net: ie.optim.SGD(net, lr=1e-2, momentum=0.9, weight_decay=1e-2),
}


def plain_step(net, optimizer, x, classes, mask=None, lengths=None):
    """What a captured step does, call by call."""
    net.zero_gradients()
    y, _ = net.forward(ie.to_device(x, net), lengths=lengths, training=True)
    loss, dy = ie.losses.softmax_cross_entropy(y, classes, mask)
    net.backward(dy, input_gradient=False)
    norm = ie.optim.clip_gradients(net, norm=1e300)
    ie.optim.clip_gradients(net, value=0.05, norm=0.1)
    optimizer.step()
    ie.optim.constrain_recurrent(net, 0.4)
    return loss, norm


def captured_step(optimizer):
    return ie.cuda.CapturedStep(
        optimizer, "softmax_cross_entropy", clip_value=0.05, clip_norm=0.1, recurrent_bound=0.4
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_captured_steps_are_the_plain_ones_bit_for_bit(make, dtype):
    results = []
    for captured in (False, True):
        net = network(dtype=dtype)
        optimizer = make(net)
        step = captured_step(optimizer)
        numbers = []
        for i, (x, classes) in enumerate(batches(5, dtype=np.dtype(dtype))):
            optimizer.lr = 1e-2 / (1 + i)
            numbers.append(step(x, classes) if captured else plain_step(net, optimizer, x, classes))
            assert step.captured == (captured and i > 0)
        results.append((numbers, all_of(net, optimizer)))
    assert results[0] == results[1]
    assert len({loss for loss, _ in results[0][0]}) == 5


def test_masks_lengths_and_arrays_on_the_device():
    rng = np.random.default_rng(0)
    layers = [nn.IndRNN(8), nn.Dropout(0.3), nn.Linear(CLASSES)]
    results = []
    for place in ("call by call", "host", "device"):
        net = network(layers=layers)
        optimizer = ie.optim.Adam(net, lr=1e-2)
        step = captured_step(optimizer)
        rng = np.random.default_rng(0)
        losses = []
        for x, _ in batches(4):
            classes = rng.integers(0, CLASSES, size=x.shape[:2])
            mask, lengths = rng.random(x.shape[:2]) < 0.6, rng.integers(1, TIME_STEPS, size=5)
            batch = (x, classes, mask, lengths)
            if place == "call by call":
                losses.append(plain_step(net, optimizer, *batch))
            else:
                put = np.asarray if place == "host" else lambda a, net=net: ie.to_device(a, net)
                losses.append(step(*map(put, batch)))
        results.append((losses, all_of(net, optimizer)))
    assert results[0] == results[1]
    assert results[0] == results[2]


def test_plain_calls_and_other_shapes_in_between():
    results = []
    for captured in (False, True):
        net = network()
        optimizer = ie.optim.Adam(net, lr=1e-2)
        steps = {size: captured_step(optimizer) for size in (5, 9, 2)}
        losses = []
        for i in range(4):
            for size, step in steps.items():
                x, classes = list(batches(i + 1, size))[-1]
                make = step if captured else (lambda *b: plain_step(net, optimizer, *b))  # noqa: B023
                losses.append(make(x, classes))
            losses.append(plain_step(net, optimizer, x, classes))
            losses.append(net.forward(x)[0].tobytes())
        results.append((losses, all_of(net, optimizer)))
    assert results[0] == results[1]


def test_output_is_that_of_the_last_step():
    net, other = network(), network()
    step = captured_step(ie.optim.SGD(net, lr=1e-2))
    plain = ie.optim.SGD(other, lr=1e-2)
    for x, classes in batches(3):
        expected, _ = other.forward(x, training=True)
        other.random_state = net.random_state
        step(x, classes)
        np.testing.assert_array_equal(step.output.numpy(), expected)
        plain_step(other, plain, x, classes)
        # The forward above was one more for the running statistics, which training does not read.
        assert np.asarray(net.parameters).tobytes() == np.asarray(other.parameters).tobytes()


def test_parameters_can_be_restored():
    net = network()
    step = captured_step(ie.optim.Adam(net, lr=1e-2))
    for x, classes in batches(3):
        before = np.asarray(net.parameters)
        step(x, classes)
        assert not np.array_equal(net.parameters, before)
        step.restore_parameters()
        np.testing.assert_array_equal(net.parameters, before)


def test_a_new_first_sample_is_captured_anew():
    results = []
    for captured in (False, True):
        net = network()
        optimizer = ie.optim.Adam(net, lr=1e-2)
        step = captured_step(optimizer)
        losses = []
        for i, (x, classes) in enumerate(batches(6)):
            net.set_first_sample(i // 3)
            losses.append(step(x, classes) if captured else plain_step(net, optimizer, x, classes))
        results.append(losses)
    assert results[0] == results[1]


def test_an_older_forward_cannot_be_followed_by_backward():
    net = network()
    step = captured_step(ie.optim.Adam(net))
    (x, classes), *_ = batches(1)
    y, _ = net.forward(x, training=True)
    step(x, classes)
    with pytest.raises(ValueError, match="needs a forward"):
        net.backward(y)


def test_errors():
    on_cpu = network("cpu")
    with pytest.raises(ValueError, match="network on a CUDA device, got one on cpu"):
        captured_step(ie.optim.Adam(on_cpu))
    net = network()
    adam = ie.optim.Adam(net)
    with pytest.raises(TypeError, match="optimizer must be an Adam or SGD, got Network"):
        captured_step(net)
    with pytest.raises(ValueError, match="loss must be one of softmax_cross_entropy, mean_squ"):
        ie.cuda.CapturedStep(adam, "hinge")
    with pytest.raises(ValueError, match="clip_norm must be above 0"):
        ie.cuda.CapturedStep(adam, "mean_squared_error", clip_norm=0.0)
    step = captured_step(adam)
    with pytest.raises(ValueError, match="no step has been made yet"):
        _ = step.output
    with pytest.raises(ValueError, match="no step has been made yet"):
        step.restore_parameters()
    (x, classes), *_ = batches(1)
    with pytest.raises(ValueError, match=r"x must have shape \[6, 5, 3\], got \[6, 5, 2\]$"):
        step(x[..., :2], classes)
    with pytest.raises(TypeError, match="x must be float64, got float32"):
        step(x.astype(np.float32), classes)
    with pytest.raises(TypeError, match="targets"):
        step(x, None)
    with pytest.raises(ValueError, match="targets must be between 0 and 3, got 4"):
        step(x, np.full(5, 4))
    with pytest.raises(ValueError, match="lengths"):
        step(x, classes, None, np.full(5, TIME_STEPS + 1))
    assert net.random_state[1] == 0  # nothing was run
    step(x, classes)
    again = "as in the first call; another shape needs a CapturedStep of its own"
    with pytest.raises(
        ValueError, match=rf"x must have shape \[6, 5, 3\], got \[5, 5, 3\], {again}"
    ):
        step(x[:-1], classes)
    with pytest.raises(ValueError, match=f"lengths must be None, {again}"):
        step(x, classes, None, np.full(5, TIME_STEPS))
    net.set_reduction(lambda values: None)
    with pytest.raises(ValueError, match="network with set_reduction cannot be captured"):
        step(x, classes)
    net.set_reduction(None)
    step(x, classes)
    assert step.captured
    assert net.random_state[1] == 2
    assert adam.steps == 2
