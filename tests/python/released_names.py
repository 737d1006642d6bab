"""Names and shapes of the authors' released networks, as rules, in small sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

# Sizes of the listed names: T, I, H, classes; vocabulary, embedding; k, blocks, num_first.
TIME_STEPS, INPUTS, HIDDEN, CLASSES = 9, 3, 7, 5
VOCABULARY, EMBEDDING = 11, 6
GROWTH, BLOCKS, NUM_FIRST = 3, (3, 2, 2), 4
ROWS = 4 * TIME_STEPS + 1

Names = list[tuple[str, tuple[int, ...]]]


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


def state_dict(name: str, dtype: str = "float64") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(len(name))
    arrays = {key: rng.normal(size=shape).astype(dtype) for key, shape in RELEASED[name]}
    if "encoder.weight" in arrays:
        arrays["decoder.weight"] = arrays["encoder.weight"].copy()
    return arrays
