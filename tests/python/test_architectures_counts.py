"""The papers' networks have as many parameters as their formulas say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import indrnn_engine as ie
from indrnn_engine.architectures import dense, plain, residual

if TYPE_CHECKING:
    from collections.abc import Sequence

LANGUAGE: dict[str, Any] = {"num_embeddings": 50, "embedding_size": 12, "tied": True}


def parameters(layers: Sequence[ie.nn.Layer], input_size: int | None = None) -> int:
    return ie.Network(layers, input_size=input_size).num_parameters


# Parameters, by hand: a Linear from f to h features has h f + h, a recurrence h, a norm 2 h.


def linear(features: int, size: int) -> int:
    return size * features + size


def cell(size: int) -> int:
    """A recurrence with its norm."""
    return size + 2 * size


@pytest.mark.parametrize("place", ["after", "before"])
@pytest.mark.parametrize(("depth", "hidden"), [(1, 4), (6, 128)])
def test_parameters_of_plain_classifiers(depth: int, hidden: int, place: str) -> None:
    layers = plain(depth, hidden, 10, time_steps=784, batch_norm=place, dropout=0.1)
    first = linear(1, hidden) + cell(hidden)
    others = (depth - 1) * (linear(hidden, hidden) + cell(hidden))
    assert parameters(layers, 1) == first + others + linear(hidden, 10)


@pytest.mark.parametrize("place", ["after", "before"])
@pytest.mark.parametrize(("blocks", "hidden"), [(3, 5), (5, 128)])
def test_parameters_of_residual_classifiers(blocks: int, hidden: int, place: str) -> None:
    layers = residual(blocks, hidden, 10, time_steps=784, batch_norm=place, dropout=0.1)
    block = 2 * (cell(hidden) + linear(hidden, hidden))
    expected = linear(1, hidden) + blocks * block + cell(hidden) + linear(hidden, 10)
    assert parameters(layers, 1) == expected


def dense_blocks(features: int, k: int, blocks: Sequence[int], last: int | None) -> tuple[int, int]:
    """Parameters of dense blocks with their transitions, and the features behind them."""
    count = 0
    for index, size in enumerate(blocks):
        for _ in range(size):
            count += linear(features, 4 * k) + cell(4 * k) + linear(4 * k, k) + cell(k)
            features += k
        is_last = index == len(blocks) - 1
        if is_last and last is None:
            return count, features
        half = last if is_last and last else features // 2
        count += linear(features, half) + cell(half)
        features = half
    return count, features


@pytest.mark.parametrize("last_transition", [True, False])
@pytest.mark.parametrize(("k", "blocks", "num_first"), [(3, (3, 2, 2), 4), (16, (8, 6, 4), 6)])
def test_parameters_of_dense_classifiers(
    k: int, blocks: tuple[int, ...], num_first: int, last_transition: bool
) -> None:
    layers = dense(
        k,
        10,
        time_steps=784,
        blocks=blocks,
        num_first=num_first,
        last_transition=last_transition,
        dense_dropout=0.2,
    )
    first = linear(1, num_first * k) + cell(num_first * k)
    count, features = dense_blocks(num_first * k, k, blocks, 0 if last_transition else None)
    assert parameters(layers, 1) == first + count + linear(features, 10)


@pytest.mark.parametrize("place", ["after", "before"])
def test_parameters_of_language_models(place: str) -> None:
    common: dict[str, Any] = {"time_steps": 20, "batch_norm": place, **LANGUAGE}
    extra = 2 * 12 if place == "before" else 0
    ends = 50 * 12 + extra + 50  # the embedding, one norm more, the decoder's bias
    way_out = linear(32, 12) + cell(12)

    stack = linear(12, 32) + cell(32) + 2 * (linear(32, 32) + cell(32))
    assert parameters(plain(3, 32, 50, dropout=0.3, **common)) == ends + stack + way_out

    blocks = 4 * 2 * (cell(32) + linear(32, 32))
    expected = ends + linear(12, 32) + blocks + cell(32) + way_out
    assert parameters(residual(4, 32, 50, **common)) == expected

    count, features = dense_blocks(12, 4, (8, 6, 4), last=12)
    assert features == 12
    assert parameters(dense(4, 50, **common)) == ends + count


def test_parameters_of_the_papers_networks() -> None:
    """Numbers worked out on paper once, against slips that rules share."""
    assert parameters(plain(6, 128, 10, time_steps=784), 1) == 86_410
    assert parameters(residual(5, 128, 10, time_steps=784), 1) == 170_890
    assert parameters(dense(16, 10, time_steps=784), 1) == 256_514
