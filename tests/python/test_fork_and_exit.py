"""Fork, the end of a process, and what importing costs."""

from __future__ import annotations

from processes import check, run


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
