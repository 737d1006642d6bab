"""The benchmarks time only what is right, fairly, and report it as it was."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indrnn_engine as ie
from benchmarks import __main__ as program
from benchmarks import bars, checks, markdown, measure, processes, reference, results
from benchmarks.catalogue import SYSTEMS
from benchmarks.workloads import WORKLOADS, Workload, parameter_names, problem, tasks_of
from indrnn_engine.data.batches import TRAIN

TINY = WORKLOADS["tiny"]
STREAM = WORKLOADS["tiny-stream"]
PYTHON_SYSTEMS = [system for system in SYSTEMS.values() if not system.native]


def values_of(found: dict[str, Any], task: str, arrays: dict[str, Any]) -> float:
    """The number whose gradient `reference.results` gives."""
    return float((found["y"] * arrays["dy"]).sum() if task == "train" else found["loss"])


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize(("activation", "task"), [("relu", "train"), ("tanh", "head")])
def test_reference_gradients_are_those_of_finite_differences(
    activation: str, task: str, norm: bool, outputs: int, last: bool
) -> None:
    workload = dataclasses.replace(
        TINY, activation=activation, norm=norm, outputs=outputs, last=last
    )
    arrays = problem(workload)
    found = reference.results(workload, task, arrays)
    random = np.random.default_rng(0)
    for name in parameter_names(workload, head=task == "head"):
        step = 1e-6 * random.standard_normal(arrays[name].shape)
        both = [
            values_of(
                reference.results(workload, task, {**arrays, name: arrays[name] + sign * step}),
                task,
                arrays,
            )
            for sign in (1, -1)
        ]
        expected = (both[0] - both[1]) / 2
        assert float((found[f"d.{name}"] * step).sum()) == pytest.approx(
            expected, rel=1e-4, abs=1e-12
        ), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a file with the arrays of every small workload."""
    path = tmp_path_factory.mktemp("problems")
    for name in ("tiny", "tiny+norm", "tiny-stream"):
        np.savez(path / f"{name}.npz", **problem(WORKLOADS[name]))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("system", PYTHON_SYSTEMS, ids=lambda system: system.name)
def test_installed_systems_compute_what_the_reference_computes(system: Any, folder: Path) -> None:
    if not system.interpreter.exists():
        pytest.skip("the peers are not installed")
    process = processes.start(system, 1, Path())
    try:
        checked = 0
        for name in ("tiny", "tiny+norm", "tiny-stream"):
            workload = WORKLOADS[name]
            for task in tasks_of(workload):
                expected = measure.Expected(workload, task, problem(workload))
                file = folder / f"{name}.npz"
                entry = measure.prepared(system, process, workload, task, file, expected)
                reason = entry.get("refused", "")
                assert not reason.startswith(("wrong", "failed", "the process")), (task, reason)
                if reason.startswith("not installed"):
                    pytest.skip(reason)
                checked += not reason
                if not reason:
                    assert system.other_cell or entry["error"] < 1e-5
                    assert measure.summary(process.time(2)["seconds"])["seconds"] > 0
        assert checked > 0
    finally:
        process.close()


@pytest.mark.parametrize("task", ["forward", "train", "head", "step"])
def test_every_wrong_array_is_found(task: str) -> None:
    arrays = problem(TINY)
    expected = reference.results(TINY, task, arrays)
    found = {name: np.float32(array) for name, array in expected.items()}
    assert checks.compare(TINY, task, found, expected) < 1e-6
    for name in expected:
        # A parameter that was not updated, for instance, is off by the learning rate.
        wrong = arrays[name[4:]] if name.startswith("new.") else 1.05 * found[name]
        with pytest.raises(checks.WrongResultError, match=name):
            checks.compare(TINY, task, {**found, name: wrong}, expected)
        if not name.startswith("new."):
            with pytest.raises(checks.WrongResultError, match=name):
                checks.compare(TINY, task, {**found, name: found[name] * np.nan}, expected)
    with pytest.raises(checks.WrongResultError, match="no result for y"):
        checks.compare(TINY, task, {n: a for n, a in found.items() if n != "y"}, expected)
    with pytest.raises(checks.WrongResultError, match="y is off by inf"):
        checks.compare(TINY, task, {**found, "y": found["y"][:-1]}, expected)


