"""Whatever happens to one rank, all end soon, with one message, and the run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import mpi_runs
from indrnn_engine.training import RunFolder
from indrnn_engine.training.checkpoint import read_checkpoint

if TYPE_CHECKING:
    import subprocess

pytestmark = mpi_runs.needs_mpi

FAULTS = Path(__file__).with_name("faults.py")
STEPS = 60
OPTIONS = ["train", "adding", "--time-steps", "30", "--hidden-size", "8", "--steps", str(STEPS)]
OPTIONS += ["--dtype", "float64", "--learning-rate", "0.01", "--dropout", "0.2", "--batch-size"]
OPTIONS += ["6", "--log-every", "5", "--evaluate-every", "20", "--set", "data.test_batches=2"]
OPTIONS += ["--set", "data.validation_batches=2", "--no-tensorboard", "--quiet"]
OFTEN = ["--checkpoint-minutes", "0.000001"]


def indrnn(ranks: int, *arguments: object, status: int | None = 0) -> str:
    """What `indrnn` says on stderr."""
    return mpi_runs.run(ranks, FAULTS, "nothing", 0, 0, *arguments, status=status).stderr


def faulty(
    kind: str, rank: int, step: int, folder: Path, ranks: int = 2, **options: object
) -> subprocess.CompletedProcess[str]:
    """A run with a fault of one rank at a step, and what it says.

    Where one rank ends the others, mpiexec gives its status or that of those it killed: not 0.
    """
    arguments = [kind, rank, step, *OPTIONS, *OFTEN, "--run-dir", folder]
    return mpi_runs.run(ranks, FAULTS, *arguments, timeout=120.0, **options)  # type: ignore[arg-type]


def messages(stderr: str) -> list[str]:
    """What the program itself says; mpiexec has words of its own."""
    return [line for line in stderr.splitlines() if line.startswith("error: ")]


def weights(folder: Path) -> np.ndarray:
    arrays, _ = read_checkpoint(RunFolder(folder).checkpoint)
    return arrays["present.parameters"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two ranks that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    indrnn(2, *OPTIONS, "--run-dir", folder)
    return folder


def assert_goes_on(folder: Path, whole: Path, ranks: int = 2) -> None:
    """The checkpoint is intact, and the numbers are those of the run without a fault."""
    _, values = read_checkpoint(RunFolder(folder).checkpoint)
    assert values["progress"]["step"] < STEPS
    indrnn(ranks, "train", "--resume", folder, "--quiet")
    expected = weights(whole)
    # Another number of ranks adds in another order.
    tolerance = 0.0 if ranks == 2 else 1e-12 * float(np.abs(expected).max())
    assert float(np.abs(weights(folder) - expected).max()) <= tolerance
    steps = [record["step"] for record in RunFolder(folder).records() if record["split"] == "train"]
    assert steps == list(range(5, STEPS + 1, 5))


def test_killed_ranks_are_named_and_the_run_goes_on(
    tmp_path: Path, whole: Path, rng: np.random.Generator
) -> None:
    """At steps drawn at random, rank 0 too; continued on other numbers of ranks."""
    for number, rank in enumerate([1, 0]):
        folder = tmp_path / str(number)
        step = int(rng.integers(2, STEPS))
        done = faulty("kill", rank, step, folder, status=None)
        (message,) = messages(done.stderr)
        assert f"rank {rank} " in message
        assert "signal 9 (SIGKILL)" in message
        assert_goes_on(folder, whole, ranks=3 - 2 * number)


def test_error_of_one_rank_is_named(tmp_path: Path, whole: Path) -> None:
    done = faulty("error", 1, 7, tmp_path / "run", status=None)
    assert messages(done.stderr) == ["error: rank 1: [digits] image 17 is torn"]
    assert_goes_on(tmp_path / "run", whole)


def test_nan_of_one_rank_stops_all_with_its_place(tmp_path: Path) -> None:
    done = faulty("nan", 1, 7, tmp_path / "run", status=1)
    (message,) = messages(done.stderr)
    assert "stopped at step 8: the loss is nan: it comes from the input of rank 1" in message
    assert np.isfinite(weights(tmp_path / "run")).all()


def test_full_disk_of_the_first_rank_is_named(tmp_path: Path, whole: Path) -> None:
    done = faulty("full", 0, 7, tmp_path / "run", status=None)
    (message,) = messages(done.stderr)
    assert message.startswith("error: rank 0: ")
    assert "File too large; the checkpoint of step 7 is intact" in message
    assert_goes_on(tmp_path / "run", whole)


def test_rank_that_hangs_is_not_waited_for_for_ever(tmp_path: Path, whole: Path) -> None:
    environment = {"INDRNN_RANK_TIMEOUT": "2"}
    done = faulty("hang", 1, 7, tmp_path / "run", status=None, environment=environment)
    (message,) = messages(done.stderr)
    assert message.startswith("error: rank 0: has waited 2 s for the other ranks")
    assert_goes_on(tmp_path / "run", whole)


def test_signal_to_any_rank_stops_all_after_the_step(tmp_path: Path, whole: Path) -> None:
    done = faulty("interrupt", 1, 7, tmp_path / "run", status=130)
    assert messages(done.stderr) == []
    _, values = read_checkpoint(RunFolder(tmp_path / "run").checkpoint)
    assert values["progress"]["step"] == 8
    assert_goes_on(tmp_path / "run", whole)


def test_what_is_wrong_before_training_is_said_once(tmp_path: Path) -> None:
    stderr = indrnn(2, "train", "text", tmp_path / "missing.txt", status=2)
    (message,) = messages(stderr)
    assert "missing.txt" in message
    stderr = indrnn(2, *OPTIONS, "--set", "training.momentum=-1", status=None)
    (message,) = messages(stderr)
    assert "momentum must be at least 0" in message
    (tmp_path / "file").write_text("")
    stderr = indrnn(2, *OPTIONS, "--run-dir", tmp_path, status=2)
    (message,) = messages(stderr)
    assert "must be a new or empty folder" in message
