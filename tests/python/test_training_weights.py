"""Training that starts from a model file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine import nn
from indrnn_engine.training import Experiment, ModelConfig, TrainingConfig, new_run, resume_run
from indrnn_engine.training.weights import start_from

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = [nn.IndRNN(5), nn.BatchNorm(), nn.IndRNN(4), nn.LastStep(), nn.Linear(1)]


def network(layers=LAYERS, seed=0, **options):
    return ie.Network(layers, 2, seed=seed, **options)


def arrays(net):
    return [*net.named_parameters().values(), *net.named_buffers().values()]


def trained(path: Path):
    net = network(seed=7)
    net.forward(np.random.default_rng(0).normal(size=(9, 3, 2)).astype(np.float32), training=True)
    net.save(path)
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_and_buffers_are_taken(tmp_path, dtype):
    expected = trained(tmp_path / "model")
    net = network(dtype=dtype)
    start_from(net, tmp_path / "model")
    for found, wanted in zip(arrays(net), arrays(expected), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert net.random_state == (0, 0)  # its own


def test_layers_without_parameters_may_differ(tmp_path):
    expected = trained(tmp_path / "model")
    net = network([nn.Dropout(0.1), *LAYERS[:2], nn.Dropout(0.5), *LAYERS[2:]])
    start_from(net, tmp_path / "model")
    for found, wanted in zip(arrays(net), arrays(expected), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.IndRNN(6), *LAYERS[1:]], r"it has 0.weight \[5, 2\] where the network has 0.weight"),
        ([*LAYERS[:1], *LAYERS[2:]], r"it has 1.weight \[5\] where the network has 1.weight \[4,"),
        ([*LAYERS, nn.Linear(1)], r"1.running_mean \[5\] where the network has 5.weight \[1, 1\]"),
        ([*LAYERS[:-1]], r"it has 4.weight \[1, 4\] where the network has 1.running_mean \[5\]"),
        ([*LAYERS[:-1], nn.Linear(1, bias=False)], "has 4.bias .* the network has 1.running_mean"),
    ],
)
def test_a_model_that_does_not_fit_changes_nothing(tmp_path, layers, message):
    trained(tmp_path / "model")
    net = network(layers)
    before = [array.copy() for array in arrays(net)]
    with pytest.raises(ValueError, match=message):
        start_from(net, tmp_path / "model")
    for found, wanted in zip(arrays(net), before, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(OSError, match="missing"):
        start_from(network(), tmp_path / "missing")
    (tmp_path / "text").write_text("no model")
    with pytest.raises(ValueError, match="text"):
        start_from(network(), tmp_path / "text")


def experiment(weights: Path | str = "", **options):
    return Experiment(
        source="adding",
        data={"time_steps": 12},
        model=ModelConfig(
            options={"num_layers": 1, "hidden_size": 8, **options}, weights=str(weights)
        ),
        training=TrainingConfig(max_steps=6, learning_rate=1e-2, final_model="last"),
    )


class StopAfter(ie.training.Reporter):
    """Stops a training behind one of its steps."""

    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, trainer, metrics, speed):
        del metrics, speed
        if trainer.progress.step == self.step:
            trainer.stop()


def test_a_run_goes_on_from_another_and_is_resumed_without_its_file(tmp_path):
    first = new_run(experiment(), run_dir=tmp_path / "first", tensorboard=False)
    first.fit()
    results = []
    for name in ("whole", "cut"):
        model = tmp_path / f"{name}.safetensors"
        model.write_bytes(first.run.best.read_bytes())
        trainer = new_run(
            experiment(model, dropout=0.2), run_dir=tmp_path / name, tensorboard=False
        )
        np.testing.assert_array_equal(
            trainer.net.parameters, ie.Network.load(first.run.best).parameters
        )
        model.unlink()
        if name == "cut":
            trainer.reporter = StopAfter(3)
            assert trainer.fit().reason == "interrupted"
            trainer = resume_run(tmp_path / name)
        trainer.fit()
        results.append(np.asarray(trainer.net.parameters).tobytes())
    assert results[0] == results[1]
    assert results[0] != np.asarray(first.net.parameters).tobytes()


def test_no_run_is_left_where_the_model_does_not_fit(tmp_path):
    trained(tmp_path / "model")
    with pytest.raises(ValueError, match="does not fit the network"):
        new_run(experiment(tmp_path / "model"), run_dir=tmp_path / "run", tensorboard=False)
    assert not (tmp_path / "run").exists()


def test_command_line(tmp_path, monkeypatch):
    testing = pytest.importorskip("typer.testing")
    from indrnn_engine.cli.app import app

    monkeypatch.chdir(tmp_path)
    common = ["train", "adding", "--time-steps", "12", "--steps", "2", "--layers", "1"]
    common += ["--hidden-size", "8", "--no-tensorboard", "--batch-norm", "after"]
    for more in ([], ["--weights", "runs/adding-1/last.safetensors", "--lr", "1e-30"]):
        done = testing.CliRunner().invoke(app, [*common, *more], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    first, second = (ie.Network.load(f"runs/adding-{n}/last.safetensors") for n in (1, 2))
    np.testing.assert_array_equal(first.parameters, second.parameters)
    refused = testing.CliRunner().invoke(app, [*common, "--weights", "runs/none"])
    assert refused.exit_code != 0
    assert "runs/none" in " ".join(refused.output.split())
