"""Networks read from a state_dict compute what the authors' networks compute, in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import indrnn_engine as ie
from closeness import assert_close

torch = pytest.importorskip("torch")

import released_networks as released  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

TIME_STEPS, BATCH = 9, 16
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}

dtypes = pytest.mark.parametrize("dtype", TOLERANCE)
modes = pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
networks = pytest.mark.parametrize(
    ("name", "place"),
    [
        (f"{purpose}_{kind}", place)
        for purpose in ("class", "lm")
        for kind in ("plain", "residual", "dense")
        for place in ("after", "before")
    ],
)


def make_module(name, place, dtype, **dense_options):
    norm_steps = TIME_STEPS if name.startswith("lm") else None
    options = released.Options(place, norm_steps)
    makers = {
        "class_plain": lambda: released.PlainClassifier(3, 7, 3, 5, options),
        "class_residual": lambda: released.ResidualClassifier(3, 7, 3, 5, options),
        "class_dense": lambda: released.DenseClassifier(3, 5, options, **dense_options),
        "lm_plain": lambda: released.PlainLanguageModel(11, 6, 7, 3, options),
        "lm_residual": lambda: released.ResidualLanguageModel(11, 6, 7, 3, options),
        "lm_dense": lambda: released.DenseLanguageModel(11, 6, options),
    }
    module = makers[name]().to(getattr(torch, dtype))
    released.randomize(module, torch.Generator().manual_seed(7))
    return module


def make_input(name, dtype, time_steps=TIME_STEPS):
    rng = np.random.default_rng(1)
    if name.startswith("lm"):
        return rng.integers(0, 11, (time_steps, BATCH))
    return rng.normal(size=(time_steps, BATCH, 3)).astype(dtype)


def as_leaf(array):
    tensor = torch.tensor(np.array(array))
    return tensor.double().requires_grad_() if tensor.is_floating_point() else tensor


@networks
@modes
@dtypes
def test_outputs_states_and_gradients(name, place, training, dtype):
    module = make_module(name, place, dtype)
    net = ie.convert.from_indrnn_pytorch(module.state_dict(), batch_norm=place, dtype=dtype)
    module.double().train(training)  # in float32 PyTorch has rounding of its own
    rng = np.random.default_rng(2)
    x, state, dstate = make_input(name, dtype), net.initial_state(BATCH), net.initial_state(BATCH)
    state.flat[...] = rng.random(state.flat.size)
    dstate.flat[...] = rng.normal(size=state.flat.size)

    x_tensor = as_leaf(x)
    initial = [as_leaf(values) for values in state.values()]
    run = released.Run(initial)
    expected = module(x_tensor, run)
    y, final = net.forward(x, state, training=training, keep=True)
    tolerance = TOLERANCE[dtype]
    assert_close(y, expected.detach().numpy(), tolerance, "y")
    for (entry, found), wanted in zip(final.items(), run.final, strict=True):
        assert_close(found, wanted.detach().numpy(), tolerance, entry)

    dy = rng.normal(size=y.shape).astype(dtype)
    loss = (expected * torch.tensor(dy)).sum()
    for value, weights in zip(run.final, dstate.values(), strict=True):
        loss = loss + (value * torch.tensor(weights)).sum()
    loss.backward()
    dx, dinitial = net.backward(dy, dstate)
    if dx is not None:
        assert_close(dx, x_tensor.grad.numpy(), tolerance, "dx")
    for (entry, found), leaf in zip(dinitial.items(), initial, strict=True):
        assert_close(found, leaf.grad.numpy(), tolerance, f"gradient of {entry}")
    gradients = ie.convert.to_indrnn_pytorch(net, values="gradients")
    parameters = dict(module.named_parameters(remove_duplicate=False))
    assert list(gradients) == list(parameters)
    # A bias before a batch norm has no gradient but rounding, of the size that the others have.
    largest = max(float(parameter.grad.abs().max()) for parameter in parameters.values())
    for key, parameter in parameters.items():
        assert_close(gradients[key], parameter.grad.numpy(), tolerance, key, floor=largest)
    after = ie.convert.to_indrnn_pytorch(net)  # with the running statistics of this step
    for key, values in module.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            assert_close(after[key], values.numpy(), tolerance, key)


@pytest.mark.parametrize("name", ["lm_plain", "lm_residual", "lm_dense"])
def test_carried_state_moves_on_in_the_running_statistics(name):
    module = make_module(name, "before", "float64").eval()
    net = ie.convert.from_indrnn_pytorch(module.state_dict(), dtype="float64")
    x = make_input(name, "float64", time_steps=4 * TIME_STEPS)
    state, initial, start = None, None, 0
    for piece in np.split(x, [5, 12, 25]):
        y, state = net.forward(piece, state)
        run = released.Run(initial, start)
        expected = module(torch.tensor(piece), run)
        assert_close(y, expected.detach().numpy(), 1e-9, f"y from step {start}")
        initial, start = run.final, start + len(piece)


def test_without_a_last_transition():
    module = make_module("class_dense", "after", "float64", last=False).eval()
    net = ie.convert.from_indrnn_pytorch(module.state_dict(), dtype="float64")
    x = make_input("class_dense", "float64")
    expected = module(torch.tensor(x), released.Run())
    assert_close(net.forward(x)[0], expected.detach().numpy(), 1e-9)


def test_files_are_read_and_damaged_ones_refused(tmp_path: Path):
    module = make_module("class_residual", "after", "float32")
    path = tmp_path / "model.pt"
    torch.save(module.state_dict(), path)
    found = ie.convert.to_indrnn_pytorch(ie.convert.from_indrnn_pytorch(path))
    for key, values in found.items():
        assert np.array_equal(values, module.state_dict()[key].numpy()), key
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"model\.pt cannot be read"):
        ie.convert.from_indrnn_pytorch(str(path))
    torch.save([1, 2], path)
    with pytest.raises(TypeError, match="must hold a state_dict, got list"):
        ie.convert.from_indrnn_pytorch(path)
    with pytest.raises(FileNotFoundError):
        ie.convert.from_indrnn_pytorch(tmp_path / "nothing.pt")


def test_what_is_given_back_loads_into_the_module():
    module = make_module("lm_dense", "before", "float32")
    net = ie.convert.from_indrnn_pytorch(module.state_dict())
    net.parameters[...] *= 2.0
    tensors = {k: torch.tensor(v) for k, v in ie.convert.to_indrnn_pytorch(net).items()}
    module.load_state_dict(tensors)
    x = make_input("lm_dense", "float32")
    expected = module.eval()(torch.tensor(x), released.Run())
    assert_close(net.forward(x)[0], expected.detach().numpy(), 1e-4)


def test_half_precision_tensors_are_read():
    module = make_module("class_plain", "after", "float32")
    half = {key: values.bfloat16() for key, values in module.state_dict().items()}
    net = ie.convert.from_indrnn_pytorch(half)
    found = ie.convert.to_indrnn_pytorch(net)
    for key, values in found.items():
        assert np.array_equal(values, half[key].float().numpy()), key
