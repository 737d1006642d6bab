"""The engine inside a Python process: threads, the interpreter lock, Ctrl-C, fork, exit."""

from __future__ import annotations

import contextlib
import subprocess
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


PREAMBLE = """
import os, signal, sys, threading, time
import numpy as np
import indrnn_engine as ie
"""


def run(
    code: str, *, timeout: float = 60.0, preamble: str = PREAMBLE
) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own; a hang is a failure."""
    return subprocess.run(
        [sys.executable, "-c", preamble + code],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def check(code: str, *, timeout: float = 60.0, preamble: str = PREAMBLE) -> str:
    result = run(code, timeout=timeout, preamble=preamble)
    assert result.returncode == 0, result.stderr
    return result.stdout


# A forward that takes many seconds: T is long and one sample gives the threads little to share.
LONG_CALL = """
net = ie.Network([ie.nn.IndRNN(64) for _ in range(12)], 1)
x = np.broadcast_to(np.zeros((1, 1, 1), np.float32), (3_000_000, 1, 1)).copy()
"""

# Likewise a backward, on few threads, so that it takes seconds on any machine, and keeping little.
LONG_BACKWARD = """
ie.set_num_threads(2)
net = ie.Network([ie.nn.IndRNN(64) for _ in range(12)], 1, memory="recompute")
x = np.zeros((1_000_000, 1, 1), np.float32)
"""


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


class TestInterrupt:
    @pytest.mark.parametrize("kind", ["forward", "backward", "waiting"])
    def test_ctrl_c_ends_a_long_call_within_a_second_and_the_network_still_works(self, kind):
        call = {
            "forward": "net.forward(x)",
            "backward": "net.backward(dy)",
            "waiting": "net.forward(x[:10])",
        }[kind]
        prepare = "dy, _ = net.forward(x, keep=True)" if kind == "backward" else ""
        other = "threading.Thread(target=net.forward, args=(x,), daemon=True).start()"
        output = check(
            (LONG_BACKWARD if kind == "backward" else LONG_CALL)
            + f"""
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
{other if kind == "waiting" else ""}
{prepare}
time.sleep(0.3)
sent = []
def interrupt():
    time.sleep(0.3)
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    {call}
    print("finished")
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - sent[0] < 1.0)
if {kind != "waiting"}:
    y, _ = net.forward(x[:100])
    print(y.shape)
sys.stdout.flush()
os._exit(0)
"""
        )
        expected = ["interrupted True"] + (["(100, 1, 64)"] if kind != "waiting" else [])
        assert output.splitlines() == expected

    def test_the_exception_of_a_signal_handler_comes_through(self):
        output = check(
            LONG_CALL
            + """
class Stop(Exception):
    pass
def handler(number, frame):
    raise Stop("from the handler")
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.5)
try:
    net.forward(x)
    print("finished")
except Stop as error:
    print(error)
"""
        )
        assert output == "from the handler\n"

    def test_a_handler_that_returns_lets_the_call_go_on(self):
        output = check(
            """
net = ie.Network([ie.nn.IndRNN(64) for _ in range(4)], 1)
x = np.ones((300_000, 1, 1), np.float32)
expected, _ = net.forward(x)
seen = []
signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
found, _ = net.forward(x)
signal.setitimer(signal.ITIMER_REAL, 0)
print(len(seen) > 0, np.array_equal(found, expected))
"""
        )
        assert output == "True True\n"

    def test_a_handler_that_computes_with_the_network_at_work_gets_an_error(self):
        output = check(
            LONG_CALL
            + """
def handler(number, frame):
    net.parameters.copy()  # reading is fine
    net.forward(x[:10])
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.5)
try:
    net.forward(x)
    print("finished")
except RuntimeError as error:
    print(error)
"""
        )
        assert "[forward] the network is in use by this very thread" in output

    def test_the_engine_installs_no_signal_handler(self):
        output = check(
            """
import ctypes
import importlib
def handlers():
    buffer = ctypes.create_string_buffer(256)
    found = []
    for number in signal.valid_signals():
        ctypes.CDLL(None).sigaction(number, None, buffer)
        found.append(int.from_bytes(buffer.raw[:8], "little"))
    return found
