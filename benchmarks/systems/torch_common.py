"""What the PyTorch systems share: a module's tasks, and streaming, on the CPU or a GPU."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from benchmarks.systems import Prepared, RefusedError, stream_calls
from benchmarks.workloads import LEARNING_RATE, RECURRENT_BOUND, Arrays, Workload

if TYPE_CHECKING:
    from collections.abc import Callable

VERSIONS = {"torch": torch.__version__}
STREAM_CALLS = stream_calls(2000)
Parameters = dict[str, torch.Tensor]


def choose(device: str, threads: int) -> None:
    """Use so many threads, and of a GPU products in float32: no factor is rounded to TF32.

    Denormal numbers are zeros, as inside the engine: a gradient that enters at the last step alone
    fades into them, and PyTorch's time would be that of the processor's microcode.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    if device == "cuda" and not torch.cuda.is_available():
        raise RefusedError(f"PyTorch {torch.__version__} sees no GPU")


def release() -> None:
    """Give cached memory of a GPU back: other systems measure on it, too."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def waiting(run: Callable[[], None], device: str) -> Callable[[], None]:
    """The same, back when the device is done."""
    if device == "cpu":
        return run

    def run_and_wait() -> None:
        run()
        torch.cuda.synchronize()

    return run_and_wait


def as_graph(run: Callable[[], None], device: str) -> tuple[Callable[[], None], str]:
    """The same work as one CUDA graph, warmed up before, and how it is run."""
    if device == "cpu":
        for _ in range(3):
            run()
        return run, "call by call: a CUDA graph needs a GPU"
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay, "one CUDA graph"


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
    device: str = "cpu",
    captured: bool = False,
) -> Prepared:
    """Tasks of a function of x; `parameters` have the problem's names or the system's own.

    They lie on the device. `captured`: the task is one CUDA graph.
    """
    x, dy, target = (torch.from_numpy(arrays[n]).to(device) for n in ("x", "dy", "target"))
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
    optimizer = torch.optim.Adam(
        parameters.values(), lr=LEARNING_RATE, fused=True, capturable=captured and device != "cpu"
    )

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
    details = {}
    if captured:
        before = {name: value.detach().clone() for name, value in parameters.items()}
        run, details["form"] = as_graph(run, device)
        # Back to where the first step starts, in place: the graph knows these tensors.
        with torch.no_grad():
            for name, value in parameters.items():
                value.copy_(before[name])
            for state in optimizer.state.values():
                for value in state.values():
                    value.zero_()
    run = waiting(run, device)

    def results() -> dict[str, Any]:
        run()
        given = {"y": found["y"]} | ({"loss": found["loss"]} if "loss" in found else {})
        if task != "forward":
            given |= {f"d.{name}": value.grad for name, value in parameters.items()}
        if task == "step":
            given |= {f"new.{name}": value for name, value in parameters.items()}
        return {name: value.detach().cpu().numpy().copy() for name, value in given.items()}

    return Prepared(run, results, details)


def prepare_stream(
    step: Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]],
    state: Any,
    x: Any,
    device: str = "cpu",
) -> Prepared:
    """One step of one sample, each call on the clock; `step` gives output and next state.

    Sample and output lie on the host.
    """
    sample = torch.from_numpy(x[0])

    def run() -> list[float]:
        seconds, now = [], state
        with torch.inference_mode():
            for _ in range(STREAM_CALLS):
                start = time.perf_counter()
                y, now = step(sample.to(device), now)
                y.cpu()
                seconds.append(time.perf_counter() - start)
        return seconds

    def results() -> dict[str, Any]:
        with torch.inference_mode():
            y, _ = step(sample.to(device), state)
            return {"y": y.cpu().reshape(1, 1, -1).numpy().copy()}

    return Prepared(run, results, {"calls": STREAM_CALLS})
