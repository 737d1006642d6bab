"""The GPU benchmarks, from the first check to the page, on the emulated device at tiny sizes."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import bars, markdown, measure, processes, results
from benchmarks.gpu import __main__ as program
from benchmarks.gpu import device, kernels
from benchmarks.gpu.bars import bars_of, shares
from benchmarks.gpu.catalogue import NAMES, systems
from benchmarks.systems import RefusedError
from benchmarks.systems.stack_products import results_of
from benchmarks.workloads import WORKLOADS, problem, tasks_of
from cuda_device import counts, require_emulator

emulator = require_emulator()
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of results of this engine alone."""
    file = tmp_path_factory.mktemp("gpu") / "results.json"
    words = ["--emulated", "--json", str(file), "--repeats", "1", "--workloads", "pixel", "stream"]
    ours = ["engine", "engine-graph", "engine-whole", "products"]
    assert program.main([*words, "--systems", *ours]) == 0
    return file


def test_one_command_checks_and_times_the_engine_and_its_limits(measured: Path) -> None:
    document = results.load(measured)
    assert document["device"]["name"] == "emulated device 0"
    assert "indrnn_engine" in document["versions"]
    found = {case["task"]: case["systems"] for case in document["cases"]}
    assert found.keys() == {"forward", "train", "step", "stream"}
    for task, of_task in found.items():
        for name in ("engine", "engine-whole"):
            entry = of_task[name]
            assert ("seconds" in entry and entry["error"] < 1e-5) or (name, task) == (
                "engine-whole",
                "stream",
            )
    assert found["step"]["engine-graph"]["error"] < 1e-5
    assert found["step"]["engine-graph"]["details"] == {"form": "one CUDA graph"}
    assert found["train"]["products"]["seconds"][0] > 0
    assert document["kernels"]["copy_bytes_per_second"] > 0
    assert document["kernels"]["long"]["parallel"].keys() == {"forward", "backward"}


