"""memory="recompute": the same bits as memory="store", in less memory."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie
from harness import Shape, engine_outcome, make_problem
from indrnn_engine import nn

SIZE = 160
BATCH, TIME_STEPS = 3, 3500  # several windows
NETWORKS = {
    "plain": [nn.IndRNN(SIZE) for _ in range(5)] + [nn.Linear(2)],
    "last_step": [nn.IndRNN(SIZE, activation="tanh") for _ in range(5)] + [nn.LastStep()],
    "random": [nn.IndRNN(SIZE, zoneout=0.2), nn.Dropout(0.2)] * 3 + [nn.MeanOverTime()],
    "step_norm": [nn.IndRNN(SIZE), nn.BatchNorm("step", time_steps=1000)] * 3 + [nn.Linear(2)],
    "connections": [
        nn.Linear(SIZE),
        *[nn.Residual([nn.LayerNorm(), nn.IndRNN(SIZE), nn.Linear(SIZE)])] * 2,
        nn.Concat([nn.TimeDifference(), nn.IndRNN(20)]),
        nn.Linear(2),
    ],
}
SHAPES = {
    "plain": Shape(TIME_STEPS, BATCH),
    "everything": Shape(
        TIME_STEPS, BATCH, (TIME_STEPS - 1, 0, 2000), resets=True, states=True, start=3
    ),
}


def outcome_and_workspace(layers, shape, memory, training):
    problem = make_problem(layers, shape, training=training)
    problem.network.parameters[...] *= 0.5  # nothing explodes over so many steps
    network = ie.Network(layers, problem.network.input_size, "float64", memory=memory)
    network.parameters[...] = problem.network.parameters
    for name, values in network.named_buffers().items():
        values[...] = problem.network.named_buffers()[name]
    problem.network = network
    return engine_outcome(problem), network.workspace_bytes(
        shape.time_steps, shape.batch, training, keep=True
    )


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_gives_the_same_bits(layers, shape, training):
    stored, much = outcome_and_workspace(layers, shape, "store", training)
    again, less = outcome_and_workspace(layers, shape, "recompute", training)
    assert less < 0.9 * much  # so there was more than one window
    for part in ("y", "dx"):
        assert getattr(stored, part).tobytes() == getattr(again, part).tobytes()
    for part in ("state", "buffers", "gradients", "dstate"):
        first, second = getattr(stored, part), getattr(again, part)
        assert [n for n in first if first[n].tobytes() != second[n].tobytes()] == []


def test_memory_grows_with_windows_and_not_with_layers():
    def growth(memory):
        network = ie.Network(NETWORKS["plain"], input_size=2, memory=memory)
        one, two = (network.workspace_bytes(steps, 1, True) for steps in (10**6, 2 * 10**6))
        return (two - one) / 10**6  # bytes per time step

    assert growth("store") > 4 * SIZE * 5
    assert growth("recompute") < 0.1 * growth("store")


@pytest.mark.parametrize("layer", [nn.BatchNorm(), nn.Bidirectional([nn.IndRNN(3)])])
def test_what_needs_the_whole_sequence_is_refused(layer):
    network = ie.Network([nn.IndRNN(3), layer], input_size=2, memory="recompute")
    with pytest.raises(ValueError, match=r"recompute.*layer 1 .*whole sequence"):
        network.forward(np.zeros((4, 2, 2), np.float32), training=True)


def test_norm_with_running_statistics_is_fine():
    layers = [nn.IndRNN(3), nn.BatchNorm(), nn.IndRNN(3)]
    stored, _ = outcome_and_workspace(layers, Shape(30, 2), "store", training=False)
    again, _ = outcome_and_workspace(layers, Shape(30, 2), "recompute", training=False)
    assert stored.dx.tobytes() == again.dx.tobytes()
