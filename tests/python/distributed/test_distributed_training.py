"""`mpiexec -n N indrnn train`: the same command, the same results, one folder and one voice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mpi_runs
from indrnn_engine.training import RunFolder

needs_mpi = mpi_runs.needs_mpi
LOOP = Path(__file__).with_name("own_loop.py")


@needs_mpi
@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 4])
def test_digits_reach_their_accuracy(tmp_path: Path, ranks: int) -> None:
    # The whole preset: a minute or so on two free cores, four ranks included.
    arguments = ["train", "digits", "--seed", "1", "--no-tensorboard"]
    done = mpi_runs.run(
        ranks, "-m", "indrnn_engine", *arguments, "--run-dir", tmp_path / "run", timeout=900.0
    )
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["test"]["accuracy"] >= 0.97
    assert f"ranks             {ranks}" in done.stdout
    assert done.stdout.count("test  ") == 1
    records = RunFolder(tmp_path / "run").records()
    trained = [record for record in records if record["split"] == "train"]
    assert {record["ranks"] for record in trained} == {ranks}
    assert all(0.0 < record["communication"] < 1.0 for record in trained)


@needs_mpi
def test_series_of_seeds_is_written_once(tmp_path: Path) -> None:
    arguments = ["train", "adding", "--time-steps", "12", "--steps", "4", "--hidden-size", "4"]
    arguments += ["--no-tensorboard", "--seeds", "2", "--set", "data.test_batches=2"]
    done = mpi_runs.run(2, "-m", "indrnn_engine", *arguments, "--run-dir", tmp_path / "series")
    assert sorted(path.name for path in (tmp_path / "series").iterdir()) == [
        "seed-0",
        "seed-1",
        "series.json",
        "summary.json",
    ]
    assert done.stdout.count("test of seeds 0, 1") == 1


@needs_mpi
def test_evaluation_is_shared_and_printed_once(tmp_path: Path) -> None:
    """Batches of 7 and a last one of 3, on three ranks."""
    run = tmp_path / "run"
    arguments = ["train", "digits", "--epochs", "1", "--hidden-size", "8", "--batch-size", "7"]
    arguments += ["--dtype", "float64", "--no-tensorboard", "--quiet", "--run-dir", str(run)]
    engine = ["-m", "indrnn_engine"]
    mpi_runs.run(1, *engine, *arguments)
    for options in ([], ["--batch-statistics"]):
        evaluate = [*engine, "evaluate", run, "--json", *options]
        alone, shared = (json.loads(mpi_runs.run(ranks, *evaluate).stdout) for ranks in (1, 3))
        assert (shared.pop("model"), shared.pop("split")) == (alone.pop("model"), "test")
        assert shared == pytest.approx({name: alone[name] for name in shared}, rel=1e-12)
        assert set(shared) == {"loss", "accuracy"}
    stderr = mpi_runs.run(3, *engine, "evaluate", tmp_path / "missing", status=None).stderr
    assert stderr.count("error: ") == 1


@needs_mpi
def test_own_loop_gives_the_same_on_any_number_of_ranks(tmp_path: Path) -> None:
    found = []
    for ranks in (1, 3):
        mpi_runs.run(ranks, LOOP, tmp_path / f"{ranks}.npy")
        found.append(np.load(tmp_path / f"{ranks}.npy"))
    assert float(np.abs(found[0] - found[1]).max()) <= 1e-12 * float(np.abs(found[0]).max())


@needs_mpi
def test_processes_that_must_not_share_train_alone(tmp_path: Path) -> None:
    code = (
        "import indrnn_engine as ie, sys; ranks = ie.distributed.find('off');"
        "print(ranks.size, 'mpi4py' in sys.modules)"
    )
    assert mpi_runs.run(2, "-c", code).stdout.split() == ["1", "False"] * 2


@needs_mpi
def test_error_that_nobody_catches_ends_all_ranks() -> None:
    code = (
        "import indrnn_engine as ie\n"
        "ranks = ie.distributed.find('on')\n"
        "if ranks.rank == 1: raise KeyError('lost')\n"
        "ranks.any(True)"
    )
    done = mpi_runs.run(2, "-c", code, timeout=60.0, status=None)
    assert "error: rank 1: 'lost'" in done.stderr


def test_nothing_of_mpi_is_imported_without_it() -> None:
    code = (
        "import sys, indrnn_engine as ie; ie.distributed.find(); ie.training.Trainer;"
        "sys.exit('mpi4py' in sys.modules)"
    )
    environment = {
        name: value
        for name, value in mpi_runs.ENVIRONMENT.items()
        if not name.startswith(("PMI", "OMPI", "SLURM"))
    }
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_missing_mpi4py_is_named(tmp_path: Path) -> None:
    (tmp_path / "mpi4py.py").write_text("raise ImportError")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import indrnn_engine as ie\n"
        "try: ie.distributed.find('on')\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "indrnn_engine[mpi]"' in done.stdout
