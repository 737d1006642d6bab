"""Which devices there are, and one sentence for each way in which a GPU can be missing.

Each case runs in a process of its own, as the library is loaded once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import indrnn_engine as ie
from cuda_device import LIBRARY, emulator

needs_emulator = pytest.mark.skipif(
    not LIBRARY or emulator() is None, reason="failures of the driver need the emulated device"
)

MAKE = """
import numpy as np
import indrnn_engine as ie
try:
    net = ie.Network([ie.nn.IndRNN(4)], 3, device={device!r})
    net.forward(np.zeros((5, 2, 3), np.float32))
except (RuntimeError, MemoryError) as error:
    print(type(error).__name__, error)
print(ie.devices())
y, _ = ie.Network([ie.nn.IndRNN(4)], 3).forward(np.zeros((5, 2, 3), np.float32))
print("the CPU works", y.shape)
"""


def run_alone(code):
    """Give the lines that the code prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def outcome(device="cuda", **environment):
    """What making a network on the device prints: an error, the devices, and that the CPU works."""
    done = subprocess.run(
        [sys.executable, "-c", MAKE.format(device=device)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "the CPU works (5, 2, 4)", done.stdout
    return lines[:-1]


def test_without_the_backend(tmp_path):
    error, devices = outcome(INDRNN_CUDA_LIBRARY=str(tmp_path / "libindrnn_cuda.so"))
    assert error.startswith("RuntimeError [Network] device 'cuda' cannot be used: the CUDA backend")
    assert error.endswith("device='cpu' works")
    assert devices == "['cpu']"


def test_a_library_of_something_else(tmp_path):
    path = tmp_path / "libindrnn_cuda.so"
    path.write_bytes(b"no library")
    error, devices = outcome(INDRNN_CUDA_LIBRARY=str(path))
    assert "could not be loaded" in error
    assert devices == "['cpu']"


@pytest.mark.skipif(shutil.which("c++") is None, reason="c++ is not installed")
@pytest.mark.parametrize(
    ("version", "package"), [("12", "nvidia-cublas-cu12"), ("99", "nvidia-cublas")]
)
def test_cublas_of_the_version_that_is_needed_is_found(tmp_path, version, package):
    """Stands for the backend: a library that needs a cuBLAS, and says a code when it is loaded."""
    found = tmp_path / "nvidia" / "cu" / "lib"
    found.mkdir(parents=True)
    cublas = found / f"libcublas.so.{version}"
    backend = tmp_path / "libindrnn_cuda.so"

    def build(code, *words):
        command = ["c++", "-shared", "-fPIC", "-x", "c++", "-", *map(str, words)]
        subprocess.run(command, input=code, text=True, check=True)

    build('extern "C" int cublas() { return 7; }', f"-Wl,-soname,{cublas.name}", "-o", cublas)
    build(
        'extern "C" int cublas(); extern "C" int indrnn_cuda_register() { return cublas(); }'
        'extern "C" const char* indrnn_cuda_error_text(int) { return ""; }',
        *("-o", backend, "-x", "none", cublas),
    )
    error, _ = outcome(INDRNN_CUDA_LIBRARY=str(backend))
    assert f"libcublas.so.{version}" in error
    assert f"`pip install {package}` provides cuBLAS {version}" in error
    (found / "libcublas.so.98").write_bytes(b"another version")
    where = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    error, _ = outcome(INDRNN_CUDA_LIBRARY=str(backend), PYTHONPATH=where)
    assert "does not fit this engine (code 7)" in error


@pytest.mark.parametrize("device", ["gpu", "", "CUDA", "cpu:0:1", "cuda0"])
def test_unknown_devices(device):
    with pytest.raises((RuntimeError, ValueError), match=r"\[network\] device must be one of cpu"):
        ie.Network([ie.nn.IndRNN(4)], 3, device=device)


@needs_emulator
@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"CUDA_EMULATION_DRIVER": "0"}, "no NVIDIA driver is running"),
        (
            {"CUDA_EMULATION_DRIVER": "12040"},
            "the NVIDIA driver is too old: it offers CUDA 12.4, the backend needs 13.0; update",
        ),
        ({"CUDA_EMULATION_DEVICES": "0"}, "the NVIDIA driver shows no GPU"),
    ],
)
def test_no_usable_device(environment, sentence):
    error, devices = outcome(**environment)
    assert error.startswith(f"RuntimeError [Network] device 'cuda' cannot be used: {sentence}")
    assert error.endswith("device='cpu' works")
    assert devices == "['cpu']"


