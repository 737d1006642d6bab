"""Bad input gives one message on stderr, exit status 2, and leaves existing runs untouched."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie

pytest.importorskip("typer")

from typer.testing import CliRunner

from indrnn_engine.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["--layers", "1", "--hidden-size", "4", "--no-tensorboard", "--quiet"]
ADDING = ["train", "adding", "--time-steps", "8", "--steps", "3", *SMALL]


def content(folder: Path) -> dict[str, bytes]:
    """Every file and folder."""
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in folder.rglob("*")}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run and files that are wrong in many ways."""
    folder = tmp_path_factory.mktemp("made")
    result = CliRunner().invoke(app, [*ADDING, "--run-dir", str(folder / "runs" / "adding-1")])
    assert result.exit_code == 0, result.output
    (folder / "model.safetensors").write_bytes(
        (folder / "runs" / "adding-1" / "best.safetensors").read_bytes()
    )
    ie.Network([ie.nn.IndRNN(3), ie.nn.LastStep()], input_size=2).save(folder / "own.safetensors")
    (folder / "cut.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:900])
    (folder / "text.txt").write_text("some text " * 50)
    arguments = ["train", "text", str(folder / "text.txt"), "--batch-size", "2", "--steps", "1"]
    result = CliRunner().invoke(app, [*arguments, *SMALL, "--run-dir", str(folder / "text")])
    assert result.exit_code == 0, result.output
    (folder / "text" / "best.safetensors").rename(folder / "text.safetensors")
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x00")
    (folder / "garbage.npz").write_bytes(b"garbage")
    np.savez(folder / "no_x.npz", y=np.zeros(3))
    np.savez(folder / "wrong_rank.npz", x=np.zeros((3, 4, 5, 6)), y=np.zeros(3, np.int64))
    np.savez(folder / "long.npz", x=np.zeros((3, 4, 2)), y=[0, 1, 0], lengths=[1, 2, 5])
    np.savez(folder / "nan.npz", x=np.zeros((3, 4, 2)), y=[0, 1, 0], lengths=[1, np.nan, 2])
    np.savez(folder / "features.npz", x=np.zeros((3, 4, 7)))
    np.savez(folder / "good.npz", x=np.zeros((30, 4, 2)), y=np.arange(30) % 2)
    (folder / "idx").mkdir()
    for name in ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"):
        head = struct.pack(">i3I", 2051, 10, 28, 28)
        (folder / "idx" / name).write_bytes(gzip.compress(head + bytes(100)))
    for name in ("train-labels-idx1-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        (folder / "idx" / name).write_bytes(gzip.compress(struct.pack(">iI", 2049, 10) + bytes(10)))
    (folder / "empty").mkdir()
    return folder


TRAIN_ERRORS = {
    "missing data folder": (["mnist", "--data-dir", "nope"], "data_dir must be an existing folder"),
    "folder without data": (["mnist", "--data-dir", "empty"], "must hold train-images-idx3-ubyte"),
    "truncated idx": (["mnist", "--data-dir", "idx"], "is truncated"),
    "missing text": (["text", "nope.txt"], "nope.txt: No such file or directory"),
    "binary text": (["text", "binary.txt"], "must be UTF-8 text"),
    "text is a folder": (["text", "empty"], "empty: Is a directory"),
    "short text": (["text", "text.txt", "--batch-size", "600"], "too few for 600 streams"),
    "missing arrays": (["arrays", "nope.npz"], "nope.npz: No such file or directory"),
    "unreadable npz": (["arrays", "garbage.npz"], "cannot read"),
    "npz without x": (["arrays", "no_x.npz"], "must hold x and y, got y"),
    "wrong rank": (["arrays", "wrong_rank.npz"], "x must have shape [N, T, F]"),
    "length beyond T": (["arrays", "long.npz"], "lengths must be at most T = 4, got 5"),
    "nan length": (["arrays", "nan.npz"], "lengths must be integers"),
    "unknown activation": (["adding", "--activation", "softsign"], "softsign"),
    "unknown batch norm": (["adding", "--batch-norm", "between"], "batch_norm must be"),
    "unknown dtype": (["adding", "--dtype", "float16"], "float16"),
    "unknown device": (["adding", "--device", "abacus"], "abacus"),
    "unknown schedule": (["adding", "--schedule", "linear"], "schedule must be one of"),
    "unknown optimizer": (["adding", "--optimizer", "lion"], "optimizer must be one of"),
    "no layers": (["adding", "--layers", "0"], "num_layers must be at least 1"),
    "no neurons": (["adding", "--hidden-size", "-3"], "hidden_size must be at least 1"),
    "bad dropout": (["adding", "--dropout", "1.5"], "dropout must be in [0, 1)"),
    "short sequences": (["adding", "--time-steps", "1"], "time_steps must be at least 2"),
    "no batch": (["adding", "--batch-size", "0"], "batch_size must be at least 1"),
    "no steps": (["adding", "--steps", "0"], "max_steps must be at least 1"),
    "bad rate": (["adding", "--learning-rate", "-1"], "learning_rate must be above 0"),
    "bad seed": (["adding", "--seed", "-1"], "seed must be at least 0"),
    "bad magnitude": (["adding", "--magnitude", "0"], "magnitude must be above 0"),
    "bad threads": (["adding", "--threads", "0"], "got 0"),
    "bad goal": (["adding", "--stop-at", "nan"], "stop_at must be finite, got nan"),
    "bad fraction": (["digits", "--validation-fraction", "1"], "validation_fraction must be in"),
    "folder of seeds": (
        ["adding", "--seeds", "2", "--run-dir", "runs/adding-1"],
        "continue a run with: indrnn train --resume runs/adding-1",
    ),
    "seeds without data": (["text", "nope.txt", "--seeds", "2", "-q"], "nope.txt: No such file"),
    "seeds in an empty folder": (
        ["text", "nope.txt", "--seeds", "2", "-q", "--run-dir", "empty"],
        "nope.txt: No such file",
    ),
    "unknown field": (
        ["--recipe", "smnist-dense", "--data-dir", "nope", "--set", "options.depth=3"],
        "architecture dense has no option 'depth'",
    ),
    "unknown architecture": (
        ["mnist", "--data-dir", "nope", "--set", "model.architecture=square"],
        "architecture must be one of",
    ),
    "occupied folder": (["adding", "--run-dir", "runs/adding-1"], "must be a new or empty folder"),
    "folder is a file": (["adding", "--run-dir", "text.txt"], "must be a new or empty folder"),
    "no run to resume": (["--resume", "nope"], "must be a run folder"),
    "resume with source": (["--resume", "runs/adding-1", "adding"], "give it alone"),
    "option of another source": (["adding", "--data-dir", "x"], "No such option"),
    "no number": (["adding", "--time-steps", "many"], "Invalid value for '--time-steps'"),
    "missing argument": (["text"], "Missing argument"),
    "unknown source": (["sums"], "No such command"),
}
USE_ERRORS = {
    "no model": (["evaluate", "nope"], "must be an existing model file or run folder"),
    "folder is no run": (["evaluate", "empty"], "must be a run folder"),
    "unknown split": (["evaluate", "runs/adding-1", "--split", "exam"], "split must be"),
    "unknown weights": (["info", "runs/adding-1", "--weights", "mean"], "weights must be best or"),
    "weights of a file": (["info", "model.safetensors", "--weights", "last"], "run folder only"),
    "model of unknown data": (["evaluate", "own.safetensors"], "does not say what data"),
    "data of adding": (["evaluate", "model.safetensors", "--data", "x"], "takes no --data"),
    "data that are not there": (
        ["evaluate", "text.safetensors", "--data", "nope"],
        "--data must be an existing file or folder, got nope",
    ),
    "truncated model": (["info", "cut.safetensors"], "cut.safetensors"),
    "model is an npz": (["info", "garbage.npz"], "garbage.npz"),
    "model is text": (["predict", "text.txt", "good.npz"], "text.txt"),
    "no input": (["predict", "model.safetensors", "nope.npz"], "No such file"),
    "unreadable input": (["predict", "model.safetensors", "garbage.npz"], "cannot read"),
    "input without x": (["predict", "model.safetensors", "no_x.npz"], "must hold x, got y"),
    "other features": (["predict", "model.safetensors", "features.npz"], "F = 2 features, got 7"),
    "unknown output": (
        ["predict", "model.safetensors", "good.npz", "-o", "out.txt"],
        "must end in .csv or .npz",
    ),
    "output folder missing": (
        ["predict", "model.safetensors", "good.npz", "-o", "nope/out.csv"],
        "No such file or directory",
    ),
    "sample of no text": (["sample", "model.safetensors"], "must be a model of text"),
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [pytest.param(*value, id=name) for name, value in {**TRAIN_ERRORS, **USE_ERRORS}.items()],
)
def test_bad_input_gives_one_message_and_status_2(
    made: Path, monkeypatch: pytest.MonkeyPatch, threads: None, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(made)
    monkeypatch.setenv("COLUMNS", "200")
    before = content(made)
    command = (
        arguments if arguments in [v[0] for v in USE_ERRORS.values()] else ["train", *arguments]
    )
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.output
    if result.stderr.startswith("error: "):
        assert result.stderr.count("\n") == 1
    assert content(made) == before


@pytest.mark.parametrize("prompt", ["Z", "hello"])
def test_unknown_symbol_of_a_prompt_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompt: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("ab" * 400)
    arguments: list[Any] = [
        "train",
        "text",
        "text.txt",
        "--steps",
        "1",
        "--batch-size",
        "2",
        *SMALL,
    ]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    result = CliRunner().invoke(app, ["sample", "runs/text-1", "--prompt", prompt])
    assert result.exit_code == 2
    assert f"{prompt[0]!r} is not among the 2 known symbols" in result.stderr


def test_seeds_that_could_not_start_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "text", "text.txt", "--seeds", "2", "--steps", "1", "--batch-size", "2"]
    for folder in ([], ["--run-dir", "many"]):
        result = CliRunner().invoke(app, [*arguments, *SMALL, *folder])
        assert result.exit_code == 2
        assert not list(tmp_path.iterdir())
    (tmp_path / "text.txt").write_text("ab" * 400)
    result = CliRunner().invoke(app, [*arguments, *SMALL, "--run-dir", "many"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "many" / "summary.json").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--temperature", "nan"], "temperature must be finite, got nan"),
        (["--temperature", "-1"], "temperature must be at least 0, got -1"),
        (["--seed", "-1"], "seed must be between 0 and 18446744073709551615, got -1"),
        (["--length", "0"], "length must be at least 1, got 0"),
    ],
)
def test_sampling_out_of_range_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("ab" * 400)
    arguments = ["train", "text", "text.txt", "--steps", "1", "--batch-size", "2", *SMALL]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    result = CliRunner().invoke(app, ["sample", "runs/text-1", "--prompt", "ab", *options])
    assert result.exit_code == 2
    assert f"[sample] {message}" in result.stderr
    assert result.stdout == ""


def test_divergence_is_status_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [*ADDING, "--learning-rate", "1e30", "--clip-value", "1e30", "--bound", "1e30"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 1
    assert "error: [training] stopped at step " in result.stderr
    assert "last good checkpoint is runs/adding-1/checkpoint.safetensors" in result.stderr


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INDRNN_DEBUG", "1")
    with pytest.raises(FileNotFoundError):
        CliRunner().invoke(app, ["train", "text", "nope.txt"], catch_exceptions=False)
