"""What is timed, started by `measure` in processes of its own, with mpiexec or without.

allreduce      sums of growing size over all ranks
pixel WHERE    training steps of the pixel workload, 64 sequences in all; "alone", or on ranks
overhead       the same on one rank, with MPI and without, taking turns
gradients RECIPES  how long ranks sum gradients, beside forward and backward of their shares
step RECIPES   training steps of recipes at growing batches, and what they would exchange
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

import indrnn_engine as ie
from benchmarks.ranks.shapes import data_for
from benchmarks.workloads import PIXEL
from indrnn_engine.distributed import Ranks, find
from indrnn_engine.training.experiment import layers_for
from indrnn_engine.training.pieces import forward_backward
from indrnn_engine.training.update import make_optimizer, update

if TYPE_CHECKING:
    from collections.abc import Callable

    from indrnn_engine.data import Batch

SIZES = [2**power for power in range(3, 27)]  # bytes
PIXEL_BATCH = 64
BATCHES = (1, 4, 16)
LONGEST = 3.0  # seconds for one batch size of a recipe
LEAST_STEPS = 3


def allreduce() -> dict[str, Any]:
    """Least seconds of a sum of float32 numbers (float64 below 512 bytes, as batch norms have)."""
    ranks: Any = find("on")
    found = []
    for size in SIZES:
        values = np.zeros(size // 8 if size < 512 else size // 4, "f8" if size < 512 else "f4")
        seconds = []
        for _ in range(min(200, max(10, 2**26 // size))):
            ranks.any(True)  # all are there
            begun = time.perf_counter()
            ranks._sum(values)
            seconds.append(time.perf_counter() - begun)
        found.append([size, min(seconds)])
    return {"ranks": ranks.size, "seconds": found}


def pixel_step(ranks: Ranks, *, norm: bool) -> Callable[[], None]:
    """A step of the pixel workload, from data to weights."""
    layers = ie.architectures.plain(
        PIXEL.layers,
        PIXEL.hidden,
        PIXEL.outputs,
        time_steps=PIXEL.time_steps,
        batch_norm="after" if norm else None,
        dropout=0.1 if norm else 0.0,
    )
    net = ie.Network(layers, PIXEL.inputs)
    ranks.attach(net)
    adam = ie.optim.Adam(net, lr=1e-4)
    random = np.random.default_rng(0)
    x = random.random((PIXEL.time_steps, PIXEL_BATCH, PIXEL.inputs), np.float32)
    y = random.integers(0, PIXEL.outputs, PIXEL_BATCH)
    x, y = np.ascontiguousarray(ranks.share(x, axis=1)), ranks.share(y)

    def step() -> None:
        output, _ = net.forward(x, training=True)
        _, gradient = ranks.weigh(*ie.losses.softmax_cross_entropy(output, y))
        net.zero_gradients()
        net.backward(gradient, input_gradient=False)
        ranks.sum_gradients(net)
        adam.step()

    return step


def timed(step: Callable[[], None], repeats: int, warming: int = 2) -> list[float]:
    """Seconds of each of so many steps, after some that are not counted."""
    seconds = []
    for _ in range(repeats + warming):
        begun = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begun)
    return seconds[warming:]


def pixel(where: str) -> dict[str, Any]:
    """Seconds of steps without and with batch norms."""
    ranks = find("off" if where == "alone" else "on")
    return {
        name: timed(pixel_step(ranks, norm=norm), 10)
        for name, norm in (("pixel", False), ("pixel+norm", True))
    }


def overhead() -> dict[str, Any]:
    """Seconds of steps of one process, alone and through MPI, a step of each in turn."""
    found: dict[str, Any] = {}
    for name, norm in (("pixel", False), ("pixel+norm", True)):
        steps = {"alone": pixel_step(Ranks(), norm=norm), "mpi": pixel_step(find("on"), norm=norm)}
        found[name] = {kind: timed(step, 1)[1:] for kind, step in steps.items()}
        for _ in range(20):
            for kind, step in steps.items():
                found[name][kind] += timed(step, 1, warming=0)
    return found


def gradients(name: str) -> dict[str, Any]:
    """Least seconds of forward with loss, of backward and of the sum; a batch in all, on ranks."""
    ranks = find("on")
    experiment = ie.recipes.load(name).experiment
    data = data_for(experiment, int(experiment.data["batch_size"]))
    layers, _ = layers_for(experiment.model, data)
    net = ie.Network(layers, data.input_size)
    ranks.attach(net)
    objective = ie.training.objective_for(data)
    batch = ranks.split(data.train).batch(0, 0, 0)
    seconds: dict[str, list[float]] = {"forward": [], "backward": [], "sum": []}
    begun = time.perf_counter()
    late = False
    while not late or len(seconds["sum"]) < LEAST_STEPS:
        start = time.perf_counter()
        output, _ = net.forward(batch.x, lengths=batch.lengths, training=True)
        _, gradient = objective.loss(output, batch)
        middle = time.perf_counter()
        net.backward(gradient, input_gradient=False)
        end = time.perf_counter()
        ranks.any(False)  # all are there: what is timed is the sum alone
        ready = time.perf_counter()
        ranks.sum_gradients(net)
        seconds["sum"].append(time.perf_counter() - ready)
        seconds["forward"].append(middle - start)
        seconds["backward"].append(end - middle)
        (late,) = ranks.any(time.perf_counter() - begun > LONGEST)
    return {part: min(found) for part, found in seconds.items()}


def recipe(name: str) -> dict[str, Any]:
    """Seconds of a step at each batch size, and the sums that ranks would exchange in it."""
    experiment = ie.recipes.load(name).experiment
    data = data_for(experiment, max(BATCHES))
    layers, bound = layers_for(experiment.model, data)
    net = ie.Network(layers, data.input_size)
    config = dataclasses.replace(experiment.training, recurrent_bound=bound)
    optimizer = make_optimizer(net, config)
    objective = ie.training.objective_for(data)
    sums: list[int] = []
    net.set_reduction(lambda values: sums.append(values.nbytes))

    def step(batch: Batch) -> Callable[[], None]:
        def once() -> None:
            net.zero_gradients()
            forward_backward(net, objective, batch, None, config.piece_steps)
            update(net, optimizer, config, 1e-5)

        return once

    seconds = []
    for size in BATCHES:
        once = step(data_for(experiment, size).train.batch(0, 0, 0))
        (lasted,) = timed(once, 1, warming=1)
        exchanged = list(sums[len(sums) // 2 :])  # of the second of two steps
        sums.clear()
        repeats = int(min(LONGEST / lasted, 9))
        seconds.append([size, min([lasted, *timed(once, repeats, warming=0)])])
        sums.clear()
    return {
        "batch": int(experiment.data["batch_size"]),
        "time_steps": data.time_steps,
        "parameters": net.num_parameters,
        "norm_sums": len(exchanged),
        "norm_bytes": sum(exchanged),
        "seconds": seconds,
    }


def main() -> None:
    """Print the result of rank 0 as JSON."""
    what, *rest = sys.argv[1:]
    if what == "step":
        result: Any = {name: recipe(name) for name in rest}
    elif what == "gradients":
        result = {name: gradients(name) for name in rest}
    else:
        result = {"allreduce": allreduce, "pixel": pixel, "overhead": overhead}[what](*rest)
    if ie.distributed.present().is_first:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
