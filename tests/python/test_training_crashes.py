"""Whatever ends a run — a kill, a full disk, a damaged file — it goes on bit for bit."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from indrnn_engine.training import RunFolder, new_run, resume_run
from test_training_resume import StopAt, adding, assert_same_run, whole_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np

STEPS = 800
OPTIONS = ["adding", "--time-steps", "60", "--steps", str(STEPS), "--hidden-size", "16"]
OPTIONS += ["--evaluate-every", "20", "--log-every", "5", "--checkpoint-minutes", "0.0002"]
OPTIONS += ["--learning-rate", "0.01", "--schedule", "one-cycle", "--dropout", "0.1"]
OPTIONS += ["--patience", "20", "--no-tensorboard", "--quiet"]
ENVIRONMENT = {**os.environ, "INDRNN_NUM_THREADS": "1"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "indrnn_engine", "train", *arguments]


def call(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,
    )


def reached(folder: Path) -> int:
    """Step of the last whole record."""
    run = RunFolder(folder)
    lines = run.records() if run.metrics.is_file() else []
    return max((record["step"] for record in lines), default=0)


@pytest.mark.slow
def test_run_killed_twenty_times_gives_the_same_bits(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    """SIGKILL at random points: at a step drawn at random, or while the process still starts."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    subprocess.run(command(*OPTIONS, "--run-dir", str(whole)), check=True, env=ENVIRONMENT)
    ends = set()
    for kill in range(20):
        started = (cut / "config.json").is_file()
        arguments = ["--resume", str(cut), "--quiet"] if started else [*OPTIONS, "--run-dir", cut]
        process = subprocess.Popen(command(*map(str, arguments)), env=ENVIRONMENT)
        at = reached(cut) + rng.integers(1, 30)
        until = time.monotonic() + (rng.uniform(0.0, 1.5) if kill % 5 == 0 else 60.0)
        while process.poll() is None and reached(cut) < at and time.monotonic() < until:
            time.sleep(rng.uniform(0.0, 0.01))
        process.send_signal(signal.SIGKILL)
        ends.add(process.wait())
    assert ends == {-signal.SIGKILL}  # none of them was through
    assert 0 < reached(cut) < STEPS
    subprocess.run(command("--resume", str(cut), "--quiet"), check=True, env=ENVIRONMENT)
    assert_same_run(whole, cut)
    assert not list(cut.glob(".*.tmp"))


@pytest.mark.parametrize("files", [[], [".lock"], [".lock", ".config.json.0123.tmp"]])
def test_folder_of_a_run_that_never_began_is_taken(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).write_text("")
    assert new_run(adding(), run_dir=tmp_path, tensorboard=False).fit().reason == "steps"
    assert not list(tmp_path.glob(".*.tmp"))


def test_run_killed_before_its_first_checkpoint_starts_again(tmp_path: Path) -> None:
    whole = whole_run(adding(), tmp_path)
    trainer = new_run(adding(), run_dir=tmp_path / "cut", tensorboard=False)
    assert trainer.run is not None
    trainer.run.release()
    assert not trainer.run.checkpoint.exists()
    resume_run(tmp_path / "cut").fit()
    assert_same_run(whole, tmp_path / "cut")


def interrupted(folder: Path) -> RunFolder:
    """A run that was stopped at step 9, with checkpoints of steps 7 and 9."""
    trainer = new_run(adding(), run_dir=folder, reporter=StopAt(9), tensorboard=False)
    trainer.fit()
    return RunFolder.open(folder)


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
        return
    if how == "flipped":
        content[-len(content) // 3] ^= 1
    elif how == "values":
        place = content.index(b"waited")
        content[place : place + 6] = b"watied"
    elif how == "other":
        content = bytearray(b"not a checkpoint at all")
    else:
        content = content[: int(len(content) * float(how))]
    path.write_bytes(content)


DAMAGES = ["0.0", "0.001", "0.5", "0.999", "flipped", "values", "other"]


@pytest.mark.parametrize("how", [*DAMAGES, "missing"])
def test_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, how: str) -> None:
    whole = whole_run(adding(), tmp_path)
    run = interrupted(tmp_path / "cut")
    damage(run.checkpoint, how)
    trainer = resume_run(run.path)
    assert trainer.progress.step == 7
    assert trainer.recorder is not None
    (note,) = trainer.recorder.notes
    assert str(run.checkpoint) in note
    assert note.endswith("going on from the checkpoint before it, of step 7")
    trainer.fit()
    assert_same_run(whole, run.path)


@pytest.mark.parametrize("how", DAMAGES)
def test_two_damaged_checkpoints_are_named_and_nothing_is_touched(tmp_path: Path, how: str) -> None:
    run = interrupted(tmp_path / "run")
    for path in run.path.glob("checkpoint*"):
        damage(path, how)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    with pytest.raises(ValueError, match=r"cannot read .*checkpoint.*\.safetensors"):
        resume_run(run.path)
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))


def test_file_that_cannot_be_written_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    """The kernel refuses what is longer than 4 KiB, in the middle of the file."""
    whole = whole_run(adding(), tmp_path)
    run = interrupted(tmp_path / "cut")
    before = run.checkpoint.read_bytes()
    result = call("--resume", str(run.path), "--quiet", preexec_fn=limit_file_size)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "File too large; the checkpoint of step 9 is intact" in result.stderr
    assert run.checkpoint.read_bytes() == before
    assert not list(run.path.glob(".*.tmp"))
    resume_run(run.path).fit()
    assert_same_run(whole, run.path)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a file system of its own at `folder`; skips the test where that is not allowed."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        done = False
    if not done:
        pytest.skip("needs the right to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, "200k"):
        run = interrupted(disk / "run")
        before = run.checkpoint.read_bytes()
        with contextlib.suppress(OSError), (disk / "filler").open("wb") as filler:
            while True:
                filler.write(bytes(4096))
                filler.flush()
        result = call("--resume", str(run.path), "--quiet")
        assert result.returncode == 2
        assert "No space left on device" in result.stderr
        assert "the checkpoint of step 9 is intact" in result.stderr
        assert run.checkpoint.read_bytes() == before
        (disk / "filler").unlink()
        assert resume_run(run.path).fit().reason == "steps"


def test_read_only_folder_is_named(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() == 0:  # to whom permissions do not apply
        with small_disk(disk, "200k"):
            run = interrupted(disk / "run")
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            refused(run)
    else:
        run = interrupted(disk / "run")
        for path in run.path.iterdir():
            path.chmod(0o444)
        run.path.chmod(0o555)
        refused(run)
        run.path.chmod(0o755)


def refused(run: RunFolder) -> None:
    before = run.checkpoint.read_bytes()
    result = call("--resume", str(run.path), "--quiet")
    assert result.returncode == 2
    assert str(run.path) in result.stderr
    assert "Read-only file system" in result.stderr or "Permission denied" in result.stderr
    assert result.stderr.count("\n") == 1
    assert run.checkpoint.read_bytes() == before
