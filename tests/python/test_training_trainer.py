"""The training loop: it learns, ends when it should, and never goes on with bad numbers."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.data import Batch, Data, SequenceDataset, SequenceSource
from indrnn_engine.training import (
    PRESETS,
    Experiment,
    Reporter,
    RunFolder,
    Trainer,
    TrainingConfig,
    TrainingDivergedError,
    evaluate,
    new_run,
    objective_for,
)

if TYPE_CHECKING:
    from pathlib import Path


def small(**training: Any) -> Experiment:
    """The adding problem with T = 10."""
    fields = {"max_steps": 40, "learning_rate": 3e-3, "evaluate_every": 10, "log_every": 5}
    return dataclasses.replace(
        PRESETS["adding"],
        data={"time_steps": 10, "validation_batches": 2, "test_batches": 2},
        model=ie.training.ModelConfig(
            options={"num_layers": 1, "hidden_size": 16, "batch_norm": None}
        ),
        training=TrainingConfig(**{**fields, **training}),
    )


def trainer_of(experiment: Experiment, **options: Any) -> Trainer:
    data = experiment.load_data()
    return Trainer(experiment.make_network(data), data, experiment.training, **options)


class Notes(Reporter):
    def __init__(self) -> None:
        self.scores: list[float] = []
        self.rates: list[float] = []
        self.messages: list[str] = []
        self.waiting = 0.0

    def stepped(
        self, trainer: Trainer, metrics: dict[str, float], samples_per_second: float
    ) -> None:
        assert samples_per_second > 0.0
        assert np.isfinite(metrics["loss"])
        self.rates.append(trainer.optimizer.lr)
        time.sleep(self.waiting)

    def evaluated(self, trainer: Trainer, metrics: dict[str, float], *, improved: bool) -> None:
        self.scores.append(metrics[trainer.objective.score])
        assert improved == (self.scores[-1] == min(self.scores))

    def noted(self, trainer: Trainer, message: str) -> None:
        self.messages.append(message)


def test_adding_problem_is_learned() -> None:
    experiment = small(max_steps=600, learning_rate=5e-3)
    experiment.model.options["num_layers"] = 2  # one gates, one sums
    result = trainer_of(experiment).fit()
    assert result.reason == "steps"
    assert result.test is not None
    assert result.test["mse"] < 0.05  # always answering 1 gives 0.167


def test_digits_are_learned() -> None:
    experiment = dataclasses.replace(
        PRESETS["digits"],
        model=ie.training.ModelConfig(
            options={"num_layers": 2, "hidden_size": 32, "magnitude": 5.0}
        ),
        training=TrainingConfig(epochs=8, learning_rate=1e-2, schedule="one-cycle"),
    )
    result = trainer_of(experiment).fit()
    assert result.test is not None
    assert result.test["accuracy"] > 0.5


def test_text_is_learned_with_carried_state(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("the quick brown fox jumps over the lazy dog. " * 300)
    experiment = dataclasses.replace(
        PRESETS["text"],
        data={"path": str(path), "time_steps": 20, "batch_size": 8},
        model=ie.training.ModelConfig(
            options={"num_layers": 1, "hidden_size": 64, "bound": 0.99, "embedding_size": 16}
        ),
        training=TrainingConfig(
            max_steps=200, learning_rate=1e-2, schedule="one-cycle", evaluate_every=100
        ),
    )
    trainer = trainer_of(experiment)
    result = trainer.fit()
    assert result.best is not None
    assert result.best["loss"] < 1.0  # an even guess among 28 symbols gives 3.3
    assert trainer.state.steps > 20


def test_best_weights_are_kept_and_tested() -> None:
    experiment = small(max_steps=60, learning_rate=0.1)  # jumps about
    notes = Notes()
    trainer = trainer_of(experiment, reporter=notes)
    result = trainer.fit()
    assert result.best is not None
    assert result.best["mse"] == min(notes.scores)
    again = evaluate(trainer.net, trainer.data.source("validation"), objective_for(trainer.data))
    assert again == result.best


def test_last_weights_are_tested_when_asked_for() -> None:
    notes = Notes()
    trainer = trainer_of(small(learning_rate=0.1, final_model="last"), reporter=notes)
    trainer.fit()
    again = evaluate(trainer.net, trainer.data.source("validation"), objective_for(trainer.data))
    assert again is not None
    assert again["mse"] == notes.scores[-1]


def test_schedule_sets_the_rate_of_every_step() -> None:
    notes = Notes()
    trainer = trainer_of(small(schedule="cosine", warmup_steps=5), reporter=notes)
    trainer.fit()
    assert notes.rates == [trainer.schedule(step) for step in range(40)]
    assert notes.rates[-1] < notes.rates[5]


def test_recurrent_weights_stay_within_the_bound() -> None:
    trainer = trainer_of(small(learning_rate=0.05, recurrent_bound=0.9))
    trainer.fit()
    weights = [v for n, v in trainer.net.named_parameters().items() if n.endswith("weight_hh")]
    assert max(float(np.abs(view).max()) for view in weights) == pytest.approx(0.9)


def test_patience_returns_to_the_best_weights_and_lowers_the_rate() -> None:
    notes = Notes()
    experiment = small(
        max_steps=10_000,
        learning_rate=0.2,
        patience=2,
        patience_factor=0.5,
        minimum_learning_rate=0.01,
    )
    trainer = trainer_of(experiment, reporter=notes)
    result = trainer.fit()
    assert result.reason == "learning rate"
    assert result.step < 10_000
    assert notes.messages[0].startswith("back to the weights of step")
    assert len(notes.messages) == 5  # 0.2 halved five times is below 0.01
    assert notes.rates[0] == 0.2
    assert notes.rates[-1] == pytest.approx(0.2 / 16)


def test_early_stop_ends_training() -> None:
    result = trainer_of(small(max_steps=10_000, learning_rate=0.5, early_stop=3)).fit()
    assert result.reason == "early stop"
    assert result.best_step is not None
    assert result.step == result.best_step + 30


def test_target_ends_training() -> None:
    result = trainer_of(small(max_steps=10_000, stop_at=0.1)).fit()
    assert result.reason == "target"
    assert result.best is not None
    assert result.best["mse"] <= 0.1


def test_time_limit_ends_training() -> None:
    notes = Notes()
    notes.waiting = 0.01
    result = trainer_of(small(max_steps=10_000, max_minutes=0.005), reporter=notes).fit()
    assert result.reason == "time"
    assert 0 < result.step < 100


def test_stop_ends_training_after_the_step() -> None:
    class Stopper(Reporter):
        def stepped(self, trainer: Trainer, *_: Any) -> None:
            if trainer.progress.step == 7:
                trainer.stop()

    result = trainer_of(small(), reporter=Stopper()).fit()
    assert (result.reason, result.step, result.test) == ("interrupted", 7, None)


def test_same_seed_same_bits_for_any_number_of_threads(threads: None) -> None:
    weights = []
    for count in (1, 2):
        ie.set_num_threads(count)
        trainer = trainer_of(small())
        trainer.fit()
        weights.append(trainer.net.parameters.copy())
    np.testing.assert_array_equal(weights[0], weights[1])


def test_seed_changes_the_weights() -> None:
    first, second = (trainer_of(small(seed=seed)) for seed in (0, 1))
    assert (first.net.parameters != second.net.parameters).any()


def test_bad_loss_stops_with_step_and_layer_named(tmp_path: Path) -> None:
    class Poisoned(Reporter):
        def stepped(self, trainer: Trainer, *_: Any) -> None:
            if trainer.progress.step == 12:
                trainer.net.named_parameters()["1.weight_hh"][3] = np.nan

    trainer = new_run(small(), root=tmp_path, reporter=Poisoned(), tensorboard=False)
    assert trainer.run is not None
    with pytest.raises(TrainingDivergedError, match=r"step 13: the loss is nan.*1\.weight_hh"):
        trainer.fit()
    again = ie.training.resume_run(trainer.run.path)  # the last good checkpoint is kept
    assert 0 < again.progress.step <= 12
    assert np.isfinite(again.net.parameters).all()


def test_overflow_names_the_layer() -> None:
    trainer = trainer_of(small(recurrent_bound=None))
    trainer.net.named_parameters()["1.weight_hh"][...] = 1e30
    with pytest.raises(TrainingDivergedError, match=r"layer 1 \(Recurrence\)"):
        trainer.fit()


def test_bad_input_is_named() -> None:
    x = np.ones((40, 5, 2))
    x[17, 3, 1] = np.inf
    source = SequenceSource(SequenceDataset(x, np.zeros(40, np.int64)), 40)
    data = Data("own", "classification", 2, 2, 5, train=source)
    net = ie.Network(ie.architectures.plain(1, 4, 2, time_steps=5), input_size=2)
    with pytest.raises(TrainingDivergedError, match=r"step 1: .*the input"):
        Trainer(net, data, TrainingConfig(max_steps=2)).fit()


def test_masked_steps_do_not_count() -> None:
    objective = objective_for(Data("own", "classification", 1, 2, 3, train=None))  # type: ignore[arg-type]
    output = np.zeros((3, 2, 2), np.float32)
    output[:2, :, 1] = 5.0
    mask = np.array([[True, True], [True, False], [False, False]])
    batch = Batch(output, np.ones((3, 2), np.int64), mask=mask)
    loss, gradient = objective.loss(output, batch)
    assert objective.metrics(output, batch, loss)["accuracy"] == 1.0
    assert objective.weight(batch) == 3.0
    assert (gradient[~mask] == 0.0).all()


def test_regression_error_is_in_units_of_the_targets(rng: np.random.Generator) -> None:
    x = rng.random((100, 6, 1))
    data = ie.data.arrays.from_arrays(x, 1000.0 * x.mean(axis=1))
    net = ie.Network(ie.architectures.plain(1, 8, 1, time_steps=6), input_size=1)
    metrics = evaluate(net, data.source("train"), objective_for(data))
    assert metrics is not None
    deviation = data.metadata["target_deviation"][0]
    assert metrics["mse"] == pytest.approx(metrics["loss"] * deviation**2, rel=1e-5)


def test_records_hold_loss_rate_and_speed(tmp_path: Path) -> None:
    trainer = new_run(small(), root=tmp_path, tensorboard=False)
    result = trainer.fit()
    assert trainer.run is not None
    records = trainer.run.records()
    train = [record for record in records if record["split"] == "train"]
    assert [record["step"] for record in train] == list(range(5, 45, 5))
    assert {"loss", "mse", "learning_rate", "samples_per_second", "seconds"} <= train[0].keys()
    validation = [record for record in records if record["split"] == "validation"]
    assert [record["step"] for record in validation] == [10, 20, 30, 40]
    assert result.test is not None
    assert records[-1]["mse"] == result.test["mse"]
    assert json.loads(trainer.run.result.read_text())["test"] == result.test


def test_run_folder_holds_models_curves_and_configuration(tmp_path: Path) -> None:
    trainer = new_run(small(), root=tmp_path, tensorboard=True)
    trainer.fit()
    run = RunFolder.open(tmp_path / "adding-1")
    for path in (run.best, run.last):
        assert ie.Network.load(path).layers == trainer.net.layers
    np.testing.assert_array_equal(ie.Network.load(run.best).parameters, trainer.net.parameters)
    assert run.curves.read_bytes().startswith(b"\x89PNG")
    assert list(run.tensorboard.glob("events.out.tfevents.*"))
    config = run.read_config()
    assert config["num_parameters"] == trainer.net.num_parameters
    assert Experiment.from_dict(config["experiment"]).data == small().data


def test_stop_during_the_last_validation_is_an_interruption() -> None:
    class Slow(Reporter):
        def stepped(self, trainer: Trainer, *_: Any) -> None:
            if trainer.progress.step == trainer.total_steps:
                trainer.stop()

    trainer = trainer_of(small(), reporter=Slow())
    result = trainer.fit()
    assert (result.reason, result.step, result.test) == ("interrupted", 40, None)
    assert trainer.progress.last_evaluation == 30  # that of step 40 is still due