def test_results_of_another_device_are_not_mixed(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(measured.read_text())
    document["device"]["name"] = "another"
    file = tmp_path / "another.json"
    file.write_text(json.dumps(document))
    assert program.main(["--emulated", "--json", str(file)]) == 1
    assert "holds the results of another" in capsys.readouterr().err
    assert program.main(["--emulated"]) == 1
    assert "--emulated needs --json" in capsys.readouterr().err


def test_page_says_what_the_file_says(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "cuda.md"
    shutil.copy(program.PAGE, page)
    monkeypatch.setattr(program, "PAGE", page)
    assert program.main(["render", "--json", str(measured)]) == 0
    text = page.read_text()
    assert "Measured on emulated device 0" in text
    assert "| pixel, step |" in text
    assert program.main(["render", "--json", str(tmp_path / "none.json")]) == 0
    assert program.NOT_MEASURED in page.read_text()
    assert program.main(["bars", "--json", str(tmp_path / "none.json")]) == 1


@pytest.mark.slow
def test_the_page_is_rendered() -> None:
    _, _, rest = program.PAGE.read_text().partition("<!-- gpu: begin -->\n")
    assert rest.partition("\n<!-- gpu: end -->")[0] == program.page(program.RESULTS)


def case_of(name: str, task: str, **seconds: float) -> dict[str, Any]:
    """A case with one measurement of each system."""
    entries = {key.replace("_", "-"): {"seconds": [value]} for key, value in seconds.items()}
    return {"workload": {"name": name}, "task": task, "threads": 0, "systems": entries}


def test_bars_compare_in_the_right_direction() -> None:
    both = {"sequential": {"forward": 30.0, "backward": 10.0}}
    both |= {"parallel": {"forward": 1.0, "backward": 1.0}, "shape": [100, 1, 8]}
    one = {"shape": [1, 2, 3], "bytes": 8, "forward": 2.0, "backward": 3.0}
    found = {"copy_bytes_per_second": 10.0, "recurrences": [one], "long": both}
    assert [value for _, value in shares(found)] == pytest.approx([0.8, 0.8])
    cases = [
        case_of("pixel", "step", engine=2.0, engine_graph=1.0, torch_lstm=4.0, torch_loop=90.0),
        case_of("ptb", "train", engine=1.0, products=0.95, torch_products=0.9),
    ]
    judged = bars.judge(results.Results.of(cases), bars_of({"kernels": found}))
    words = [(bar.work, value, word) for bar, value, (word,) in judged]
    assert words == [
        ("pixel, step", 4.0, "pass"),
        ("pixel, step", 90.0, "FAIL"),
        ("ptb, train", 0.9, "pass"),
        ("recurrence, forward, T 1, B 2, H 3", pytest.approx(0.8), "FAIL"),
        ("recurrence, backward, T 1, B 2, H 3", pytest.approx(0.8), "FAIL"),
        ("recurrence, forward, T 100, B 1, H 8", 30.0, "pass"),
        ("recurrence, backward, T 100, B 1, H 8", 10.0, "FAIL"),
    ]
    table = markdown.held(cases, bars_of({"kernels": found}), ("bar",))
    assert "| pixel, step | times faster than cuDNN LSTM | 4.00 | ≥ 3: pass |" in table


def test_bandwidth_is_that_of_two_copies_and_no_kernel() -> None:
    copies = []
    for repeats in (1, 2):
        emulator.cuda_emulation_reset_counters()
        kernels.copy_bandwidth((4, 2, 8), repeats)
        found = counts(emulator)
        assert found.keys() == {"copy", "fill"}  # fills make the arrays
        copies.append(found["copy"]["launches"])
    # Six calls: x in and y out, and the call's own numbers, a few bytes; twice the clock waits.
    assert copies[1] - copies[0] == 6 * 3 + 2


def test_wrong_recurrences_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    z, dh, u = kernels.problem(9, 2, 8)
    kernels.check(z, dh, u)
    real = kernels.reference.recurrence
    monkeypatch.setattr(kernels.reference, "recurrence", lambda *a: real(*a) * np.float32(1.01))
    with pytest.raises(kernels.WrongError, match="h of"):
        kernels.check(z, dh, u)


def test_a_device_that_fails_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUDA_EMULATION_FAIL_AFTER", "20")
    assert "cuda" in program.kernels(emulated=True)["refused"]
    assert "recurrences by themselves: " in capsys.readouterr().out


def test_without_a_gpu_one_sentence_says_so(tmp_path: Path) -> None:
    variables = {k: v for k, v in os.environ.items() if k != "INDRNN_CUDA_LIBRARY"}
    variables |= {"CUDA_VISIBLE_DEVICES": "", "INDRNN_CUDA_LIBRARY": str(tmp_path / "none.so")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--json", str(tmp_path / "r.json")],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("there is no GPU to measure: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "r.json").exists()


def test_an_emulated_device_is_no_gpu() -> None:
    assert "emulated device, whose times mean nothing" in device.problem(emulated=False)
    assert device.problem(emulated=True) == ""


def test_every_workload_is_tiny_on_the_emulated_device() -> None:
    for name in NAMES:
        tiny = WORKLOADS[name].tiny()
        assert tiny.name == name
        assert tiny.hidden * tiny.time_steps * tiny.batch <= 288
        assert tasks_of(tiny) == tasks_of(WORKLOADS[name])


@pytest.mark.slow
def test_what_is_captured_starts_where_the_first_step_starts(tmp_path: Path) -> None:
    """Warming up leaves no trace. The other peers' code is tried by the CPU's suite."""
    system = systems(emulated=True)["torch-graph"]
    workload = WORKLOADS["pixel"].tiny()
    file = tmp_path / "problem.npz"
    np.savez(file, **problem(workload))
    process = processes.start(system, 1, Path())
    try:
        for task in ("forward", "train", "step"):
            expected = measure.Expected(workload, task, problem(workload))
            entry = measure.prepared(system, process, workload, task, file, expected)
            if entry.get("refused", "").startswith("not installed"):
                pytest.skip(entry["refused"])
            assert entry["error"] < 1e-5
            assert entry["details"] == {"form": "call by call: a CUDA graph needs a GPU"}
    finally:
        process.close()


def test_products_alone_are_compared_with_numpys(tmp_path: Path) -> None:
    workload = WORKLOADS["ptb"].tiny()
    file = tmp_path / "problem.npz"
    arrays = problem(workload)
    np.savez(file, **arrays)
    for name in ("products", "torch-products"):
        process = processes.start(systems(emulated=True)[name], 1, Path())
        try:
            for task in ("forward", "train"):
                expected = measure.Expected(workload, task, arrays)
                system = systems(emulated=True)[name]
                entry = measure.prepared(system, process, workload, task, file, expected)
                if not entry.get("refused", "").startswith("not installed"):
                    assert entry == {"details": {"form": "no recurrence: not compared"}}
        finally:
            process.close()
    wrong = np.zeros((workload.time_steps * workload.batch, workload.hidden), np.float32)
    with pytest.raises(RefusedError, match="differ from NumPy's"):
        results_of(workload, arrays, wrong, wrong)


def test_peers_on_a_gpu_that_is_not_there_are_a_line(tmp_path: Path) -> None:
    workload = WORKLOADS["pixel"].tiny()
    file = tmp_path / "problem.npz"
    np.savez(file, **problem(workload))
    for name in ("torch-lstm", "jax-scan"):
        system = systems(emulated=True)[name]
        process = processes.start(dataclasses.replace(system, device="cuda"), 1, Path())
        try:
            reason = process.prepare(workload, "step", file)["refused"]
        finally:
            process.close()
        if not reason.startswith("not installed"):
            assert "sees no GPU" in reason
