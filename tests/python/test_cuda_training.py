"""Losses, optimizers, training, files and pickle with networks on a CUDA device."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import indrnn_engine as ie
from cuda_device import require_cuda
from indrnn_engine import nn

require_cuda()

RNG = np.random.default_rng(5)
LOGITS = RNG.normal(size=(7, 4, 6))
TARGETS = RNG.integers(0, 6, size=(7, 4))
MASK = RNG.random((7, 4)) < 0.6


def network(device="cuda", dtype="float64"):
    layers = [nn.IndRNN(6), nn.BatchNorm(), nn.IndRNN(5), nn.LastStep(), nn.Linear(3)]
    return ie.Network(layers, input_size=2, device=device, dtype=dtype, seed=2)


def batches(count, dtype=np.float64):
    rng = np.random.default_rng(1)
    for _ in range(count):
        yield rng.normal(size=(9, 8, 2)).astype(dtype), rng.integers(0, 3, size=8)


@pytest.fixture
def anchor():
    """A network on the device, for arrays to be put there."""
    return ie.Network([nn.Linear(1)], input_size=1, device="cuda")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
@pytest.mark.parametrize("beside", ["host", "device"])
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "mean_squared_error"])
def test_losses(name, beside, mask, dtype, anchor):
    function = getattr(ie.losses, name)
    y = LOGITS.astype(dtype)
    target = TARGETS if name == "softmax_cross_entropy" else (y + LOGITS[::-1]).astype(dtype)
    expected, expected_gradient = function(y, target, mask)
    put = (lambda a: a) if beside == "host" else (lambda a: ie.to_device(a, anchor))
    loss, gradient = function(
        ie.to_device(y, anchor), put(target), None if mask is None else put(mask)
    )
    assert type(loss) is float
    assert isinstance(gradient, ie.DeviceArray)
    tolerance = 1e-13 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(loss, expected, rtol=tolerance)
    np.testing.assert_allclose(
        gradient.numpy(), expected_gradient, rtol=10 * tolerance, atol=tolerance
    )


def test_losses_write_where_they_are_told(anchor):
    logits = ie.to_device(LOGITS, anchor)
    expected, expected_gradient = ie.losses.softmax_cross_entropy(LOGITS, TARGETS)
    loss, gradient = ie.losses.softmax_cross_entropy(logits, TARGETS, out=logits)
    np.testing.assert_allclose(loss, expected, rtol=1e-13)
    np.testing.assert_allclose(logits.numpy(), expected_gradient, atol=1e-13)
    assert gradient.__cuda_array_interface__["data"] == logits.__cuda_array_interface__["data"]


def test_loss_errors_are_those_of_the_host(anchor):
    logits = ie.to_device(LOGITS, anchor)
    with pytest.raises(ValueError, match=r"\[softmax_cross_entropy\] targets"):
        ie.losses.softmax_cross_entropy(logits, np.full((7, 4), 6))
    with pytest.raises(
        ValueError, match=r"\[softmax_cross_entropy\] targets must have shape \[7, 4\]"
    ):
        ie.losses.softmax_cross_entropy(logits, TARGETS[:3])
    with pytest.raises(TypeError, match=r"\[softmax_cross_entropy\] targets must be int64"):
        ie.losses.softmax_cross_entropy(logits, TARGETS.astype(np.int32))
    with pytest.raises(TypeError, match=r"\[mean_squared_error\] target must be float64"):
        ie.losses.mean_squared_error(logits, LOGITS.astype(np.float32))
    # On the device nobody looks at the targets: the loss says that they are wrong.
    loss, _ = ie.losses.softmax_cross_entropy(logits, ie.to_device(np.full((7, 4), 6), anchor))
    assert np.isnan(loss)


OPTIMIZERS = {
    "adam": lambda net: ie.optim.Adam(net, lr=1e-2, weight_decay=1e-2),
    "adamw": lambda net: ie.optim.Adam(net, lr=1e-2, weight_decay=1e-2, decoupled=True),
    "sgd": lambda net: ie.optim.SGD(net, lr=1e-2),
    "momentum": lambda net: ie.optim.SGD(net, lr=1e-2, momentum=0.9, weight_decay=1e-2),
    "nesterov": lambda net: ie.optim.SGD(net, lr=1e-2, momentum=0.9, nesterov=True),
}


def train(net, optimizer, data, place=lambda array: array):
    losses = []
    for x, target in data:
        net.zero_gradients()
        y, _ = net.forward(place(x), training=True)
        loss, dy = ie.losses.softmax_cross_entropy(y, target)
        net.backward(dy, input_gradient=False)
        losses.append((loss, ie.optim.clip_gradients(net, value=0.5, norm=0.7)))
        optimizer.step()
        ie.optim.constrain_recurrent(net, 0.9)
    return losses


@pytest.mark.parametrize("where", ["host", "device"])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_training_as_on_the_cpu(make, where):
    results = []
    for device in ("cuda", "cpu"):
        net = network(device)
        optimizer = make(net)
        place = (
            (lambda a, net=net: ie.to_device(a, net))
            if (where, device) == ("device", "cuda")
            else np.asarray
        )
        losses = train(net, optimizer, batches(6), place)
        state = {k: v for k, v in optimizer.state_dict().items() if isinstance(v, np.ndarray)}
        results.append((losses, np.array(net.parameters), *state.values()))
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_optimizer_state_goes_on_across_devices():
    nets = {device: network(device) for device in ("cuda", "cpu")}
    optimizers = {device: ie.optim.Adam(net, lr=1e-2) for device, net in nets.items()}
    train(nets["cuda"], optimizers["cuda"], batches(3))
    saved = optimizers["cuda"].state_dict()
    assert all(not isinstance(value, ie.DeviceArray) for value in saved.values())
    optimizers["cpu"].load_state_dict(pickle.loads(pickle.dumps(saved)))
    nets["cpu"].parameters[:] = nets["cuda"].parameters
    for name, view in nets["cpu"].named_buffers().items():
        view[...] = nets["cuda"].named_buffers()[name]
    optimizers["cuda"].load_state_dict(saved)
    for device, net in nets.items():
        train(net, optimizers[device], batches(2))
    np.testing.assert_allclose(np.array(nets["cuda"].parameters), nets["cpu"].parameters, rtol=1e-9)


def test_files_move_between_devices(tmp_path):
    net = network(dtype="float32")
    train(net, ie.optim.Adam(net, lr=1e-2), batches(2, np.float32))
    path = tmp_path / "model.safetensors"
    net.save(path)
    x, _ = next(batches(1, np.float32))
    expected, _ = net.forward(x)
    loaded = {device: ie.Network.load(path, device=device) for device in ("cpu", "cuda")}
    for device, each in loaded.items():
        assert each.device == device
        np.testing.assert_array_equal(np.array(each.parameters), net.parameters.numpy())
        for name, view in each.named_buffers().items():
            np.testing.assert_array_equal(np.array(view), net.named_buffers()[name].numpy())
        np.testing.assert_allclose(each.forward(x)[0], expected, rtol=1e-4, atol=1e-5)
        assert each.to_bytes() == net.to_bytes()


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))]
)
def test_copies_are_independent_and_on_the_same_device(again):
    net = network()
    other = again(net)
    assert other.device == net.device == "cuda"
    np.testing.assert_array_equal(other.parameters.numpy(), net.parameters.numpy())
    other.parameters[:] = 0.0
    assert net.parameters.numpy().any()


def test_trainer(tmp_path):
    options = {"steps_per_epoch": 8, "test_batches": 2, "validation_batches": 2, "batch_size": 16}
    data = ie.data.adding.load(time_steps=12, dtype="float64", **options)
    layers = ie.architectures.plain(1, 8, 1, time_steps=12, batch_norm=None)
    config = ie.training.TrainingConfig(epochs=2, learning_rate=1e-2, clip_norm=1.0)
    results = []
    for device in ("cuda", "cpu"):
        net = ie.Network(layers, input_size=2, device=device, dtype="float64")
        run = ie.training.RunFolder.create({}, path=tmp_path / device)
        trainer = ie.training.Trainer(net, data, config, run=run, tensorboard=False)
        results.append((trainer.fit().test, np.array(net.parameters)))
    (found, parameters), (expected, expected_parameters) = results
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-6)
    # Adam divides by gradients that are next to zero, such as of a bias in front of a norm.
    np.testing.assert_allclose(parameters, expected_parameters, rtol=1e-5, atol=1e-7)


def test_a_diverged_run_names_the_gradient():
    data = ie.data.adding.load(time_steps=6, steps_per_epoch=4, test_batches=1)
    net = ie.Network(ie.architectures.plain(1, 4, 1, time_steps=6), input_size=2, device="cuda")
    net.named_parameters()["0.weight"][:] = np.nan
    trainer = ie.training.Trainer(net, data, ie.training.TrainingConfig(epochs=1))
    with pytest.raises(ie.training.TrainingDivergedError, match=r"weight 0\.weight"):
        trainer.fit()


def test_command_line(tmp_path, monkeypatch):
    testing = pytest.importorskip("typer.testing")
    from indrnn_engine.cli.app import app

    monkeypatch.chdir(tmp_path)
    arguments = ["train", "adding", "--device", "cuda", "--time-steps", "12", "--steps", "6"]
    arguments += ["--layers", "1", "--hidden-size", "8", "--no-tensorboard"]
    done = testing.CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert ie.Network.load("runs/adding-1/best.safetensors", device="cuda").device == "cuda"


def test_analysis_and_conversion_copy_to_the_host():
    layers = ie.architectures.plain(2, 5, 3, time_steps=9)
    nets = [ie.Network(layers, input_size=3, device=device, seed=7) for device in ("cuda", "cpu")]
    for found, expected in zip(
        ie.convert.to_indrnn_pytorch(nets[0]).values(),
        ie.convert.to_indrnn_pytorch(nets[1]).values(),
        strict=True,
    ):
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, expected)
    weights = [ie.analysis.recurrent_weights(net) for net in nets]
    for name, values in weights[1].items():
        np.testing.assert_array_equal(weights[0][name], values)
