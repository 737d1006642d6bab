"""Memory lengths, recorded activations, and networks cut to chosen neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie
from closeness import assert_close
from harness import randomize
from indrnn_engine import analysis, nn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Memory lengths


def test_memory_length_is_when_the_share_is_left() -> None:
    u = np.array([0.3, -0.3, 0.9, 0.999])
    for threshold in (0.5, 0.05):
        steps = analysis.memory_length(u, threshold)
        assert np.abs(u) ** steps == pytest.approx(np.full(4, threshold))


def test_memory_length_at_the_edges() -> None:
    assert analysis.memory_length([0.0, 1.0, -1.0, 1.5]).tolist() == [0.0, *[np.inf] * 3]
    assert analysis.memory_length(np.float32(0.5)).shape == ()
    assert analysis.recurrent_weight([0.0, np.inf]).tolist() == [0.0, 1.0]


def test_recurrent_weight_is_the_inverse() -> None:
    steps = np.array([[0.5, 3.0], [784.0, 1e6]])
    u = analysis.recurrent_weight(steps, threshold=0.1)
    assert analysis.memory_length(u, threshold=0.1) == pytest.approx(steps)


def test_weights_of_the_magnitude_remember_the_whole_sequence() -> None:
    lowest = ie.architectures.recurrent_bound(784, 1 / 5.0)
    assert analysis.memory_length(lowest, threshold=1 / 5.0) == pytest.approx(784)


def network(layers: list[Any], seed: int = 0, input_size: int = 3) -> ie.Network:
    net = ie.Network(layers, input_size=input_size, dtype="float64", seed=seed)
    randomize(net, np.random.default_rng(seed))
    return net


def test_ranking_goes_by_the_size_of_the_weight() -> None:
    net = network([nn.IndRNN(4), nn.Residual([nn.Recurrence()])])
    net.named_parameters()["1.0.weight_hh"][:] = [0.2, -0.9, 0.9, 0.0]
    assert analysis.memory_ranking(net, "1.0").tolist() == [1, 2, 0, 3]
    assert list(analysis.recurrent_weights(net)) == ["0", "1.0"]


# Recording

EVERYTHING = [
    nn.Linear(6),
    nn.BatchNorm("step", 3),
    nn.Recurrence(),
    nn.Dropout(0.5),
    nn.Residual([nn.Recurrence(), nn.Linear(6)]),
    nn.Concat([nn.IndRNN(4), nn.Concat([nn.Linear(2), nn.Recurrence()])]),
    nn.Bidirectional([nn.IndRNN(3)]),
    nn.LastStep(),
    nn.Linear(2),
]


def test_recorded_activations_are_those_of_the_network(rng: np.random.Generator) -> None:
    net = network(EVERYTHING)
    x, lengths = rng.normal(size=(8, 4, 3)), np.array([8, 5, 1, 7])
    _, state = net.forward(rng.normal(size=(5, 4, 3)))
    found = analysis.record(net, x, [2, 3, 4, 5, 6, 7, 8], state=state, lengths=lengths)
    y, _ = net.forward(x, state, lengths)
    assert list(found) == ["2", "3", "4", "5", "6", "7", "8"]
    assert np.array_equal(found["8"], y)
    assert np.array_equal(found["3"], found["2"])  # no dropout
    assert_close(found["7"], found["6"][lengths - 1, np.arange(4)], 1e-12)


def test_recorded_layers_may_lie_inside_of_others(rng: np.random.Generator) -> None:
    net = network(EVERYTHING)
    x = rng.normal(size=(8, 4, 3))
    found = analysis.record(net, x, ["2", "4", "4.0", "4.1", "5", "5.0", "5.1", "5.1.1"])
    assert_close(found["4"], found["2"] + found["4.1"], 1e-12)
    u = net.named_parameters()["4.0.weight_hh"]
    assert_close(found["4.0"], ie.ops.indrnn_forward(found["2"], u), 1e-12)
    assert_close(found["5"], np.concatenate([found["4"], found["5.1"]], axis=2), 1e-12)
    assert_close(found["5.1"], np.concatenate([found["5.0"], found["5.1.1"]], axis=2), 1e-12)


def test_all_recurrent_layers_are_recorded_by_default(rng: np.random.Generator) -> None:
    found = analysis.record(network(EVERYTHING), rng.normal(size=(8, 4, 3)))
    assert list(found) == ["2", "4.0", "5.0", "5.1.1"]


def test_networks_that_read_indices_are_recorded() -> None:
    layers = ie.architectures.residual(
        1, 6, 9, time_steps=5, num_embeddings=9, embedding_size=4, tied=True
    )
    net = ie.Network(layers, seed=2)
    x = np.arange(12).reshape(6, 2) % 9
    last = len(net.layers) - 1
    found = analysis.record(net, x, [0, last])
    assert np.array_equal(found["0"], net.named_parameters()["0.weight"][x])
    assert np.array_equal(found[str(last)], net.forward(x)[0])


# Cutting

# Layers, the one that is cut to neurons 4 and 1 of 6, and the weights that read its neurons, with
# the column of the first.
CUTS: dict[str, tuple[list[Any], int | str, dict[str, int]]] = {
    "IndRNN": ([nn.IndRNN(6), nn.BatchNorm(), nn.IndRNN(5), nn.Linear(2)], 0, {"2.weight": 0}),
    "second layer": (
        [nn.IndRNN(5), nn.IndRNN(6), nn.LastStep(), nn.Linear(2)],
        1,
        {"3.weight": 0},
    ),
    "norms on both sides": (
        [nn.Linear(6), nn.BatchNorm(), nn.Recurrence(), nn.BatchNorm("step", 3), nn.Linear(2)],
        2,
        {"4.weight": 0},
    ),
    "no layer behind": ([nn.IndRNN(6), nn.Dropout(0.1), nn.MeanOverTime()], "0", {}),
    "two recurrences": (
        [nn.Linear(6), nn.Recurrence("tanh"), nn.Recurrence(), nn.Linear(2)],
        2,
        {"3.weight": 0},
    ),
    "in a residual branch": (
        [nn.Linear(4), nn.Residual([nn.Linear(6), nn.Recurrence(), nn.Linear(4)]), nn.Linear(2)],
        "1.1",
        {"1.2.weight": 0},
    ),
    "in a dense connection": (
        [nn.Linear(4), nn.Concat([nn.Linear(6), nn.Recurrence()]), nn.BatchNorm(), nn.Linear(2)],
        "1.1",
        {"3.weight": 4},
    ),
    "before a dense connection": (
        [nn.IndRNN(6), nn.Concat([nn.IndRNN(3)]), nn.TimeDifference(), nn.Linear(2)],
        0,
        {"1.0.weight": 0, "3.weight": 0},
    ),
    "before both directions": (
        [nn.IndRNN(6), nn.Bidirectional([nn.IndRNN(3)]), nn.Linear(2)],
        0,
        {"1.forward.0.weight": 0, "1.backward.0.weight": 0},
    ),
    "behind both directions": (
        [nn.Bidirectional([nn.IndRNN(3)]), nn.IndRNN(6), nn.Linear(2)],
        1,
        {"2.weight": 0},
    ),
}


@pytest.mark.parametrize("case", CUTS)
def test_cut_networks_compute_what_is_left(case: str, rng: np.random.Generator) -> None:
    """As the whole network does when nothing reads the other neurons."""
    layers, layer, readers = CUTS[case]
    net = network(layers)
    before = net.parameters.copy()
    small = analysis.keep_neurons(net, layer, [4, 1])
    assert np.array_equal(net.parameters, before)
    x, lengths = rng.normal(size=(8, 4, 3)), np.array([8, 5, 1, 7])
    path = str(layer)
    kept = analysis.record(small, x, [path], lengths=lengths)[path]
    whole = analysis.record(net, x, [path], lengths=lengths)[path]
    assert_close(kept, whole[..., [4, 1]], 1e-12)

    for name, first in readers.items():
        net.named_parameters()[name][:, [first + neuron for neuron in (0, 2, 3, 5)]] = 0.0
    y, expected = small.forward(x, lengths=lengths)[0], net.forward(x, lengths=lengths)[0]
    assert_close(y, expected if readers else expected[..., [4, 1]], 1e-12)


def test_cut_networks_can_be_trained_and_saved(tmp_path: Path, rng: np.random.Generator) -> None:
    layers = ie.architectures.plain(2, 8, 3, time_steps=9, dropout=0.2)
    net = ie.Network(layers, input_size=3, seed=1, memory="recompute")
    small = analysis.keep_neurons(net, 5, analysis.memory_ranking(net, 5)[:2])
    assert (small.dtype, small.device, small.memory) == (net.dtype, net.device, net.memory)
    y, _ = small.forward(rng.normal(size=(9, 4, 3)).astype(np.float32), keep=True)
    small.backward(np.ones_like(y), input_gradient=False)
    small.save(tmp_path / "small.safetensors")
    assert ie.Network.load(tmp_path / "small.safetensors").layers == small.layers


def indrnn_net(*layers: Any) -> ie.Network:
    return ie.Network([nn.IndRNN(4), *layers], input_size=3)


ERRORS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no such neuron": (
        lambda: analysis.keep_neurons(indrnn_net(), 0, [4]),
        ValueError,
        "neurons must be between 0 and 3, got 4",
    ),
    "a neuron twice": (
        lambda: analysis.keep_neurons(indrnn_net(), 0, [1, 1]),
        ValueError,
        "at least one, each once",
    ),
    "no neuron": (lambda: analysis.keep_neurons(indrnn_net(), 0, []), ValueError, "at least one"),
    "no recurrence": (
        lambda: analysis.keep_neurons(indrnn_net(nn.Linear(2)), 1, [0]),
        ValueError,
        "must be a Recurrence or an IndRNN, got Linear at 1",
    ),
    "no layer": (
        lambda: analysis.keep_neurons(indrnn_net(), 7, [0]),
        ValueError,
        "below the number of layers, 1, got '7'",
    ),
    "a layer norm": (
        lambda: analysis.keep_neurons(indrnn_net(nn.LayerNorm()), 0, [0]),
        ValueError,
        "must not feed the LayerNorm at 1",
    ),
    "a residual connection": (
        lambda: analysis.keep_neurons(indrnn_net(nn.Residual([nn.Recurrence()])), 0, [0]),
        ValueError,
        "must not feed the Residual at 1",
    ),
    "a recurrence at the start of a branch": (
        lambda: analysis.keep_neurons(indrnn_net(nn.Concat([nn.Recurrence()])), "1.0", [0]),
        ValueError,
        "must be fed by a Linear beside it",
    ),
    "inside of both directions": (
        lambda: analysis.keep_neurons(
            indrnn_net(nn.Bidirectional([nn.IndRNN(2)])), "1.forward.0", [0]
        ),
        ValueError,
        "must not lie inside of a Bidirectional",
    ),
    "recording inside of both directions": (
        lambda: analysis.truncate(indrnn_net(nn.Bidirectional([nn.IndRNN(2)])), "1.backward.0"),
        ValueError,
        "must not lie inside of a Bidirectional",
    ),
    "a path into no container": (
        lambda: analysis.truncate(indrnn_net(), "0.1"),
        ValueError,
        "IndRNN has no layers, got '0.1'",
    ),
    "half a path": (lambda: analysis.truncate(indrnn_net(), "0."), ValueError, "must be a path"),
    "a layer that is no path": (
        lambda: analysis.truncate(indrnn_net(), 1.0),  # type: ignore[arg-type]
        TypeError,
        "must be a number or a path",
    ),
    "ranking of a Linear": (
        lambda: analysis.memory_ranking(indrnn_net(nn.Linear(2)), 1),
        ValueError,
        r"one with recurrent weights \(0\), got 1",
    ),
    "threshold": (lambda: analysis.memory_length(0.5, 1.0), ValueError, r"must be in \(0, 1\)"),
    "negative steps": (lambda: analysis.recurrent_weight(-1.0), ValueError, "must be at least 0"),
    "nothing to plot": (
        lambda: analysis.plot_recurrent_weights(ie.Network([nn.Linear(2)], input_size=3)),
        ValueError,
        "must have a recurrent layer",
    ),
    "no bars": (
        lambda: analysis.plot_recurrent_weights(indrnn_net(), bins=0),
        ValueError,
        "bins must be at least 1",
    ),
    "nothing over time": (
        lambda: analysis.plot_activations({"3": np.zeros((2, 5))}),
        ValueError,
        r"must hold an array \[T, B, F\]",
    ),
    "no such sample": (
        lambda: analysis.plot_activations({"3": np.zeros((9, 2, 5))}, sample=2),
        ValueError,
        "sample must be between 0 and 1, got 2",
    ),
    "no such neuron to plot": (
        lambda: analysis.plot_activations({"3": np.zeros((9, 2, 5))}, neurons=[0, 5]),
        ValueError,
        "neurons of layer 3 must be between 0 and 4",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_say_what_is_wrong(case: str) -> None:
    call, kind, message = ERRORS[case]
    with pytest.raises(kind, match=message):
        call()
