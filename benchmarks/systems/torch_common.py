"""What the PyTorch systems share: a module's tasks, and streaming."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from benchmarks.systems import Prepared
from benchmarks.workloads import LEARNING_RATE, RECURRENT_BOUND, Arrays, Workload

if TYPE_CHECKING:
    from collections.abc import Callable

VERSIONS = {"torch": torch.__version__}
STREAM_CALLS = 2000
Parameters = dict[str, torch.Tensor]


def loss_function(workload: Workload, logits: Any, target: Any) -> Any:
    """Mean cross-entropy or squared error."""
    if workload.outputs == 1:
        return functional.mse_loss(logits, target)
    return functional.cross_entropy(logits.flatten(0, -2), target.flatten())


def prepare_network(
    workload: Workload,
    task: str,
    arrays: Arrays,
    parameters: Parameters,
    apply: Callable[[torch.Tensor], torch.Tensor],
    recurrent: list[torch.Tensor],
) -> Prepared:
    """Tasks of a function of x; `parameters` have the problem's names or the system's own."""
    x, dy = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["dy"])
    target = torch.from_numpy(arrays["target"])
    for parameter in parameters.values():
        parameter.requires_grad_(task != "forward")
    found: dict[str, Any] = {}

    def network(x: torch.Tensor) -> torch.Tensor:
        y = apply(x)
        if task not in ("head", "step"):
            return y
        y = y[-1] if workload.last else y
        return functional.linear(y, parameters["head.weight"], parameters["head.bias"])

    if task == "head":
        with torch.no_grad():
            logits = network(x)
        logits.requires_grad_()
        found["loss"] = loss_function(workload, logits, target)
        (dy,) = torch.autograd.grad(found["loss"], logits)
    optimizer = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE, fused=True)

    def forward() -> None:
        with torch.inference_mode():
            found["y"] = network(x)

    def train() -> None:
        optimizer.zero_grad(set_to_none=True)
        found["y"] = network(x)
        found["y"].backward(dy)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        found["y"] = network(x)
        found["loss"] = loss_function(workload, found["y"], target)
        found["loss"].backward()
        optimizer.step()
        with torch.no_grad():
            for weight in recurrent:
                weight.clamp_(-RECURRENT_BOUND, RECURRENT_BOUND)

    run = {"forward": forward, "train": train, "head": train, "step": step}[task]

    def results() -> dict[str, Any]:
        run()
        given = {"y": found["y"]} | ({"loss": found["loss"]} if "loss" in found else {})
        if task != "forward":
            given |= {f"d.{name}": value.grad for name, value in parameters.items()}
        if task == "step":
            given |= {f"new.{name}": value for name, value in parameters.items()}
        return {name: value.detach().numpy().copy() for name, value in given.items()}

    return Prepared(run, results)


def prepare_stream(
    step: Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]], state: Any, x: Any
) -> Prepared:
    """One step of one sample, each call on the clock; `step` gives output and next state."""
    sample = torch.from_numpy(x[0])

    def run() -> list[float]:
        seconds, now = [], state
        with torch.inference_mode():
            for _ in range(STREAM_CALLS):
                start = time.perf_counter()
                _, now = step(sample, now)
                seconds.append(time.perf_counter() - start)
        return seconds

    def results() -> dict[str, Any]:
        with torch.inference_mode():
            return {"y": step(sample, state)[0].reshape(1, 1, -1).numpy().copy()}

    return Prepared(run, results, {"calls": STREAM_CALLS})
