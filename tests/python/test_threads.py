"""Several threads of one Python process, and the interpreter lock."""

from __future__ import annotations

import contextlib
import sys
import sysconfig
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

import indrnn_engine as ie

if TYPE_CHECKING:
    from collections.abc import Callable

T, B, INPUTS, H = 50, 8, 3, 32
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def network(seed: int = 0) -> ie.Network:
    layers = [ie.nn.IndRNN(H), ie.nn.BatchNorm(), ie.nn.IndRNN(H), ie.nn.Linear(2)]
    return ie.Network(layers, INPUTS, "float64", seed=seed)


def train(net: ie.Network, steps: int = 10) -> np.ndarray:
    x = np.random.default_rng(net.random_state[0]).normal(size=(T, B, INPUTS))
    adam = ie.optim.Adam(net, lr=1e-3)
    for _ in range(steps):
        net.zero_gradients()
        y, _ = net.forward(x, training=True)
        net.backward(y)
        ie.optim.clip_gradients(net, norm=1.0)
        adam.step()
    return net.parameters.copy()


class TestThreads:
    def test_different_networks_train_in_parallel_with_the_same_bits(self):
        expected = [train(network(seed)) for seed in range(4)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda seed: train(network(seed)), range(4)))
        for actual, wanted in zip(found, expected, strict=True):
            np.testing.assert_array_equal(actual, wanted)

    @pytest.mark.skipif(not FREE_THREADED, reason="only for a free-threaded Python")
    def test_a_free_threaded_python_stays_free_of_the_lock(self):
        assert not sys._is_gil_enabled()  # importing a module that needs the lock turns it on

    def test_one_network_predicts_in_many_threads(self):
        net = network()
        xs = [np.random.default_rng(seed).normal(size=(T, B, INPUTS)) for seed in range(16)]
        expected = [net.forward(x) for x in xs]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(net.forward, xs * 5))
        for index, (y, state) in enumerate(found):
            wanted, end = expected[index % len(xs)]
            np.testing.assert_array_equal(y, wanted)
            np.testing.assert_array_equal(state.flat, end.flat)

    def test_one_network_used_for_everything_at_once_never_crashes(self):
        net = network()
        x = np.random.default_rng(0).normal(size=(T, B, INPUTS))
        adam = ie.optim.Adam(net, lr=0.0)
        before = net.parameters.copy()

        def backward() -> None:
            # Others come between its forward and it: then it is refused, never wrong.
            with contextlib.suppress(ValueError):
                net.backward(np.zeros((T, B, 2)))

        def repeat(call: Callable[[], object]) -> int:
            end, count = time.monotonic() + 1.0, 0
            while time.monotonic() < end:
                call()
                count += 1
            return count

        calls = [
            lambda: net.forward(x, training=True),
            backward,
            lambda: net.step(x[0]),
            lambda: net.forward(x[: 1 + int(time.monotonic() * 1e4) % T]),
            lambda: (adam.step(), net.zero_gradients(), ie.optim.clip_gradients(net, norm=1.0)),
            lambda: (net.workspace_bytes(T, B), net.random_state, net.named_parameters()),
        ]
        with ThreadPoolExecutor(len(calls)) as pool:
            assert min(pool.map(repeat, calls)) > 0
        np.testing.assert_array_equal(net.parameters, before)
        assert np.isfinite(net.forward(x)[0]).all()

    @pytest.mark.parametrize(
        ("call", "releases"),
        [
            (lambda net, x, u, keep: net.forward(x, keep=True), True),
            (lambda net, x, u, keep: net.backward(x), True),
            (lambda net, x, u, keep: ie.ops.indrnn_forward(x, u), True),
            (lambda net, x, u, keep: ie.losses.mean_squared_error(x, x), True),
            (
                lambda net, x, u, keep: sum(keep),
                FREE_THREADED,
            ),  # what the others are told apart from
        ],
        ids=["forward", "backward", "indrnn_forward", "mean_squared_error", "pure Python"],
    )
    def test_other_python_threads_run_while_the_engine_computes(self, call, releases):
        net = ie.Network([ie.nn.Linear(64), ie.nn.Recurrence()], 64)
        x, u, keep = np.ones((20_000, 8, 64), np.float32), np.ones(64, np.float32), [1] * 5_000_000
        net.forward(x, keep=True)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(60.0)  # nobody is asked to let go of the lock: only the engine does
        counts = [0]
        stop = threading.Event()
        started = threading.Event()

        def count() -> None:
            started.set()
            while not stop.is_set():
                counts[0] += 1
                time.sleep(0)

        counter = threading.Thread(target=count)
        try:
            counter.start()
            started.wait()
            before = counts[0]
            call(net, x, u, keep)
            during = counts[0] - before
        finally:
            stop.set()
            sys.setswitchinterval(interval)
            counter.join()
        assert (during > 0) == releases
