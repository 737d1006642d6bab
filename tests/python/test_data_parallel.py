"""The hooks of data-parallel training: ranks as threads that each have a share of one batch."""

from __future__ import annotations

import copy
import gc
import subprocess
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

import indrnn_engine as ie

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.float64]
LAYERS = [
    ie.nn.Residual([ie.nn.IndRNN(3, zoneout=0.2), ie.nn.BatchNorm(), ie.nn.Dropout(0.3)]),
    ie.nn.IndRNN(4),
    ie.nn.BatchNorm(mode="step", time_steps=5),
    ie.nn.LastStep(),
    ie.nn.Linear(2),
]


def network() -> ie.Network:
    return ie.Network(LAYERS, input_size=3, dtype="float64", seed=3)


class ThreadRanks:
    """Sums over threads, in the order of the ranks."""

    def __init__(self, count: int) -> None:
        self.barrier = threading.Barrier(count, timeout=60)
        self.given: list[Any] = [None] * count

    def reduction(self, rank: int) -> Callable[[Array], None]:
        def function(values: Array) -> None:
            assert values.dtype == np.float64
            assert values.ndim == 1
            assert values.flags.c_contiguous
            self.given[rank] = values.copy()
            self.barrier.wait()
            values[:] = sum(self.given)
            self.barrier.wait()

        return function


def train(
    x: Array, dy: Array, lengths: NDArray[np.int64], shares: list[int]
) -> tuple[Array, Array, Array, list[Array]]:
    """Y, dx, summed gradients, and the running statistics of each rank, after two steps."""
    ranks = ThreadRanks(len(shares))
    borders = np.cumsum([0, *shares])
    results: list[Any] = [None] * len(shares)

    def work(rank: int) -> None:
        first, end = borders[rank : rank + 2]
        net = network()
        net.set_first_sample(int(first))
        if len(shares) > 1:
            net.set_reduction(ranks.reduction(rank))
        for _ in range(2):
            y, _ = net.forward(x[:, first:end], lengths=lengths[first:end], training=True)
            dx, _ = net.backward(dy[first:end])
        buffers = np.concatenate([view.ravel() for view in net.named_buffers().values()])
        results[rank] = (y, dx, net.gradients.copy(), buffers)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(len(shares))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    y, dx, gradients, buffers = zip(*results, strict=True)
    return np.concatenate(y), np.concatenate(dx, axis=1), sum(gradients), list(buffers)


@pytest.mark.parametrize("shares", [[2, 3], [3, 0, 2], [1, 1, 3]])
def test_ranks_are_one_network_with_the_whole_batch(shares: list[int]) -> None:
    random = np.random.default_rng(0)
    x, dy = random.normal(size=(6, 5, 3)), random.normal(size=(5, 2))
    lengths = np.array([6, 0, 4, 6, 2])
    *wanted, wanted_buffers = train(x, dy, lengths, [5])
    *found, buffers = train(x, dy, lengths, shares)
    for each, expected in zip(found, wanted, strict=True):
        assert np.linalg.norm(each - expected) <= 1e-12 * np.linalg.norm(expected)
    for own in buffers:
        np.testing.assert_array_equal(own, buffers[0])
    assert np.linalg.norm(buffers[0] - wanted_buffers[0]) <= 1e-12 * np.linalg.norm(buffers[0])
    *again, _ = train(x, dy, lengths, shares)
    for each, expected in zip(found, again, strict=True):
        np.testing.assert_array_equal(each, expected)


def test_reduction_is_for_training_only() -> None:
    net, calls = network(), []
    net.set_reduction(calls.append)
    x = np.random.default_rng(0).normal(size=(4, 3, 3))
    y, state = net.forward(x)
    net.step(x[0], state)
    net.forward(x, keep=True)
    net.backward(np.ones_like(y))
    assert calls == []
    net.forward(x, training=True)
    net.backward(np.ones_like(y))
    assert [call.shape for call in calls] == [(4,), (3,), (4 + 16,), (16,), (32,), (6,)]
    net.set_reduction(None)
    net.forward(x, training=True)
    assert len(calls) == 6


