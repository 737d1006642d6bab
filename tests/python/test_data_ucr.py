"""Problems of the UEA and UCR archives through aeon."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import indrnn_engine as ie

if TYPE_CHECKING:
    from pathlib import Path

needs_aeon = pytest.mark.skipif(
    importlib.util.find_spec("aeon") is None, reason="aeon is not installed"
)

HEADER = """@problemname Own
@timestamps false
@missing false
@univariate false
@dimensions 2
@equallength false
@classlabel true up down
@data
"""
TRAIN = "1,2,3:0,0,1:up\n3,2:1,1:down\n0,1:0,1:up\n"
TEST = "2,3,4,5:0,0,0,0:up\n1,0:5,5:down\n"


def test_missing_package_is_named() -> None:
    code = (
        "import sys; sys.modules['aeon.datasets'] = None\n"
        "import indrnn_engine as ie\n"
        "try: ie.data.ucr.load()\n"
        "except ImportError as error: print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert (
        'aeon is needed for this and is not installed; run: pip install "indrnn_engine[archives]"'
        in (result.stdout)
    )


@needs_aeon
@pytest.mark.filterwarnings("ignore")
def test_bundled_problem_has_its_published_split() -> None:
    data = ie.data.ucr.load(name="BasicMotions")
    assert data.sizes == {"train": 40, "test": 40}
    assert (data.time_steps, data.input_size, data.output_size) == (100, 6, 4)
    assert data.metadata["classes"] == ["badminton", "running", "standing", "walking"]
    x = np.concatenate([data.train.batch(0, 0, p).x for p in range(2)], axis=1)
    assert abs(x.mean()) < 0.1


@needs_aeon
@pytest.mark.filterwarnings("ignore")
def test_series_of_different_lengths_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "Own"
    folder.mkdir()
    (folder / "Own_TRAIN.ts").write_text(HEADER + TRAIN)
    (folder / "Own_TEST.ts").write_text(HEADER + TEST)
    train, test, classes = ie.data.ucr.read("Own", tmp_path)
    assert classes == ["down", "up"]
    assert train.lengths is not None
    assert train.lengths.tolist() == [3, 2, 2]
    np.testing.assert_array_equal(test.x[0, :, 0], [2, 3, 4, 5])
    assert ie.data.ucr.load(name="Own", data_dir=tmp_path).time_steps == 4


@needs_aeon
@pytest.mark.filterwarnings("ignore")
def test_unknown_problem_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot load the train series of 'NoSuchProblem'"):
        ie.data.ucr.load(name="NoSuchProblem", data_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="data_dir must be an existing folder"):
        ie.data.ucr.load(data_dir=tmp_path / "none")
