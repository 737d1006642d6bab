"""Optimizers, clipping and schedules against their formulas in NumPy, and PyTorch's."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.optim import schedules

STEPS = 12


def network(dtype: str = "float64", hidden_size: int = 6) -> ie.Network:
    layers = [ie.nn.IndRNN(hidden_size), ie.nn.BatchNorm(), ie.nn.Linear(3)]
    return ie.Network(layers, input_size=2, dtype=dtype, seed=11)


def gradients(net: ie.Network) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    scale = 10.0 ** rng.integers(-4, 3, net.num_parameters)
    return [(rng.normal(size=scale.size) * scale).astype(net.dtype) for _ in range(STEPS)]


def decayed(net: ie.Network) -> np.ndarray:
    """1 where weight decay acts, in the order of the flat buffer."""
    parts = [
        np.full(view.size, not name.endswith(("bias", "weight_hh")))
        for name, view in net.named_parameters().items()
    ]
    return np.concatenate(parts).astype(np.float64)


def adam_by_formula(w, all_gradients, decays, lr, betas, epsilon, weight_decay, decoupled):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for n, g in enumerate(all_gradients, start=1):
        if decoupled:
            w = w - lr * weight_decay * decays * w
        else:
            g = g + weight_decay * decays * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        w = w - lr * (m / (1 - betas[0] ** n)) / (np.sqrt(v / (1 - betas[1] ** n)) + epsilon)
    return w


def sgd_by_formula(w, all_gradients, decays, lr, momentum, weight_decay, nesterov):
    velocity = np.zeros_like(w)
    for g in all_gradients:
        g = g + weight_decay * decays * w
        velocity = momentum * velocity + g
        w = w - lr * (g + momentum * velocity if nesterov else velocity)
    return w


ADAM = {
    "defaults": {},
    "options": {"lr": 0.01, "betas": (0.7, 0.9), "epsilon": 1e-3},
    "decay": {"lr": 0.01, "weight_decay": 0.3},
    "decoupled_decay": {"lr": 0.01, "weight_decay": 0.3, "decoupled": True},
    "no_momentum": {"lr": 0.01, "betas": (0.0, 0.0)},
    "zero_lr": {"lr": 0.0},
}
SGD = {
    "plain": {"lr": 0.1},
    "momentum": {"lr": 0.1, "momentum": 0.9},
    "decay": {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.2},
    "nesterov": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.2, "nesterov": True},
}
ADAM_DEFAULTS = {
    "lr": 2e-4,
    "betas": (0.9, 0.999),
    "epsilon": 1e-8,
    "weight_decay": 0.0,
    "decoupled": False,
}
SGD_DEFAULTS = {"momentum": 0.0, "weight_decay": 0.0, "nesterov": False}


def run(optimizer, net: ie.Network, all_gradients: list[np.ndarray]) -> np.ndarray:
    for g in all_gradients:
        net.gradients[:] = g
        optimizer.step()
        np.testing.assert_array_equal(net.gradients, g)
    return net.parameters.copy()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", ADAM.values(), ids=ADAM)
def test_adam_follows_its_formula(dtype, options):
    net = network(dtype)
    start = net.parameters.astype(np.float64)
    steps = gradients(net)
    found = run(ie.optim.Adam(net, **options), net, steps)
    wide = [g.astype(np.float64) for g in steps]
    expected = adam_by_formula(start, wide, decayed(net), **{**ADAM_DEFAULTS, **options})
    np.testing.assert_allclose(
        found, expected, rtol=1e-12 if dtype == "float64" else 2e-5, atol=1e-7
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", SGD.values(), ids=SGD)
def test_sgd_follows_its_formula(dtype, options):
    net = network(dtype)
    start = net.parameters.astype(np.float64)
    steps = gradients(net)
    found = run(ie.optim.SGD(net, **options), net, steps)
    wide = [g.astype(np.float64) for g in steps]
    expected = sgd_by_formula(start, wide, decayed(net), **{**SGD_DEFAULTS, **options})
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        found, expected, rtol=1e-12 if dtype == "float64" else 2e-5, atol=1e-6 * scale
    )


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd", "nesterov"])
def test_updates_match_pytorch(kind):
    torch = pytest.importorskip("torch")
    net = network()
    steps = gradients(net)
    decays = decayed(net) > 0
    start = torch.from_numpy(net.parameters.copy())
    weights = [start[decays].clone().requires_grad_(), start[~decays].clone().requires_grad_()]
    decay = {"weight_decay": 0.1}
    groups = [{"params": [weights[0]], **decay}, {"params": [weights[1]], "weight_decay": 0.0}]
    theirs, ours = {
        "adam": lambda: (
            torch.optim.Adam(groups, lr=0.02),
            ie.optim.Adam(net, lr=0.02, **decay),
        ),
        "adamw": lambda: (
            torch.optim.AdamW(groups, lr=0.02),
            ie.optim.Adam(net, lr=0.02, decoupled=True, **decay),
        ),
        "sgd": lambda: (
            torch.optim.SGD(groups, lr=0.02, momentum=0.8),
            ie.optim.SGD(net, lr=0.02, momentum=0.8, **decay),
        ),
        "nesterov": lambda: (
            torch.optim.SGD(groups, lr=0.02, momentum=0.8, nesterov=True),
            ie.optim.SGD(net, lr=0.02, momentum=0.8, nesterov=True, **decay),
        ),
    }[kind]()
    found = run(ours, net, steps)
    for g in steps:
        for part, chosen in zip(weights, (decays, ~decays), strict=True):
            part.grad = torch.from_numpy(g[chosen])
        theirs.step()
    np.testing.assert_allclose(found[decays], weights[0].detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found[~decays], weights[1].detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("hidden_size", [1, 3, 300])
def test_every_parameter_is_updated_whatever_their_number(hidden_size):
    net = network(hidden_size=hidden_size)
    before = net.parameters.copy()
    net.gradients[:] = 1.0
    ie.optim.Adam(net, lr=0.5).step()
    np.testing.assert_allclose(net.parameters, before - 0.5, atol=1e-7)


def test_the_learning_rate_can_change_between_steps():
    net = network()
    adam = ie.optim.Adam(net)
    net.gradients[:] = 1.0
    adam.lr = 0.0
    before = net.parameters.copy()
    adam.step()
    np.testing.assert_array_equal(net.parameters, before)
    adam.lr = 0.25
    adam.step()
    assert not np.array_equal(net.parameters, before)
    assert (adam.lr, adam.steps) == (0.25, 2)


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_a_run_goes_on_from_a_state_dict_with_the_same_bits(kind):
    def optimizer(net):
        if kind == "adam":
            return ie.optim.Adam(net, lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, decoupled=True)
        return ie.optim.SGD(net, lr=0.01, momentum=0.9, weight_decay=0.1, nesterov=True)

    steps = gradients(network())
    whole = network()
    expected = run(optimizer(whole), whole, steps)

    first = network()
    before = optimizer(first)
    run(before, first, steps[:5])
    saved = before.state_dict()
    weights = first.parameters.copy()
    run(before, first, steps[5:])  # the state dict is a copy: going on must not change it

    second = network()
    second.parameters[:] = weights
    after = ie.optim.Adam(second, lr=1.0) if kind == "adam" else ie.optim.SGD(second, lr=1.0)
    after.load_state_dict(saved)
    np.testing.assert_array_equal(run(after, second, steps[5:]), expected)
    assert after.state_dict().keys() == saved.keys()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"first_moment": None}, TypeError, "first_moment must be an array"),
        ({"second_moment": np.zeros(3)}, ValueError, "second_moment must have shape"),
        ({"first_moment": "float32"}, TypeError, "first_moment must be an array of float64"),
        ({"steps": -1}, ValueError, "steps must be between 0"),
        ({"steps": 1.5}, TypeError, "steps must be an integer"),
        ({"lr": float("nan")}, ValueError, "lr must be finite"),
        ({"betas": (0.5,)}, TypeError, "betas must be two numbers"),
        ({"epsilon": 0.0}, ValueError, "epsilon must be above 0"),
        ({"decoupled": 1}, TypeError, "decoupled must be True or False"),
        ({"optimizer": "SGD"}, ValueError, "state is of 'SGD', not of 'Adam'"),
        ({"momentum": 0.9}, ValueError, "unknown momentum"),
        ({"lr": ...}, ValueError, "missing lr"),
    ],
)
def test_a_state_dict_that_does_not_fit_changes_nothing(change, error, message):
    net = network()
    adam = ie.optim.Adam(net, lr=0.01)
    run(adam, net, gradients(net)[:2])
    before = adam.state_dict()
    other = ie.optim.Adam(net, lr=0.5, betas=(0.1, 0.2), epsilon=1.0, weight_decay=0.3)
    bad = {**other.state_dict(), **change}
    bad = {key: value for key, value in bad.items() if value is not ...}
    if bad["first_moment"] is not None and isinstance(bad["first_moment"], str):
        bad["first_moment"] = np.zeros(net.num_parameters, np.float32)
    with pytest.raises(error, match=message):
        adam.load_state_dict(bad)
    for key, value in adam.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda net: ie.optim.Adam(net, lr=-1.0), "lr must be at least 0"),
        (lambda net: ie.optim.Adam(net, lr=float("inf")), "lr must be finite"),
        (lambda net: ie.optim.Adam(net, betas=(1.0, 0.9)), r"betas\[0\] must be in \[0, 1\)"),
        (lambda net: ie.optim.Adam(net, betas=(0.9, -0.1)), r"betas\[1\] must be in \[0, 1\)"),
        (lambda net: ie.optim.Adam(net, epsilon=0.0), "epsilon must be above 0"),
        (lambda net: ie.optim.Adam(net, weight_decay=-1e-9), "weight_decay must be at least 0"),
        (lambda net: ie.optim.SGD(net, lr=0.1, momentum=1.0), r"momentum must be in \[0, 1\)"),
        (lambda net: ie.optim.SGD(net, lr=0.1, nesterov=True), "nesterov must go with a momentum"),
        (lambda net: setattr(ie.optim.Adam(net), "lr", -1), "lr must be at least 0"),
        (lambda net: ie.optim.clip_gradients(net), "value or norm must be given"),
        (lambda net: ie.optim.clip_gradients(net, value=0.0), "value must be above 0"),
        (lambda net: ie.optim.clip_gradients(net, norm=float("nan")), "norm must be finite"),
        (lambda net: ie.optim.constrain_recurrent(net, -0.5), "bound must be at least 0"),
    ],
)
def test_numbers_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(network())


@pytest.mark.parametrize(
    "make",
    [
        lambda: ie.optim.Adam(None),
        lambda: ie.optim.SGD([ie.nn.Linear(3)], lr=0.1),
        lambda: ie.optim.clip_gradients(np.zeros(3), value=1.0),
        lambda: ie.optim.constrain_recurrent("net", 1.0),
    ],
)
def test_something_else_is_no_network(make):
    with pytest.raises(TypeError, match="network must be a Network"):
        make()


def test_an_optimizer_keeps_its_network_alive():
    import gc

    adam = ie.optim.Adam(network())
    gc.collect()
    adam.network.gradients[:] = 1.0
    before = adam.network.parameters.copy()
    adam.step()
    assert (adam.network.parameters < before).all()


class TestClipping:
    def test_by_value_cuts_each_and_only_where_needed(self):
        net = network()
        given = np.linspace(-3, 3, net.num_parameters)
        net.gradients[:] = given
        assert ie.optim.clip_gradients(net, value=1.5) is None
        np.testing.assert_array_equal(net.gradients, np.clip(given, -1.5, 1.5))

    @pytest.mark.parametrize("limit", [0.5, 1e6])
    def test_by_norm_scales_all_down_but_never_up(self, limit):
        net = network()
        given = np.random.default_rng(2).normal(size=net.num_parameters)
        net.gradients[:] = given
        norm = ie.optim.clip_gradients(net, norm=limit)
        assert norm == pytest.approx(np.linalg.norm(given), rel=1e-12)
        np.testing.assert_allclose(net.gradients, given * min(1.0, limit / norm), rtol=1e-6)

    def test_norm_of_large_float32_gradients_does_not_overflow(self):
        net = network("float32")
        net.gradients[:] = 1e30
        norm = ie.optim.clip_gradients(net, norm=1.0)
        assert norm == pytest.approx(1e30 * math.sqrt(net.num_parameters), rel=1e-6)
        np.testing.assert_allclose(np.linalg.norm(net.gradients.astype(np.float64)), 1.0, rtol=1e-5)

    def test_both_cut_by_value_first(self):
        net = network()
        net.gradients[:] = 10.0
        norm = ie.optim.clip_gradients(net, value=2.0, norm=1.0)
        assert norm == pytest.approx(2.0 * math.sqrt(net.num_parameters))

    def test_a_nan_shows_in_the_norm(self):
        net = network()
        net.gradients[:] = 1.0
        net.gradients[3] = np.nan
        assert math.isnan(ie.optim.clip_gradients(net, norm=1.0))


def test_constraint_cuts_recurrent_weights_and_nothing_else():
    net = network()
    net.parameters[:] = np.random.default_rng(4).permutation(np.linspace(-2, 2, net.num_parameters))
    before = {name: view.copy() for name, view in net.named_parameters().items()}
    ie.optim.constrain_recurrent(net, 0.75)
    for name, view in net.named_parameters().items():
        expected = (
            np.clip(before[name], -0.75, 0.75) if name.endswith("weight_hh") else before[name]
        )
        np.testing.assert_array_equal(view, expected)
    assert any((view != before[name]).any() for name, view in net.named_parameters().items())


class TestSchedules:
    def test_constant(self):
        assert [schedules.Constant(0.3)(step) for step in (0, 5, 10**9)] == [0.3] * 3

    def test_step_decay(self):
        schedule = schedules.StepDecay(0.8, every=20_000, factor=0.1)
        rates = [schedule(step) for step in (0, 19_999, 20_000, 40_000)]
        np.testing.assert_allclose(rates, [0.8, 0.8, 0.08, 0.008], rtol=1e-12)

    def test_cosine_rises_falls_and_stays(self):
        schedule = schedules.Cosine(1.0, total_steps=110, warmup_steps=10, final_lr=0.2)
        rates = [schedule(step) for step in range(150)]
        assert rates[0] == pytest.approx(0.1)
        assert rates[9] == rates[10] == pytest.approx(1.0)
        assert rates[60] == pytest.approx(0.6)
        assert rates[110:] == [pytest.approx(0.2)] * 40
        assert all(a < b for a, b in itertools.pairwise(rates[:10]))
        assert all(a > b for a, b in itertools.pairwise(rates[10:111]))

    def test_one_cycle_peaks_once(self):
        schedule = schedules.OneCycle(0.5, total_steps=100)
        rates = [schedule(step) for step in range(120)]
        assert rates[0] == pytest.approx(0.02)
        assert rates[30] == max(rates) == pytest.approx(0.5)
        assert rates[100:] == [pytest.approx(5e-5)] * 20
        assert all(a < b for a, b in itertools.pairwise(rates[:31]))
        assert all(a > b for a, b in itertools.pairwise(rates[30:101]))

    def test_schedules_are_values(self):
        assert schedules.Cosine(1.0, 10) == schedules.Cosine(1, 10)
        assert hash(schedules.StepDecay(1.0, 5)) == hash(schedules.StepDecay(1.0, 5))
        assert repr(schedules.Constant(0.5)) == "Constant(lr=0.5)"

    @pytest.mark.parametrize(
        ("make", "error"),
        [
            (lambda: schedules.Constant(-1.0), ValueError),
            (lambda: schedules.Constant("0.1"), TypeError),
            (lambda: schedules.StepDecay(1.0, every=0), ValueError),
            (lambda: schedules.StepDecay(1.0, every=5, factor=-0.1), ValueError),
            (lambda: schedules.Cosine(1.0, total_steps=0), ValueError),
            (lambda: schedules.Cosine(1.0, total_steps=10, warmup_steps=10), ValueError),
            (lambda: schedules.OneCycle(1.0, total_steps=10, warmup_fraction=1.0), ValueError),
            (lambda: schedules.OneCycle(1.0, total_steps=10, start_divisor=0.0), ValueError),
            (lambda: schedules.Constant(1.0)(-1), ValueError),
            (lambda: schedules.Constant(1.0)(0.5), TypeError),
        ],
    )
    def test_wrong_numbers_are_refused(self, make, error):
        with pytest.raises(error, match=r"^\[(Constant|StepDecay|Cosine|OneCycle)\]"):
            make()
