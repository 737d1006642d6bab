"""What the classes of layer specs say of the layers is what the engine does."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie
from harness import randomize
from indrnn_engine import nn

T, B, F = 6, 3, 4

EXAMPLES: dict[type[nn.Layer], list[nn.Layer]] = {
    nn.Embedding: [nn.Embedding(7, F)],
    nn.Linear: [nn.Linear(F)],
    nn.TiedLinear: [nn.Embedding(7, F), nn.TiedLinear()],
    nn.Recurrence: [nn.Recurrence("tanh")],
    nn.IndRNN: [nn.IndRNN(F, "tanh")],
    nn.BatchNorm: [nn.BatchNorm()],
    nn.LayerNorm: [nn.LayerNorm()],
    nn.Dropout: [nn.Dropout(0.5)],
    nn.LastStep: [nn.LastStep()],
    nn.MeanOverTime: [nn.MeanOverTime()],
    nn.TimeDifference: [nn.TimeDifference()],
    nn.Residual: [nn.Residual([nn.Linear(F)])],
    nn.Concat: [nn.Concat([nn.Linear(F)])],
    nn.Bidirectional: [nn.Bidirectional([nn.Recurrence("tanh")])],
}

examples = pytest.mark.parametrize(
    ("layer_type", "layers"), EXAMPLES.items(), ids=[each.__name__ for each in EXAMPLES]
)


def network_and_input(layers: list[nn.Layer]) -> tuple[ie.Network, np.ndarray]:
    rng = np.random.default_rng(0)
    net = ie.Network(layers, input_size=F, dtype="float64")
    randomize(net, rng)
    x = rng.integers(0, 7, (T, B)) if net.takes_indices else rng.normal(size=(T, B, F))
    return net, x


def test_every_layer_type_has_an_example():
    assert set(EXAMPLES) == set(nn.layer_types().values())


@examples
def test_leaves_time(layer_type, layers):
    net, x = network_and_input(layers)
    y, _ = net.forward(x)
    assert layer_type.leaves_time == (y.ndim == 2)


@examples
def test_reads_all_time(layer_type, layers):
    net, x = network_and_input(layers)
    whole, _ = net.forward(x)
    first, state = net.forward(x[:4])
    second, _ = net.forward(x[4:], state)
    pieces = second if layer_type.leaves_time else np.concatenate([first, second])
    assert layer_type.reads_all_time == (not np.allclose(pieces, whole))


@examples
def test_each_feature_alone(layer_type, layers):
    net, x = network_and_input(layers)
    if net.takes_indices:
        assert not layer_type.each_feature_alone
        return
    order = np.array([2, 0, 3, 1])
    y, _ = net.forward(x)
    values = {**net.named_parameters(), **net.named_buffers()}
    permutable = all(view.shape[-1] == F for view in values.values())
    if permutable:
        for view in values.values():
            view[...] = view[..., order].copy()
    permuted, _ = net.forward(x[..., order])
    # A change of one feature changes no other.
    changed = x.copy()
    changed[..., 0] += 1.0
    apart = net.forward(x)[0], net.forward(changed)[0]
    alone = y.shape[-1] == F and np.array_equal(apart[0][..., 1:], apart[1][..., 1:])
    alone = bool(alone and permutable and np.allclose(permuted, y[..., order]))
    assert layer_type.each_feature_alone == alone


@examples
def test_described_as_it_is(layer_type, layers):
    net, x = network_and_input(layers)
    y, _ = net.forward(x)
    described = [row for row in net.describe(T, B).layers if "." not in row.path]
    assert described[-1].type == layer_type.__name__
    assert described[-1].output_shape == y.shape
