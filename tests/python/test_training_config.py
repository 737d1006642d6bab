"""Configurations are values: they go to JSON and back, and say what is wrong with them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

import indrnn_engine as ie
from indrnn_engine.training import PRESETS, Experiment, TrainingConfig


@pytest.mark.parametrize("source", sorted(PRESETS))
def test_presets_survive_json(source: str) -> None:
    preset = PRESETS[source]
    assert preset.source == source
    assert Experiment.from_dict(json.loads(json.dumps(preset.to_dict()))) == preset


def test_every_source_has_a_preset() -> None:
    assert sorted(PRESETS) == sorted(ie.data.SOURCES)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "epochs or max_steps must be given"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epochs": 1, "learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"epochs": 1, "learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"epochs": 1, "optimizer": "lion"}, "optimizer must be one of adam, sgd, got 'lion'"),
        ({"epochs": 1, "schedule": "linear"}, "schedule must be one of constant, step, cosine"),
        ({"epochs": 1, "schedule": "step"}, "schedule_every must be at least 1"),
        ({"epochs": 1, "final_model": "first"}, "final_model must be one of best, last"),
        ({"epochs": 1, "clip_value": -1.0}, "clip_value must be above 0"),
        ({"epochs": 1, "evaluation": "both"}, "evaluation must be one of running, batch"),
        ({"epochs": 1, "test_draws": 0}, "test_draws must be at least 1, got 0"),
        ({"epochs": 1, "piece_steps": -1}, "piece_steps must be at least 0, got -1"),
        ({"epochs": 1, "seed": -1}, "seed must be at least 0"),
        ({"epochs": 2**70}, "epochs must be between 1 and"),
        ({"epochs": 1, "stop_at": float("nan")}, "stop_at must be finite, got nan"),
        ({"epochs": 1, "epoch": 1}, "unknown field 'epoch'; known: seed, epochs"),
    ],
)
def test_bad_training_configuration_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingConfig.from_dict(fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": "a"}, "epochs must be an integer, got str 'a'"),
        ({"epochs": 1.5}, "epochs must be an integer, got float 1.5"),
        ({"seed": None}, "seed must be an integer, got NoneType"),
        ({"patience": True}, "patience must be an integer, got bool True"),
        ({"learning_rate": None}, "learning_rate must be a number, got NoneType"),
        ({"learning_rate": "fast"}, "learning_rate must be a number, got str 'fast'"),
        ({"clip_norm": []}, r"clip_norm must be a number, got list \[\]"),
        ({"stop_at": "soon"}, "stop_at must be a number"),
        ({"cuda_graph": "no"}, "cuda_graph must be True or False, got str 'no'"),
    ],
)
def test_a_training_configuration_of_wrong_types_is_named(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=rf"\[training\] {message}"):
        TrainingConfig.from_dict({"epochs": 1, **fields})


@pytest.mark.parametrize("position", ["net", "data", "config"])
def test_a_trainer_of_something_else_is_named(position: str) -> None:
    data = ie.data.adding.load(time_steps=10, steps_per_epoch=5, test_batches=2)
    net = ie.Network([ie.nn.IndRNN(2), ie.nn.LastStep(), ie.nn.Linear(1)], input_size=2)
    given: dict[str, Any] = {"net": net, "data": data, "config": TrainingConfig(epochs=1)}
    with pytest.raises(TypeError, match=rf"\[training\] {position} must be a .*, got NoneType"):
        ie.training.Trainer(**{**given, position: None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "sums"}, "source must be one of adding, arrays, digits, mnist, ptb"),
        ({"data": {"length": 3}}, "data of adding has no option 'length'; known: time_steps"),
        ({"data": {"time_steps": 1}}, "time_steps must be at least 2, got 1"),
        ({"model": {"architecture": "deep"}}, "architecture must be one of .*plain"),
        ({"model": {"options": {"depth": 3}}}, "architecture plain has no option 'depth'"),
        (
            {"model": {"options": {"num_layers": 0, "hidden_size": 4}}},
            "num_layers must be at least 1, got 0",
        ),
        (
            {"model": {"options": {"num_layers": 1, "hidden_size": 4, "activation": "softsign"}}},
            "softsign",
        ),
        (
            {"model": {"options": {"num_layers": 1, "hidden_size": 4, "batch_norm": "between"}}},
            'batch_norm must be "after", "before" or None',
        ),
        (
            {"model": {"options": {"num_layers": 1, "hidden_size": 4, "dropout": 1.0}}},
            "dropout must be in",
        ),
        ({"models": {}}, "unknown field 'models'"),
    ],
)
def test_bad_experiment_is_named(change: dict[str, Any], message: str) -> None:
    document = {**PRESETS["adding"].to_dict(), **change}

    def make() -> None:
        experiment = Experiment.from_dict(document)
        experiment.make_network(experiment.load_data())

    with pytest.raises(ValueError, match=message):
        make()


def test_recurrent_bound_follows_the_length() -> None:
    preset = PRESETS["adding"]
    experiment = dataclasses.replace(preset, data={"time_steps": 1000})
    assert experiment.bound(experiment.load_data()) == pytest.approx(2.0 ** (1 / 1000))
    fixed = dataclasses.replace(
        experiment, training=dataclasses.replace(preset.training, recurrent_bound=0.99)
    )
    assert fixed.bound(fixed.load_data()) == 0.99


def test_last_layer_of_a_last_step_network_remembers() -> None:
    layers = ie.architectures.plain(2, 4, 1, time_steps=50, magnitude=2.0, batch_norm=None)
    first, last = (layer for layer in layers if isinstance(layer, ie.nn.Recurrence))
    bound = 2.0 ** (1 / 50)
    assert (first.init_low, first.init_high) == pytest.approx((0.0, bound))
    assert (last.init_low, last.init_high) == pytest.approx((1 / bound, bound))


@pytest.mark.parametrize(
    ("place", "order"),
    [
        ("after", ["Linear", "Recurrence", "BatchNorm", "Dropout"]),
        ("before", ["Linear", "BatchNorm", "Recurrence", "Dropout"]),
        (None, ["Linear", "Recurrence", "Dropout"]),
    ],
)
def test_order_of_layers(place: str | None, order: list[str]) -> None:
    layers = ie.architectures.plain(2, 4, 3, time_steps=9, batch_norm=place, dropout=0.1)
    assert [type(layer).__name__ for layer in layers] == [*order, *order, "LastStep", "Linear"]


def test_language_model_starts_with_an_embedding_and_reads_every_step() -> None:
    layers = ie.architectures.plain(
        1, 4, 30, time_steps=9, bound=0.99, last_step=False, num_embeddings=30, embedding_size=6
    )
    assert isinstance(layers[0], ie.nn.Embedding)
    assert ie.nn.LastStep() not in layers
    net = ie.Network(layers)
    assert net.takes_indices
