"""One time step at a time: sessions against onnxruntime on the exported network.

    python -m benchmarks.streaming

Also the two forms that the exported recurrence may have. Times are medians, in microseconds, on one
thread. Sessions are called through the C interface, which runs the steps one by one.
"""

from __future__ import annotations

import ctypes
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import indrnn_engine as ie
from indrnn_engine import locations

if TYPE_CHECKING:
    from collections.abc import Callable

nn = ie.nn
REPEATS, STEPS = 25, 400


def median_us(call: Callable[[], object], steps: int) -> float:
    """Median time of a step in a call that makes `steps` of them."""
    call()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) / steps * 1e6)
    return statistics.median(times)


def network(width: int, num_layers: int, norm: bool = True) -> ie.Network:
    layer = [nn.IndRNN(width), nn.BatchNorm()] if norm else [nn.IndRNN(width)]
    return ie.Network([*layer * num_layers, nn.Linear(10)], input_size=1, seed=1)


def session_us(net: ie.Network, path: Path, batch: int) -> float:
    net.save(path)
    c = ctypes.CDLL(str(next(locations.library_dir().glob("libindrnn_engine.so*"))))
    handle = ctypes.c_void_p
    c.indrnn_session_create.argtypes = [handle, ctypes.c_int64, handle, ctypes.c_size_t]
    c.indrnn_session_create.argtypes += [handle, handle]
    c.indrnn_session_run.argtypes = [handle, ctypes.c_int64, handle, handle]
    model, session = handle(), handle()
    assert c.indrnn_model_load(str(path).encode(), ctypes.byref(model)) == 0
    assert c.indrnn_session_create(model, batch, None, 0, None, ctypes.byref(session)) == 0
    x = np.random.default_rng(0).normal(size=(STEPS, batch, 1)).astype(np.float32)
    y = np.empty((STEPS, batch, 10), np.float32)
    arguments = (session, STEPS, x.ctypes.data, y.ctypes.data)
    return median_us(lambda: c.indrnn_session_run(*arguments), STEPS)


def onnxruntime_call(net: ie.Network, path: Path, steps: int, batch: int, widest_rnn: int) -> Any:
    """A call of onnxruntime for `steps` steps, its inputs and outputs bound once."""
    import onnxruntime

    ie.export.to_onnx(net, path, widest_rnn=widest_rnn)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    x = np.random.default_rng(0).normal(size=(steps, batch, 1)).astype(np.float32)
    held = [onnxruntime.OrtValue.ortvalue_from_numpy(x)]
    binding.bind_ortvalue_input("x", held[0])
    state = net.initial_state(batch)
    for name in state:
        held.append(onnxruntime.OrtValue.ortvalue_from_numpy(state[name]))
        binding.bind_ortvalue_input(f"state.{name}", held[-1])
        binding.bind_ortvalue_output(f"final.{name}", held[-1])
    y = np.empty((steps, batch, 10), np.float32)
    held.append(onnxruntime.OrtValue.ortvalue_from_numpy(y))
    binding.bind_ortvalue_output("y", held[-1])
    return lambda: (session.run_with_iobinding(binding), held)[0]


def main() -> None:
    ie.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        print("| layers x width, B | session | Network.step | onnxruntime RNN | Scan | ratio |")
        print("|---|---|---|---|---|---|")
        for layers, width, batch in ((6, 128, 1), (2, 64, 1), (3, 512, 1), (6, 128, 16)):
            net = network(width, layers)
            ours = session_us(net, path, batch)
            x, state = np.zeros((batch, 1), np.float32), net.initial_state(batch)
            step = median_us(lambda n=net, x=x, s=state: [n.step(x, s) for _ in range(100)], 100)
            theirs = []
            for widest in (10**6, 0):
                call = onnxruntime_call(net, path, 1, batch, widest)
                theirs.append(median_us(lambda c=call: [c() for _ in range(100)], 100))
            cells = [f"{layers} x {width}, {batch}", *(f"{v:.1f}" for v in (ours, step, *theirs))]
            print("| " + " | ".join([*cells, f"{min(theirs) / ours:.1f}"]) + " |")
        print("\nOne layer over 100 steps, time of a step:\n")
        print("| width, B | RNN | Scan |")
        print("|---|---|---|")
        for width in (32, 128, 256, 512, 1024):
            for batch in (1, 32):
                net = network(width, 1, norm=False)
                calls = [onnxruntime_call(net, path, 100, batch, w) for w in (10**6, 0)]
                times = " | ".join(f"{median_us(call, 100):.1f}" for call in calls)
                print(f"| {width}, {batch} | {times} |")


if __name__ == "__main__":
    main()
