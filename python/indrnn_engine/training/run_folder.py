"""The folder a training run writes.

config.json              what was asked for, and the environment it ran in
metrics.jsonl            one JSON object per line: training, validation and test records
checkpoint.safetensors   all that is needed to continue bit for bit; the one before it stays as
                         checkpoint.previous.safetensors
best.safetensors         the model of the best validation score
last.safetensors         the model of the last step
curves.png               the curves
tensorboard/             the same for TensorBoard
result.json              how the run ended
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from ..files import write_atomically
from .checkpoint import previous

__all__ = ["RunFolder", "first_free", "read_json", "write_json"]

FORMAT = "indrnn_engine.run"
VERSION = 1


class RunFolder:
    """Paths and records of one run; made by `create` or `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.metrics = path / "metrics.jsonl"
        self.checkpoint = path / "checkpoint.safetensors"
        self.best = path / "best.safetensors"
        self.last = path / "last.safetensors"
        self.curves = path / "curves.png"
        self.tensorboard = path / "tensorboard"
        self.result = path / "result.json"
        self._lock: int | None = None

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        *,
        path: Path | None = None,
        root: Path = Path("runs"),
        name: str = "run",
    ) -> RunFolder:
        """Make a new folder and write `config` into it; an existing run is never touched.

        Parameters
        ----------
        config : dict
            JSON values.
        path : Path, optional
            The folder itself: new, or empty.
        root, name : Path, str
            Without `path`: the folder is the first free of root/name-1, root/name-2, ...

        Raises
        ------
        FileExistsError
            `path` exists and is not an empty folder.
        """
        if path is not None:
            if path.exists() and not (path.is_dir() and all(map(_is_leftover, path.iterdir()))):
                raise FileExistsError(
                    f"[run] {path} must be a new or empty folder; "
                    f"continue a run with: indrnn train --resume {path}"
                )
            path.mkdir(parents=True, exist_ok=True)
        else:
            path = first_free(root, name)
        run = cls(path)
        run.acquire()
        write_json(run.config, {"format": FORMAT, "format_version": VERSION, **config})
        run.metrics.touch()
        return run

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Give an existing run.

        Raises
        ------
        FileNotFoundError, ValueError
            No run folder there.
        """
        run = cls(path)
        if not run.config.is_file():
            raise FileNotFoundError(f"[run] {path} must be a run folder, and has no config.json")
        run.read_config()
        return run

    def read_config(self) -> dict[str, Any]:
        """Give the JSON object of config.json.

        Raises
        ------
        ValueError
            Damaged, or of a later version.
        """
        config = read_json(self.config)
        if config.get("format") != FORMAT:
            raise ValueError(f"[run] {self.config} must be written by indrnn train")
        if config.get("format_version") != VERSION:
            raise ValueError(
                f"[run] {self.config} has version {config.get('format_version')}, "
                f"known is {VERSION}"
            )
        for name in ("experiment", "environment", "data"):
            if not isinstance(config.get(name, {}), dict):
                raise ValueError(f"[run] {self.config} must have an object as {name!r}")
        return config

    def acquire(self) -> None:
        """Keep others from training in this folder; ends with the process, or `release`.

        Raises
        ------
        BlockingIOError
            Another process trains in it.
        """
        if self._lock is not None:
            return
        try:
            import fcntl
        except ImportError:  # not on this system: nothing to hold
            return
        lock = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise BlockingIOError(f"[run] {self.path} is in use by another process") from error
        self._lock = lock

    def release(self) -> None:
        """Let other processes train in this folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def is_unstarted(self) -> bool:
        """Say whether nothing was trained yet: neither a checkpoint nor a record."""
        recorded = self.metrics.is_file() and self.metrics.stat().st_size > 0
        return not (self.checkpoint.exists() or previous(self.checkpoint).exists() or recorded)

    def remove_leftovers(self) -> None:
        """Remove the temporary files of a process that was killed while it wrote."""
        for path in self.path.iterdir():
            if _is_leftover(path) and path.suffix == ".tmp":
                path.unlink(missing_ok=True)

    def append(self, record: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl."""
        with self.metrics.open("a") as stream:
            stream.write(json.dumps(record) + "\n")

    def records(self) -> list[dict[str, Any]]:
        """Give the lines of metrics.jsonl up to one that is no record: cut off by a crash."""
        records = []
        with contextlib.suppress(ValueError, RecursionError):
            for line in self.metrics.read_text().splitlines():
                record = json.loads(line)
                if not isinstance(record, dict) or not isinstance(record.get("step", 0), int):
                    break
                records.append(record)
        return records

    def last_step(self) -> int:
        """Give the step of the last record; 0 before the first."""
        return max((record.get("step", 0) for record in self.records()), default=0)

    def flush_metrics(self) -> int:
        """Bring metrics.jsonl to the disk; gives its length in bytes."""
        with self.metrics.open("a") as stream:
            os.fsync(stream.fileno())
            return stream.tell()

    def truncate_metrics(self, size: int) -> None:
        """Forget the records behind byte `size`: those of steps that will be run again."""
        if self.metrics.stat().st_size > size:
            os.truncate(self.metrics, size)


def _is_leftover(path: Path) -> bool:
    """Say whether a process that was killed early left this: it is safe to write beside."""
    return path.name == ".lock" or (path.name.startswith(".") and path.suffix == ".tmp")


def first_free(root: Path, name: str) -> Path:
    """Make the first folder of root/name-1, root/name-2, ... that is not there yet."""
    root.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = root / f"{name}-{number}"
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
        number += 1


def read_json(path: Path) -> dict[str, Any]:
    """Give the JSON object of a file.

    Raises
    ------
    ValueError
        Something else than an object; names the path.
    """
    try:
        document = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"[run] cannot read {path}: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"[run] cannot read {path}: it must hold a JSON object")
    return document


def write_json(path: Path, document: Any) -> None:
    """Write an indented JSON document atomically."""
    write_atomically(path, (json.dumps(document, indent=2, allow_nan=False) + "\n").encode())
