"""ONNX models compute what the networks do, in onnxruntime."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.export import layers as lowering_module
from indrnn_engine.training.presets import PRESETS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

nn = ie.nn
T, B, INPUTS = 9, 4, 3
CASES: dict[str, list[Any]] = {
    "relu": [nn.IndRNN(7), nn.Linear(2)],
    "tanh": [nn.IndRNN(7, activation="tanh", bias=False), nn.IndRNN(5, activation="sigmoid")],
    "identity": [nn.Linear(4), nn.Recurrence("identity")],
    "recurrence_first": [nn.Recurrence(), nn.BatchNorm(), nn.Recurrence("tanh")],
    "zoneout": [nn.IndRNN(6, zoneout=0.25), nn.Recurrence(zoneout=0.5)],
    "norm_before": [nn.Linear(6), nn.BatchNorm(), nn.Recurrence(), nn.Dropout(0.4), nn.Linear(2)],
    "norm_after": [nn.IndRNN(6), nn.BatchNorm(), nn.Dropout(0.4), nn.BatchNorm(), nn.IndRNN(5)],
    "norms_alone": [nn.BatchNorm(), nn.LayerNorm(), nn.BatchNorm()],
    "step_norm": [nn.BatchNorm("step", 3), nn.IndRNN(4), nn.BatchNorm("step", 4), nn.Linear(2)],
    "last_step": [nn.IndRNN(5), nn.BatchNorm(), nn.LastStep(), nn.Linear(3)],
    "mean": [nn.IndRNN(5), nn.MeanOverTime(), nn.BatchNorm(), nn.Linear(3), nn.LayerNorm()],
    "difference": [nn.TimeDifference(), nn.IndRNN(5), nn.TimeDifference()],
    "residual": [nn.Linear(5), nn.Residual([nn.BatchNorm(), nn.IndRNN(5), nn.Linear(5)])],
    "dense": [nn.Concat([nn.IndRNN(4), nn.BatchNorm()]), nn.Concat([nn.IndRNN(4)]), nn.Linear(2)],
    "both_ways": [nn.Bidirectional([nn.IndRNN(4), nn.BatchNorm()]), nn.LastStep(), nn.Linear(2)],
    "both_ways_nested": [nn.Bidirectional([nn.Bidirectional([nn.IndRNN(3)]), nn.TimeDifference()])],
    "text": [nn.Embedding(6, 5), nn.IndRNN(5), nn.BatchNorm(), nn.TiedLinear()],
}


def network(layers: list[Any], dtype: str = "float32", input_size: int = INPUTS) -> ie.Network:
    """A network whose statistics are not those it began with."""
    net = ie.Network(layers, input_size=input_size, dtype=dtype, seed=3)
    rng = np.random.default_rng(1)
    for view in net.named_buffers().values():
        view[...] = rng.uniform(0.5, 1.5, view.shape)
    return net


def inputs(net: ie.Network, steps: int = T, batch: int = B) -> Any:
    rng = np.random.default_rng(2)
    if net.takes_indices:
        return rng.integers(0, net.layers[0].num, (steps, batch))
    return rng.normal(size=(steps, batch, net.input_size)).astype(net.dtype)


class Exported:
    """A network in onnxruntime, called like a Network."""

    def __init__(self, net: ie.Network, path: Any, **options: Any) -> None:
        ie.export.to_onnx(net, path, **options)
        self.model = onnx.load(path)
        onnx.checker.check_model(self.model, full_check=True)
        self.net = net
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.names = [each.name for each in self.session.get_inputs()]

    def __call__(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        state = self.net.initial_state(x.shape[1]) if state is None else state.copy()
        feed = {"x": x, "start": np.array([state.steps]), "lengths": lengths}
        feed.update({f"state.{name}": state[name] for name in state})
        feed = {name: feed[name] for name in self.names}
        outputs = self.session.run(None, feed)
        given = dict(zip((o.name for o in self.session.get_outputs()), outputs, strict=True))
        for name in state:
            state[name] = given[f"final.{name}"]
        state.steps += len(x)
        return given["y"], state


def close(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    scale = float(np.abs(ours).max(initial=0.0))
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=tolerance * scale)


def check(net: ie.Network, exported: Exported, x: Any, lengths: Any = None) -> None:
    """Whole sequences, and in two parts with the state between."""
    y, state = net.forward(x, lengths=lengths)
    got, got_state = exported(x, lengths=lengths)
    close(y, got)
    for name in state:
        close(state[name], got_state[name])
    for _ in range(2):  # on from there
        y, state = net.forward(x, state, lengths=lengths)
        got, got_state = exported(x, got_state, lengths=lengths)
        close(y, got)


@pytest.mark.parametrize("widest_rnn", [0, 512], ids=["scan", "rnn"])
@pytest.mark.parametrize("name", CASES)
def test_every_layer_is_the_same_in_onnxruntime(tmp_path, name, widest_rnn):
    net = network(CASES[name])
    exported = Exported(net, tmp_path / "model.onnx", widest_rnn=widest_rnn)
    for steps, batch in ((T, B), (1, 1), (2, 7)):
        check(net, exported, inputs(net, steps, batch))


@pytest.mark.parametrize("widest_rnn", [0, 512], ids=["scan", "rnn"])
@pytest.mark.parametrize("name", CASES)
def test_lengths_are_the_same_in_onnxruntime(tmp_path, name, widest_rnn):
    net = network(CASES[name])
    path = tmp_path / "model.onnx"
    exported = Exported(net, path, lengths=True, widest_rnn=widest_rnn)
    for lengths in ([T, 1, 5, T - 1], [T, 0, 5, 0], [0, T, 0, 1], [0, 0, 0, 0]):
        check(net, exported, inputs(net), np.array(lengths))


@pytest.mark.parametrize("name", CASES)
def test_an_empty_sequence_keeps_its_state_in_onnxruntime(tmp_path, name):
    net = network(CASES[name])
    exported = Exported(net, tmp_path / "model.onnx", lengths=True)
    x = inputs(net)
    _, before = net.forward(x)
    for lengths in ([T, 0, 5, 0], [0, 0, 0, 0]):
        _, state = net.forward(x, before, lengths=np.array(lengths))
        _, got_state = exported(x, before, np.array(lengths))
        for entry in state:
            empty = np.array(lengths) == 0
            np.testing.assert_array_equal(got_state[entry][empty], before[entry][empty])
            close(state[entry], got_state[entry])


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "identity"])
def test_small_values_are_as_accurate_in_onnxruntime(tmp_path, activation, dtype, tolerance):
    net = network([nn.IndRNN(16, activation, bias=False)], dtype)
    exported = Exported(net, tmp_path / "model.onnx")
    for scale in (1, 1e-2, 1e-4, 1e-6):
        x = inputs(net, 60) * net.dtype.type(scale)
        y, state = net.forward(x)
        got, got_state = exported(x)
        for ours, theirs in ((y, got), (state["0.hidden"], got_state["0.hidden"])):
            assert np.abs(theirs - ours).max() <= tolerance * np.abs(ours).max()


def test_small_embeddings_are_as_accurate_in_onnxruntime(tmp_path):
    layers = [nn.Embedding(9, 6), nn.IndRNN(16, "tanh"), nn.LastStep(), nn.Linear(5)]
    net = ie.Network(layers, seed=1)  # as initialised: embeddings of 0.01
    y, _ = net.forward(inputs(net))
    got, _ = Exported(net, tmp_path / "model.onnx")(inputs(net))
    assert np.abs(got - y).max() <= 1e-5 * np.abs(y).max()


@pytest.mark.parametrize("name", ["norm_before", "residual", "both_ways", "step_norm"])
def test_float64_is_kept(tmp_path, name):
    net = network(CASES[name], "float64")
    y, _ = net.forward(inputs(net))
    got, _ = Exported(net, tmp_path / "model.onnx")(inputs(net))
    assert got.dtype == np.float64
    close(y, got, 1e-12)


@pytest.mark.parametrize(
    "layers",
    [
        ie.architectures.plain(6, 16, 10, time_steps=T),
        ie.architectures.residual(3, 16, 10, time_steps=T),
        ie.architectures.dense(8, 10, time_steps=T, blocks=(2, 2), time_difference=True),
    ],
    ids=["plain", "residual", "dense"],
)
def test_the_papers_networks_are_the_same_in_onnxruntime(tmp_path, layers):
    net = network(layers)
    check(net, Exported(net, tmp_path / "model.onnx"), inputs(net))


@pytest.mark.parametrize("name", sorted(PRESETS))
@pytest.mark.parametrize("lengths", [None, np.array([T, 1, 0, T - 1])], ids=["full", "lengths"])
def test_every_preset_is_the_same_in_onnxruntime(tmp_path, name, lengths):
    preset = PRESETS[name]
    sizes = SimpleNamespace(input_size=INPUTS, output_size=10, time_steps=preset_steps(preset))
    if name == "text":
        sizes.input_size = None
    layers = preset.make_network(sizes).layers
    net = network(list(layers))
    exported = Exported(net, tmp_path / "model.onnx", lengths=lengths is not None)
    check(net, exported, inputs(net), lengths)


def preset_steps(preset: Any) -> int:
    return int(preset.data.get("time_steps", 50))


def test_the_file_uses_standard_operators_and_says_what_it_is(tmp_path):
    net = network(CASES["norm_after"])
    model = Exported(net, tmp_path / "model.onnx").model
    assert {node.domain for node in model.graph.node} == {""}
    assert [node.op_type for node in model.graph.node].count("RNN") == 2
    assert not any(node.op_type in ("Mul", "Sub", "Sqrt") for node in model.graph.node)  # folded
    properties = {each.key: each.value for each in model.metadata_props}
    assert ie.Network.from_json(properties["indrnn_engine.network"]).layers == net.layers
    assert model.producer_version == ie.version()


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install \"indrnn_engine\[export\]\""):
        ie.export.to_onnx(network(CASES["relu"]), tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.IndRNN(7), nn.LayerNorm()], r"layer 1 \(LayerNorm\)"),
        (
            [nn.Linear(5), nn.Bidirectional([nn.Residual([nn.LayerNorm()])])],
            r"layer 1\.forward\.0\.0 \(LayerNorm\)",
        ),
    ],
    ids=["plain", "nested"],
)
def test_a_layer_without_a_form_is_named(monkeypatch, tmp_path, layers, message):
    make = lowering_module.Lowering.__init__

    def make_without_layer_norms(self: Any, *arguments: Any) -> None:
        make(self, *arguments)
        del self.table[nn.LayerNorm]

    monkeypatch.setattr(lowering_module.Lowering, "__init__", make_without_layer_norms)
    path = tmp_path / "model.onnx"
    with pytest.raises(ValueError, match=rf"^\[to_onnx\] {message} has no ONNX form$"):
        ie.export.to_onnx(network(layers), path)
    assert not path.exists()
