"""The trainer with steps as CUDA graphs: the bits of the same steps given call by call."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import indrnn_engine as ie
from captured_cases import CLASSES, INPUTS, LAYERS, TIME_STEPS, all_of, network
from cuda_device import require_cuda
from indrnn_engine import nn
from indrnn_engine.data import Batch
from indrnn_engine.training import captured as captured_module
from indrnn_engine.training.objectives import objective_for
from indrnn_engine.training.update import make_optimizer

require_cuda()


class Ragged(ie.data.BatchSource):
    """Batches of drawn sequences, the last of each epoch a smaller one."""

    def __init__(self, regression=False):
        self.regression = regression

    def num_batches(self):
        return 4

    def batch(self, seed, epoch, position):
        rng = np.random.default_rng([seed, epoch, position])
        size = 5 if position < 3 else 2
        x = rng.normal(size=(TIME_STEPS, size, INPUTS))
        y = rng.normal(size=(size, 2)) if self.regression else rng.integers(0, CLASSES, size=size)
        return Batch(x, y, lengths=rng.integers(1, TIME_STEPS + 1, size=size))


def data_of(kind="classification"):
    source = Ragged(kind == "regression")
    outputs = 2 if kind == "regression" else CLASSES
    return ie.data.Data(
        kind, kind, INPUTS, outputs, TIME_STEPS, source, validation=source, test=source
    )


def config(**changes):
    options = {
        "epochs": 3,
        "learning_rate": 1e-2,
        "schedule": "cosine",
        "warmup_steps": 3,
        "clip_norm": 0.5,
        "recurrent_bound": 0.9,
        "log_every": 1,
        "final_model": "last",
    }
    return ie.training.TrainingConfig(**options | changes)


class Losses(ie.training.Reporter):
    """Keeps the metrics of each step."""

    def __init__(self):
        self.metrics = []

    def stepped(self, trainer, metrics, speed):
        self.metrics.append(metrics)


def layers_for(data):
    return [*LAYERS[:-1], nn.Linear(data.output_size)]


def train_plainly(net, data, settings):
    """The loop that the trainer's captured one must equal, with all arrays on the device."""
    objective, optimizer = objective_for(data), make_optimizer(net, settings)
    schedule = settings.schedule_for(settings.total_steps(data.train.num_batches()))
    metrics, step = [], 0
    for epoch in range(settings.epochs):
        for position in range(data.train.num_batches()):
            batch = data.train.batch(settings.seed, epoch, position)
            net.zero_gradients()
            x = ie.to_device(batch.x, net)
            y, _ = net.forward(x, lengths=batch.lengths, training=True)
            loss, dy = objective.loss(y, batch)
            net.backward(dy, input_gradient=False)
            ie.optim.clip_gradients(net, value=settings.clip_value, norm=settings.clip_norm)
            optimizer.lr = schedule(step)
            optimizer.step()
            ie.optim.constrain_recurrent(net, settings.recurrent_bound)
            metrics.append(objective.metrics(y.numpy(), batch, loss))
            step += 1
    return metrics, all_of(net, optimizer)


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_trainer_with_ragged_batches(optimizer, kind):
    data, settings = data_of(kind), config(optimizer=optimizer)
    expected = train_plainly(network(layers=layers_for(data)), data, settings)
    net, reporter = network(layers=layers_for(data)), Losses()
    trainer = ie.training.Trainer(net, data, settings, reporter=reporter, cuda_graph=True)
    trainer.fit()
    assert (reporter.metrics, all_of(net, trainer.optimizer)) == expected
    kept = trainer._step._by_shape
    assert [step.captured for step in kept.values()] == [True, True]


def test_a_batch_of_which_nothing_counts():
    net = network()
    settings = config(cuda_graph=True)
    steps = captured_module.CapturedSteps(
        net, objective_for(data_of()), make_optimizer(net, settings), settings
    )
    batch = dataclasses.replace(Ragged().batch(0, 0, 0), mask=np.zeros(5, bool))
    metrics, _ = steps.run(batch, None, 1e-2)
    assert metrics["loss"] == 0.0
    assert np.isnan(metrics["accuracy"])


