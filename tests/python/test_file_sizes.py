"""Files stay small enough to be read in one go."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOFT_LIMIT, HARD_LIMIT = 300, 500
SOURCES = {".cpp", ".hpp", ".h", ".cu", ".cuh", ".py", ".pyi", ".cmake", ".sh", ".txt", ".toml"}


def lines_of_sources() -> dict[str, int]:
    """Every source file under version control, with its number of lines."""
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in done.stdout.splitlines()]
    sources = [file for file in files if file.suffix in SOURCES and file.is_file()]
    return {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in sources}


@pytest.mark.filterwarnings("default")  # the soft limit is a remark, not a failure
def test_no_file_exceeds_the_hard_limit() -> None:
    sizes = lines_of_sources()
    for name, lines in sizes.items():
        if SOFT_LIMIT < lines <= HARD_LIMIT:
            warnings.warn(f"{name} has {lines} lines, more than {SOFT_LIMIT}", stacklevel=1)
    assert {name: lines for name, lines in sizes.items() if lines > HARD_LIMIT} == {}
