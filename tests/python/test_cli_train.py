"""`indrnn train`: every source from the command line to a finished run folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import indrnn_engine as ie

pytest.importorskip("typer")

from typer.testing import CliRunner

from indrnn_engine.cli.app import app
from indrnn_engine.training import PRESETS, Experiment, RunFolder

if TYPE_CHECKING:
    from click.testing import Result

SMALL = ["--layers", "1", "--hidden-size", "8", "--no-tensorboard"]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder: runs go to ./runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")


def indrnn(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result  # type: ignore[return-value]


def config(run: str) -> Experiment:
    return Experiment.from_dict(RunFolder.open(Path(run)).read_config()["experiment"])


def test_adding_ends_with_the_error_and_the_files() -> None:
    output = indrnn("train", "adding", "--time-steps", "12", "--steps", "20", *SMALL).stdout
    assert re.search(r"^test +mse [\d.]+$", output, re.MULTILINE)
    assert re.search(r"^model +runs/adding-1/best\.safetensors$", output, re.MULTILINE)
    assert re.search(r"^curves +runs/adding-1/curves\.png$", output, re.MULTILINE)
    assert Path("runs/adding-1/curves.png").is_file()


def test_digits_end_with_the_accuracy() -> None:
    output = indrnn("train", "digits", "--epochs", "1", *SMALL).stdout
    assert "data              digits (T = 64): " in output
    assert re.search(r"^test +loss \d\.\d+, accuracy \d+\.\d\d %$", output, re.MULTILINE)


def test_text_is_trained_on_a_file() -> None:
    Path("text.txt").write_text("to be or not to be, that is the question\n" * 100)
    output = indrnn("train", "text", "text.txt", "--steps", "6", "--batch-size", "4", *SMALL).stdout
    assert re.search(r"^best validation +loss .*bits", output, re.MULTILINE)
    assert config("runs/text-1").data["path"] == str(Path("text.txt").resolve())


@pytest.mark.parametrize("regression", [False, True])
def test_arrays_of_different_lengths_are_trained_on(
    rng: np.random.Generator, regression: bool
) -> None:
    y = rng.random((30, 2)) if regression else rng.integers(0, 3, 30)
    np.savez("own.npz", x=rng.random((30, 9, 4)), y=y, lengths=rng.integers(1, 10, 30))
    output = indrnn("train", "arrays", "own.npz", "--epochs", "2", *SMALL).stdout
    assert re.search(r"^test .*mse" if regression else r"^test .*accuracy", output, re.MULTILINE)


def test_options_override_the_preset_and_are_remembered() -> None:
    indrnn(
        *("train", "adding", "--time-steps", "12", "--steps", "3", "--seed", "5"),
        *("--lr", "0.01", "--batch-norm", "before", "--dropout", "0.25", "--activation", "tanh"),
        *("--schedule", "step", "--schedule-every", "2", "--weight-decay", "0.1"),
        *("--dtype", "float64", "--batch-size", "7", "--clip-norm", "1.5", "--magnitude", "3"),
        *SMALL,
    )
    experiment = config("runs/adding-1")
    assert experiment.training.seed == 5
    assert experiment.training.learning_rate == 0.01
    assert experiment.training.clip_norm == 1.5
    assert experiment.training.recurrent_bound == pytest.approx(3.0 ** (1 / 12))
    assert experiment.data["batch_size"] == 7
    net = ie.Network.load("runs/adding-1/last.safetensors")
    assert net.dtype == np.float64
    assert [type(layer).__name__ for layer in net.layers[:4]] == [
        "Linear",
        "BatchNorm",
        "Recurrence",
        "Dropout",
    ]


def test_batch_norm_can_be_left_out() -> None:
    indrnn("train", "digits", "--steps", "1", "--batch-norm", "none", *SMALL)
    layers = ie.Network.load("runs/digits-1/last.safetensors").layers
    assert not any(isinstance(layer, ie.nn.BatchNorm) for layer in layers)


def test_clipping_can_be_turned_on_and_off() -> None:
    arguments = ["train", "adding", "--time-steps", "12", "--steps", "1", *SMALL]
    indrnn(*arguments)
    indrnn(*arguments, "--clip-norm", "0", "--clip-value", "5")
    bounds = [config(f"runs/adding-{n}").training for n in (1, 2)]
    assert [(t.clip_norm, t.clip_value) for t in bounds] == [(1.0, None), (None, 5.0)]


def test_epochs_and_steps_replace_each_others_default() -> None:
    indrnn("train", "digits", "--steps", "2", *SMALL)
    assert (config("runs/digits-1").training.max_steps, PRESETS["digits"].training.max_steps) == (
        2,
        None,
    )
    assert config("runs/digits-1").training.epochs is None


def test_run_goes_on_after_the_time_limit() -> None:
    arguments = ["train", "adding", "--time-steps", "12", "--steps", "30", *SMALL]
    output = indrnn(*arguments, "--max-minutes", "1e-9", "--run-dir", "mine").stdout
    assert "the time is up: step 0" in output
    assert "go on with: indrnn train --resume mine" in output
    output = indrnn("train", "--resume", "mine").stdout
    assert "continuing mine at step 0 of 30" in output
    assert "all steps are done: step 30" in output


def test_quiet_prints_the_result_only() -> None:
    output = indrnn(
        "train", "adding", "--time-steps", "12", "--steps", "4", "--quiet", *SMALL
    ).stdout
    assert output.startswith("all steps are done")
    assert "\x1b" not in output


def test_result_is_written_as_json() -> None:
    indrnn("train", "adding", "--time-steps", "12", "--steps", "4", *SMALL)
    result = json.loads(Path("runs/adding-1/result.json").read_text())
    assert result["reason"] == "steps"
    assert result["step"] == 4
    assert result["test"]["mse"] > 0.0


def test_threads_are_set(threads: None) -> None:
    indrnn("train", "adding", "--time-steps", "12", "--steps", "1", "--threads", "1", *SMALL)
    assert ie.num_threads() == 1


@pytest.mark.parametrize("source", sorted(PRESETS))
def test_help_stands_alone(source: str) -> None:
    output = indrnn("train", source, "--help").stdout
    for word in ("--layers", "--learning-rate", "(default", "--run-dir", f"indrnn train {source}"):
        assert word in output


def test_help_of_the_program_names_every_command() -> None:
    output = indrnn("--help").stdout
    for word in ("train", "evaluate", "predict", "sample", "info", "indrnn train digits"):
        assert word in output


@pytest.mark.parametrize("command", ["evaluate", "predict", "sample", "info"])
def test_help_has_an_example(command: str) -> None:
    assert f"indrnn {command} " in indrnn(command, "--help").stdout


def test_version_is_printed() -> None:
    assert indrnn("--version").stdout.strip() == f"indrnn_engine {ie.version()}"
