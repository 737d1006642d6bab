"""A million steps on one core's memory: time per step and peak memory with `memory="recompute"`.

Run it with `python -m benchmarks.long_sequences`. Forward and backward of two layers of 128 neurons
and a linear output of the last step, one sample, for growing T; each in a process of its own, so
that the peak of its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import indrnn_engine as ie


def measure(time_steps: int, repeats: int, memory: str) -> dict[str, float]:
    """Seconds of the fastest of `repeats` runs, and the peak of this process's memory in bytes."""
    layers = [ie.nn.IndRNN(128), ie.nn.IndRNN(128), ie.nn.LastStep(), ie.nn.Linear(1)]
    net = ie.Network(layers, input_size=2, memory=memory)
    x = np.random.default_rng(0).random((time_steps, 1, 2), np.float32)
    dy = np.ones((1, 1), np.float32)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        net.forward(x, training=True)
        net.backward(dy, input_gradient=False)
        seconds.append(time.perf_counter() - start)
    status = Path("/proc/self/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return {"seconds": min(seconds), "peak_bytes": int(peak) * 1024}


def main() -> None:
    """Print a table, one row per T."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--time-steps", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--memory", choices=["recompute", "store"], default="recompute")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        repeats = max(2, 200_000 // arguments.worker)
        print(json.dumps(measure(arguments.worker, repeats, arguments.memory)))
        return

    view = Table(title=f"2 x 128, B 1, forward + backward, memory={arguments.memory!r}")
    for column in ("T", "seconds", "µs per step", "peak memory"):
        view.add_column(column, justify="right")
    for time_steps in arguments.time_steps:
        command = [sys.executable, "-m", "benchmarks.long_sequences"]
        command += ["--worker", str(time_steps), "--memory", arguments.memory]
        result = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout
        )
        view.add_row(
            f"{time_steps:,}",
            f"{result['seconds']:.3f}",
            f"{result['seconds'] / time_steps * 1e6:.2f}",
            f"{result['peak_bytes'] / 2**20:.0f} MiB",
        )
    Console().print(view)


if __name__ == "__main__":
    main()
