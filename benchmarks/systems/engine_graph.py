"""This engine's training step as one CUDA graph."""

from __future__ import annotations

from typing import Any

import numpy as np

import indrnn_engine as ie
from benchmarks.systems import Prepared, RefusedError
from benchmarks.systems.engine import (
    VERSIONS,
    arrays_of_step,
    loss_name,
    network,
    placed,
    set_parameters,
)
from benchmarks.workloads import LEARNING_RATE, RECURRENT_BOUND, Arrays, Workload

__all__ = ["VERSIONS", "prepare"]


def prepare(workload: Workload, task: str, arrays: Arrays, threads: int, device: str) -> Prepared:
    """The captured step."""
    if task != "step":
        raise RefusedError("a graph holds a whole training step")
    ie.set_num_threads(threads)
    net, names = network(workload, True, arrays, device)
    adam = ie.optim.Adam(net, lr=LEARNING_RATE)
    step = ie.cuda.CapturedStep(adam, loss_name(workload), recurrent_bound=RECURRENT_BOUND)
    x, target = placed(arrays["x"], net), placed(arrays["target"], net)
    start = adam.state_dict()
    for _ in range(2):  # makes its memory, and captures
        step(x, target)
    assert step.captured
    adam.load_state_dict(start)
    set_parameters(net, names, arrays)

    def results() -> dict[str, Any]:
        loss, _ = step(x, target)
        return {"y": np.array(step.output), "loss": np.array(loss)} | arrays_of_step(net, names)

    return Prepared(lambda: (step(x, target), None)[1], results, {"form": "one CUDA graph"})
