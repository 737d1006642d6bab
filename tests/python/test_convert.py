"""The authors' checkpoints, there and back: names, shapes, and what goes wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

import indrnn_engine as ie
from released_names import (
    BLOCKS,
    CLASSES,
    EMBEDDING,
    INPUTS,
    RELEASED,
    TIME_STEPS,
    VOCABULARY,
    state_dict,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LANGUAGE = {
    "num_embeddings": VOCABULARY,
    "embedding_size": EMBEDDING,
    "tied": True,
    "batch_norm": "before",
    "time_steps": TIME_STEPS,
    "word_dropout": 0.1,
    "row_dropout": 0.1,
}
DENSE = {"blocks": BLOCKS, "dense_dropout": 0.1, "transition_dropout": 0.1}
PRESETS = {
    "class_plain": lambda: ie.architectures.plain(3, 7, 5, time_steps=9, dropout=0.1),
    "class_residual": lambda: ie.architectures.residual(2, 7, 5, time_steps=9, dropout=0.1),
    "class_dense": lambda: ie.architectures.dense(3, 5, time_steps=9, num_first=4, **DENSE),
    "lm_plain": lambda: ie.architectures.plain(3, 7, 11, dropout=0.1, **LANGUAGE),
    "lm_residual": lambda: ie.architectures.residual(2, 7, 11, dropout=0.1, **LANGUAGE),
    "lm_dense": lambda: ie.architectures.dense(3, 11, **DENSE, **LANGUAGE),
}
networks = pytest.mark.parametrize("name", RELEASED)


def each_layer(layers: tuple[ie.nn.Layer, ...]) -> Iterator[ie.nn.Layer]:
    for layer in layers:
        yield layer
        if isinstance(layer, ie.nn.Container):
            yield from each_layer(layer.layers)


@networks
def test_presets_have_the_released_names_and_shapes(name: str) -> None:
    net = ie.Network(PRESETS[name](), input_size=INPUTS)
    found = ie.convert.to_indrnn_pytorch(net)
    assert [(key, array.shape) for key, array in found.items()] == RELEASED[name]


@networks
def test_what_is_read_is_given_back(name: str) -> None:
    given = state_dict(name)
    net = ie.convert.from_indrnn_pytorch(given, dtype="float64")
    found = ie.convert.to_indrnn_pytorch(net)
    assert list(found) == list(given)
    for key, array in given.items():
        assert np.array_equal(found[key], array), key
    assert not any(isinstance(layer, ie.nn.Dropout) for layer in each_layer(net.layers))


@networks
def test_a_preset_and_what_is_read_from_it_compute_the_same(name: str) -> None:
    net = ie.Network(PRESETS[name](), input_size=INPUTS, seed=3)
    rng = np.random.default_rng(0)
    for values in net.named_buffers().values():
        values[...] = rng.uniform(0.5, 1.5, values.shape)
    place = "after" if name.startswith("class") else "before"
    again = ie.convert.from_indrnn_pytorch(ie.convert.to_indrnn_pytorch(net), batch_norm=place)
    x = (
        rng.integers(0, VOCABULARY, (12, 4))
        if net.takes_indices
        else rng.normal(size=(12, 4, INPUTS)).astype(np.float32)
    )
    assert np.array_equal(net.forward(x)[0], again.forward(x)[0])


def test_gradients_have_the_names_of_their_parameters() -> None:
    net = ie.Network(PRESETS["lm_plain"]())
    net.gradients[...] = np.arange(net.num_parameters)
    found = ie.convert.to_indrnn_pytorch(net, values="gradients")
    expected = [(n, shape) for n, shape in RELEASED["lm_plain"] if "running" not in n]
    assert [(key, array.shape) for key, array in found.items()] == expected
    assert np.array_equal(found["encoder.weight"], net.named_gradients()["0.weight"])
    assert np.array_equal(found["decoder.weight"], found["encoder.weight"])
    found["decoder.bias"][:] = 0.0
    assert net.named_gradients()[f"{len(net.layers) - 1}.bias"].all()  # copies were given


def test_place_of_the_norms_is_the_argument_for_classifiers() -> None:
    given = state_dict("class_plain")
    kinds = {
        place: [
            type(layer).__name__
            for layer in ie.convert.from_indrnn_pytorch(given, batch_norm=place).layers[:3]
        ]
        for place in ("after", "before")
    }
    assert kinds["after"] == ["Linear", "Recurrence", "BatchNorm"]
    assert kinds["before"] == ["Linear", "BatchNorm", "Recurrence"]


def test_language_models_tell_the_place_of_their_norms() -> None:
    given = state_dict("lm_residual")
    before = ie.convert.from_indrnn_pytorch(given, batch_norm="after")
    assert isinstance(before.layers[2].layers[0], ie.nn.BatchNorm)
    assert before.layers[2].layers[0].time_steps == TIME_STEPS
    without = {key: array for key, array in given.items() if not key.startswith("extra_bn")}
    after = ie.convert.from_indrnn_pytorch(without, batch_norm="before")
    assert isinstance(after.layers[2].layers[0], ie.nn.Recurrence)


def test_networks_without_norms_and_without_a_last_transition_are_read() -> None:
    for name in RELEASED:
        given = {
            key: array
            for key, array in state_dict(name).items()
            if not re.search("norm1|extra_bn|lastlayer", key)
        }
        if name == "class_dense":
            given["classifier.weight"] = np.ones((CLASSES, 14))
        net = ie.convert.from_indrnn_pytorch(given, dtype="float64")
        assert not any(isinstance(layer, ie.nn.BatchNorm) for layer in each_layer(net.layers))
        assert list(ie.convert.to_indrnn_pytorch(net)) == list(given)


def test_prefix_and_batch_counters_are_passed_over() -> None:
    given = state_dict("class_residual")
    wrapped = {f"module.{key}": array for key, array in given.items()}
    counter = "module.features.IndRNNwithBN_last.norm1.bn.num_batches_tracked"
    wrapped[counter] = np.array(7, np.int64)
    net = ie.convert.from_indrnn_pytorch({"epoch": 3, "state_dict": wrapped}, dtype="float64")
    found = ie.convert.to_indrnn_pytorch(net)
    assert all(np.array_equal(found[key], array) for key, array in given.items())


def test_indrnn_layers_are_linear_and_recurrence() -> None:
    net = ie.Network([ie.nn.IndRNN(4), ie.nn.LastStep(), ie.nn.Linear(2)], input_size=3)
    found = ie.convert.to_indrnn_pytorch(net)
    assert list(found)[:3] == ["DIs.0.fc.weight", "DIs.0.fc.bias", "RNNs.0.indrnn1.weight_hh"]
    again = ie.convert.from_indrnn_pytorch(found)
    x = np.ones((6, 2, 3), np.float32)
    assert np.array_equal(again.forward(x)[0], net.forward(x)[0])
