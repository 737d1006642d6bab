"""A run that was stopped or killed goes on exactly where its last checkpoint left it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import indrnn_engine as ie
from indrnn_engine.training import (
    PRESETS,
    Experiment,
    Reporter,
    RunFolder,
    Trainer,
    TrainingConfig,
    new_run,
    resume_run,
)

if TYPE_CHECKING:
    from pathlib import Path

STEPS = 30


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than these runs."""
    monkeypatch.setattr("indrnn_engine.training.recorder.draw_curves", lambda *_: None)


def adding(**training: Any) -> Experiment:
    fields = {"max_steps": STEPS, "learning_rate": 0.05, "evaluate_every": 7, "log_every": 4}
    return dataclasses.replace(
        PRESETS["adding"],
        data={"time_steps": 8, "steps_per_epoch": 11, "validation_batches": 1, "test_batches": 1},
        model=ie.training.ModelConfig(
            options={"num_layers": 2, "hidden_size": 8, "batch_norm": "after", "dropout": 0.2}
        ),
        training=TrainingConfig(**{**fields, **training}),
    )


def text(folder: Path) -> Experiment:
    path = folder / "text.txt"
    path.write_text("abcdefghij" * 60)
    return dataclasses.replace(
        PRESETS["text"],
        data={"path": str(path), "time_steps": 9, "batch_size": 4},
        model=ie.training.ModelConfig(
            options={
                "num_layers": 1,
                "hidden_size": 8,
                "embedding_size": 4,
                "bound": 0.99,
                "dropout": 0.1,
            }
        ),
        training=TrainingConfig(max_steps=STEPS, learning_rate=0.01, evaluate_every=10),
    )


class StopAt(Reporter):
    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, trainer: Trainer, *_: Any) -> None:
        if trainer.progress.step == self.step:
            trainer.stop()


def records(run: RunFolder) -> list[dict[str, Any]]:
    """All that does not depend on the clock."""
    return [
        {k: v for k, v in record.items() if k not in ("seconds", "samples_per_second", "waiting")}
        for record in run.records()
    ]


def assert_same_run(first: Path, second: Path) -> None:
    for name in ("last.safetensors", "best.safetensors"):
        left, right = (load_file(folder / name) for folder in (first, second))
        assert left.keys() == right.keys()
        for key, value in left.items():
            np.testing.assert_array_equal(value, right[key], err_msg=f"{name}: {key}")
    assert records(RunFolder.open(first)) == records(RunFolder.open(second))


def whole_run(experiment: Experiment, root: Path) -> Path:
    path = root / "whole"
    trainer = new_run(experiment, run_dir=path, tensorboard=False)
    trainer.fit()
    return path


@pytest.mark.parametrize(
    "rule", [{}, {"patience": 1, "patience_factor": 0.5}, {"optimizer": "sgd"}]
)
def test_stopped_run_continues_bit_for_bit(tmp_path: Path, rule: dict[str, Any]) -> None:
    experiment = adding(schedule="cosine", **rule)
    whole = whole_run(experiment, tmp_path)
    for step in (1, 7, 11, 20, STEPS - 1):
        cut = tmp_path / f"cut-{step}"
        trainer = new_run(experiment, run_dir=cut, reporter=StopAt(step), tensorboard=False)
        assert trainer.fit().reason == "interrupted"
        trainer = resume_run(cut)
        assert trainer.progress.step == step
        assert trainer.fit().reason == "steps"
        assert_same_run(whole, cut)


def test_carried_state_continues_bit_for_bit(tmp_path: Path) -> None:
    experiment = text(tmp_path)
    whole = whole_run(experiment, tmp_path)
    for step in (3, 13, 17):
        cut = tmp_path / f"cut-{step}"
        trainer = new_run(experiment, run_dir=cut, reporter=StopAt(step), tensorboard=False)
        trainer.fit()
        trainer = resume_run(cut)
        trainer.fit()
        assert_same_run(whole, cut)


def test_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    path = whole_run(adding(), tmp_path)
    before = load_file(path / "last.safetensors")
    result = resume_run(path).fit()
    assert (result.reason, result.step) == ("steps", STEPS)
    for name, value in load_file(path / "last.safetensors").items():
        np.testing.assert_array_equal(value, before[name])


def test_time_limit_of_a_resumed_run_is_its_own(tmp_path: Path) -> None:
    trainer = new_run(adding(max_minutes=1e-9), root=tmp_path, tensorboard=False)
    assert trainer.fit().reason == "time"
    assert resume_run(trainer.run.path, overrides={"max_minutes": None}).fit().step == STEPS  # type: ignore[union-attr]


def interrupted(folder: Path) -> RunFolder:
    trainer = new_run(adding(), run_dir=folder, reporter=StopAt(9), tensorboard=False)
    trainer.fit()
    return RunFolder.open(folder)


def test_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    run = interrupted(tmp_path / "run")
    config = json.loads(run.config.read_text())
    config["experiment"]["model"]["options"]["hidden_size"] = 9
    run.config.write_text(json.dumps(config))
    with pytest.raises(ValueError, match="belongs to another network"):
        resume_run(run.path)


def test_changed_data_are_refused(tmp_path: Path) -> None:
    experiment = text(tmp_path)
    trainer = new_run(experiment, run_dir=tmp_path / "run", tensorboard=False, reporter=StopAt(4))
    trainer.fit()
    (tmp_path / "text.txt").write_text("jihgfedcba" * 60)
    with pytest.raises(ValueError, match="the data have changed"):
        resume_run(tmp_path / "run")


RUN = '{"format": "indrnn_engine.run", "format_version": 1, '


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", '{"format": "other"}'),
        *(RUN + rest for rest in ('"experiment": 3}', '"experiment": {}, "data": []}')),
    ],
)
def test_damaged_configuration_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=r"config\.json"):
        resume_run(tmp_path)


def test_configuration_of_a_later_version_is_refused(tmp_path: Path) -> None:
    run = interrupted(tmp_path / "run")
    config = json.loads(run.config.read_text())
    run.config.write_text(json.dumps({**config, "format_version": 99}))
    with pytest.raises(ValueError, match="has version 99, known is 1"):
        resume_run(run.path)


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"must be a run folder, and has no config\.json"):
        resume_run(tmp_path)


def test_run_in_use_is_refused(tmp_path: Path) -> None:
    trainer = new_run(adding(), root=tmp_path, tensorboard=False)
    with pytest.raises(BlockingIOError, match="is in use by another process"):
        resume_run(trainer.run.path)  # type: ignore[union-attr]


def test_existing_folder_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="must be a new or empty folder"):
        new_run(adding(), run_dir=tmp_path, tensorboard=False)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_new_runs_take_the_first_free_name(tmp_path: Path) -> None:
    (tmp_path / "adding-2").mkdir()
    names = [
        new_run(adding(), root=tmp_path, tensorboard=False).run.path.name  # type: ignore[union-attr]
        for _ in range(2)
    ]
    assert names == ["adding-1", "adding-3"]


def test_bad_experiment_leaves_no_folder(tmp_path: Path) -> None:
    experiment = adding()
    experiment.model.options["activation"] = "softsign"
    with pytest.raises(ValueError, match="softsign"):
        new_run(experiment, root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
