"""The example programs run, in their small sizes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import indrnn_engine as ie

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "python"


def test_one_neuron_adding(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    program = EXAMPLES / "one_neuron_adding.py"
    done = subprocess.run(
        [sys.executable, program, "--smoke", "--output", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    errors = dict(re.findall(r"^(.*): ([0-9.]+)$", done.stdout, flags=re.MULTILINE))
    before, after = (
        float(errors[f"one neuron, head {state}"]) for state in ("as it was", "trained again")
    )
    assert after < before
    assert after < 0.167
    record = json.loads((tmp_path / "one_neuron.json").read_text())
    assert f"{record['result']['test']['mse']:.5f}" == errors["one neuron, head trained again"]
    small = ie.Network.load(tmp_path / "one_neuron.safetensors")
    assert small.named_parameters()["3.weight_hh"].shape == (1,)
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "activations.png",
        "recurrent_weights.png",
    }


@pytest.mark.parametrize(("study", "metric"), [("depth", "accuracy"), ("length", "mse")])
def test_depth_and_length(tmp_path: Path, study: str, metric: str) -> None:
    pytest.importorskip("matplotlib")
    program = EXAMPLES / "depth_and_length.py"
    done = subprocess.run(
        [sys.executable, program, study, "--smoke", "--output", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results" / f"{study}-study.json").read_text())
    for points in found.values():
        assert all(0 <= value <= 1 for point in points for value in point[metric])
    assert (tmp_path / "images" / f"{study}-study.png").read_bytes().startswith(b"\x89PNG")


def test_the_trained_model_of_sequential_mnist() -> None:
    path = EXAMPLES.parent / "models" / "sequential_mnist.safetensors"
    assert path.stat().st_size < 1_000_000
    net = ie.Network.load(path)
    blank = np.zeros((784, 3, 1), np.float32)
    logits, _ = net.forward(blank)
    assert logits.shape == (3, 10)
    # A vertical stroke in the middle is a one.
    image = np.zeros((28, 28), np.float32)
    image[5:23, 13:15] = 1.0
    logits, _ = net.forward(image.reshape(784, 1, 1))
    assert int(logits.argmax()) == 1
    log = (path.with_suffix(".jsonl")).read_text().splitlines()
    last = [json.loads(line) for line in log if '"validation"' in line][-1]
    assert last["accuracy"] > 0.98
