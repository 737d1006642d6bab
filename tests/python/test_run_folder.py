"""What stands in a run folder is read as far as it is what training writes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from indrnn_engine.training import RunFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder.create({}, path=tmp_path / "run")
    run.append({"step": 3, "split": "train", "loss": 0.5})
    run.append({"step": 4, "split": "train", "loss": 0.25})
    return run


@pytest.mark.parametrize(
    "line", ["[1]", "3", "null", '"step"', '{"step": "4"}', '{"step', "[" * 100_000]
)
def test_records_end_at_a_line_that_is_none(run: RunFolder, line: str) -> None:
    with run.metrics.open("a") as stream:
        stream.write(line)
    assert [record["loss"] for record in run.records()] == [0.5, 0.25]
    assert run.last_step() == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "recursion"),
        ('{"format":', "Expecting value"),
        ("[1]", "must hold a JSON object"),
        ("{}", "must be written by indrnn train"),
    ],
)
def test_a_damaged_configuration_is_named(run: RunFolder, text: str, message: str) -> None:
    run.config.write_text(text)
    with pytest.raises(ValueError, match=rf"\[run\] .*config\.json.*{message}"):
        RunFolder.open(run.path)
