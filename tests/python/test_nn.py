"""Layer specs: values with checked fields, equal to their JSON form and back."""

from __future__ import annotations

import ast
import copy
import dataclasses
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from indrnn_engine import nn
from indrnn_engine._core import Network as CoreNetwork

SPECS = [
    nn.Embedding(11, 4),
    nn.Embedding(11, 4, init="normal", init_scale=0.5),
    nn.Linear(8),
    nn.Linear(8, bias=False, init="kaiming_normal", init_scale=0.0),
    nn.Recurrence(),
    nn.Recurrence("tanh", init_low=-1.0, init_high=0.25),
    nn.IndRNN(8),
    nn.IndRNN(8, "sigmoid", False, "uniform", 0.1, 0.5, 1.5),
    nn.BatchNorm(),
    nn.BatchNorm(momentum=0.3, epsilon=1e-3),
    nn.Dropout(),
    nn.Dropout(0.125),
    nn.LastStep(),
]


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_json_form_reads_back_equal(spec):
    text = json.dumps(nn.to_dict(spec))
    assert nn.from_dict(json.loads(text)) == spec


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_copies_and_pickles_are_equal_and_hashable(spec):
    for other in (copy.copy(spec), copy.deepcopy(spec), pickle.loads(pickle.dumps(spec))):
        assert other == spec
        assert hash(other) == hash(spec)


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_specs_cannot_be_changed(spec):
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.size = 3


def test_every_layer_type_is_tested_here():
    assert {type(spec) for spec in SPECS} == set(nn.layer_types().values())


def cpp_fields(name: str) -> dict[str, object]:
    """Fields and defaults of a layer in the C++ header."""
    header = Path(__file__).parents[2] / "cpp" / "include" / "indrnn" / "nn.hpp"
    if not header.exists():
        pytest.skip("the C++ headers are not here")
    struct = re.search(rf"struct {name} {{(.*?)\n}};", header.read_text(), re.DOTALL)
    assert struct, f"nn.hpp has no struct {name}"
    found = re.findall(r"^  ([\w:]+) (\w+) = (.+);", struct[1], re.MULTILINE)
    values = {"true": True, "false": False}
    return {
        field: values.get(text, text) if kind == "bool" else ast.literal_eval(text)
        for kind, field, text in found
    }


@pytest.mark.parametrize("name", nn.layer_types())
def test_fields_and_defaults_are_those_of_the_cpp_header(name):
    fields = {
        field.name: 0 if field.default is dataclasses.MISSING else field.default
        for field in dataclasses.fields(nn.layer_types()[name])
    }
    assert fields == cpp_fields(name)


@pytest.mark.parametrize("name", nn.layer_types())
def test_the_engine_takes_a_layer_without_its_optional_fields_for_the_same(name):
    spec = nn.layer_types()[name]
    required = {
        field.name: 3 for field in dataclasses.fields(spec) if field.default is dataclasses.MISSING
    }

    def parameters(layer):
        document = {"input_size": 2, "dtype": "float32", "layers": [layer]}
        return CoreNetwork.from_json(json.dumps(document), "cpu", 5).parameters

    short = parameters({"type": name, **required})
    np.testing.assert_array_equal(short, parameters(nn.to_dict(spec(**required))))


def test_numpy_and_integer_values_become_plain_ones():
    spec = nn.Linear(np.int32(8), bias=np.True_, init_scale=np.float32(0.5))
    assert nn.to_dict(spec) == nn.to_dict(nn.Linear(8, init_scale=0.5))
    assert [type(value) for value in nn.to_dict(spec).values()] == [str, int, bool, str, float]
    assert nn.Dropout(0) == nn.Dropout(0.0)
    assert type(nn.Dropout(0).p) is float


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(8.0), r"\[nn\.Linear\] size must be an int, got 8\.0"),
        (lambda: nn.Linear("8"), r"size must be an int, got '8'"),
        (lambda: nn.Linear(True), r"size must be an int, got True"),
        (lambda: nn.Linear(np.array([8])), r"size must be an int"),
        (lambda: nn.Linear(8, bias=1), r"bias must be True or False, got 1"),
        (lambda: nn.Linear(8, init=None), r"init must be a str, got None"),
        (lambda: nn.IndRNN(8, activation=3), r"activation must be a str"),
        (lambda: nn.Dropout("0.5"), r"\[nn\.Dropout\] p must be a number, got '0\.5'"),
        (lambda: nn.Dropout(True), r"p must be a number"),
        (lambda: nn.Layer(), r"base of the layer specs"),
    ],
)
def test_a_field_of_the_wrong_type_is_refused_by_name(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Dropout(float("nan")),
        lambda: nn.Recurrence(init_high=float("inf")),
        lambda: nn.Linear(10**30),
        lambda: nn.Recurrence(init_high=10**400),
    ],
)
def test_a_number_no_engine_could_use_is_refused(make):
    with pytest.raises(ValueError, match="must be"):
        make()


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (
            {"type": "Lineer", "size": 3},
            ValueError,
            "unknown layer type 'Lineer'.*Embedding, Linear",
        ),
        ({"type": "Layer"}, ValueError, "unknown layer type 'Layer'"),
        ({"type": ["Linear"]}, ValueError, "unknown layer type"),
        ({"size": 3}, ValueError, "unknown layer type None"),
        ({"type": "Linear", "size": 3, "widht": 1}, ValueError, "Linear has no field 'widht'"),
        ({"type": "LastStep", "size": 3}, ValueError, "its fields are none"),
        ({"type": "Linear"}, ValueError, "Linear needs the field 'size'"),
        ({"type": "Linear", "size": "3"}, TypeError, "size must be an int"),
        ({"type": "Linear", "size": None}, TypeError, "size must be an int"),
        ({"type": "Dropout", "p": [0.5]}, TypeError, "p must be a number"),
        (["Linear", 3], TypeError, "must be a mapping"),
        ("Linear", TypeError, "must be a mapping"),
        (None, TypeError, "must be a mapping"),
    ],
)
def test_from_dict_refuses_what_is_no_layer(values, error, message):
    with pytest.raises(error, match=message):
        nn.from_dict(values)


def test_to_dict_refuses_what_is_no_layer():
    with pytest.raises(TypeError, match="must be a layer spec"):
        nn.to_dict({"type": "Linear", "size": 3})
