"""The bars that the engine is held to: each a ratio of medians from one file of results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.results import Results

BATCHED = ("pixel", "char", "adding", "ptb", "skeleton")
EVERY = (*BATCHED, "long")


@dataclass(frozen=True)
class Bar:
    """`value` gives the ratio, None without measurements; `at_most` or at least the limit."""

    work: str
    what: str
    value: Callable[[Results], float | None]
    limits: tuple[float, ...]  # AVX2, AVX-512; on a GPU there is one
    at_most: bool = False

    @property
    def sign(self) -> str:
        """In front of a limit."""
        return "≤ " if self.at_most else "≥ "

    def word(self, value: float | None, limit: float) -> str:
        """Whether a measured ratio holds."""
        if value is None:
            return "not measured"
        return "pass" if (value <= limit if self.at_most else value >= limit) else "FAIL"


def quotient(over: float | None, under: float | None) -> float | None:
    """None where one of the two was not measured."""
    return None if over is None or under is None else over / under


def against(
    work: str,
    system: str,
    name: str,
    *limits: float,
    task: str = "train",
    threads: int = 2,
    ours: str = "engine",
) -> Bar:
    """At least so many times faster than another system."""

    def value(results: Results) -> float | None:
        case = (work, task, threads)
        return quotient(results.median(*case, system), results.median(*case, ours))

    where = f"{work}, one thread" if threads == 1 else work
    where += ", C++ Session" if ours == "engine-cpp" else ""
    return Bar(where, f"times faster than {name}", value, (limits[0], limits[-1]))


def floor(work: str, *limits: float) -> Bar:
    """At most so many times the matrix products alone."""

    def value(results: Results) -> float | None:
        case = (work, "train", 2)
        return quotient(results.median(*case, "engine"), results.median(*case, "floor"))

    return Bar(work, "times the floor", value, (limits[0], limits[-1]), at_most=True)


def both_threads(work: str, system: str, results: Results) -> float | None:
    """How many times faster two threads are than one."""
    one, two = (results.median(work, "train", threads, system) for threads in (1, 2))
    return quotient(one, two)


def scaling(work: str) -> Bar:
    """The gain of the second thread, over the floor's gain."""

    def value(results: Results) -> float | None:
        engine, floor = (both_threads(work, system, results) for system in ("engine", "floor"))
        return quotient(engine, floor)

    return Bar(work, "gain of two threads / gain of the floor", value, (0.95, 0.95))


def training_step(work: str) -> Bar:
    """Loss, Adam and constraint beside forward and backward of the same network."""

    def value(results: Results) -> float | None:
        step, both = (results.median(work, task, 2, "engine") for task in ("step", "head"))
        return quotient(step, both)

    return Bar(work, "training step / forward + backward", value, (1.1, 1.1), at_most=True)


def with_norm(work: str) -> Bar:
    """BatchNorm and dropout behind every layer."""

    def value(results: Results) -> float | None:
        names = (f"{work}+norm", work)
        return quotient(*(results.median(name, "train", 2, "engine") for name in names))

    title = "with BatchNorm and Dropout / without"
    return Bar(work, title, value, (1.4, 1.4), at_most=True)


def tail() -> Bar:
    """The 99th percentile of a step's latency."""

    def value(results: Results) -> float | None:
        case = ("stream", "stream", 1, "engine")
        return quotient(results.median(*case, "p99"), results.median(*case))

    return Bar("stream", "99th percentile / median", value, (3, 3), at_most=True)


def long_sequences() -> Bar:
    """Time per step of a million steps over that of a thousand."""

    def value(results: Results) -> float | None:
        lengths = (1_000_000, 1_000)
        per_step = [results.median(f"T {T}", "train", 2, "engine") for T in lengths]
        whole = quotient(*per_step)
        return None if whole is None else whole * lengths[1] / lengths[0]

    return Bar("T 10⁶ against T 10³", "time per step", value, (1.15, 1.15), at_most=True)


def second_core() -> Bar:
    """Both cores are busy although there is one sample."""
    return Bar(
        "long", "gain of two threads", lambda r: both_threads("long", "engine", r), (1.6, 1.6)
    )


BARS = (
    floor("pixel", 1.15, 1.3),
    against("pixel", "jax-scan", "JAX scan", 2.7, 6),
    against("pixel", "neoml", "NeoML", 2, 3.5),
    against("pixel", "torch-loop", "the PyTorch loop", 50),
    against("pixel", "torch-rnn", "torch.nn.RNN", 6),
    against("pixel", "torch-lstm", "torch.nn.LSTM", 15),
    floor("char", 1.1, 1.2),
    against("char", "jax-scan", "JAX scan", 2, 3),
    against("char", "neoml", "NeoML", 1.5, 2.3),
    against("char", "torch-rnn", "torch.nn.RNN", 3),
    floor("adding", 1.35, 1.7),
    against("adding", "jax-scan", "JAX scan", 4, 8),
    against("adding", "neoml", "NeoML", 4, 6),
    floor("ptb", 1.06),
    against("long", "jax-scan", "JAX scan", 5),
    second_core(),
    *(against(work, "neoml", "NeoML", 1.5, threads=1) for work in EVERY),
    with_norm("pixel"),
    *(training_step(work) for work in BATCHED),
    against("stream", "onnx", "onnxruntime", 5, task="stream", threads=1, ours="engine-cpp"),
    against("stream", "torch-unbind", "a PyTorch step", 5, task="stream", threads=1),
    tail(),
    *(scaling(work) for work in BATCHED),
    long_sequences(),
)


def judge(
    results: Results, held: Iterable[Bar] = BARS
) -> Iterator[tuple[Bar, float | None, tuple[str, ...]]]:
    """Each bar with its ratio and a word for each of its limits."""
    for bar in held:
        value = bar.value(results)
        yield bar, value, tuple(bar.word(value, limit) for limit in bar.limits)


def table(results: Results, wide: bool) -> Table:
    """All bars of a CPU."""
    title = f"Bars; this machine is held to those for {'AVX-512' if wide else 'AVX2'}"
    return table_of(title, ("AVX2", "AVX-512"), judge(results))


def table_of(
    title: str,
    limits: Iterable[str],
    judged: Iterable[tuple[Bar, float | None, tuple[str, ...]]],
) -> Table:
    """A row for each bar, and two columns for each of its limits."""
    view = Table(title=title, title_justify="left")
    for column in ("work", "ratio"):
        view.add_column(column)
    view.add_column("measured", justify="right")
    for column in limits:
        view.add_column(column, justify="right")
        view.add_column("")
    for bar, value, words in judged:
        cells = ["" if value is None else f"{value:#.3g}"]
        for limit, word in zip(bar.limits, words, strict=True):
            colour = {"pass": "green", "FAIL": "red"}.get(word, "yellow")
            cells += [bar.sign + f"{limit:g}", f"[{colour}]{word}[/]"]
        view.add_row(bar.work, bar.what, *cells)
    return view
