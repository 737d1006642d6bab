"""Dynamic evaluation against a plain transcription of its rule, and what it is good for."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.data import StreamSource
from indrnn_engine.training import LanguageModel, evaluate
from indrnn_engine.training.dynamic import DynamicRule, evaluate_dynamically, gradient_rms


def model(seed: int = 0) -> ie.Network:
    layers = [ie.nn.Embedding(5, 4), ie.nn.IndRNN(6), ie.nn.BatchNorm(), ie.nn.Linear(5)]
    return ie.Network(layers, dtype="float64", seed=seed)


def text(rng: np.random.Generator, length: int = 121) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return rng.integers(0, 5, length)


def test_rule_is_that_of_the_paper(rng: np.random.Generator) -> None:
    net, source = model(), StreamSource(text(rng), 7, 1)
    rms = rng.random(net.num_parameters)
    rms[3] = 0.0  # never changed in training
    rule = DynamicRule(learning_rate=0.01, decay=0.9, epsilon=0.1)
    found = evaluate_dynamically(net, source, LanguageModel(), rms, rule)

    weights, trained = net.parameters.copy(), net.parameters.copy()
    state, total, count = None, 0.0, 0
    for position in range(source.num_batches()):
        batch = source.batch(0, 0, position)
        net.parameters[:] = weights
        logits, state = net.forward(batch.x, state, keep=True)
        loss, gradient = ie.losses.softmax_cross_entropy(logits, batch.y)
        net.zero_gradients()
        net.backward(gradient)
        total, count = total + loss * batch.y.size, count + batch.y.size
        for index in range(len(weights)):
            pull = min(0.9 * rms[index] / rms.mean(), 1.0)
            weights[index] += pull * (trained[index] - weights[index])
            weights[index] -= 0.01 * net.gradients[index] / (rms[index] + 0.1)
    assert found["loss"] == pytest.approx(total / count, rel=1e-10)


def test_network_is_left_as_it_came(rng: np.random.Generator) -> None:
    net, source = model(), StreamSource(text(rng), 7, 1)
    weights, buffers = net.parameters.copy(), [b.copy() for b in net.named_buffers().values()]
    rms = gradient_rms(net, source, LanguageModel())
    evaluate_dynamically(net, source, LanguageModel(), rms, DynamicRule(learning_rate=0.01))
    np.testing.assert_array_equal(net.parameters, weights)
    for before, after in zip(buffers, net.named_buffers().values(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_mean_square_is_over_the_batches(rng: np.random.Generator) -> None:
    net, source = model(), StreamSource(text(rng), 10, 2)
    squares, state = np.zeros(net.num_parameters), None
    for position in range(3):
        batch = source.batch(0, 0, position)
        logits, state = net.forward(batch.x, state, keep=True)
        net.zero_gradients()
        net.backward(ie.losses.softmax_cross_entropy(logits, batch.y)[1])
        squares += net.gradients**2
    np.testing.assert_allclose(
        gradient_rms(net, source, LanguageModel(), batches=3), np.sqrt(squares / 3), rtol=1e-12
    )


def test_text_that_repeats_itself_is_learned_on_the_way(rng: np.random.Generator) -> None:
    net = model()
    train = StreamSource(text(rng, 400), 10, 4)
    repeated = StreamSource(np.tile(np.array([0, 3, 1, 1, 4, 2]), 60), 5, 1)
    rms = gradient_rms(net, train, LanguageModel())
    fixed = evaluate(net, repeated, LanguageModel())
    rule = DynamicRule(learning_rate=1e-3, decay=0.0)
    moving = evaluate_dynamically(net, repeated, LanguageModel(), rms, rule)
    assert fixed is not None
    assert moving["loss"] < fixed["loss"] - 0.15
    still = DynamicRule(learning_rate=1e-30)
    kept = evaluate_dynamically(net, repeated, LanguageModel(), rms, still)
    assert kept["loss"] == pytest.approx(fixed["loss"], rel=1e-12)


@pytest.mark.parametrize(
    ("field", "value"), [("learning_rate", 0.0), ("decay", -1.0), ("epsilon", 0.0)]
)
def test_bad_rule_is_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        DynamicRule(**{field: value})


def test_size_of_rms_is_checked(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="rms must have shape"):
        evaluate_dynamically(model(), StreamSource(text(rng), 7, 1), LanguageModel(), np.zeros(3))


def test_command_measures_dynamically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typer_testing = pytest.importorskip("typer.testing")
    from indrnn_engine.cli.app import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("indrnn_engine.training.recorder.draw_curves", lambda *_: None)
    Path("text.txt").write_text("to be or not to be, that is the question\n" * 60)
    small = ["--layers", "1", "--hidden-size", "16", "--steps", "20", "--no-tensorboard"]
    runner = typer_testing.CliRunner()
    for arguments in (["text", "text.txt", "--batch-size", "4"], ["adding", "--time-steps", "9"]):
        assert runner.invoke(app, ["train", *arguments, *small]).exit_code == 0
    losses = []
    for extra in ([], ["--dynamic", "--dynamic-rate", "1e-3"]):
        result = runner.invoke(app, ["evaluate", "runs/text-1", *extra])
        assert result.exit_code == 0, result.output
        losses.append(float(re.search(r"loss ([\d.]+)", result.stdout).group(1)))  # type: ignore[union-attr]
    assert losses[1] < losses[0] - 0.1
    result = runner.invoke(app, ["evaluate", "runs/adding-1", "--dynamic"])
    assert result.exit_code == 2
    assert "--dynamic is for language models" in result.stderr
