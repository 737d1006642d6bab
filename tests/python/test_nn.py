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
    nn.Embedding(11, 4, 0.1, init="normal", init_scale=0.5),
    nn.Linear(8),
    nn.Linear(8, bias=False, init="kaiming_normal", init_scale=0.0),
    nn.Recurrence(),
    nn.TiedLinear(),
    nn.TiedLinear(bias=False),
    nn.Recurrence("tanh", 0.1, "normal", init_low=-1.0, init_high=0.25),
    nn.IndRNN(8),
    nn.IndRNN(8, "sigmoid", False, 0.2, "uniform", 0.1, "normal", 0.5, 1.5),
    nn.BatchNorm(),
    nn.BatchNorm("step", 50, momentum=0.3, epsilon=1e-3, init_weight=0.1),
    nn.LayerNorm(),
    nn.LayerNorm(1e-3),
    nn.Dropout(),
    nn.Dropout(0.125),
    nn.LastStep(),
    nn.MeanOverTime(),
    nn.TimeDifference(),
    nn.Residual([nn.Recurrence(), nn.Linear(8)]),
    nn.Concat((nn.IndRNN(3), nn.Residual([nn.Dropout(0.1), nn.Concat([nn.LayerNorm()])]))),
    nn.Bidirectional([nn.IndRNN(4)]),
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


def test_layers_of_a_container_are_kept_as_a_tuple():
    spec = nn.Residual([nn.Linear(8)])
    assert spec.layers == (nn.Linear(8),)
    assert spec == nn.Residual((nn.Linear(8),))


def test_every_layer_type_is_tested_here():
    assert {type(spec) for spec in SPECS} == set(nn.layer_types().values())


def cpp_fields(name: str) -> dict[str, object]:
    """Fields and defaults of a layer in the C++ header."""
    header = Path(__file__).parents[2] / "cpp" / "include" / "indrnn" / "nn.hpp"
    if not header.exists():
        pytest.skip("the C++ headers are not here")
    struct = re.search(rf"struct {name} {{(.*?)\n}};", header.read_text(), re.DOTALL)
    assert struct, f"nn.hpp has no struct {name}"
    fields: dict[str, object] = {}
    for kind, field, _, text in re.findall(
        r"^  ([\w:<>]+) (\w+)( = (.+))?;", struct[1], re.MULTILINE
    ):
        assert text or kind == "std::vector<LayerSpec>"
        fields[field] = (
            {"true": True, "false": False}.get(text)
            if kind == "bool"
            else (ast.literal_eval(text) if text else None)
        )
    return fields


def python_fields(name: str, required: dict[str, object]) -> dict[str, object]:
    return {
        field.name: required.get(field.name, field.default)
        for field in dataclasses.fields(nn.layer_types()[name])
    }


@pytest.mark.parametrize("name", nn.layer_types())
def test_fields_and_defaults_are_those_of_the_cpp_header(name):
    # In C++ what must be given starts as 0 or empty.
    assert python_fields(name, {"num": 0, "size": 0, "layers": None}) == cpp_fields(name)


def test_the_cpp_header_has_no_other_layers():
    header = Path(__file__).parents[2] / "cpp" / "include" / "indrnn" / "nn.hpp"
    if not header.exists():
        pytest.skip("the C++ headers are not here")
    names = re.findall(r'type_name\(\) { return "(\w+)"; }', header.read_text())
    assert sorted(names) == sorted(nn.layer_types())


@pytest.mark.parametrize("name", nn.layer_types())
def test_the_engine_takes_a_layer_without_its_optional_fields_for_the_same(name):
    required = {"num": 3, "size": 3, "layers": [{"type": "Recurrence"}]}
    given = {
        field.name: required[field.name]
        for field in dataclasses.fields(nn.layer_types()[name])
        if field.default is dataclasses.MISSING
    }
    first = [{"type": "Embedding", "num": 3, "size": 2}] if name == "TiedLinear" else []

    def parameters(layer):
        document = {"input_size": 2, "dtype": "float32", "layers": [*first, layer]}
        return CoreNetwork.from_json(json.dumps(document), "cpu", 5, "store").parameters

    short = {"type": name, **given}
    full = nn.to_dict(nn.from_dict(short))
    np.testing.assert_array_equal(parameters(short), parameters(full))


def test_numpy_and_integer_values_become_plain_ones():
    spec = nn.Linear(np.int32(8), bias=np.True_, init_scale=np.float32(0.5))
    assert nn.to_dict(spec) == nn.to_dict(nn.Linear(8, init_scale=0.5))
    assert [type(value) for value in nn.to_dict(spec).values()] == [str, int, bool, str, float]
    assert nn.Dropout(0) == nn.Dropout(0.0)
    assert type(nn.Dropout(0).p) is float


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(8.0), r"\[nn\.Linear\] size must be an integer, got float 8\.0"),
        (lambda: nn.Linear("8"), r"size must be an integer, got str '8'"),
        (lambda: nn.Linear(True), r"size must be an integer, got bool True"),
        (lambda: nn.Linear(np.array([8])), r"size must be an integer"),
        (lambda: nn.Linear(8, bias=1), r"bias must be True or False, got int 1"),
        (lambda: nn.Linear(8, init=None), r"init must be a str, got NoneType"),
        (lambda: nn.IndRNN(8, activation=3), r"activation must be a str"),
        (lambda: nn.Dropout("0.5"), r"\[nn\.Dropout\] p must be a number, got str '0\.5'"),
        (lambda: nn.Dropout(True), r"p must be a number"),
        (lambda: nn.Layer(), r"only the base"),
        (lambda: nn.Container([nn.Linear(8)]), r"only the base"),
        (lambda: nn.Residual(nn.Linear(8)), r"layers must be a list of layer specs"),
        (lambda: nn.Residual("Linear"), r"layers must be a list of layer specs"),
        (lambda: nn.Concat([nn.Linear]), r"layers\[0\] must be a layer spec"),
        (lambda: nn.Concat([nn.Linear(8), [nn.Linear(8)]]), r"layers\[1\] must be a layer spec"),
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


def nested(depth: int) -> dict[str, object]:
    values: dict[str, object] = {"type": "LastStep"}
    for _ in range(depth):
        values = {"type": "Residual", "layers": [values]}
    return values


def test_layers_may_nest_64_deep():
    spec = nn.from_dict(nested(64))
    assert nn.to_dict(spec) == nested(64)


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
        ({"type": "Linear", "size": "3"}, TypeError, "size must be an integer"),
        ({"type": "Linear", "size": None}, TypeError, "size must be an integer"),
        ({"type": "Dropout", "p": [0.5]}, TypeError, "p must be a number"),
        ({"type": "Residual"}, ValueError, "Residual needs the field 'layers'"),
        ({"type": "Residual", "layers": {"type": "LastStep"}}, TypeError, "layers must be a list"),
        ({"type": "Residual", "layers": "Linear"}, TypeError, "layers must be a list"),
        ({"type": "Residual", "layers": [3]}, TypeError, "must be a mapping"),
        (
            {"type": "Residual", "layers": [{"type": "Line"}]},
            ValueError,
            "unknown layer type 'Line'",
        ),
        (nested(65), ValueError, "must not nest deeper than 64"),
        (nested(400), ValueError, "must not nest deeper than 64"),
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
