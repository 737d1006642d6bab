"""Ctrl-C and other signals during a call of the engine."""

from __future__ import annotations

import pytest

from processes import check

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
