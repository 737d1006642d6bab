"""N ranks give the numbers of one process with the same batches, and the same bits each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mpi_runs
from distributed import same_numbers
from indrnn_engine.distributed import Ranks

pytestmark = mpi_runs.needs_mpi

WORKER = Path(__file__).with_name("same_numbers.py")
TOLERANCE = 1e-12  # of the largest number in an array


@pytest.fixture(scope="module")
def alone() -> dict[str, dict[str, Any]]:
    return {case: same_numbers.train(case, Ranks()) for case in same_numbers.CASES}


def on_ranks(ranks: int, folder: Path) -> dict[str, dict[str, Any]]:
    folder.mkdir()
    mpi_runs.run(ranks, WORKER, folder)
    return {path.stem: dict(np.load(path)) for path in folder.iterdir()}


@pytest.fixture(scope="module", params=[2, 4])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return on_ranks(request.param, tmp_path_factory.mktemp("ranks") / "found")


@pytest.mark.parametrize("case", same_numbers.CASES)
def test_ranks_give_what_one_process_gives(
    case: str, shared: dict[str, Any], alone: dict[str, Any]
) -> None:
    assert shared[case].keys() == alone[case].keys()
    for name, expected in alone[case].items():
        scale = max(float(np.abs(expected).max()), 1e-300)
        error = float(np.abs(shared[case][name] - expected).max()) / scale
        assert error <= TOLERANCE, name


def test_norms_apart_are_other_numbers(shared: dict[str, Any], alone: dict[str, Any]) -> None:
    """Near those of the whole batch, and not the same."""
    apart, whole = shared["apart"], alone["plain"]
    assert {name: np.isfinite(array).all() for name, array in apart.items()} == dict.fromkeys(
        whole, True
    )
    difference = np.abs(apart["parameters"] - whole["parameters"]).max()
    assert 1e-6 < difference < np.abs(whole["parameters"]).max()


def test_ranks_give_the_same_bits_in_every_run(tmp_path: Path) -> None:
    once, again = (on_ranks(3, tmp_path / name) for name in ("once", "again"))
    for case, arrays in once.items():
        for name, array in arrays.items():
            assert array.tobytes() == again[case][name].tobytes(), (case, name)
