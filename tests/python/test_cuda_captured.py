"""Training steps as CUDA graphs: the bits of the same steps given call by call."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import indrnn_engine as ie
from cuda_device import require_cuda
from indrnn_engine import nn
from indrnn_engine.data import Batch
from indrnn_engine.training import captured as captured_module
from indrnn_engine.training.objectives import objective_for
from indrnn_engine.training.update import make_optimizer

require_cuda()

TIME_STEPS, INPUTS, CLASSES = 6, 3, 4
LAYERS = [
    nn.IndRNN(8, zoneout=0.2),
    nn.Dropout(0.4),
    nn.BatchNorm(),
    nn.IndRNN(6),
    nn.LastStep(),
    nn.Linear(CLASSES),
]


def network(device="cuda", layers=LAYERS, dtype="float64"):
    return ie.Network(layers, input_size=INPUTS, device=device, dtype=dtype, seed=3)


def batches(count, size=5, dtype=np.float64):
    rng = np.random.default_rng(size)
    for _ in range(count):
        x = rng.normal(size=(TIME_STEPS, size, INPUTS)).astype(dtype)
        yield x, rng.integers(0, CLASSES, size=size)


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


def all_of(net, optimizer):
    """Every number that a training goes on from."""
    state = optimizer.state_dict()
    arrays = [np.asarray(net.parameters), *map(np.asarray, net.named_buffers().values())]
    arrays += [value for value in state.values() if isinstance(value, np.ndarray)]
    numbers = {k: v for k, v in state.items() if not isinstance(v, np.ndarray)}
    return [array.tobytes() for array in arrays], numbers, net.random_state


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


# The trainer


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


def test_a_resumed_run_goes_on_bit_for_bit(tmp_path):
    data, settings = data_of(), config(cuda_graph=True)
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
    language = dataclasses.replace(data, kind="language")
    with pytest.raises(ValueError, match="cuda_graph cannot train language models"):
        ie.training.Trainer(network(), language, config(cuda_graph=True))

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
