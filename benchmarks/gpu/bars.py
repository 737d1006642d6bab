"""The bars that the engine is held to on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.bars import Bar, quotient
from benchmarks.gpu.catalogue import PRODUCTS

if TYPE_CHECKING:
    from benchmarks.results import Results

FORWARD_PASSES, BACKWARD_PASSES = 2, 3  # numbers that a recurrence moves for each of z


ENGINES = ("engine", "engine-graph")


def fastest(results: Results, work: str, task: str, names: tuple[str, ...]) -> float | None:
    """The time of the fastest of several systems."""
    times = [results.median(work, task, 0, name) for name in names]
    return min((each for each in times if each is not None), default=None)


def against(work: str, task: str, systems: tuple[str, ...], name: str, limit: float) -> Bar:
    """At least so many times faster than the fastest of other systems."""

    def value(results: Results) -> float | None:
        return quotient(
            fastest(results, work, task, systems), fastest(results, work, task, ENGINES)
        )

    return Bar(f"{work}, {task}", f"times faster than {name}", value, (limit,))


def of_kernels(work: str, what: str, value: float, limit: float) -> Bar:
    """A ratio that the kernels' measurement gives, whatever the cases."""
    return Bar(work, what, lambda _: value, (limit,))


def shares(kernels: dict[str, Any]) -> list[tuple[str, float]]:
    """Each recurrence's share of the bandwidth of a copy."""
    found = []
    for each in kernels["recurrences"]:
        for name, passes in (("forward", FORWARD_PASSES), ("backward", BACKWARD_PASSES)):
            speed = passes * each["bytes"] / max(each[name], 1e-12)
            shape = "T {}, B {}, H {}".format(*each["shape"])
            found.append((f"{name}, {shape}", speed / kernels["copy_bytes_per_second"]))
    return found


def bars_of(document: dict[str, Any]) -> list[Bar]:
    """All bars of a file of results."""
    bars = [
        against("pixel", "step", ("torch-lstm",), "cuDNN LSTM", 3),
        against("pixel", "step", ("torch-loop",), "the PyTorch loop", 100),
        against("ptb", "train", PRODUCTS, "cuBLAS alone (0.8: 80 % of its speed)", 0.8),
    ]
    kernels = document.get("kernels")
    if not kernels or "refused" in kernels:
        return bars
    title = "share of the copy bandwidth"
    bars += [
        of_kernels(f"recurrence, {work}", title, value, 0.85) for work, value in shares(kernels)
    ]
    for name in ("forward", "backward"):
        long = kernels["long"]
        gain = long["sequential"][name] / max(long["parallel"][name], 1e-12)
        shape = "T {}, B {}, H {}".format(*long["shape"])
        bars.append(
            of_kernels(f"recurrence, {name}, {shape}", "gain of the time-parallel scan", gain, 20)
        )
    return bars
