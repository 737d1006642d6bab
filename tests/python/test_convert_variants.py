"""The authors' plain networks of 2018 and their dense ones with time differences, from PyTorch."""

from __future__ import annotations

import re

import numpy as np
import pytest

import indrnn_engine as ie
from closeness import assert_close

torch = pytest.importorskip("torch")

import released_networks as released  # noqa: E402
import released_variants as variants  # noqa: E402

TIME_STEPS, BATCH, INPUTS, CLASSES = 9, 16, 3, 5
TOLERANCE = 1e-9

modes = pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
cells = pytest.mark.parametrize("cell", [released.Cell, variants.CellWithoutCuda])


def older(cell=released.Cell):
    return randomized(variants.OlderPlainClassifier(INPUTS, 7, 3, CLASSES, cell))


def dense(place="after", last=True):
    options = released.Options(place)
    return randomized(variants.DifferencesClassifier(INPUTS, CLASSES, options, last))


def randomized(module):
    module = module.double()
    released.randomize(module, torch.Generator().manual_seed(7))
    for name, values in module.named_buffers():
        if name.endswith(".h0"):
            values.zero_()
    return module


def behind_zeros(net):
    """Give a state that says a step of zeros lies before the first one."""
    state = net.initial_state(BATCH)
    for name, values in state.items():
        if name.endswith(".previous"):
            values[:, -1] = 1.0
    return state


def assert_same_outcome(net, module, state, training, **options):
    """Outputs, gradients and running statistics."""
    rng = np.random.default_rng(2)
    x, dy = rng.normal(size=(TIME_STEPS, BATCH, INPUTS)), rng.normal(size=(BATCH, CLASSES))
    x_tensor = torch.tensor(x, requires_grad=True)
    expected = module.train(training)(x_tensor, released.Run())
    y, _ = net.forward(x, state, training=training, keep=True)
    assert_close(y, expected.detach().numpy(), TOLERANCE, "y")
    (expected * torch.tensor(dy)).sum().backward()
    dx, _ = net.backward(dy)
    assert_close(dx, x_tensor.grad.numpy(), TOLERANCE, "dx")
    gradients = ie.convert.to_indrnn_pytorch(net, values="gradients", **options)
    leaves = {today(name): values for name, values in module.named_parameters()}
    assert gradients.keys() == leaves.keys()
    largest = max(float(leaf.grad.abs().max()) for leaf in leaves.values())
    for name, leaf in leaves.items():
        assert_close(gradients[name], leaf.grad.numpy(), TOLERANCE, name, floor=largest)
    after = ie.convert.to_indrnn_pytorch(net, **options)
    for name, values in module.state_dict().items():
        if not name.endswith(("num_batches_tracked", "h0")):
            assert_close(after[today(name)], values.numpy(), TOLERANCE, name)


def today(name):
    """Give the name that an array of 2018 has in the plain network of 2019."""
    name = re.sub(r"^DIs\.(\d+)\.(weight|bias)", r"DIs.\1.fc.\2", name)
    name = re.sub(r"^BNs\.(\d+)\.", r"RNNs.\1.norm1.", name)
    name = re.sub(r"^RNNs\.(\d+)\.(cells\.0\.)?weight_hh", r"RNNs.\1.indrnn1.weight_hh", name)
    return name.replace("lastfc", "classifier")


@cells
@modes
def test_plain_networks_of_2018_compute_the_same(cell, training):
    module = older(cell)
    net = ie.convert.from_indrnn_pytorch(module.state_dict(), dtype="float64")
    assert net.input_size == INPUTS
    assert_same_outcome(net, module, None, training)


def test_plain_networks_of_2018_tell_the_place_of_their_norms():
    net = ie.convert.from_indrnn_pytorch(older().state_dict(), batch_norm="before")
    kinds = [type(layer).__name__ for layer in net.layers[:3]]
    assert kinds == ["Linear", "Recurrence", "BatchNorm"]


def test_every_missing_name_of_2018_is_named():
    given = older().state_dict()
    for name in given:
        if not name.endswith("num_batches_tracked"):
            rest = {key: values for key, values in given.items() if key != name}
            with pytest.raises(ValueError, match=re.escape(name)):
                ie.convert.from_indrnn_pytorch(rest)


