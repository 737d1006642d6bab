"""Evaluation: running or batch statistics, averaged draws, confusion, perplexity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.data import Batch, BatchSource, SequenceDataset, SequenceSource
from indrnn_engine.training import Classification, LanguageModel, Regression, evaluate
from indrnn_engine.training.evaluation import confusion
from indrnn_engine.training.twin import without_dropout


class Drawn(BatchSource):
    """A class hidden in noise that is drawn for each epoch."""

    def num_batches(self) -> int:
        return 3

    def batch(self, seed: int, epoch: int, position: int) -> Batch:
        y = np.arange(8) % 2
        noise = np.random.default_rng([seed, epoch, position]).normal(size=(5, 8, 1))
        return Batch((noise + y[None, :, None]).astype(np.float32), y)


def classifier(*layers: ie.nn.Layer) -> ie.Network:
    return ie.Network([ie.nn.IndRNN(6), *layers, ie.nn.LastStep(), ie.nn.Linear(2)], 1, seed=1)


def test_draws_average_the_probabilities() -> None:
    net, source = classifier(), Drawn()
    metrics = evaluate(net, source, Classification(), seed=4, draws=5)
    losses, right = [], []
    for position in range(3):
        total = np.zeros((8, 2))
        for draw in range(5):
            batch = source.batch(4, draw, position)
            logits = net.forward(batch.x)[0].astype(np.float64)
            total += np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        losses.append(-np.log(total[np.arange(8), batch.y] / 5).mean())
        right.append((total.argmax(axis=1) == batch.y).mean())
    assert metrics is not None
    assert metrics["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert metrics["accuracy"] == pytest.approx(np.mean(right))
    with pytest.raises(ValueError, match="draws must be at least 1"):
        evaluate(net, source, Classification(), draws=0)


def test_draws_average_values() -> None:
    class Values(Drawn):
        def batch(self, *key: int) -> Batch:
            drawn = super().batch(*key)
            return Batch(drawn.x, drawn.y[:, None].astype(np.float32))

    net = ie.Network([ie.nn.IndRNN(6), ie.nn.LastStep(), ie.nn.Linear(1)], 1)
    metrics = evaluate(net, Values(), Regression(), draws=3)
    expected = []
    for position in range(3):
        batches = [Values().batch(0, draw, position) for draw in range(3)]
        mean = np.mean([net.forward(batch.x)[0] for batch in batches], axis=0)
        expected.append(((mean - batches[0].y) ** 2).mean())
    assert metrics is not None
    assert metrics["mse"] == pytest.approx(np.mean(expected), rel=1e-5)


def test_batch_statistics_differ_from_running_ones_and_draw_nothing(
    rng: np.random.Generator,
) -> None:
    net = classifier(ie.nn.BatchNorm(), ie.nn.Dropout(0.5))
    dataset = SequenceDataset(5.0 + 3.0 * rng.normal(size=(40, 7, 1)), rng.integers(0, 2, 40))
    source = SequenceSource(dataset, 40)
    before = {name: view.copy() for name, view in net.named_buffers().items()}
    first, again = (
        evaluate(net, source, Classification(), batch_statistics=True) for _ in range(2)
    )
    assert first == again
    assert first != evaluate(net, source, Classification())
    for name, view in net.named_buffers().items():
        np.testing.assert_array_equal(view, before[name])
    # With running statistics equal to the batch's, both ways agree.
    twin = without_dropout(net)
    for _ in range(400):
        twin.forward(source.batch(0, 0, 0).x, training=True)
    for mine, theirs in zip(
        net.named_buffers().values(), twin.named_buffers().values(), strict=True
    ):
        mine[...] = theirs
    running = evaluate(net, source, Classification())
    assert running is not None
    assert first is not None
    assert running["loss"] == pytest.approx(first["loss"], rel=5e-3)  # unbiased against biased


def test_twin_reaches_into_nested_layers() -> None:
    inner = (ie.nn.Recurrence(zoneout=0.2), ie.nn.Dropout(0.3), ie.nn.Linear(4))
    layers = [
        ie.nn.Embedding(9, 4, row_dropout=0.1),
        ie.nn.Dropout(0.1),
        ie.nn.Residual(inner),
        ie.nn.Linear(9),
    ]
    net = ie.Network(layers, seed=5)
    twin = without_dropout(net)
    x = np.arange(12).reshape(6, 2) % 9
    np.testing.assert_array_equal(twin.forward(x, training=True)[0], twin.forward(x)[0])
    np.testing.assert_array_equal(twin.parameters, net.parameters)
    np.testing.assert_allclose(twin.forward(x)[0].shape, (6, 2, 9))


def test_confusion_counts_true_against_predicted(rng: np.random.Generator) -> None:
    net, source = classifier(), Drawn()
    counts = confusion(net, source, 2)
    assert counts.sum() == 24
    np.testing.assert_array_equal(counts.sum(axis=1), [12, 12])
    metrics = evaluate(net, source, Classification())
    assert metrics is not None
    assert counts.trace() / 24 == pytest.approx(metrics["accuracy"])


def test_words_have_a_perplexity() -> None:
    means: dict[str, Any] = {"loss": 2.0, "bits": 2.0 / math.log(2.0)}
    assert LanguageModel(perplexity=True).summary(means)["perplexity"] == pytest.approx(math.exp(2))
    assert LanguageModel().summary(means) == means
