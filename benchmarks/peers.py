"""Installs what the engine is measured against, in environments apart from the project's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.native import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PEERS = ROOT / "build" / "peers"


@dataclass(frozen=True)
class Installation:
    """One call of pip: a file of requirements into an environment, with arguments."""

    environment: str
    requirements: str
    arguments: tuple[str, ...] = ()


INSTALLATIONS = (
    Installation("main", "peers.txt"),
    # Its build wants the environment's torch; a CUDA compiler on the path it would use.
    Installation("main", "peers-haste.txt", ("--no-build-isolation", "--no-deps")),
    Installation("neoml", "peers-neoml.txt"),
)
GPU_INSTALLATIONS = (Installation("gpu", "peers-gpu.txt"),)


def interpreter(environment: str) -> Path:
    """The Python of an environment, there or not."""
    return PEERS / environment / "bin" / "python"


def path_without(program: str) -> str:
    """PATH without the folders that hold a program."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(f for f in folders if shutil.which(program, path=f) is None)


def install(steps: Iterable[Installation] = INSTALLATIONS) -> dict[str, str]:
    """Make the environments; give what went wrong, by file of requirements.

    What is there in the right version stays, so a second call is quick.
    """
    failures: dict[str, str] = {}
    PEERS.mkdir(parents=True, exist_ok=True)
    surroundings = {**os.environ, "PATH": path_without("nvcc")}
    for step in steps:
        python = interpreter(step.environment)
        if not python.exists():
            made = [sys.executable, "-m", "venv", str(PEERS / step.environment)]
            subprocess.run(made, check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *step.arguments]
        command += ["-r", str(ROOT / "requirements" / step.requirements)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=surroundings
        )
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "rror" in line]
            failures[step.requirements] = lines[0].strip() if lines else done.stderr.strip()[-200:]
    return failures
