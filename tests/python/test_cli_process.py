"""The command line as a process: signals, missing packages, pipes."""

from __future__ import annotations

import itertools
import os
import pty
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import indrnn_engine as ie
from indrnn_engine import locations
from indrnn_engine.training import RunFolder

pytest.importorskip("typer")

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = [sys.executable, "-m", "indrnn_engine"]
LONG = ["train", "adding", "--time-steps", "100", "--steps", "100000", "--no-tensorboard"]
SMALL = ["--layers", "1", "--hidden-size", "8", "--log-every", "1"]


def call(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=120, check=False, **options
    )


def wait_for_steps(run: Path) -> None:
    deadline = time.monotonic() + 60
    while not (run / "metrics.jsonl").is_file() or not RunFolder(run).records():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_saves_and_says_how_to_go_on(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        [*PROGRAM, *LONG, *SMALL, "--run-dir", str(run)], stdout=subprocess.PIPE, text=True
    )
    wait_for_steps(run)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == status
    last = output.splitlines()[-1]
    step = int(last.removeprefix("stopped at step ").split(";")[0])
    assert last.endswith(f"go on with: indrnn train --resume {run}")
    trainer = ie.training.resume_run(run)
    assert trainer.progress.step == step
    assert trainer.run is not None
    trainer.run.release()


def test_run_in_use_is_not_resumed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        [*PROGRAM, *LONG, *SMALL, "--quiet", "--run-dir", str(run)], stdout=subprocess.DEVNULL
    )
    try:
        wait_for_steps(run)
        result = call("train", "--resume", str(run))
        assert result.returncode == 2
        assert "is in use by another process" in result.stderr
    finally:
        process.kill()
        process.wait()


def test_terminal_shows_a_bar_that_vanishes(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *LONG[:4], "--steps", "300", "--no-tensorboard", *SMALL],
        stdout=follower,
        stderr=follower,
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "160"},
    )
    os.close(follower)
    output = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        output += piece
    os.close(leader)
    assert process.wait() == 0
    shown = output.decode()
    for word in ("training", "/300", "mse", "/s", "0:00:"):  # total, metric, speed, time left
        assert word in shown
    assert "\x1b[2K" in shown  # lines are taken away again
    assert "all steps are done: step 300" in shown


def test_pipe_gets_plain_lines(tmp_path: Path) -> None:
    result = call(*LONG[:4], "--steps", "5", "--no-tensorboard", *SMALL, cwd=tmp_path)
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert "\r" not in result.stdout
    assert result.stderr == ""


def without(module: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line as if `module` were not installed."""
    code = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        f"sys.argv = ['indrnn', *{list(arguments)!r}]\n"
        "from indrnn_engine.cli import main\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("typer", ["--help"]),
        ("rich", ["--help"]),
        ("sklearn.datasets", ["train", "digits"]),
        ("pooch", ["train", "mnist"]),
    ],
)
def test_missing_package_is_named_with_its_remedy(
    tmp_path: Path, module: str, arguments: list[str]
) -> None:
    result = without(module, *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert 'not installed; run: pip install "indrnn_engine[cli]"' in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["typer", "nothing_of_this_name"])
@pytest.mark.parametrize("kind", ["cmake", "pkgconfig"])
def test_folders_for_other_builds_are_printed(tmp_path: Path, module: str, kind: str) -> None:
    result = without(module, f"--{kind}-dir", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    folder = getattr(locations, f"{kind}_dir")()
    assert result.stdout == f"{folder}\n"
    assert call(f"--{kind}-dir").stdout == result.stdout


def test_help_has_no_lines_broken_in_the_middle() -> None:
    environment = {**os.environ, "COLUMNS": "200", "TERMINAL_WIDTH": "200"}
    for command in ("predict", "info", "report", "recipes", "export", "convert"):
        text = call(command, "--help", env=environment).stdout
        prose = [line.strip() for line in text.partition("╭")[0].splitlines() if line.strip()]
        assert len(prose) >= 3, text
        for line, following in itertools.pairwise(prose[1:]):  # the first one is the usage
            assert line.endswith(".") or len(line) + len(following.split()[0]) > 190, text
    text = call("--help", env=environment).stdout
    assert "--cmake-dir" in text
    assert "--pkgconfig-dir" in text


@pytest.mark.parametrize("module", ["matplotlib.figure", "tensorboardX"])
def test_training_does_without_pictures_and_events(tmp_path: Path, module: str) -> None:
    result = without(module, *LONG[:4], "--steps", "3", *SMALL, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "all steps are done" in result.stdout
    assert (tmp_path / "runs/adding-1/last.safetensors").is_file()


def test_help_is_quick() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['indrnn', '--help']\n"
        "from indrnn_engine.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        "    heavy = {'sklearn', 'matplotlib', 'tensorboardX', 'pooch', 'torch'}\n"
        "    sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr


def test_library_prints_nothing(tmp_path: Path) -> None:
    code = (
        "import dataclasses, indrnn_engine as ie\n"
        "from pathlib import Path\n"
        "preset = ie.training.PRESETS['adding']\n"
        "config = ie.training.TrainingConfig(max_steps=3)\n"
        "experiment = dataclasses.replace(preset, data={'time_steps': 9}, training=config)\n"
        "ie.training.new_run(experiment, root=Path('runs'), tensorboard=False).fit()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
