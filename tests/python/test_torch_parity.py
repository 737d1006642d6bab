"""The engine against the same computation in PyTorch, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie
from closeness import assert_close
from harness import randomize
from indrnn_engine import nn

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # loops of small operations

TOLERANCE = {"float32": 2e-5, "float64": 1e-11}
ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "identity": lambda z: z,
}
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def tensors(network):
    """Leaf tensors with the values of the network's parameters, by name."""
    return {
        name: torch.tensor(values.copy(), requires_grad=True)
        for name, values in network.named_parameters().items()
    }


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def indrnn_loop(x, weights, path, activation, h):
    """One IndRNN layer written out: h_t = act(W x_t + b + u * h_{t-1})."""
    z = x @ weights[f"{path}.weight"].T + weights[f"{path}.bias"]
    outputs = []
    for z_t in z:
        h = ACTIVATIONS[activation](z_t + weights[f"{path}.weight_hh"] * h)
        outputs.append(h)
    return torch.stack(outputs), h


def assert_gradients(network, weights, tolerance):
    for name, gradient in network.named_gradients().items():
        assert_close(gradient, weights[name].grad.numpy(), tolerance, name, floor=1.0)


@dtypes
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_stack_of_loops(activation, dtype, rng):
    network = ie.Network([nn.IndRNN(20, activation=activation) for _ in range(2)], 3, dtype)
    randomize(network, rng)
    weights = tensors(network)
    x, dy = (rng.normal(size=(30, 6, size)).astype(dtype) for size in (3, 20))
    state, dstate = network.initial_state(6), network.initial_state(6)
    state.flat[...], dstate.flat[...] = rng.normal(size=(2, 240))

    y, final = network.forward(x, state, training=True)
    dx, dinitial = network.backward(dy, dstate)

    torch_x, h = leaf(x), {name: leaf(values.copy()) for name, values in state.items()}
    out, h0 = indrnn_loop(torch_x, weights, "0", activation, h["0.hidden"])
    out, h1 = indrnn_loop(out, weights, "1", activation, h["1.hidden"])
    loss = (out * torch.tensor(dy)).sum()
    for name, value in (("0.hidden", h0), ("1.hidden", h1)):
        assert_close(final[name], value.detach().numpy(), TOLERANCE[dtype], name)
        loss = loss + (value * torch.tensor(dstate[name].copy())).sum()
    loss.backward()
    assert_close(y, out.detach().numpy(), TOLERANCE[dtype], "y")
    assert_close(dx, torch_x.grad.numpy(), TOLERANCE[dtype], "dx")
    assert_gradients(network, weights, TOLERANCE[dtype])
    for name, value in h.items():
        assert_close(dinitial[name], value.grad.numpy(), TOLERANCE[dtype], name)


@dtypes
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_torch_rnn_with_a_diagonal_recurrent_weight(activation, dtype, rng):
    network = ie.Network([nn.IndRNN(16, activation=activation)], 5, dtype)
    randomize(network, rng)
    rnn = torch.nn.RNN(5, 16, nonlinearity=activation, dtype=getattr(torch, dtype))
    ours = network.named_parameters()
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(torch.tensor(ours["0.weight"].copy()))
        rnn.weight_hh_l0.copy_(torch.diag(torch.tensor(ours["0.weight_hh"].copy())))
        rnn.bias_ih_l0.copy_(torch.tensor(ours["0.bias"].copy()))
        rnn.bias_hh_l0.zero_()
    x, dy = (rng.normal(size=(25, 4, size)).astype(dtype) for size in (5, 16))
    torch_x = leaf(x)
    out, h = rnn(torch_x)
    out.backward(torch.tensor(dy))

    y, state = network.forward(x, training=True)
    dx, _ = network.backward(dy)
    tolerance = TOLERANCE[dtype]
    assert_close(y, out.detach().numpy(), tolerance, "y")
    assert_close(state["0.hidden"], h[0].detach().numpy(), tolerance, "state")
    assert_close(dx, torch_x.grad.numpy(), tolerance, "dx")
    found = network.named_gradients()
    assert_close(found["0.weight"], rnn.weight_ih_l0.grad.numpy(), tolerance, "weight")
    assert_close(found["0.bias"], rnn.bias_ih_l0.grad.numpy(), tolerance, "bias")
    assert_close(
        found["0.weight_hh"], rnn.weight_hh_l0.grad.diagonal().numpy(), tolerance, "weight_hh"
    )


@dtypes
def test_batch_norm_and_its_running_statistics(dtype, rng):
    network = ie.Network([nn.BatchNorm(momentum=0.1, epsilon=1e-5)], 7, dtype)
    norm = torch.nn.BatchNorm1d(7, dtype=getattr(torch, dtype))
    weights = tensors(network)
    norm.weight, norm.bias = (
        torch.nn.Parameter(weights[f"0.{name}"].detach()) for name in ("weight", "bias")
    )
    tolerance = TOLERANCE[dtype]
    for _ in range(3):
        x, dy = rng.normal(loc=2.0, scale=3.0, size=(2, 9, 5, 7)).astype(dtype)
        torch_x = leaf(x)
        out = norm(torch_x.reshape(45, 7))
        norm.zero_grad()
        out.backward(torch.tensor(dy).reshape(45, 7))
        network.zero_gradients()
        y, _ = network.forward(x, training=True)
        dx, _ = network.backward(dy)
        assert_close(y.reshape(45, 7), out.detach().numpy(), tolerance, "y")
        assert_close(dx, torch_x.grad.numpy(), tolerance, "dx", floor=1.0)
        assert_close(
            network.named_gradients()["0.weight"], norm.weight.grad.numpy(), tolerance, "weight"
        )
        assert_close(network.named_gradients()["0.bias"], norm.bias.grad.numpy(), tolerance, "bias")
        buffers = network.named_buffers()
        assert_close(
            buffers["0.running_mean"], norm.running_mean.numpy(), tolerance, "running_mean"
        )
        assert_close(buffers["0.running_var"], norm.running_var.numpy(), tolerance, "running_var")
    norm.eval()
    expected = norm(torch.tensor(x).reshape(45, 7)).detach().numpy()
    assert_close(network.forward(x)[0].reshape(45, 7), expected, tolerance, "evaluation")


