"""Builds and runs the C++ benchmarks of benchmarks/cpp."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def run(program: Path, **arguments: int) -> dict[str, Any]:
    """Run a benchmark that writes one JSON object; `time_steps=784` becomes `--time-steps 784`."""
    words = [
        word
        for key, value in arguments.items()
        for word in (f"--{key.replace('_', '-')}", str(value))
    ]
    # A choice of OpenBLAS kernels forced from outside would change what engine and floor share.
    environment = {key: value for key, value in os.environ.items() if key != "OPENBLAS_CORETYPE"}
    done = subprocess.run(
        [str(program), *words], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode != 0:
        raise SystemExit(f"error: {program.name} failed: {done.stderr.strip()}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
