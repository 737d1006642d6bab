"""threadpoolctl lists and limits the engine's threads, whichever is imported first."""

from __future__ import annotations

import pytest

from processes import check

pytest.importorskip("threadpoolctl", minversion="3.2")

PROGRAM = """
import sys
def entries():
    return [each for each in threadpoolctl.threadpool_info() if each["user_api"] == "indrnn_engine"]
def show():
    (entry,) = entries()
    ie.set_num_threads(3)
    counts = [ie.num_threads()]
    with threadpoolctl.threadpool_limits(1):
        counts.append(ie.num_threads())
    counts.append(ie.num_threads())
    with threadpoolctl.threadpool_limits(2, user_api="indrnn_engine"):
        counts.append(ie.num_threads())
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        counts.append(ie.num_threads())
    with threadpoolctl.threadpool_limits(10**6):
        counts.append(ie.num_threads())
    with threadpoolctl.threadpool_limits({"indrnn_engine": 5}):
        counts.append(ie.num_threads())
    counts.append(ie.num_threads())
    print(counts, entry["version"] == ie.version(), entry["filepath"].rpartition("/")[2])
"""
EXPECTED = "[3, 1, 3, 2, 3, 1024, 5, 3] True libindrnn_engine.so\n"


ENGINE, THREADPOOLCTL = "import indrnn_engine as ie\n", "import threadpoolctl\n"
NETWORK = "net = ie.Network([ie.nn.IndRNN(2)], 1)\n"


@pytest.mark.parametrize(
    "program",
    [
        THREADPOOLCTL + ENGINE,
        ENGINE + THREADPOOLCTL + NETWORK,
        ENGINE + NETWORK + THREADPOOLCTL + "ie.num_threads()\n",
        ENGINE + NETWORK + THREADPOOLCTL + "ie.Network.from_bytes(net.to_bytes())\n",
    ],
    ids=["first", "before a network", "after a network", "before a file"],
)
def test_threadpool_limits_limits_the_engine(program):
    assert check(program + PROGRAM + "show()\n", preamble="") == EXPECTED


def test_the_engine_is_listed_once():
    program = THREADPOOLCTL + ENGINE + NETWORK + PROGRAM + "print(len(entries()))\n"
    assert check(program, preamble="") == "1\n"


def test_threadpoolctl_is_not_imported_by_the_package():
    program = """
import sys
import indrnn_engine as ie
net = ie.Network([ie.nn.IndRNN(2)], 1)
ie.set_num_threads(ie.num_threads())
print("threadpoolctl" in sys.modules)
"""
    assert check(program, preamble="") == "False\n"


def test_an_old_threadpoolctl_without_register_does_no_harm():
    program = """
import sys, types
module = types.ModuleType("threadpoolctl")
sys.modules["threadpoolctl"] = module
import indrnn_engine as ie
print(ie.num_threads() > 0)
"""
    assert check(program, preamble="") == "True\n"
