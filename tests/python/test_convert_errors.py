"""What the conversion of checkpoints refuses, and how it says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

import indrnn_engine as ie
from released_names import EMBEDDING, INPUTS, RELEASED, ROWS, VOCABULARY, state_dict

if TYPE_CHECKING:
    from collections.abc import Callable


def test_everything_that_does_not_fit_is_listed_at_once() -> None:
    given = state_dict("class_dense")
    del given["features.denseblock2.denselayer1.fc2.fc.bias"]
    del given["classifier.bias"]
    given["features.transition1.fc.fc.weight"] = np.zeros((10, 20))
    given["optimizer.lr"] = np.zeros(1)
    with pytest.raises(ValueError, match="does not fit a dense classifier") as error:
        ie.convert.from_indrnn_pytorch(given)
    message = str(error.value)
    assert "missing: features.denseblock2.denselayer1.fc2.fc.bias, classifier.bias;" in message
    assert "left over: optimizer.lr;" in message
    assert "features.transition1.fc.fc.weight must have shape [10, 21], got [10, 20]" in message


@pytest.mark.parametrize("name", RELEASED)
def test_every_missing_name_is_named(name: str) -> None:
    """Whichever array is missing: the message has its name, or it was one of a pair."""
    for key in RELEASED[name]:
        given = state_dict(name)
        del given[key[0]]
        with pytest.raises(ValueError, match=re.escape(key[0])):
            ie.convert.from_indrnn_pytorch(given)


def change(name: str, **arrays: np.ndarray) -> dict[str, np.ndarray]:
    return {**state_dict(name), **{key.replace("__", "."): a for key, a in arrays.items()}}


ERRORS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "untied decoder": (
        lambda: change("lm_plain", decoder__weight=np.zeros((VOCABULARY, EMBEDDING))),
        ValueError,
        "decoder.weight must equal encoder.weight",
    ),
    "statistics of no length": (
        lambda: {
            k: a[:-1] if a.shape[:1] == (ROWS,) else a for k, a in state_dict("lm_plain").items()
        },
        ValueError,
        r"running_mean must have shape \[4 T \+ 1, features\], got \[36, 7\]",
    ),
    "other names": (lambda: {"weight": np.zeros(3)}, ValueError, "names of a plain, residual"),
    "nothing": (dict, ValueError, "got nothing"),
    "a hole in the numbers": (
        lambda: change("class_plain", DIs__1000000__fc__weight=np.zeros((7, 7))),
        ValueError,
        "numbered in order",
    ),
    "blocks without layers": (
        lambda: change("class_dense", features__denseblock9__denselayer1__x=np.zeros(1)),
        ValueError,
        "numbered in order",
    ),
    "no size at all": (
        lambda: {"DIs.0.fc.weight": np.zeros(()), "RNNs.0.indrnn1.weight_hh": np.zeros(4)},
        ValueError,
        "the size of the input cannot be told without DIs.0.fc.weight",
    ),
    "integers": (
        lambda: change("class_plain", classifier__bias=np.zeros(5, int)),
        TypeError,
        "int64",
    ),
    "no mapping": (lambda: 3, TypeError, "must be a mapping"),
    "no names": (lambda: {1: np.zeros(3)}, TypeError, "names that are str"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_say_what_is_wrong(case: str) -> None:
    make, kind, message = ERRORS[case]
    with pytest.raises(kind, match=message):
        ie.convert.from_indrnn_pytorch(make())


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match='batch_norm must be "after" or "before"'):
        ie.convert.from_indrnn_pytorch(state_dict("class_plain"), batch_norm="between")
    net = ie.Network(ie.architectures.plain(3, 7, 5, time_steps=9), input_size=INPUTS)
    with pytest.raises(ValueError, match='values must be "parameters" or "gradients"'):
        ie.convert.to_indrnn_pytorch(net, values="states")


OTHER_NETWORKS = {
    "mean over time": [ie.nn.IndRNN(4), ie.nn.MeanOverTime(), ie.nn.Linear(2)],
    "no bias": [ie.nn.IndRNN(4, bias=False), ie.nn.LastStep(), ie.nn.Linear(2)],
    "a layer norm": [ie.nn.IndRNN(4), ie.nn.LayerNorm(), ie.nn.LastStep(), ie.nn.Linear(2)],
    "an untied decoder": [ie.nn.Embedding(5, 3), ie.nn.IndRNN(4), ie.nn.Linear(5)],
    "no recurrence": [ie.nn.Linear(4), ie.nn.LastStep(), ie.nn.Linear(2)],
    "mixed places": [
        *[ie.nn.Linear(4), ie.nn.BatchNorm(), ie.nn.Recurrence()],
        *[ie.nn.Linear(4), ie.nn.Recurrence(), ie.nn.BatchNorm()],
        *[ie.nn.LastStep(), ie.nn.Linear(2)],
    ],
}


@pytest.mark.parametrize("case", OTHER_NETWORKS)
def test_other_networks_are_refused(case: str) -> None:
    net = ie.Network(OTHER_NETWORKS[case], input_size=3)
    with pytest.raises(ValueError, match="must be a plain, residual or dense network"):
        ie.convert.to_indrnn_pytorch(net)