class Fake:
    """A system in this process, with results of its own choice; `log` gets its name at each run."""

    def __init__(
        self, name: str, log: list[str], seconds: float = 0.1, change: str | None = None
    ) -> None:
        self.name, self.log, self.seconds, self.change = name, log, seconds, change
        self.versions = {name: "1"}
        self.asked: tuple[Workload, str] | None = None

    def prepare(self, workload: Workload, task: str, problem: Path) -> dict[str, Any]:
        self.asked = (workload, task)
        self.arrays = dict(np.load(problem))
        return {"details": {}}

    def results(self, file: Path) -> dict[str, Any]:
        assert self.asked is not None
        found = reference.results(*self.asked, self.arrays)
        if self.change:
            found[self.change] = found[self.change] + 0.1
        np.savez(file, **found)
        return {"seconds": self.seconds}

    def time(self, runs: int = 1) -> dict[str, Any]:
        assert self.change is None, "a wrong system must not be timed"
        self.log.append(f"{self.name} x {runs}")
        return {"seconds": self.seconds}

    def close(self) -> None:
        pass


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "PAUSE", 0.0)
    # A warm-up takes as long as the fake system says.
    monkeypatch.setattr(measure, "warm_up", lambda process, budget: process.seconds, raising=True)


@pytest.mark.usefixtures("no_waiting")
def test_systems_take_turns_and_slow_ones_have_fewer() -> None:
    log: list[str] = []
    running: Any = {
        "engine": Fake("engine", log, 0.005),
        "jax-scan": Fake("jax-scan", log, 0.5),
        "neoml": Fake("neoml", log, 4.0),
    }
    case = measure.measure(running, TINY, "train", 1, repeats=4, budget=8.0)
    turns = ["engine x 4", "jax-scan x 1", "neoml x 1"]
    assert log == turns * 2 + turns[:2] * 2
    counts = {name: len(entry["seconds"]) for name, entry in case["systems"].items()}
    assert counts == {"engine": 4, "jax-scan": 4, "neoml": 2}


@pytest.mark.usefixtures("no_waiting")
def test_a_wrong_system_is_named_and_not_timed() -> None:
    log: list[str] = []
    running: Any = {"engine": Fake("engine", log), "neoml": Fake("neoml", log, change="d.1.u")}
    case = measure.measure(running, TINY, "train", 1, repeats=2)
    assert case["systems"]["neoml"]["wrong"]
    assert case["systems"]["neoml"]["refused"].startswith("wrong: d.1.u is off by")
    assert case["systems"]["engine"]["error"] < 1e-6
    assert len(log) == 2


@pytest.mark.usefixtures("no_waiting")
def test_dropout_is_off_while_results_are_compared_and_on_when_timed() -> None:
    engine = Fake("engine", [])
    running: Any = {"engine": engine}
    workload = WORKLOADS["tiny+norm"]
    measure.measure(running, workload, "train", 1, repeats=1)
    assert engine.asked is not None
    assert engine.asked[0].dropout == workload.dropout > 0


def test_streams_give_median_and_tail() -> None:
    summary = measure.summary([1.0] * 99 + [5.0] * 2)
    assert summary["seconds"] == 1.0
    assert summary["p99"] == 5.0


def case(name: str, threads: int, task: str = "train", **seconds: float) -> dict[str, Any]:
    """A case with one measurement of each system; `jax_scan` is jax-scan."""
    systems = {key.replace("_", "-"): {"seconds": [value]} for key, value in seconds.items()}
    workload = dataclasses.asdict(dataclasses.replace(TINY, name=name))
    return {
        "workload": workload,
        "task": task,
        "threads": threads,
        "date": "today",
        "commit": "none",
        "systems": systems,
    }