before = handlers()
import indrnn_engine as ie
net = ie.Network([ie.nn.IndRNN(8)], 1)
y, _ = net.forward(np.ones((10, 1, 1), np.float32), training=True)
net.backward(y)
print(handlers() == before)
""",
            preamble="import signal\nimport numpy as np\n",
        )
        assert output == "True\n"


class TestFork:
    CHILD = """
net = ie.Network([ie.nn.IndRNN(64), ie.nn.Linear(2)], 3, seed=1)
x = np.random.default_rng(0).normal(size=(2000, 32, 3)).astype(np.float32)
def train(net):
    y, _ = net.forward(x, training=True)
    net.backward(y)
    return net.gradients.copy()
"""

    def test_a_fork_after_use_computes_the_same(self):
        output = check(
            self.CHILD
            + """
ie.set_num_threads(3)
expected = train(net)
net.zero_gradients()
read, write = os.pipe()
child = os.fork()
if child == 0:
    same = np.array_equal(train(net), expected)
    os.write(write, b"same" if same else b"different")
    os._exit(0)
print(os.read(read, 100).decode(), os.waitpid(child, 0)[1])
print(np.array_equal(train(net), expected))
"""
        )
        assert output == "same 0\nTrue\n"

    def test_a_fork_while_another_thread_computes_does_not_hang(self):
        output = check(
            self.CHILD
            + """
ie.set_num_threads(2)
stop = threading.Event()
busy = ie.Network([ie.nn.IndRNN(64), ie.nn.Linear(2)], 3, seed=2)
def compute():
    while not stop.is_set():
        busy.forward(x)
thread = threading.Thread(target=compute)
thread.start()
expected = train(net)
net.zero_gradients()
outcomes = set()
for _ in range(20):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        same = np.array_equal(train(net), expected)
        try:
            busy.forward(x)
            note = b"computed"
        except RuntimeError as error:
            note = b"refused" if b"when this process was forked" in str(error).encode() else b"?"
        os.write(write, (b"same " if same else b"different ") + note)
        os._exit(0)
    os.waitpid(child, 0)
    outcomes.add(os.read(read, 100).decode())
    os.close(read), os.close(write)
stop.set()
thread.join()
print(sorted(outcomes))
""",
            timeout=120,
        )
        assert eval(output) in (["same refused"], ["same computed", "same refused"])

    def test_multiprocessing_with_fork_works_after_use(self):
        output = check(
            self.CHILD
            + """
import multiprocessing
expected = train(net)
net.zero_gradients()
with multiprocessing.get_context("fork").Pool(2) as pool:
    results = pool.map(train, [net, net])
print(all(np.array_equal(result, expected) for result in results))
"""
        )
        assert output == "True\n"


class TestExit:
    def test_a_process_ends_while_a_daemon_thread_computes(self):
        result = run(
            """
net = ie.Network([ie.nn.IndRNN(64) for _ in range(4)], 1)
x = np.zeros((20_000, 1, 1), np.float32)
def compute():
    while True:
        net.forward(x)
for _ in range(3):
    threading.Thread(target=compute, daemon=True).start()
time.sleep(0.3)
"""
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    def test_ctrl_c_at_exit_and_use_in_atexit_are_fine(self):
        output = check(
            """
import atexit
net = ie.Network([ie.nn.IndRNN(8)], 1)
atexit.register(lambda: print(net.forward(np.ones((3, 1, 1), np.float32))[0].shape))
"""
        )
        assert output == "(3, 1, 8)\n"

    def test_nothing_is_printed(self):
        result = run(
            """
net = ie.Network([ie.nn.IndRNN(8), ie.nn.BatchNorm()], 1)
y, _ = net.forward(np.ones((10, 2, 1), np.float32), training=True)
net.backward(y)
ie.optim.Adam(net).step()
"""
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_importing_stays_light():
    output = check(
        """
heavy = ("matplotlib", "typer", "rich", "sklearn", "torch", "pooch", "scipy")
print([name for name in heavy if name in sys.modules])
print(ie.architectures.__name__, ie.data.__name__)
"""
    )
    assert output.splitlines()[0] == "[]"
    assert output.splitlines()[1] == "indrnn_engine.architectures indrnn_engine.data"
