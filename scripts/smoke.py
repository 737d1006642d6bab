"""Uses the installed package once: trains a little, predicts, saves and loads; then in two threads.

Exits with a message when the loss does not fall, when a loaded network predicts other bits, when
threads disturb each other, or when a free-threaded Python has its lock back.
"""

import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import indrnn_engine as ie

TIME_STEPS, BATCH, STEPS = 20, 32, 120


def adding(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One batch of the adding problem: x [T, B, 2], target [B, 1]."""
    x = np.zeros((TIME_STEPS, BATCH, 2), np.float32)
    x[..., 0] = generator.random((TIME_STEPS, BATCH))
    first = generator.integers(0, TIME_STEPS // 2, BATCH)
    second = generator.integers(TIME_STEPS // 2, TIME_STEPS, BATCH)
    columns = np.arange(BATCH)
    x[first, columns, 1] = x[second, columns, 1] = 1
    return x, (x[..., 0] * x[..., 1]).sum(0)[:, None]


def train(seed: int) -> tuple[ie.Network, list[float]]:
    """A network after some training steps, and the losses on the way."""
    generator = np.random.default_rng(seed)
    layers = [ie.nn.IndRNN(32), ie.nn.IndRNN(32), ie.nn.LastStep(), ie.nn.Linear(1)]
    network = ie.Network(layers, input_size=2, seed=seed)
    optimizer = ie.optim.Adam(network, lr=2e-3)
    history = []
    for _ in range(STEPS):
        x, target = adding(generator)
        y, _ = network.forward(x, training=True)
        loss, dy = ie.losses.mean_squared_error(y, target)
        network.zero_gradients()
        network.backward(dy, input_gradient=False)
        optimizer.step()
        history.append(loss)
    return network, history


def main() -> None:
    """Train, compare, save and load."""
    network, history = train(1)
    before, after = np.mean(history[:10]), np.mean(history[-10:])
    print(f"indrnn_engine {ie.version()}: loss {before:.3f} -> {after:.3f} in {STEPS} steps")
    if not after < before / 2:
        sys.exit("the loss did not fall by half")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "adding.safetensors"
        network.save(path)
        loaded = ie.Network.load(path)
    x, _ = adding(np.random.default_rng(0))
    if not np.array_equal(network.forward(x)[0], loaded.forward(x)[0]):
        sys.exit("the loaded network predicts other values")

    with ThreadPoolExecutor(2) as pool:
        for alone, (other, _) in zip((network, train(2)[0]), pool.map(train, (1, 2)), strict=True):
            if not np.array_equal(alone.parameters, other.parameters):
                sys.exit(
                    "two threads that train two networks get other values than one after the other"
                )
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        if sys._is_gil_enabled():
            sys.exit("the package turned the interpreter lock of a free-threaded Python on")
        print("no interpreter lock")


if __name__ == "__main__":
    main()
