"""`Network.describe`, and what `indrnn info` and `indrnn plot` show of a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import indrnn_engine as ie
from indrnn_engine import nn

if TYPE_CHECKING:
    from pathlib import Path

ITEM = 4  # bytes of a float32


def rows(net: ie.Network, time_steps: int = 10, batch: int = 2) -> dict[str, Any]:
    return {row.path: row for row in net.describe(time_steps, batch).layers}


def test_costs_of_layers_are_those_of_their_formulas() -> None:
    layers = [
        nn.Linear(6),
        nn.BatchNorm(),
        nn.Recurrence(),
        nn.Dropout(0.1),
        nn.IndRNN(5, bias=False),
        nn.LayerNorm(),
        nn.TimeDifference(),
        nn.MeanOverTime(),
        nn.Linear(4),
    ]
    found = rows(ie.Network(layers, input_size=3))
    flops = {
        "0": 2 * 3 * 6,  # a product and a sum each, the bias the last of the sums
        "1": 2 * 6,
        "2": 3 * 6,
        "3": 0,
        "4": (2 * 6 - 1) * 5 + 3 * 5,
        "5": 8 * 5,
        "6": 5,
        "7": 5,
        "8": 2 * 5 * 4 / 10,  # once in ten steps
    }
    assert {path: row.flops for path, row in found.items()} == {
        path: pytest.approx(2 * count) for path, count in flops.items()
    }
    moved = {"0": 3 + 6, "2": 6 + 6, "4": 6 + 5, "7": 5 + 5 / 10, "8": (5 + 4) / 10}
    for path, numbers in moved.items():
        assert found[path].bytes == pytest.approx(2 * ITEM * numbers), path
    assert found["6"].output_shape == (10, 2, 5)
    assert found["8"].output_shape == (2, 4)


def test_layers_inside_of_others_have_rows_behind_theirs() -> None:
    layers = [
        nn.Residual([nn.Recurrence(), nn.Linear(3)]),
        nn.Concat([nn.Linear(2), nn.Residual([nn.Recurrence()])]),
        nn.Bidirectional([nn.IndRNN(4)]),
    ]
    net = ie.Network(layers, input_size=3)
    found = rows(net)
    assert list(found) == [
        *("0", "0.0", "0.1", "1", "1.0", "1.1", "1.1.0", "2", "2.forward.0", "2.backward.0")
    ]
    assert found["0"].flops == 2 * 3
    assert found["1"].output_shape == (10, 2, 5)
    assert found["2"].output_shape == (10, 2, 8)
    assert found["2"].parameters == 0
    assert sum(row.parameters for row in found.values()) == net.num_parameters


@pytest.mark.parametrize(
    "layers",
    [
        ie.architectures.plain(2, 4, 3, time_steps=9),
        ie.architectures.residual(
            2, 4, 9, time_steps=9, num_embeddings=9, embedding_size=4, tied=True
        ),
        ie.architectures.dense(
            2, 3, time_steps=9, time_difference=True, bidirectional=True, last_step=False
        ),
    ],
    ids=["plain", "residual", "dense"],
)
@pytest.mark.parametrize("training", [False, True])
def test_shapes_sums_and_plan_agree_with_the_engine(layers: list[Any], training: bool) -> None:
    net = ie.Network(layers, input_size=2)
    summary = net.describe(10, 3, training)
    assert summary.layers[-1].output_shape == net._core.output_shape(10, 3)
    assert summary.parameters == sum(row.parameters for row in summary.layers)
    assert summary.parameters == net.num_parameters
    assert summary.flops == sum(row.flops for row in summary.layers)
    assert summary.workspace_bytes == net.workspace_bytes(10, 3, training)
    assert summary.plan == net.describe_plan(10, 3, training)
    nodes = [node for segment in summary.segments for node in segment]
    assert {row.path for row in summary.layers} == {
        path for node in nodes if (path := node.split(":")[0]) not in ("input", "output")
    }
    assert json.loads(json.dumps(summary.to_dict()))["layers"][0]["path"] == "0"


def test_flops_grow_with_the_batch_alone() -> None:
    net = ie.Network(ie.architectures.dense(2, 3, time_steps=9, last_step=False), input_size=2)
    few, many, long = net.describe(10, 2), net.describe(10, 6), net.describe(20, 2)
    assert many.flops == 3 * few.flops
    assert long.flops == few.flops


def test_sizes_are_checked() -> None:
    net = ie.Network([nn.IndRNN(2)], input_size=2)
    with pytest.raises(ValueError, match=r"\[describe\] time_steps must be at least 1, got 0"):
        net.describe(0, 1)
    with pytest.raises(ValueError, match=r"\[describe\] batch must be at least 1, got -1"):
        net.describe(1, -1)


# On the command line


@pytest.fixture
def model(tmp_path: Path) -> Path:
    layers = ie.architectures.residual(1, 8, 5, time_steps=20, dropout=0.1)
    ie.Network(layers, input_size=3).save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def indrnn(*arguments: Any, status: int = 0) -> str:
    pytest.importorskip("typer")
    from typer.testing import CliRunner

    from indrnn_engine.cli.app import app

    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def test_info_prints_layers_costs_and_plan(model: Path) -> None:
    lines = indrnn("info", model, "--time-steps", 50, "--batch", 4).splitlines()
    row = next(line for line in lines if line.startswith("1.3"))
    assert row.split() == [
        *("1.3", "Linear", "size", "8", "[50,", "4,", "8]"),
        *("weight", "[8,", "8],", "bias", "[8]", "72", "512", "256"),
    ]
    total = next(line.split() for line in lines if line.split()[:1] == ["total"])
    assert total[1] == str(ie.Network.load(model).num_parameters)
    assert any(line.startswith("plan for T 50, batch 4: ") for line in lines)
    assert any("1.4:Recurrence+bias" in line for line in lines if "segment 0" in line)


def test_info_gives_the_summary_as_json(model: Path) -> None:
    described = json.loads(indrnn("info", model, "--json"))
    assert described["summary"] == ie.Network.load(model).describe(100, 1).to_dict()
    assert "must be at least 1" in indrnn("info", model, "--batch", 0, status=2)


def test_plot_draws_the_recurrent_weights(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        output = tmp_path / f"memory{suffix}"
        assert indrnn("plot", model, "-o", output).strip() == str(output)
        assert output.read_bytes().startswith(start)
    assert "layer 1.0: 8" in (tmp_path / "memory.svg").read_text()


def test_plot_refuses_other_formats_and_networks(model: Path, tmp_path: Path) -> None:
    message = indrnn("plot", model, "-o", tmp_path / "memory.txt", status=2)
    assert "output must end in .png, .pdf, .svg" in message
    ie.Network([nn.Linear(2)], input_size=3).save(tmp_path / "linear.safetensors")
    linear = tmp_path / "linear.safetensors"
    assert "a recurrent layer" in indrnn("plot", linear, "-o", tmp_path / "l.png", status=2)
    assert not (tmp_path / "l.png").exists()