def test_few_shapes_are_kept(monkeypatch):
    data, settings = data_of(), config()
    expected = train_plainly(network(), data, settings)
    monkeypatch.setattr(captured_module, "MOST_SHAPES", 1)
    net, reporter = network(), Losses()
    trainer = ie.training.Trainer(net, data, settings, reporter=reporter, cuda_graph=True)
    trainer.fit()
    assert len(trainer._step._by_shape) == 1
    assert (reporter.metrics, all_of(net, trainer.optimizer)) == expected


def test_the_trainer_without_a_graph_comes_to_the_same():
    results = []
    for cuda_graph in (False, True):
        net = network()
        settings = config(cuda_graph=cuda_graph)
        result = ie.training.Trainer(net, data_of(), settings).fit()
        results.append((list(result.test.values()), np.asarray(net.parameters)))
    for plain, captured in zip(*results, strict=True):
        np.testing.assert_allclose(captured, plain, rtol=1e-7, atol=1e-9)


SYMBOLS = 6


def text_data():
    symbols = np.random.default_rng(4).integers(0, SYMBOLS, size=120)
    train = ie.data.StreamSource(symbols, 7, 3, offset=True, random_lengths=True, drop_state=4)
    valid = ie.data.StreamSource(symbols, 8, 2)
    return ie.data.Data(
        "text", "language", SYMBOLS, SYMBOLS, 7, train, validation=valid, test=valid
    )


def text_network(device="cuda"):
    layers = [nn.Embedding(SYMBOLS, 5), nn.IndRNN(8), nn.Dropout(0.3), nn.IndRNN(7)]
    return ie.Network([*layers, nn.Linear(SYMBOLS)], device=device, dtype="float64", seed=3)


def train_text_plainly(net, data, settings):
    """The loop that the trainer's captured one must equal, the state over the host."""
    optimizer = make_optimizer(net, settings)
    schedule = settings.schedule_for(settings.total_steps(data.train.num_batches()))
    metrics, state = [], None
    for epoch in range(settings.epochs):
        for position in range(data.train.num_batches()):
            batch = data.train.batch(settings.seed, epoch, position)
            net.zero_gradients()
            x = ie.to_device(batch.x, net)
            y, state = net.forward(x, state if batch.carry else None, training=True)
            loss, dy = ie.losses.softmax_cross_entropy(y, batch.y)
            net.backward(dy, input_gradient=False)
            ie.optim.clip_gradients(net, value=settings.clip_value, norm=settings.clip_norm)
            optimizer.lr = schedule(len(metrics))
            optimizer.step()
            ie.optim.constrain_recurrent(net, settings.recurrent_bound)
            metrics.append(objective_for(data).metrics(y.numpy(), batch, loss))
    return metrics, all_of(net, optimizer), state.flat.tobytes(), state.steps


def test_a_language_model_carries_its_state_on_the_device():
    data, settings = text_data(), config(cuda_graph=True)
    carried = [data.train.batch(0, 0, i).carry for i in range(data.train.num_batches())]
    shapes = {data.train.batch(0, 0, i).x.shape for i in range(data.train.num_batches())}
    assert {True, False} == set(carried[1:])  # some start anew inside an epoch
    assert 1 < len(shapes) < captured_module.MOST_SHAPES
    expected = train_text_plainly(text_network(), data, settings)
    net, reporter = text_network(), Losses()
    trainer = ie.training.Trainer(net, data, settings, reporter=reporter)
    trainer.fit()
    assert isinstance(trainer.state, ie.DeviceState)
    state = trainer.carried
    found = reporter.metrics, all_of(net, trainer.optimizer), state.flat.tobytes(), state.steps
    assert found == expected