@pytest.mark.parametrize("fails_at", range(6))
def test_what_the_reduction_raises_comes_out_and_the_network_goes_on(fails_at: int) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, 3))
    other, net = network(), network()
    wanted, _ = other.forward(x, training=True)
    other.backward(np.ones_like(wanted))
    calls = iter(range(100))

    def fail(values: Array) -> None:
        if next(calls) == fails_at:
            raise KeyError("rank 3 is gone")

    net.set_reduction(fail)
    with pytest.raises(KeyError, match="rank 3 is gone"):  # noqa: PT012  # whichever call it is in
        net.forward(x, training=True)
        net.backward(np.ones_like(wanted))
    assert net.random_state == (3, 0 if fails_at < 4 else 1)
    assert not net.gradients.any()
    with pytest.raises(ValueError, match="needs a forward"):
        net.backward(np.ones_like(wanted))

    net.random_state = (3, 0)
    found, _ = net.forward(x, training=True)
    net.backward(np.ones_like(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    np.testing.assert_allclose(net.gradients, other.gradients, rtol=1e-12, atol=1e-14)


def test_reduction_must_not_use_its_network() -> None:
    net = network()
    net.set_reduction(lambda values: net.zero_gradients())
    with pytest.raises(RuntimeError, match="in use by this very thread"):
        net.forward(np.ones((4, 3, 3)), training=True)


def test_reduction_must_leave_the_size_of_its_array() -> None:
    net = network()
    net.set_reduction(lambda values: values.resize(1, refcheck=False))
    with pytest.raises(ValueError, match=r"\[set_reduction\].*4 elements, got 1"):
        net.forward(np.ones((4, 3, 3)), training=True)


def test_array_of_a_reduction_may_be_kept() -> None:
    net, kept = network(), []
    net.set_reduction(kept.append)
    net.forward(np.ones((4, 3, 3)), training=True)
    copies = copy.deepcopy(kept)
    del net
    gc.collect()
    for each, expected in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(each, expected)


def test_network_lets_go_of_a_reduction() -> None:
    class Function:
        def __call__(self, values: Array) -> None:
            pass

    function = Function()
    alive = weakref.ref(function)
    net = network()
    net.set_reduction(function)
    del function
    assert alive() is not None
    net.set_reduction(None)
    assert alive() is None


@pytest.mark.parametrize("function", [3, "sum", np.ones(2)])
def test_reduction_that_cannot_be_called_is_refused(function: Any) -> None:
    with pytest.raises(TypeError, match=r"\[set_reduction\] function must be callable or None"):
        network().set_reduction(function)


def test_first_sample_out_of_range_is_refused() -> None:
    net = network()
    for index in (-1, 2**31):
        with pytest.raises(ValueError, match=r"\[set_first_sample\] index must be between 0 and"):
            net.set_first_sample(index)
    with pytest.raises(TypeError, match=r"\[set_first_sample\] index must be an integer"):
        net.set_first_sample(1.0)  # type: ignore[arg-type]
    assert net.first_sample == 0
    net.set_first_sample(np.int64(7))  # type: ignore[arg-type]
    assert net.first_sample == 7


def test_copies_have_no_hooks() -> None:
    net, calls = network(), []
    net.set_reduction(calls.append)
    net.set_first_sample(5)
    twin = net.copy()
    twin.forward(np.ones((4, 3, 3)), training=True)
    assert calls == []
    assert twin.first_sample == 0


def test_program_ends_although_a_network_with_a_reduction_is_left() -> None:
    code = """
import indrnn_engine as ie

class Holder:
    def __init__(self):
        self.net = ie.Network([ie.nn.BatchNorm()], input_size=1)
        self.net.set_reduction(self.sum)  # a cycle, freed while the interpreter ends

    def sum(self, values):
        pass

holder = Holder()
holder.itself = holder
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
