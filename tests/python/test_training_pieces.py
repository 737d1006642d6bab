"""Long batches in pieces: the loss of the whole, gradients that stop at the border of a piece."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.data import Batch
from indrnn_engine.training import Classification, Regression, new_run, resume_run
from indrnn_engine.training.pieces import check_pieces, cut, forward_backward
from test_training_resume import StopAt, adding, assert_same_run, whole_run

if TYPE_CHECKING:
    from pathlib import Path

T, B, CLASSES = 11, 4, 3
LENGTHS = np.array([11, 4, 5, 1])


def network(*, last_step: bool) -> ie.Network:
    end = [ie.nn.LastStep()] if last_step else []
    layers = [ie.nn.IndRNN(5), ie.nn.IndRNN(4), *end, ie.nn.Linear(CLASSES)]
    return ie.Network(layers, input_size=2, dtype="float64", seed=3)


def batch(rng: np.random.Generator, *, last_step: bool, lengths: bool = False) -> Batch:
    shape = (B,) if last_step else (T, B)
    mask = None
    if lengths and not last_step:
        mask = np.arange(T)[:, None] < LENGTHS
    return Batch(
        rng.normal(size=(T, B, 2)),
        rng.integers(0, CLASSES, shape),
        lengths=LENGTHS if lengths else None,
        mask=mask,
    )


CASES = [(last, lengths) for last in (False, True) for lengths in (False, True)]


@pytest.mark.parametrize(("last_step", "lengths"), CASES)
@pytest.mark.parametrize("piece_steps", [1, 3, 4, 10, 11, 50])
def test_loss_is_that_of_the_whole(
    rng: np.random.Generator, last_step: bool, lengths: bool, piece_steps: int
) -> None:
    net, data = network(last_step=last_step), batch(rng, last_step=last_step, lengths=lengths)
    whole = forward_backward(net, Classification(), data, None)
    cut_up = forward_backward(net, Classification(), data, None, piece_steps)
    assert cut_up[0] == pytest.approx(whole[0], rel=1e-12)
    assert cut_up[1] == pytest.approx(whole[1], rel=1e-12)
    assert cut_up[2] is not None
    assert whole[2] is not None
    np.testing.assert_allclose(cut_up[2].flat, whole[2].flat, rtol=1e-12)
    assert sum(share for _, share in cut(data, piece_steps)) == pytest.approx(1.0)


def frozen_loss(net: ie.Network, data: Batch, piece_steps: int, states: list[Any]) -> float:
    """Loss of all pieces, each from a given state: what the truncated gradient is of."""
    total = 0.0
    for (piece, share), state in zip(cut(data, piece_steps), states, strict=True):
        output, _ = net.forward(piece.x, state, piece.lengths)
        if share:
            total += share * Classification().loss(output, piece)[0]
    return total


@pytest.mark.parametrize(("last_step", "lengths"), CASES)
def test_gradients_stop_at_the_border_of_a_piece(
    rng: np.random.Generator, last_step: bool, lengths: bool
) -> None:
    net, data = network(last_step=last_step), batch(rng, last_step=last_step, lengths=lengths)
    states: list[Any] = [None]
    for piece, _ in cut(data, 4):
        states.append(net.forward(piece.x, states[-1], piece.lengths)[1])
    net.zero_gradients()
    forward_backward(net, Classification(), data, None, 4)
    gradient = net.gradients.copy()
    expected = np.zeros_like(gradient)
    for index in range(net.num_parameters):
        kept = net.parameters[index]
        values = []
        for change in (1e-6, -1e-6):
            net.parameters[index] = kept + change
            values.append(frozen_loss(net, data, 4, states[:-1]))
        net.parameters[index] = kept
        expected[index] = (values[0] - values[1]) / 2e-6
    np.testing.assert_allclose(gradient, expected, atol=1e-8)
    net.zero_gradients()
    forward_backward(net, Classification(), data, None)
    assert np.abs(gradient - net.gradients).max() > 1e-4  # the whole reaches further back


def test_targets_in_numbers_are_cut_too(rng: np.random.Generator) -> None:
    net = network(last_step=True)
    data = Batch(rng.normal(size=(T, B, 2)), rng.normal(size=(B, CLASSES)), lengths=LENGTHS)
    objective = Regression(np.array([1.0, 2.0, 3.0]))
    whole = forward_backward(net, objective, data, None)
    assert forward_backward(net, objective, data, None, 3)[1] == pytest.approx(whole[1], rel=1e-12)


@pytest.mark.parametrize(
    "layer", [ie.nn.MeanOverTime(), ie.nn.Residual((ie.nn.Bidirectional((ie.nn.IndRNN(2),)),))]
)
def test_network_that_needs_the_whole_is_refused_by_name(layer: ie.nn.Layer) -> None:
    name = "MeanOverTime" if isinstance(layer, ie.nn.MeanOverTime) else "Bidirectional"
    with pytest.raises(ValueError, match=f"cannot cut .* with {name}"):
        check_pieces([ie.nn.IndRNN(4), layer])


def test_trainer_cuts_and_continues_bit_for_bit(tmp_path: Path) -> None:
    experiment = adding(piece_steps=3)
    whole = whole_run(experiment, tmp_path)
    cut_run = new_run(experiment, run_dir=tmp_path / "cut", reporter=StopAt(13), tensorboard=False)
    cut_run.fit()
    resume_run(tmp_path / "cut").fit()
    assert_same_run(whole, tmp_path / "cut")


def test_memory_is_that_of_a_piece() -> None:
    """What a training step needs for T = 20 000 in pieces of 100."""
    net = ie.Network(ie.architectures.plain(2, 32, 1, time_steps=20_000, batch_norm=None), 2)
    assert net.workspace_bytes(100, 8, training=True) < net.workspace_bytes(20_000, 8, True) / 50
    experiment = dataclasses.replace(adding(piece_steps=100), data={"time_steps": 20_000})
    data = experiment.load_data()
    loss, _, _ = forward_backward(net, Regression(), data.train.batch(0, 0, 0), None, 100)
    assert np.isfinite(loss)