@pytest.mark.parametrize(
    ("data", "network"), [(data_of(), network), (text_data(), text_network)], ids=["rows", "text"]
)
def test_a_resumed_run_goes_on_bit_for_bit(tmp_path, data, network):
    settings = config(cuda_graph=True)
    results = []
    for stop_after in (None, 6):
        run = ie.training.RunFolder.create({}, path=tmp_path / str(stop_after))

        class Stopping(Losses):
            def stepped(self, trainer, metrics, speed):
                super().stepped(trainer, metrics, speed)
                if len(self.metrics) == stop_after:  # noqa: B023
                    trainer.stop()

        net, reporter = network(), Stopping()
        trainer = ie.training.Trainer(
            net, data, settings, run=run, tensorboard=False, reporter=reporter
        )
        result = trainer.fit()
        metrics = reporter.metrics
        if stop_after is not None:
            assert (result.reason, result.step) == ("interrupted", stop_after)
            net, reporter = network(), Losses()
            trainer = ie.training.Trainer(
                net, data, settings, run=run, tensorboard=False, reporter=reporter
            )
            trainer.resume()
            trainer.fit()
            metrics = metrics + reporter.metrics
        results.append((metrics, all_of(net, trainer.optimizer)))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("name", "expected"), [("5.weight", r"weight 5\.weight"), ("x", "the input")]
)
def test_a_diverged_run_says_where(name, expected):
    class Spoilt(Ragged):
        def batch(self, seed, epoch, position):
            batch = super().batch(seed, epoch, position)
            return dataclasses.replace(batch, x=batch.x * np.nan) if epoch else batch

    data = dataclasses.replace(data_of(), train=Spoilt() if name == "x" else Ragged())
    net = network()
    if name != "x":
        net.named_parameters()[name][:] = np.nan
    trainer = ie.training.Trainer(net, data, config(cuda_graph=True, evaluate_every=100))
    with pytest.raises(ie.training.TrainingDivergedError, match=expected):
        trainer.fit()
    # The weights are those of before the step.
    assert np.isfinite(net.parameters).all() == (name == "x")


def test_trainings_that_cannot_be_captured_are_refused():
    data = data_of()
    with pytest.raises(ValueError, match="cuda_graph needs a network on a CUDA device, got one on"):
        ie.training.Trainer(network("cpu"), data, config(), cuda_graph=True)
    with pytest.raises(ValueError, match="cuda_graph and piece_steps exclude each other"):
        ie.training.Trainer(network(), data, config(cuda_graph=True, piece_steps=3))

    class Carrying(Ragged):
        def batch(self, seed, epoch, position):
            return dataclasses.replace(super().batch(seed, epoch, position), carry=position > 0)

    trainer = ie.training.Trainer(
        network(), dataclasses.replace(data, train=Carrying()), config(cuda_graph=True)
    )
    with pytest.raises(ValueError, match=r"carries a state .* for language models only"):
        trainer.fit()

    class Two(ie.distributed.Ranks):
        size = 2

    with pytest.raises(ValueError, match="cuda_graph needs a training in one process, got 2"):
        ie.training.Trainer(network(), data, config(cuda_graph=True), ranks=Two())


def test_command_line(tmp_path, monkeypatch):
    testing = pytest.importorskip("typer.testing")
    from indrnn_engine.cli.app import app

    monkeypatch.chdir(tmp_path)
    arguments = ["train", "adding", "--time-steps", "12", "--steps", "6", "--layers", "1"]
    arguments += ["--hidden-size", "8", "--no-tensorboard", "--cuda-graph"]
    done = testing.CliRunner().invoke(app, [*arguments, "--device", "cuda"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert ie.Network.load("runs/adding-1/best.safetensors", device="cuda").device == "cuda"
    refused = testing.CliRunner().invoke(app, arguments)
    assert refused.exit_code != 0
    assert "cuda_graph needs a network on a CUDA device" in " ".join(refused.output.split())
