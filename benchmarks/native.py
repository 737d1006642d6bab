"""Builds the C++ benchmarks of benchmarks/cpp."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build(target: str, build_dir: Path) -> Path:
    """Build one benchmark (quick when nothing changed) and return the program's path."""
    configure = [
        *("cmake", "-S", str(ROOT), "-B", str(build_dir), "-G", "Ninja", "--log-level=WARNING"),
        *("-DINDRNN_BUILD_BENCHMARKS=ON", f"-DPython_EXECUTABLE={sys.executable}"),
    ]
    for command in (configure, ["cmake", "--build", str(build_dir), "--target", target]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"error: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return build_dir / "benchmarks" / "cpp" / target
