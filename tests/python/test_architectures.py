"""The papers' networks: what lies in them, and where they start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.architectures import dense, plain, recurrent_bound, residual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LANGUAGE: dict[str, Any] = {"num_embeddings": 50, "embedding_size": 12, "tied": True}


def each_layer(layers: Sequence[ie.nn.Layer], kind: type = ie.nn.Layer) -> Iterator[Any]:
    for layer in layers:
        if isinstance(layer, kind):
            yield layer
        if isinstance(layer, ie.nn.Container):
            yield from each_layer(layer.layers, kind)


def names(layers: Sequence[ie.nn.Layer]) -> list[Any]:
    """Type names; of a container a tuple with the names inside of it."""
    return [
        (type(layer).__name__, *names(layer.layers))
        if isinstance(layer, ie.nn.Container)
        else type(layer).__name__
        for layer in layers
    ]


# What lies where.

IB_AFTER, IB_BEFORE = ["Recurrence", "BatchNorm"], ["BatchNorm", "Recurrence"]


def test_residual_blocks_are_pre_activated() -> None:
    layers = residual(2, 8, 3, time_steps=9, dropout=0.1)
    half = [*IB_AFTER, "Dropout", "Linear"]
    block = ("Residual", *half, *half)
    assert names(layers) == ["Linear", block, block, *IB_AFTER, "LastStep", "Linear"]


def test_residual_language_model_ends_in_a_tied_decoder() -> None:
    layers = residual(
        1, 8, 50, time_steps=9, batch_norm="before", dropout=0.1, word_dropout=0.2, **LANGUAGE
    )
    half = [*IB_BEFORE, "Dropout", "Linear"]
    assert names(layers) == [
        *("Embedding", "Dropout", "Linear", ("Residual", *half, *half), *IB_BEFORE),
        *("Linear", *IB_BEFORE, "BatchNorm", "Dropout", "TiedLinear"),
    ]
    assert [layer.p for layer in each_layer(layers, ie.nn.Dropout)] == [0.2, 0.1, 0.1, 0.1]


def test_residual_networks_may_have_a_dropout_behind_their_last_recurrence() -> None:
    classifier = residual(1, 8, 3, time_steps=9, dropout=0.1, blocks_dropout=0.3)
    assert names(classifier)[2:] == [*IB_AFTER, "Dropout", "LastStep", "Linear"]
    assert classifier[4] == ie.nn.Dropout(0.3)
    model = residual(1, 8, 50, time_steps=9, blocks_dropout=0.5, last_dropout=0.6, **LANGUAGE)
    assert names(model)[3:] == [
        *(*IB_AFTER, "Dropout"),
        *("Linear", *IB_AFTER, "Dropout", "TiedLinear"),
    ]
    assert [layer.p for layer in each_layer(model, ie.nn.Dropout)] == [0.5, 0.6]
    without = residual(1, 8, 3, time_steps=9, dropout=0.1)
    assert residual(1, 8, 3, time_steps=9, dropout=0.1, blocks_dropout=0.0) == without


def test_dense_layers_join_their_input() -> None:
    layers = dense(
        3,
        5,
        time_steps=9,
        blocks=(2, 1),
        first_dropout=0.1,
        dense_dropout=0.2,
        bottleneck_dropout=0.3,
        transition_dropout=0.4,
        last_dropout=0.5,
    )
    layer = ["Linear", *IB_AFTER, "Dropout"]
    joined = ("Concat", *layer, *layer)
    assert names(layers) == [*layer, joined, joined, *layer, joined, *layer, "LastStep", "Linear"]
    dropouts = [layer.p for layer in each_layer(layers, ie.nn.Dropout)]
    assert dropouts == [0.1, *[0.3, 0.2] * 2, 0.4, 0.3, 0.2, 0.5]
    sizes = [layer.size for layer in each_layer(layers, ie.nn.Linear)]
    assert sizes == [18, 12, 3, 12, 3, 12, 12, 3, 7, 5]  # 18 + 2 * 3 halved: 12; + 3 halved: 7


def test_dense_language_model_has_no_first_layer() -> None:
    layers = dense(3, 50, time_steps=9, blocks=(1, 1), last_dropout=0.2, **LANGUAGE)
    joined = ("Concat", "Linear", *IB_AFTER, "Linear", *IB_AFTER)
    assert names(layers) == [
        *("Embedding", joined, "Linear", *IB_AFTER, joined),
        *("Linear", *IB_AFTER, "Dropout", "TiedLinear"),
    ]
    assert [layer.size for layer in layers if isinstance(layer, ie.nn.Linear)] == [7, 12]


def test_plain_language_model_has_frame_wise_norms() -> None:
    layers = plain(2, 8, 50, time_steps=9, batch_norm="before", row_dropout=0.2, **LANGUAGE)
    assert layers[0] == ie.nn.Embedding(50, 12, row_dropout=0.2)
    norms = list(each_layer(layers, ie.nn.BatchNorm))
    assert [(norm.mode, norm.time_steps) for norm in norms] == [("step", 9)] * 4
    over_all = plain(2, 8, 50, time_steps=9, norm_mode="sequence", **LANGUAGE)
    assert {norm.mode for norm in each_layer(over_all, ie.nn.BatchNorm)} == {"sequence"}


def test_time_differences_are_joined_to_the_first_layer() -> None:
    layers = dense(3, 5, time_steps=9, blocks=(1,), time_difference=True)
    assert layers[3] == ie.nn.Concat([ie.nn.TimeDifference()])
    net = ie.Network(layers, input_size=2)
    assert net.named_parameters()["4.0.weight"].shape == (12, 2 * 18)
    assert dense(3, 5, time_steps=9, blocks=(1,), time_difference="first") == layers


def test_time_differences_are_joined_to_every_layer() -> None:
    layers = dense(3, 5, time_steps=9, blocks=(2, 1), dense_dropout=0.1, time_difference="every")
    joined, first = ("Concat", "TimeDifference"), ["Linear", *IB_AFTER]
    layer = ("Concat", *first, joined, *first, "Dropout", joined)
    assert names(layers) == [
        *(joined, *first, joined, layer, layer, *first, joined),
        *(layer, *first, joined, "LastStep", "Linear"),
    ]
    sizes = [layer.size for layer in each_layer(layers, ie.nn.Linear)]
    assert sizes == [18, 12, 3, 12, 3, 12, 12, 3, 7, 5]  # neurons as without differences
    weights = ie.Network(layers, input_size=2).named_parameters()
    shapes = [w.shape for name, w in weights.items() if name.endswith("weight") and w.ndim == 2]
    assert [read for _, read in shapes] == [4, 36, 24, 42, 24, 48, 24, 24, 30, 14]
    both = {"bidirectional": True, "mean_over_time": True, "time_difference": "every"}
    ways = dense(3, 5, time_steps=9, blocks=(2, 1), **both)
    assert [layer.size for layer in each_layer(ways, ie.nn.Linear)] == sizes


def test_mean_over_time_takes_the_place_of_the_last_step() -> None:
    layers = residual(1, 4, 3, time_steps=9, mean_over_time=True)
    assert ie.nn.MeanOverTime() in layers
    assert ie.nn.LastStep() not in layers
    starts = [layer.init_low for layer in each_layer(layers, ie.nn.Recurrence)]
    assert starts == [0.0, 0.0, 0.0]


MAKERS: dict[str, Callable[..., list[Any]]] = {
    "plain": lambda **options: plain(2, 4, 3, **options),
    "residual": lambda **options: residual(3, 4, 3, **options),
    "dense": lambda **options: dense(2, 3, blocks=(3, 2, 2), **options),
}
architectures = pytest.mark.parametrize("name", MAKERS)


@architectures
@pytest.mark.parametrize("batch_norm", ["after", "before", None])
@pytest.mark.parametrize("training", [False, True])
def test_networks_in_both_directions_run(
    name: str, batch_norm: str | None, training: bool, rng: np.random.Generator
) -> None:
    layers = MAKERS[name](
        time_steps=9, bidirectional=True, mean_over_time=True, batch_norm=batch_norm
    )
    net = ie.Network(layers, input_size=2, dtype="float64")
    ways = [layer for layer in each_layer(layers) if isinstance(layer, ie.nn.Bidirectional)]
    assert len(ways) == {"plain": 2, "residual": 7, "dense": 18}[name]
    x, lengths = rng.normal(size=(9, 5, 2)), np.array([9, 4, 1, 7, 8])
    y, _ = net.forward(x, lengths=lengths, training=training, keep=True)
    dx, _ = net.backward(np.ones_like(y))
    assert y.shape == (5, 3)
    assert np.isfinite(net.gradients).all()
    assert dx is not None
    assert not dx[4:, 1].any()  # past its length


# Where they start.


@architectures
def test_last_recurrence_of_a_last_step_network_remembers(name: str) -> None:
    bound = recurrent_bound(50, magnitude=5.0)
    layers = MAKERS[name](time_steps=50, magnitude=5.0)
    lows = [layer.init_low for layer in each_layer(layers, ie.nn.Recurrence)]
    assert lows[:-1] == [0.0] * (len(lows) - 1)
    assert lows[-1] == pytest.approx(1 / bound)
    assert {layer.init_high for layer in each_layer(layers, ie.nn.Recurrence)} == {bound}
    weights = ie.analysis.recurrent_weights(ie.Network(layers, input_size=2, seed=4))
    drawn = list(weights.values())
    assert all((u >= 0.0).all() and (u <= np.float32(bound)).all() for u in drawn)
    assert (drawn[-1] >= np.float32(1 / bound)).all()

    every_step = MAKERS[name](time_steps=50, magnitude=5.0, last_step=False)
    assert {layer.init_low for layer in each_layer(every_step, ie.nn.Recurrence)} == {0.0}


def test_without_a_last_transition_the_last_dense_layer_remembers() -> None:
    layers = dense(2, 3, time_steps=50, blocks=(2, 2), last_transition=False)
    lows = [layer.init_low > 0 for layer in each_layer(layers, ie.nn.Recurrence)]
    assert lows == [False] * (len(lows) - 1) + [True]


@architectures
def test_fixed_bounds_take_the_place_of_the_magnitude(name: str) -> None:
    layers = MAKERS[name](time_steps=50, bound=0.9)
    ranges = {(r.init_low, r.init_high) for r in each_layer(layers, ie.nn.Recurrence)}
    assert ranges == {(0.0, 0.9), (0.9, 0.9)}  # never above the bound


@architectures
def test_recurrent_weights_may_be_normal(name: str) -> None:
    layers = MAKERS[name](time_steps=50, recurrent_normal=(0.4, 0.2))
    for recurrence in each_layer(layers, ie.nn.Recurrence):
        assert recurrence.init == "normal"
        assert (recurrence.init_low, recurrence.init_high) == pytest.approx((0.2, 0.6))


def test_normal_recurrent_weights_have_mean_and_deviation() -> None:
    wide = ie.Network(plain(1, 20_000, 2, time_steps=9, recurrent_normal=(0.4, 0.2)), 1, seed=2)
    u = wide.named_parameters()["1.weight_hh"]
    assert (u.mean(), u.std()) == (pytest.approx(0.4, abs=0.01), pytest.approx(0.2, abs=0.01))


def test_weights_start_in_the_ranges_of_the_released_code() -> None:
    options: dict[str, Any] = {"time_steps": 9, **LANGUAGE, "embedding_size": 64}
    for small, slope, scale in ((False, 8.0, 1.0), (True, 0.0, 0.1)):
        net = ie.Network(plain(2, 400, 50, small_norm_init=small, **options), seed=1)
        named = net.named_parameters()
        for name, values in named.items():
            if name.endswith("bias"):
                assert not values.any(), name
        limit = np.sqrt(6 / ((1 + slope**2) * 400))  # Kaiming-uniform, 400 inputs
        assert np.abs(named["4.weight"]).max() == pytest.approx(limit, rel=0.01)
        assert (named["3.weight"] == np.float32(scale)).all()
        assert np.abs(named["0.weight"]).max() == pytest.approx(0.01, rel=0.01)

    net = ie.Network(plain(1, 400, 300, time_steps=9), input_size=2, seed=1)
    classifier = net.named_parameters()["4.weight"]  # Kaiming-normal
    assert classifier.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)


@architectures
def test_small_norms_are_those_beside_recurrences(name: str) -> None:
    """The norm more of a language model has a name that the released code passes over."""
    sizes: dict[str, Any] = {**LANGUAGE, "num_embeddings": 3}
    layers = MAKERS[name](time_steps=9, batch_norm="before", small_norm_init=True, **sizes)
    norms = [layer.init_weight for layer in each_layer(layers, ie.nn.BatchNorm)]
    assert norms == [0.1] * (len(norms) - 1) + [1.0]


def test_same_seed_same_weights() -> None:
    first, second, third = (
        ie.Network(residual(2, 8, 3, time_steps=9), input_size=2, seed=seed) for seed in (5, 5, 6)
    )
    assert np.array_equal(first.parameters, second.parameters)
    assert not np.array_equal(first.parameters, third.parameters)


@pytest.mark.parametrize(
    "layers",
    [
        residual(10, 32, 50, time_steps=50, bound=0.99, batch_norm="before", **LANGUAGE),
        dense(8, 50, time_steps=50, bound=0.99, batch_norm="before", **LANGUAGE),
    ],
    ids=["residual of 21 layers", "dense (8, 6, 4)"],
)
def test_gradients_reach_the_first_layer(layers: list[Any], rng: np.random.Generator) -> None:
    net = ie.Network(layers, seed=0)
    x = rng.integers(0, 50, (50, 16))
    logits, _ = net.forward(x, training=True)
    _, dlogits = ie.losses.softmax_cross_entropy(logits, (x + 1) % 50)
    net.backward(dlogits)
    sizes = [np.abs(g).mean() for n, g in net.named_gradients().items() if n.endswith("weight_hh")]
    assert np.isfinite(net.gradients).all()
    assert sizes[0] > 1e-3 * max(sizes)


# What is refused.

ERRORS: dict[str, tuple[Callable[[], object], str]] = {
    "no blocks": (lambda: residual(0, 4, 3, time_steps=9), "num_blocks must be at least 1"),
    "no dense blocks": (lambda: dense(4, 3, time_steps=9, blocks=()), "blocks must be at least 1"),
    "an empty block": (
        lambda: dense(4, 3, time_steps=9, blocks=(3, 0)),
        r"blocks\[1\] must be at least 1, got 0",
    ),
    "more layers than end": (
        lambda: plain(2**70, 4, 3, time_steps=9),
        "num_layers must be between 1 and",
    ),
    "more layers than fit": (lambda: plain(2**40, 4, 3, time_steps=9), "must be at most 10000"),
    "more blocks than fit": (lambda: residual(2**40, 4, 3, time_steps=9), "must be at most 10000"),
    "magnitude of nothing": (lambda: recurrent_bound(10, float("nan")), "magnitude must be finite"),
    "no classes": (lambda: plain(1, 4, 0, time_steps=9), "output_size must be at least 1"),
    "dropout": (
        lambda: dense(4, 3, time_steps=9, bottleneck_dropout=1.0),
        r"\[dense\] bottleneck_dropout must be in \[0, 1\), got 1.0",
    ),
    "place of the norm": (
        lambda: residual(1, 4, 3, time_steps=9, batch_norm="between"),
        'batch_norm must be "after", "before" or None',
    ),
    "mode of the norm": (
        lambda: plain(1, 4, 3, time_steps=9, norm_mode="batch"),
        'norm_mode must be "sequence" or "step"',
    ),
    "bound": (lambda: plain(1, 4, 3, time_steps=9, bound=0.0), "bound must be above 0"),
    "no deviation": (
        lambda: plain(1, 4, 3, time_steps=9, recurrent_normal=(0.4,)),
        "a mean and a standard deviation",
    ),
    "tied to nothing": (lambda: plain(1, 4, 3, time_steps=9, tied=True), "tied needs num_emb"),
    "words without embedding": (
        lambda: plain(1, 4, 3, time_steps=9, word_dropout=0.1),
        "word_dropout needs num_embeddings",
    ),
    "embedding without size": (
        lambda: plain(1, 4, 3, time_steps=9, num_embeddings=5),
        "embedding_size must be at least 1",
    ),
    "tied to another size": (
        lambda: plain(1, 4, 3, time_steps=9, **LANGUAGE),
        "output_size must be num_embeddings, 50, for a tied decoder, got 3",
    ),
    "tied last step": (
        lambda: plain(1, 4, 50, time_steps=9, last_step=True, **LANGUAGE),
        "answers at every step: no last_step",
    ),
    "last step and mean": (
        lambda: plain(1, 4, 3, time_steps=9, last_step=True, mean_over_time=True),
        "exclude each other",
    ),
    "last dropout without decoder": (
        lambda: residual(1, 4, 3, time_steps=9, last_dropout=0.1),
        "last_dropout needs tied=True",
    ),
    "last dropout without transition": (
        lambda: dense(4, 3, time_steps=9, last_dropout=0.1, last_transition=False),
        "last_dropout needs last_transition=True",
    ),
    "place of time differences": (
        lambda: dense(4, 3, time_steps=9, time_difference="input"),
        r"\[dense\] time_difference must be False, True, \"first\" or \"every\", got 'input'",
    ),
    "language with time differences": (
        lambda: dense(4, 50, time_steps=9, time_difference="every", **LANGUAGE),
        "time_difference needs a first layer",
    ),
    "dropout behind the last recurrence": (
        lambda: residual(1, 4, 3, time_steps=9, blocks_dropout=1.0),
        r"\[residual\] blocks_dropout must be in \[0, 1\), got 1.0",
    ),
    "first dropout without first layer": (
        lambda: dense(4, 50, time_steps=9, first_dropout=0.1, **LANGUAGE),
        "first_dropout needs a first layer",
    ),
    "language both ways": (
        lambda: plain(1, 4, 50, time_steps=9, bidirectional=True, **LANGUAGE),
        "read what it is to predict",
    ),
    "last step both ways": (
        lambda: plain(1, 4, 3, time_steps=9, bidirectional=True),
        "needs mean_over_time=True",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_say_what_is_wrong(case: str) -> None:
    make, message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        make()


TYPES: dict[str, tuple[Callable[[], object], str]] = {
    "layers": (lambda: plain("x", 4, 3, time_steps=9), r"\[plain\] num_layers must be an integer"),
    "neurons": (lambda: residual(1, None, 3, time_steps=9), "hidden_size must be an integer, got"),
    "growth": (lambda: dense(1.5, 3, time_steps=9), "growth_rate must be an integer, got float"),
    "dropout": (lambda: plain(1, 4, 3, time_steps=9, dropout=None), "dropout must be a number"),
    "steps": (lambda: plain(1, 4, 3, time_steps="9"), "time_steps must be an integer, got str"),
    "bound": (lambda: plain(1, 4, 3, time_steps=9, bound="1"), "bound must be a number, got str"),
    "magnitude": (lambda: recurrent_bound(10, None), "magnitude must be a number, got NoneType"),
}


@pytest.mark.parametrize("case", TYPES)
def test_arguments_of_wrong_types_are_named(case: str) -> None:
    make, message = TYPES[case]
    with pytest.raises(TypeError, match=message):
        make()
