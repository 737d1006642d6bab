"""Programs that use the engine in a process of their own."""

from __future__ import annotations

import subprocess
import sys

PREAMBLE = """
import os, signal, sys, threading, time
import numpy as np
import indrnn_engine as ie
"""


def run(
    code: str, *, timeout: float = 60.0, preamble: str = PREAMBLE
) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own; a hang is a failure."""
    return subprocess.run(
        [sys.executable, "-c", preamble + code],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def check(code: str, *, timeout: float = 60.0, preamble: str = PREAMBLE) -> str:
    result = run(code, timeout=timeout, preamble=preamble)
    assert result.returncode == 0, result.stderr
    return result.stdout