@needs_emulator
def test_devices_by_index():
    assert outcome("cuda:1") == ["['cpu', 'cuda:0', 'cuda:1']"]
    assert outcome("cuda:1", CUDA_EMULATION_DEVICES="3")[-1].endswith("'cuda:2']")


@needs_emulator
@pytest.mark.parametrize("device", ["cuda:2", "cuda:-1", "cuda:", "cuda:1x", "cuda:²"])
def test_a_wrong_index(device):
    error, _ = outcome(device)
    assert error == (
        f"RuntimeError [Network] device '{device}' is not there; the CUDA devices are 'cuda:0', "
        "'cuda:1'"
    )


@needs_emulator
def test_out_of_memory():
    error, _ = outcome(CUDA_EMULATION_MEMORY="300")
    assert error.startswith("MemoryError ")
    assert "the device is out of memory; use a smaller batch" in error


@needs_emulator
def test_a_gpu_that_is_too_old():
    error, _ = outcome(CUDA_EMULATION_CAPABILITY="70")
    assert error == (
        "RuntimeError [network] device 'cuda' needs a GPU of compute capability 7.5 or later; "
        "'cuda:0' has 7.0"
    )


@needs_emulator
def test_a_network_leaves_other_devices_alone():
    """A context on a GPU that nobody uses would take memory there."""
    used = run_alone(
        """
import ctypes, os
import numpy as np
import indrnn_engine as ie
net = ie.Network([ie.nn.IndRNN(4), ie.nn.Linear(2)], 3, device="cuda:1")
x = ie.to_device(np.zeros((5, 2, 3), np.float32), net)
step = ie.optim.Adam(net)
y, _ = net.forward(x, training=True)
loss, dy = ie.losses.mean_squared_error(y, np.zeros(y.shape, np.float32))
net.backward(dy)
step.step()
y.numpy(), y.__dlpack__()
del net, x, y, dy, step
library = ctypes.CDLL(os.environ["INDRNN_CUDA_LIBRARY"])
print([library.cuda_emulation_context_made(i) for i in (0, 1)])
"""
    )
    assert used == ["[0, 1]"]


@needs_emulator
def test_a_forked_process():
    lines = run_alone(
        """
import os
import numpy as np
import indrnn_engine as ie
make = lambda: ie.Network([ie.nn.IndRNN(4)], 3, device="cuda")
net = make()
if os.fork() == 0:
    for use in (make, lambda: net.forward(np.zeros((5, 2, 3), np.float32))):
        try:
            use()
        except RuntimeError as error:
            print(error, flush=True)
    os._exit(0)
os.wait()
"""
    )
    assert len(lines) == 2
    for line in lines:
        assert "CUDA was used before this process was forked" in line
        assert "'spawn'" in line


@needs_emulator
def test_a_lost_device():
    """An error in the middle of the work is one sentence too, and other networks go on."""
    error, _ = outcome(CUDA_EMULATION_FAIL_AFTER="0")
    assert error.startswith("RuntimeError ")


@needs_emulator
def test_the_backend_is_loaded_when_it_is_asked_for():
    check = """
import indrnn_engine as ie
loaded = lambda: "libindrnn_cuda" in open("/proc/self/maps").read()
ie.Network([ie.nn.IndRNN(4)], 3)
print(loaded()); ie.devices(); print(loaded())
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
