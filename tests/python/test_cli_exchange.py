"""`indrnn export` and `indrnn convert`: models for, and of, other programs."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie

pytest.importorskip("typer")

from typer.testing import CliRunner

from indrnn_engine.cli.app import app


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.safetensors"
    layers = ie.architectures.plain(2, 6, 3, time_steps=8)
    ie.Network(layers, input_size=2, seed=4).save(path)
    return path


def test_export_writes_a_model_that_onnxruntime_runs_alike(model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    output = tmp_path / "model.onnx"
    code, text = run("export", model, output, "--lengths")
    assert (code, text.strip()) == (0, f"wrote {output}")
    net = ie.Network.load(model)
    x = np.random.default_rng(0).normal(size=(8, 2, 2)).astype(np.float32)
    lengths = np.array([8, 5])
    state = net.initial_state(2)
    feed = {"x": x, "lengths": lengths, **{f"state.{name}": state[name] for name in state}}
    y = onnxruntime.InferenceSession(output).run(["y"], feed)[0]
    np.testing.assert_allclose(y, net.forward(x, lengths=lengths)[0], atol=1e-5)


def test_export_refuses_another_ending(model, tmp_path):
    code, text = run("export", model, tmp_path / "model.bin")
    assert code == 2
    assert "must end in .onnx" in text


def test_convert_reads_the_authors_checkpoint(tmp_path, model):
    torch = pytest.importorskip("torch")
    net = ie.Network.load(model)
    arrays = ie.convert.to_indrnn_pytorch(net)
    checkpoint = tmp_path / "authors.pt"
    state_dict = {name: torch.from_numpy(array) for name, array in arrays.items()}
    torch.save({"state_dict": state_dict}, checkpoint)
    code, text = run("convert", checkpoint, tmp_path / "converted.safetensors")
    assert code == 0, text
    converted = ie.Network.load(tmp_path / "converted.safetensors")
    for name, array in ie.convert.to_indrnn_pytorch(converted).items():
        np.testing.assert_array_equal(array, arrays[name])


def test_convert_names_a_file_that_is_not_there(tmp_path):
    pytest.importorskip("torch")
    code, text = run("convert", tmp_path / "nothing.pt", tmp_path / "model.safetensors")
    assert code == 2
    assert "nothing.pt" in text
