"""One experiment with several seeds: a folder of runs, and mean and spread of their tests.

series.json      the experiment and its seeds
seed-N/          the run with that seed
summary.json     mean, standard deviation, least and greatest of each metric, once all are done
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from .experiment import Experiment
from .run_folder import RunFolder, first_free, read_json, write_json

__all__ = ["Series", "is_series", "spread"]

FORMAT = "indrnn_engine.series"
UNFINISHED = ("interrupted", "time")


def is_series(path: Path) -> bool:
    """Say whether a folder holds runs with several seeds."""
    return (path / "series.json").is_file()


class Series:
    """Made by `create` or `open`."""

    def __init__(self, path: Path, document: dict[str, Any]) -> None:
        self.path = path
        self.seeds: list[int] = document["seeds"]
        self.tensorboard: bool = document["tensorboard"]
        self._experiment = Experiment.from_dict(document["experiment"])
        self._made: list[Path] = []

    @classmethod
    def create(
        cls,
        experiment: Experiment,
        count: int,
        *,
        path: Path | None = None,
        root: Path = Path("runs"),
        name: str = "run",
        tensorboard: bool = True,
    ) -> Series:
        """Make the folder; seeds are those from the experiment's own on.

        Raises
        ------
        FileExistsError
            `path` exists and is not an empty folder.
        """
        made = _missing(root if path is None else path)
        if path is None:
            path = first_free(root, name)
            made.append(path)
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FileExistsError(
                f"[series] {path} must be a new or empty folder; "
                f"continue a run with: indrnn train --resume {path}"
            )
        path.mkdir(parents=True, exist_ok=True)
        first = experiment.training.seed
        document = {
            "format": FORMAT,
            "experiment": experiment.to_dict(),
            "seeds": list(range(first, first + count)),
            "tensorboard": tensorboard,
        }
        write_json(path / "series.json", document)
        series = cls(path, document)
        series._made = made
        return series

    @classmethod
    def open(cls, path: Path) -> Series:
        """Read a folder that `create` made.

        Raises
        ------
        ValueError, OSError
            Damaged, or of another format.
        """
        file = path / "series.json"
        try:
            document = json.loads(file.read_text())
            if document["format"] != FORMAT:
                raise ValueError(f"it has the format {document['format']!r}")
            return cls(path, document)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"[series] cannot read {file}: {error!r}") from error

    def remove_unstarted(self) -> None:
        """Take back what `create` made, unless a run has begun in it.

        What could not start leaves nothing in the way of the same request, put right.
        """
        file = self.path / "series.json"
        if any(entry != file for entry in self.path.iterdir()):
            return
        file.unlink()
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):  # others have put something into it
                folder.rmdir()

    def path_of(self, seed: int) -> Path:
        """Give the run folder of a seed."""
        return self.path / f"seed-{seed}"

    def experiment_of(self, seed: int, overrides: dict[str, Any] | None = None) -> Experiment:
        """Give the experiment with that seed, and other fields of its training changed."""
        changes = {**(overrides or {}), "seed": seed}
        training = dataclasses.replace(self._experiment.training, **changes)
        return dataclasses.replace(self._experiment, training=training)

    def result_of(self, seed: int) -> dict[str, Any] | None:
        """Give the result of a seed; None while it is not done.

        Raises
        ------
        ValueError
            Its file is damaged.
        """
        file = RunFolder(self.path_of(seed)).result
        if not file.is_file():
            return None
        result = read_json(file)
        if not {"reason", "test", "best"} <= result.keys():
            raise ValueError(f"[series] {file} must say how a run ended, and what its scores are")
        return None if result["reason"] in UNFINISHED else result

    def summary_lines(self) -> list[str]:
        """Write summary.json when all seeds are done, and give it as lines of text."""
        results = [self.result_of(seed) for seed in self.seeds]
        found = [result for result in results if result is not None]
        if len(found) < len(self.seeds):
            return [f"{len(found)} of {len(self.seeds)} seeds are done"]
        split = "test" if all(result["test"] for result in found) else "best"
        values = spread([result[split] or {} for result in found])
        label = "test" if split == "test" else "best validation"
        write_json(self.path / "summary.json", {"split": label, "seeds": self.seeds, **values})
        lines = [f"{label} of seeds {', '.join(map(str, self.seeds))}"]
        for name, numbers in values.items():
            scale, unit = (100.0, " %") if name == "accuracy" else (1.0, "")
            mean, deviation, least, greatest = (scale * numbers[key] for key in KEYS)
            around = f"{mean:.4g} ± {deviation:.2g}{unit}"
            lines.append(f"  {name:<12}{around} (from {least:.4g} to {greatest:.4g})")
        return lines


def _missing(path: Path) -> list[Path]:
    """Give the folders of a path that are not there yet, outermost first."""
    return [folder for folder in reversed([path, *path.parents]) if not folder.exists()]


KEYS = ("mean", "deviation", "least", "greatest")


def spread(metrics: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Give mean, standard deviation (of a sample), least and greatest of each metric.

    Examples
    --------
    >>> from indrnn_engine.training.series import spread
    >>> spread([{"mse": 1.0}, {"mse": 3.0}])["mse"]["mean"]
    2.0
    """
    found: dict[str, dict[str, float]] = {}
    for name in metrics[0] if metrics else ():
        values = np.array([one[name] for one in metrics])
        deviation = values.std(ddof=1) if len(values) > 1 else 0.0
        numbers = (values.mean(), deviation, values.min(), values.max())
        found[name] = {key: float(value) for key, value in zip(KEYS, numbers, strict=True)}
    return found
