"""Networks that cannot be made: the message names the layer and the field."""

from __future__ import annotations

import numpy as np

import indrnn_engine as ie
from error_cases import assert_raises, check, network
from indrnn_engine import nn


@check(
    [
        ("no layers", lambda: ie.Network([], 2), ValueError, "layers must .* got none"),
        ("a single spec", lambda: ie.Network(nn.Linear(2), 2), TypeError, "layers must"),
        ("not a spec", lambda: ie.Network([3], 2), TypeError, "layers.* got int 3"),
        ("a spec class", lambda: ie.Network([nn.LastStep], 2), TypeError, "layer"),
        ("no input size", lambda: ie.Network([nn.Linear(2)]), ValueError, "input_size must"),
        (
            "input size 0",
            lambda: ie.Network([nn.Linear(2)], 0),
            ValueError,
            "input_size must .* got 0",
        ),
        (
            "input size -1",
            lambda: ie.Network([nn.Linear(2)], -1),
            ValueError,
            "input_size must .* got -1",
        ),
        (
            "input size 2.5",
            lambda: ie.Network([nn.Linear(2)], 2.5),
            TypeError,
            "input_size must .* got float 2.5",
        ),
        (
            "dtype float16",
            lambda: network(dtype="float16"),
            TypeError,
            "dtype must .*float32.* got float16",
        ),
        (
            "dtype int64",
            lambda: network(dtype="int64"),
            TypeError,
            "dtype must .*float32.* got int64",
        ),
        ("device", lambda: network(device="tpu"), RuntimeError, "device must .*cpu.*tpu"),
        (
            "device cuda:99",
            lambda: network(device="cuda:99"),
            RuntimeError,
            "cuda",
        ),  # not on any machine
        (
            "storage",
            lambda: network(storage="half"),
            ValueError,
            "storage must be 'full' or 'bfloat16', got 'half'",
        ),
        (
            "storage on the CPU",
            lambda: network(storage="bfloat16"),
            ValueError,
            "storage 'bfloat16' needs a network on a GPU .* this one is on 'cpu'",
        ),
        (
            "storage of another type",
            lambda: network(storage=16),
            TypeError,
            "storage must .* got int 16",
        ),
        ("seed -1", lambda: network(seed=-1), ValueError, "seed must .* got -1"),
        ("seed float", lambda: network(seed=0.5), TypeError, "seed must .* got float 0.5"),
        (
            "size 0",
            lambda: ie.Network([nn.Linear(0)], 2),
            ValueError,
            "layer 0 .*Linear.* size must .* got 0",
        ),
        (
            "size float",
            lambda: ie.Network([nn.Linear(2.0)], 2),
            (TypeError, ValueError),
            "size must",
        ),
        (
            "second layer",
            lambda: ie.Network([nn.Linear(2), nn.IndRNN(-3)], 2),
            ValueError,
            "layer 1 .*IndRNN.* size must .* got -3",
        ),
        (
            "activation",
            lambda: ie.Network([nn.Recurrence("gelu")], 2),
            ValueError,
            "layer 0 .*activation must .*relu.*gelu",
        ),
        (
            "indrnn activation",
            lambda: ie.Network([nn.IndRNN(2, "Relu")], 2),
            ValueError,
            "activation must .*relu.*Relu",
        ),
        (
            "init",
            lambda: ie.Network([nn.Linear(2, init="xavier")], 2),
            ValueError,
            "init must .*kaiming_uniform.*xavier",
        ),
        (
            "init scale",
            lambda: ie.Network([nn.Linear(2, init="normal", init_scale=-1.0)], 2),
            ValueError,
            "init_scale must .* got -1",
        ),
        (
            "init range",
            lambda: ie.Network([nn.Recurrence(init_low=1.0, init_high=0.5)], 2),
            ValueError,
            "init_low.*init_high|init_high.*init_low",
        ),
        (
            "init nan",
            lambda: ie.Network([nn.Recurrence(init_low=np.nan)], 2),
            ValueError,
            "init_low",
        ),
        (
            "norm mode",
            lambda: ie.Network([nn.BatchNorm("batch")], 2),
            ValueError,
            "mode must .*sequence.*batch",
        ),
        (
            "momentum",
            lambda: ie.Network([nn.BatchNorm(momentum=1.5)], 2),
            ValueError,
            "momentum must .* got 1.5",
        ),
        (
            "epsilon",
            lambda: ie.Network([nn.BatchNorm(epsilon=-1e-5)], 2),
            ValueError,
            "epsilon must .* got -1e-05",
        ),
        ("p of 1", lambda: ie.Network([nn.Dropout(1.0)], 2), ValueError, "p must .* got 1"),
        ("p of -0.1", lambda: ie.Network([nn.Dropout(-0.1)], 2), ValueError, "p must .* got -0.1"),
        (
            "p of nan",
            lambda: ie.Network([nn.Dropout(float("nan"))], 2),
            ValueError,
            "p must .* got nan",
        ),
        (
            "num 0",
            lambda: ie.Network([nn.Embedding(0, 3)]),
            ValueError,
            "layer 0 .*Embedding.* num must .* got 0",
        ),
        (
            "embedding later",
            lambda: ie.Network([nn.Linear(2), nn.Embedding(4, 3)], 2),
            ValueError,
            "layer 1 .*Embedding.*first",
        ),
        (
            "recurrence behind last step",
            lambda: ie.Network([nn.LastStep(), nn.IndRNN(3)], 2),
            ValueError,
            "layer 1 .*sequence",
        ),
        (
            "last step twice",
            lambda: ie.Network([nn.LastStep(), nn.LastStep()], 2),
            ValueError,
            "layer 1 .*LastStep.*sequence",
        ),
    ]
)
def test_creating(call, error, message):
    assert_raises(call, error, message)


@check(
    [
        ("not json", lambda: ie.Network.from_json("{"), ValueError, "JSON"),
        ("a list", lambda: ie.Network.from_json("[]"), ValueError, "text must"),
        (
            "no layers",
            lambda: ie.Network.from_json('{"input_size": 2, "dtype": "float32"}'),
            ValueError,
            "layers",
        ),
        (
            "unknown type",
            lambda: ie.Network.from_json(
                '{"input_size": 2, "dtype": "float32", "layers": [{"type": "Conv"}]}'
            ),
            ValueError,
            "Conv.*Linear",
        ),
        (
            "unknown field",
            lambda: ie.Network.from_json(
                '{"input_size": 2, "dtype": "float32", "layers": [{"type": "Linear", "width": 2}]}'
            ),
            ValueError,
            "width.*size",
        ),
        (
            "field type",
            lambda: ie.Network.from_json(
                '{"input_size": 2, "dtype": "float32", "layers": [{"type": "Linear", "size": "2"}]}'
            ),
            ValueError,
            "size must be an integer",
        ),
        ("dict without type", lambda: nn.from_dict({"size": 2}), ValueError, "type"),
        (
            "dict of unknown type",
            lambda: nn.from_dict({"type": "Conv"}),
            ValueError,
            "Conv.*Linear",
        ),
        (
            "dict with unknown field",
            lambda: nn.from_dict({"type": "Linear", "size": 2, "width": 2}),
            ValueError,
            "width",
        ),
    ]
)
def test_specs_from_text(call, error, message):
    assert_raises(call, error, message)