@dtypes
def test_losses(dtype, rng):
    logits = rng.normal(scale=4.0, size=(6, 5, 9)).astype(dtype)
    targets = rng.integers(0, 9, (6, 5))
    mask = rng.random((6, 5)) < 0.6
    for given, ignored in ((None, targets), (mask, np.where(mask, targets, -100))):
        theirs = leaf(logits)
        expected = torch.nn.functional.cross_entropy(
            theirs.reshape(30, 9), torch.tensor(ignored.reshape(30))
        )
        expected.backward()
        loss, gradient = ie.losses.softmax_cross_entropy(logits, targets, mask=given)
        assert_close(loss, expected.item(), TOLERANCE[dtype])
        assert_close(gradient, theirs.grad.numpy(), TOLERANCE[dtype])
    theirs, wanted = leaf(logits), rng.normal(size=logits.shape).astype(dtype)
    expected = torch.nn.functional.mse_loss(theirs, torch.tensor(wanted))
    expected.backward()
    loss, gradient = ie.losses.mean_squared_error(logits, wanted)
    assert_close(loss, expected.item(), TOLERANCE[dtype])
    assert_close(gradient, theirs.grad.numpy(), TOLERANCE[dtype])


def decayed_and_not(weights):
    """Torch parameter groups: biases and weight_hh are never decayed."""
    free = [w for name, w in weights.items() if name.endswith(("bias", "weight_hh"))]
    return [w for name, w in weights.items() if not name.endswith(("bias", "weight_hh"))], free


OPTIMIZERS = {
    "adam": (
        lambda net: ie.optim.Adam(net, lr=1e-2, weight_decay=1e-2, epsilon=1e-6),
        lambda groups: torch.optim.Adam(groups, lr=1e-2, weight_decay=1e-2, eps=1e-6),
    ),
    "adam_decoupled": (
        lambda net: ie.optim.Adam(
            net, lr=1e-2, weight_decay=0.1, betas=(0.8, 0.95), decoupled=True
        ),
        lambda groups: torch.optim.AdamW(groups, lr=1e-2, weight_decay=0.1, betas=(0.8, 0.95)),
    ),
    "sgd": (
        lambda net: ie.optim.SGD(net, lr=0.05),
        lambda groups: torch.optim.SGD(groups, lr=0.05),
    ),
    "sgd_momentum": (
        lambda net: ie.optim.SGD(net, lr=0.02, momentum=0.9, weight_decay=1e-2),
        lambda groups: torch.optim.SGD(groups, lr=0.02, momentum=0.9, weight_decay=1e-2),
    ),
    "sgd_nesterov": (
        lambda net: ie.optim.SGD(net, lr=0.02, momentum=0.9, weight_decay=1e-2, nesterov=True),
        lambda groups: torch.optim.SGD(
            groups, lr=0.02, momentum=0.9, weight_decay=1e-2, nesterov=True
        ),
    ),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_twenty_training_steps(make, rng):
    """A small classifier trained side by side in float64: the same losses and parameters."""
    layers = [nn.IndRNN(8), nn.BatchNorm(), nn.IndRNN(8), nn.LastStep(), nn.Linear(3)]
    network = ie.Network(layers, input_size=2, dtype="float64", seed=4)
    weights = tensors(network)
    decayed, free = decayed_and_not(weights)
    ours = make[0](network)
    theirs = make[1]([{"params": decayed}, {"params": free, "weight_decay": 0.0}])
    for step in range(20):
        x, targets = rng.normal(size=(12, 10, 2)), rng.integers(0, 3, 10)

        zero = torch.zeros(10, 8, dtype=torch.float64)
        out, _ = indrnn_loop(torch.tensor(x), weights, "0", "relu", zero)
        rows = torch.nn.functional.batch_norm(
            out.reshape(120, 8), None, None, weights["1.weight"], weights["1.bias"], training=True
        )
        out, _ = indrnn_loop(rows.reshape(12, 10, 8), weights, "2", "relu", zero)
        logits = out[-1] @ weights["4.weight"].T + weights["4.bias"]
        expected = torch.nn.functional.cross_entropy(logits, torch.tensor(targets))
        theirs.zero_grad()
        expected.backward()
        expected_norm = sum((w.grad**2).sum() for w in weights.values()).sqrt()
        for weight in weights.values():  # torch's own clipping divides by norm + 1e-6
            weight.grad *= min(1.0, 0.5 / expected_norm.item())
        theirs.step()

        y, _ = network.forward(x, training=True)
        loss, dy = ie.losses.softmax_cross_entropy(y, targets)
        network.zero_gradients()
        network.backward(dy, input_gradient=False)
        norm = ie.optim.clip_gradients(network, norm=0.5)
        ours.step()

        assert_close(loss, expected.item(), 1e-9, f"loss {step}")
        assert_close(norm, expected_norm.item(), 1e-9, f"norm {step}")
    for name, values in network.named_parameters().items():
        assert_close(values, weights[name].detach().numpy(), 1e-9, name)
