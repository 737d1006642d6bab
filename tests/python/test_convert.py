"""The authors' checkpoints, there and back: names, shapes, and what goes wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

import indrnn_engine as ie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Sizes of the listed names: T, I, H, classes; vocabulary, embedding; k, blocks, num_first.
TIME_STEPS, INPUTS, HIDDEN, CLASSES = 9, 3, 7, 5
VOCABULARY, EMBEDDING = 11, 6
GROWTH, BLOCKS, NUM_FIRST = 3, (3, 2, 2), 4
ROWS = 4 * TIME_STEPS + 1

Names = list[tuple[str, tuple[int, ...]]]


# The names and shapes of the released networks, as rules.


def linear(name: str, features: int, size: int) -> Names:
    return [(f"{name}.weight", (size, features)), (f"{name}.bias", (size,))]


def norm(name: str, size: int, rows: tuple[int, ...]) -> Names:
    return [
        (f"{name}.weight", (size,)),
        (f"{name}.bias", (size,)),
        (f"{name}.running_mean", (*rows, size)),
        (f"{name}.running_var", (*rows, size)),
    ]


def after(name: str, size: int) -> Names:
    return [(f"{name}.indrnn1.weight_hh", (size,)), *norm(f"{name}.norm1.bn", size, ())]


def before(name: str, size: int) -> Names:
    return [*norm(f"{name}.norm1", size, (ROWS,)), (f"{name}.indrnn1.weight_hh", (size,))]


def plain_layers(inputs: int, cell: Callable[[str, int], Names]) -> Names:
    names = []
    for index in range(3):
        names += linear(f"DIs.{index}.fc", HIDDEN if index else inputs, HIDDEN)
    for index in range(3):
        names += cell(f"RNNs.{index}", HIDDEN)
    return names


def residual_block(name: str, cell: Callable[[str, int], Names]) -> Names:
    names = []
    for half in "12":
        names += cell(f"{name}.IndRNNwithBN{half}", HIDDEN)
        names += linear(f"{name}.fc{half}.fc", HIDDEN, HIDDEN)
    return names


def dense_layer(name: str, features: int, cell: Callable[[str, int], Names]) -> Names:
    return [
        *linear(f"{name}.fc1.fc", features, 4 * GROWTH),
        *cell(f"{name}.IndRNNwithBN1", 4 * GROWTH),
        *linear(f"{name}.fc2.fc", 4 * GROWTH, GROWTH),
        *cell(f"{name}.IndRNNwithBN2", GROWTH),
    ]


def class_dense() -> Names:
    names = [*linear("features.fc0.fc", INPUTS, 12), *after("features.IndRNNwithBN0", 12)]
    features = 12
    for block, layers in enumerate(BLOCKS, start=1):
        for layer in range(1, layers + 1):
            names += dense_layer(f"features.denseblock{block}.denselayer{layer}", features, after)
            features += GROWTH
        part = "lastlayer" if block == 3 else f"transition{block}"
        names += linear(f"features.{part}.fc.fc", features, features // 2)
        features //= 2
        names += after(f"features.{part}.IndRNNwithBN", features)
    return [*names, *linear("classifier", features, CLASSES)]


def lm_dense() -> Names:
    blocks, transitions = [], []
    features = EMBEDDING
    for block, layers in enumerate(BLOCKS):
        for layer in range(layers):
            blocks += dense_layer(f"DenseBlocks.{block}.denselayers.{layer}", features, before)
            features += GROWTH
        size = EMBEDDING if block == 2 else features // 2
        transitions += linear(f"TransBlocks.{block}.fc.fc", features, size)
        transitions += before(f"TransBlocks.{block}.IndRNNwithBN1", size)
        features = size
    return [*blocks, *transitions, *norm("TransBlocks.2.extra_bn", EMBEDDING, (ROWS,))]


def way_out() -> Names:
    return [
        *linear("last_fc.fc", HIDDEN, EMBEDDING),
        *before("last_indrnn", EMBEDDING),
        *norm("extra_bn", EMBEDDING, (ROWS,)),
    ]


def language_model(names: Names) -> Names:
    table = (VOCABULARY, EMBEDDING)
    decoder = linear("decoder", EMBEDDING, VOCABULARY)
    return [("encoder.weight", table), *names, *decoder]


RELEASED: dict[str, Names] = {
    "class_plain": [*plain_layers(INPUTS, after), *linear("classifier", HIDDEN, CLASSES)],
    "class_residual": [
        *linear("features.fc0.fc", INPUTS, HIDDEN),
        *residual_block("features.resblock1", after),
        *residual_block("features.resblock2", after),
        *after("features.IndRNNwithBN_last", HIDDEN),
        *linear("classifier", HIDDEN, CLASSES),
    ],
    "class_dense": class_dense(),
    "lm_plain": language_model([*plain_layers(EMBEDDING, before), *way_out()]),
    "lm_residual": language_model(
        [
            *linear("fc0.fc", EMBEDDING, HIDDEN),
            *residual_block("resblocks.0", before),
            *residual_block("resblocks.1", before),
            *before("IndRNNwithBN_resfinal", HIDDEN),
            *way_out(),
        ]
    ),
    "lm_dense": language_model(lm_dense()),
}

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


def state_dict(name: str, dtype: str = "float64") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(len(name))
    arrays = {key: rng.normal(size=shape).astype(dtype) for key, shape in RELEASED[name]}
    if "encoder.weight" in arrays:
        arrays["decoder.weight"] = arrays["encoder.weight"].copy()
    return arrays


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


@networks
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
    net = ie.Network(PRESETS["class_plain"](), input_size=INPUTS)
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


def test_indrnn_layers_are_linear_and_recurrence() -> None:
    net = ie.Network([ie.nn.IndRNN(4), ie.nn.LastStep(), ie.nn.Linear(2)], input_size=3)
    found = ie.convert.to_indrnn_pytorch(net)
    assert list(found)[:3] == ["DIs.0.fc.weight", "DIs.0.fc.bias", "RNNs.0.indrnn1.weight_hh"]
    again = ie.convert.from_indrnn_pytorch(found)
    x = np.ones((6, 2, 3), np.float32)
    assert np.array_equal(again.forward(x)[0], net.forward(x)[0])