def test_result_files_keep_other_cases_and_replace_the_same(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    results.save(file, [case("a", 1, engine=1.0), case("b", 1, engine=1.0)], {"x": "1"})
    results.save(file, [case("a", 1, engine=2.00004), case("a", 2, engine=3.0)], {"y": "2"})
    document = results.load(file)
    assert document["versions"] == {"x": "1", "y": "2"}
    loaded = results.Results.of(document["cases"])
    medians = {name: loaded.median(*name, "engine") for name in loaded.cases}
    assert medians == {("a", "train", 1): 2.0, ("a", "train", 2): 3.0, ("b", "train", 1): 1.0}
    file.write_text(json.dumps({"format": 0}))
    with pytest.raises(ValueError, match="no result file"):
        results.load(file)


def test_bars_compare_in_the_right_direction() -> None:
    measured = results.Results.of(
        [
            case("pixel", 2, engine=1.2, floor=1.0, jax_scan=4.8),
            case("pixel", 1, engine=2.0, floor=2.0, neoml=2.8),
            case("long", 2, engine=1.0),
            case("long", 1, engine=1.7),
            case("T 1000", 2, engine=1.0),
            case("T 1000000", 2, engine=1300.0),
        ]
    )
    found = {(bar.work, bar.what): (value, words) for bar, value, words in bars.judge(measured)}
    assert found["pixel", "times the floor"] == (1.2, ("FAIL", "pass"))
    assert found["pixel", "times faster than JAX scan"] == (4.0, ("pass", "FAIL"))
    assert found["pixel, one thread", "times faster than NeoML"] == (1.4, ("FAIL", "FAIL"))
    assert found["long", "gain of two threads"] == (1.7, ("pass", "pass"))
    gain, words = found["pixel", "gain of two threads / gain of the floor"]
    assert gain == pytest.approx(2.0 / 1.2 / 2.0)
    assert words == ("FAIL", "FAIL")
    assert found["T 10⁶ against T 10³", "time per step"][0] == pytest.approx(1.3)
    assert found["ptb", "times the floor"] == (None, ("not measured", "not measured"))


def test_command_line_measures_checks_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.json"
    words = ["run", "tiny", "--systems", "engine", "--tasks", "train", "step"]
    words += ["--threads", "1", "--repeats", "2", "--json", str(file)]
    assert program.main(words) == 0
    assert "tiny, step, 1 thread" in capsys.readouterr().out
    cases = results.load(file)["cases"]
    assert [(c["task"], len(c["systems"]["engine"]["seconds"])) for c in cases] == [
        ("step", 2),
        ("train", 2),
    ]
    assert program.main(["bars", str(file)]) == 0
    assert program.main(["run", "no-such-workload"]) == 2
    assert "no-such-workload" in capsys.readouterr().out


@pytest.mark.slow
def test_performance_page_is_what_the_result_files_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = program.PAGE.read_text()
    page = tmp_path / "performance.md"
    shutil.copy(program.PAGE, page)
    monkeypatch.setattr(program, "PAGE", page)
    monkeypatch.setattr(program, "IMAGES", tmp_path)
    assert program.main(["render"]) == 0
    assert page.read_text() == committed
    assert (tmp_path / "speed.png").stat().st_size > 10_000


def test_marks_that_are_missing_are_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text <!-- a: begin --> old <!-- a: end --> text")
    markdown.replace(page, "a", "new")
    assert page.read_text() == "text <!-- a: begin -->\nnew\n<!-- a: end --> text"
    with pytest.raises(ValueError, match="no marks"):
        markdown.replace(page, "b", "new")


@pytest.mark.parametrize("system", ["lstm", "rnn"])
def test_pytorch_learns_the_adding_problem_and_goes_on_from_a_checkpoint(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from benchmarks import adding_peers

    sizes = {"--time-steps": 4, "--hidden-size": 32, "--steps": 500, "--learning-rate": 1e-2}

    def run(name: str) -> dict[str, Any]:
        files = {"--json": tmp_path / f"{name}.json", "--checkpoint": tmp_path / f"{name}.pt"}
        words = [str(word) for pair in {**sizes, **files}.items() for word in pair]
        monkeypatch.setattr("sys.argv", ["adding_peers", system, *words])
        adding_peers.main()
        found: dict[str, Any] = json.loads(files["--json"].read_text())
        return found

    whole = run("whole")
    assert [step for step, _ in whole["validation"]["points"]] == [100, 200, 300, 400, 500]
    assert whole["test"]["mse"] < 0.05  # always answering 1: 0.167
    batches = ie.data.adding.AddingSource.batch

    def interrupted(source: Any, seed: int, epoch: int, position: int) -> Any:
        if source.stream == TRAIN and (epoch, position) == (2, 50):
            raise KeyboardInterrupt
        return batches(source, seed, epoch, position)

    with monkeypatch.context() as stopped:
        stopped.setattr(ie.data.adding.AddingSource, "batch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("stopped")
    assert run("stopped")["validation"] == whole["validation"]
