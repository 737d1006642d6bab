"""The type stubs of the extension module say what is in it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Inherent to pybind11: its metaclass, and __init__ of classes without a constructor.
ALLOWED = """
indrnn_engine._core.(Adam|CapturedStep|DeviceArray|DeviceState|Network|Sgd|State)
indrnn_engine._core.(DeviceArray|Network|State).__init__
"""


def test_the_stubs_match_the_module(tmp_path):
    pytest.importorskip("mypy")
    allowlist = tmp_path / "allowlist"
    allowlist.write_text(ALLOWED)
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "indrnn_engine._core", "--allowlist", allowlist],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