def test_networks_of_today_may_have_been_run_without_cuda():
    module = released.PlainClassifier(INPUTS, 7, 2, CLASSES, released.Options("after"))
    given = module.state_dict()
    expected = ie.convert.to_indrnn_pytorch(ie.convert.from_indrnn_pytorch(given))
    for level in ("cells.0.", "indrnn_cell."):
        names = {name: name.replace("weight_hh", f"{level}weight_hh") for name in given}
        net = ie.convert.from_indrnn_pytorch({names[name]: given[name] for name in given})
        for name, values in ie.convert.to_indrnn_pytorch(net).items():
            assert np.array_equal(values, expected[name]), name
    both_ways = {**given, "RNNs.0.indrnn1.cells.1.weight_hh": torch.ones(7)}
    with pytest.raises(ValueError, match=r"left over: RNNs\.0\.indrnn1\.cells\.1\.weight_hh"):
        ie.convert.from_indrnn_pytorch(both_ways)


def test_character_models_of_2018_are_refused():
    given = {"embed.weight": np.ones((5, 4)), "DIs.0.weight": np.ones((4, 4))}
    with pytest.raises(ValueError, match=r"must not be of cPTB/language_model\.py"):
        ie.convert.from_indrnn_pytorch(given)
    steps = {f"BNs.0.bns.{step}.running_mean": np.ones(4) for step in range(3)}
    with pytest.raises(ValueError, match="statistics of each step"):
        ie.convert.from_indrnn_pytorch(steps)


@pytest.mark.parametrize("place", ["after", "before"])
@pytest.mark.parametrize("last", [True, False])
@modes
def test_time_differences_compute_the_same_behind_a_step_of_zeros(place, last, training):
    module = dense(place, last)
    net = ie.convert.from_indrnn_pytorch(
        module.state_dict(), place, "float64", zero_first_difference=True
    )
    assert net.input_size == INPUTS
    assert_same_outcome(net, module, behind_zeros(net), training, zero_first_difference=True)


def test_the_preset_with_every_difference_is_the_authors_network():
    expected = dense().state_dict()
    layers = ie.architectures.dense(
        released.GROWTH,
        CLASSES,
        time_steps=TIME_STEPS,
        blocks=released.BLOCKS,
        num_first=released.NUM_FIRST,
        time_difference="every",
        first_dropout=0.1,
        dense_dropout=0.2,
        bottleneck_dropout=0.3,
        transition_dropout=0.4,
    )
    net = ie.Network(layers, input_size=INPUTS)
    found = ie.convert.to_indrnn_pytorch(net, zero_first_difference=True)
    assert [(name, array.shape) for name, array in found.items()] == [
        (name, tuple(values.shape))
        for name, values in expected.items()
        if not name.endswith("num_batches_tracked")
    ]
    again = ie.convert.from_indrnn_pytorch(found, zero_first_difference=True)
    x = np.random.default_rng(0).normal(size=(TIME_STEPS, 4, INPUTS)).astype(np.float32)
    assert np.array_equal(net.forward(x)[0], again.forward(x)[0])


def test_time_differences_are_refused_with_the_reason():
    given = dense().state_dict()
    with pytest.raises(ValueError, match="first difference is the first step itself"):
        ie.convert.from_indrnn_pytorch(given)
    net = ie.convert.from_indrnn_pytorch(given, zero_first_difference=True)
    with pytest.raises(ValueError, match="first difference is the first step itself"):
        ie.convert.to_indrnn_pytorch(net)
    del given["classifier.bias"]
    message = "does not fit a dense classifier with time differences: missing: classifier.bias"
    with pytest.raises(ValueError, match=message):
        ie.convert.from_indrnn_pytorch(given)


def test_differences_of_the_first_layer_alone_have_no_counterpart():
    layers = ie.architectures.dense(3, 5, time_steps=9, blocks=(2, 1), time_difference=True)
    net = ie.Network(layers, input_size=INPUTS)
    with pytest.raises(ValueError, match='time_difference="every"'):
        ie.convert.to_indrnn_pytorch(net)
