"""`indrnn evaluate`, `predict`, `sample` and `info` on models that `indrnn train` left."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie

pytest.importorskip("typer")

from typer.testing import CliRunner

from indrnn_engine.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["--layers", "1", "--hidden-size", "8", "--no-tensorboard", "--quiet"]


def indrnn(*arguments: Any, status: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four trained runs: adding, text, and arrays with classes and with values."""
    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    x, lengths = 50.0 + 9.0 * rng.random((60, 10, 3)), rng.integers(2, 11, 60)
    np.savez(folder / "classes.npz", x=x, y=rng.integers(0, 3, 60), lengths=lengths)
    np.savez(folder / "values.npz", x=x, y=500.0 + x[:, 0, :2], lengths=lengths)
    (folder / "text.txt").write_text("hello world, " * 200)
    steps = ["--steps", "12", *SMALL]
    indrnn("train", "adding", "--time-steps", "9", "--run-dir", folder / "adding", *steps)
    indrnn(
        "train",
        "text",
        folder / "text.txt",
        "--batch-size",
        4,
        "--run-dir",
        folder / "text",
        *steps,
    )
    for name in ("classes", "values"):
        indrnn("train", "arrays", folder / f"{name}.npz", "--run-dir", folder / name, *steps)
    return folder


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("run", ["adding", "classes", "values"])
def test_evaluate_repeats_the_test_of_training(folder: Path, run: str) -> None:
    expected = json.loads((folder / run / "result.json").read_text())["test"]
    measured = json.loads(indrnn("evaluate", folder / run, "--json"))
    assert measured["split"] == "test"
    assert {name: measured[name] for name in expected} == expected


def test_evaluate_takes_a_model_file_and_a_split(folder: Path) -> None:
    expected = json.loads((folder / "text" / "result.json").read_text())["best"]
    model = folder / "text" / "best.safetensors"
    measured = json.loads(indrnn("evaluate", model, "--split", "validation", "--json"))
    assert {name: measured[name] for name in expected} == expected
    assert "validation loss" in indrnn("evaluate", folder / "text")  # text has no test split


def test_evaluate_finds_data_that_have_moved(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.npz"
    moved.write_bytes((folder / "classes.npz").read_bytes())
    here = indrnn("evaluate", folder / "classes", "--json")
    assert indrnn("evaluate", folder / "classes", "--data", moved, "--json") == here


def test_predicted_classes_have_probabilities(folder: Path) -> None:
    table = rows(indrnn("predict", folder / "classes", folder / "classes.npz"))
    assert len(table) == 60
    for row in table:
        values = [float(row[f"probability_{index}"]) for index in range(3)]
        assert sum(values) == pytest.approx(1.0, abs=1e-4)
        assert int(row["class"]) == int(np.argmax(values))


def test_predicted_values_are_in_units_of_the_targets(folder: Path) -> None:
    table = rows(indrnn("predict", folder / "values", folder / "values.npz"))
    values = np.array([[float(row["value_0"]), float(row["value_1"])] for row in table])
    assert values.shape == (60, 2)
    assert 540.0 < values.mean() < 570.0


def test_predictions_go_to_files(folder: Path, tmp_path: Path) -> None:
    on_screen = indrnn("predict", folder / "classes", folder / "classes.npz")
    indrnn("predict", folder / "classes", folder / "classes.npz", "-o", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == on_screen
    indrnn("predict", folder / "classes", folder / "classes.npz", "-o", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as arrays:
        assert [str(number) for number in arrays["classes"]] == [
            row["class"] for row in rows(on_screen)
        ]
        assert arrays["probabilities"].shape == (60, 3)


def test_prediction_does_not_read_padding(folder: Path, tmp_path: Path) -> None:
    with np.load(folder / "classes.npz") as arrays:
        x, lengths = arrays["x"].copy(), arrays["lengths"]
    x[np.arange(10)[None, :] >= lengths[:, None]] = 1e6
    np.savez(tmp_path / "padded.npz", x=x, lengths=lengths)
    expected = indrnn("predict", folder / "classes", folder / "classes.npz")
    assert indrnn("predict", folder / "classes", tmp_path / "padded.npz") == expected


def test_sample_writes_text_of_the_asked_length(folder: Path) -> None:
    output = indrnn("sample", folder / "text", "--length", 40, "--prompt", "hello", "--seed", 3)
    assert len(output) == len("hello") + 40 + 1
    assert output.startswith("hello")
    assert set(output[:-1]) <= set("hello world, ")
    again = indrnn("sample", folder / "text", "--length", 40, "--prompt", "hello", "--seed", 3)
    assert again == output
    other = indrnn("sample", folder / "text", "--length", 40, "--prompt", "hello", "--seed", 4)
    assert other != output


def test_models_of_characters_say_their_alphabet(folder: Path) -> None:
    for file in ("best.safetensors", "last.safetensors"):
        metadata = ie.files.read_metadata(folder / "text" / file)
        assert metadata["alphabet"] == "".join(sorted(set("hello world, ")))
    assert "alphabet" not in ie.files.read_metadata(folder / "adding" / "best.safetensors")


def test_coldest_sample_has_no_chance(folder: Path) -> None:
    first, second = (
        indrnn("sample", folder / "text", "-n", 20, "-t", 0, "--seed", seed) for seed in (1, 2)
    )
    assert first == second


def test_info_shows_the_machine() -> None:
    described = json.loads(indrnn("info", "--json"))
    assert described["indrnn_engine"] == ie.version()
    assert described["devices"] == list(ie.devices())
    assert described["instruction_set"] == ie.instruction_set()
    text = indrnn("info")
    assert "instruction set" in text
    assert "threads" in text


def test_info_counts_parameters(folder: Path) -> None:
    described = json.loads(indrnn("info", folder / "classes", "--json"))
    net = ie.Network.load(folder / "classes" / "best.safetensors")
    assert described["num_parameters"] == net.num_parameters
    assert sum(layer["num_parameters"] for layer in described["layers"]) == net.num_parameters
    assert described["run_reason"] == "steps"
    text = indrnn("info", folder / "classes")
    assert "weight_hh [8]" in text
    assert "Recurrence" in text


def test_info_of_a_model_saved_by_hand(tmp_path: Path) -> None:
    ie.Network([ie.nn.IndRNN(3)], input_size=2).save(tmp_path / "own.safetensors")
    assert "IndRNN" in indrnn("info", tmp_path / "own.safetensors")


def test_last_weights_can_be_chosen(folder: Path) -> None:
    described = json.loads(indrnn("info", folder / "adding", "--weights", "last", "--json"))
    assert described["model"].endswith("last.safetensors")
