"""Recurrences by themselves on a GPU, beside copies of device memory.

`python -m benchmarks.gpu.kernels` prints one JSON object; `--tiny` is for the emulated device. The
time of a kernel is the difference between networks of several recurrences and of one, so that
copies of the caller's arrays do not count; that of a copy is the difference between several calls
and one, so that neither counts what the host does. Results are compared with NumPy's before.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

import indrnn_engine as ie
from benchmarks import reference

if TYPE_CHECKING:
    from collections.abc import Callable

Array = Any
FEW, MANY = 1, 5
REPEATS = 21
TOLERANCE = 1e-4  # of the largest value, in float32: the scan sums in another order than a walk
SHAPES = ((1024, 128, 512), (1024, 256, 512), (512, 512, 512))  # T, B, H; B H >= 65 536
TINY_SHAPES = ((9, 2, 8),)
LONG, TINY_LONG = (100_000, 1, 128), (40, 1, 8)


class WrongError(Exception):
    """A kernel's results are not NumPy's."""


def median_seconds(run: Callable[[], Any], wait: Callable[[], Any], repeats: int) -> float:
    """Of one run, until the device is done."""
    run()
    wait()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


class Recurrences:
    """Several recurrences in a row, and nothing else, on arrays [T, B, H] in device memory."""

    def __init__(self, count: int, x: Array, dy: Array, u: Array) -> None:
        size = x.shape[-1]
        layers = [ie.nn.Recurrence() for _ in range(count)]
        self.net = ie.Network(layers, input_size=size, device="cuda")
        for name in self.net.named_parameters():
            self.net.named_parameters()[name][:] = u
        self.x, self.dy, self.y = (ie.to_device(each, self.net) for each in (x, dy, dy))
        self.behind = ie.to_device(np.zeros(1, np.float32), self.net)
        self.dstate = self.net.device_state(x.shape[1])

    def forward(self) -> None:
        self.net.forward(self.x, training=True, out=self.y)

    def both(self) -> None:
        """Without dx, and with the state's gradient left where it is: nothing but kernels."""
        self.forward()
        self.net.backward(self.dy, self.dstate, input_gradient=False)

    def seconds(self, repeats: int) -> tuple[float, float]:
        """Of a forward, and of a forward and a backward."""
        forward = median_seconds(self.forward, self.behind.numpy, repeats)
        return forward, median_seconds(self.both, self.behind.numpy, repeats)


def check(x: Array, dy: Array, u: Array) -> None:
    """Compare output and gradients of one recurrence with NumPy's; raises WrongError."""
    one = Recurrences(1, x, dy, u)
    one.forward()
    dx, _ = one.net.backward(one.dy)
    h = reference.recurrence(x, u, "relu")
    dz, du = reference.recurrence_gradient(dy, h, u, "relu")
    found = {"h": one.y, "dz": dx, "du": one.net.named_gradients()["0.weight_hh"]}
    for name, wanted in (("h", h), ("dz", dz), ("du", du)):
        distance = np.abs(np.array(found[name]) - wanted).max() / np.abs(wanted).max()
        if not distance <= TOLERANCE:
            raise WrongError(f"{name} of {x.shape} is off by {distance:.1e} of its size")


def kernel_seconds(x: Array, dy: Array, u: Array, repeats: int) -> dict[str, float]:
    """Seconds of one forward and of one backward recurrence."""
    check(x, dy, u)
    few, many = (Recurrences(count, x, dy, u).seconds(repeats) for count in (FEW, MANY))
    forward, both = ((m - f) / (MANY - FEW) for f, m in zip(few, many, strict=True))
    return {"forward": forward, "backward": both - forward}


def problem(time_steps: int, batch: int, features: int) -> tuple[Array, Array, Array]:
    """z, dh and u."""
    random = np.random.default_rng(0)
    z, dh = (random.standard_normal((time_steps, batch, features), np.float32) for _ in range(2))
    return z, dh, random.uniform(-0.95, 0.95, features).astype(np.float32)


def copy_bandwidth(shape: tuple[int, int, int], repeats: int) -> float:
    """Bytes read and written per second by copies within device memory.

    A prediction of a network of dropout alone is two copies, of x in and of y out, and no kernel.
    """
    net = ie.Network([ie.nn.Dropout(0.5)], input_size=shape[-1], device="cuda")
    x = ie.to_device(np.zeros(shape, np.float32), net)
    y, behind = ie.to_device(np.zeros(shape, np.float32), net), ie.to_device(np.zeros(1), net)

    def seconds_of(calls: int) -> float:
        def copy() -> None:
            for _ in range(calls):
                net.forward(x, out=y)

        return median_seconds(copy, behind.numpy, repeats)

    return 4 * x.nbytes * (MANY - FEW) / (seconds_of(MANY) - seconds_of(FEW))


def measure(tiny: bool) -> dict[str, Any]:
    """All of it."""
    repeats = 2 if tiny else REPEATS
    shapes = TINY_SHAPES if tiny else SHAPES
    os.environ |= {"INDRNN_CUDA_WINDOW": "never", "INDRNN_CUDA_SCAN": "never"}
    found: dict[str, Any] = {"copy_bytes_per_second": copy_bandwidth(shapes[-1], repeats)}
    found["recurrences"] = [
        {"shape": shape, "bytes": 4 * int(np.prod(shape))}
        | kernel_seconds(*problem(*shape), repeats)
        for shape in shapes
    ]
    long = TINY_LONG if tiny else LONG
    found["long"] = {"shape": long}
    for name, policy in (("sequential", "never"), ("parallel", "always")):
        os.environ["INDRNN_CUDA_SCAN"] = policy
        found["long"][name] = kernel_seconds(*problem(*long), repeats)
    return found


if __name__ == "__main__":
    try:
        answer = measure("--tiny" in sys.argv[1:])
    except (WrongError, MemoryError, RuntimeError) as error:
        answer = {"refused": str(error)}
    print(json.dumps(answer))
