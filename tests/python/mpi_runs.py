"""Starts Python under mpiexec for the tests: more ranks than cores, one thread each, loopback."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["ENVIRONMENT", "HERE", "command", "mpiexec", "needs_mpi", "run"]

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {
    **os.environ,
    "INDRNN_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # What Open MPI asks for before it runs as root, or on fewer cores than ranks.
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    # No network but this machine's own.
    "OMPI_MCA_btl": "self,sm",
    "UCX_TLS": "self,sm,tcp",
    "UCX_NET_DEVICES": "lo",
}


def mpiexec() -> str | None:
    """The one beside this Python, or that of the machine."""
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")


needs_mpi = pytest.mark.skipif(
    mpiexec() is None or importlib.util.find_spec("mpi4py") is None,
    reason="needs mpi4py and mpiexec",
)


def command(ranks: int, *arguments: object) -> list[str]:
    """Python with these arguments on so many ranks."""
    starter = mpiexec()
    assert starter is not None
    return [starter, "-n", str(ranks), sys.executable, *map(str, arguments)]


def run(
    ranks: int,
    *arguments: object,
    timeout: float = 120.0,
    status: int | None = 0,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run to the end, within the time; `status` None: any but 0."""
    process = subprocess.Popen(
        command(ranks, *arguments),
        env={**ENVIRONMENT, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        out, err = process.communicate()
        pytest.fail(f"{ranks} ranks did not end within {timeout} s:\n{out}\n{err}")
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    right = done.returncode != 0 if status is None else done.returncode == status
    assert right, f"status {done.returncode}:\n{out}\n{err}"
    return done
