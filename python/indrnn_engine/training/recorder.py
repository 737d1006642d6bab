"""Everything a trainer writes into its run folder."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .checkpoint import previous, read_checkpoint, write_checkpoint
from .curves import draw_curves
from .diagnose import TrainingDivergedError
from .model_file import describe_data
from .restoring import Found
from .run_folder import write_json
from .snapshot import Snapshot
from .tensorboard import TensorBoard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ..data import Data
    from ..state import State
    from .progress import Result
    from .run_folder import RunFolder
    from .trainer import Trainer

__all__ = ["NoRecorder", "Recorder"]

logger = logging.getLogger(__name__)

CURVES_SECONDS = 60.0  # between two drawings: one takes about half a second


class NoRecorder:
    """Writes nothing: of a training without a folder, and of the ranks but the first."""

    def __init__(self) -> None:
        self.notes: list[str] = []  # what the user should know of the checkpoint that was read

    def start(self, trainer: Trainer) -> None:
        """Take note that training starts or continues."""

    def close(self) -> None:
        """Take note that it ends, for whatever reason."""

    def record(self, record: dict[str, Any]) -> None:
        """Take note of metrics."""

    def record_weights(self, trainer: Trainer) -> None:
        """Take note of the weights."""

    def checkpoint_due(self, minutes: float) -> bool:
        """Say whether the last checkpoint is so old."""
        del minutes
        return False

    def save_checkpoint(self, trainer: Trainer, carried: State | None) -> None:
        """Keep all that is needed to continue; `carried` is the state of the whole batch."""

    def save_best(self, trainer: Trainer) -> None:
        """Keep the best model so far."""

    def read_checkpoint(self) -> Found | None:
        """Give what `save_checkpoint` kept; None where nothing was trained yet."""
        return None

    def restored(self, trainer: Trainer) -> None:
        """Bring the files to the step of the checkpoint that the trainer was brought to."""

    def finish(self, result: Result) -> None:
        """Keep the result."""


class Recorder(NoRecorder):
    """Records, checkpoints, model files and curves of one run."""

    def __init__(
        self, run: RunFolder, data: Data, experiment: dict[str, Any] | None, tensorboard: bool
    ) -> None:
        super().__init__()
        self.run = run
        self.data = data
        self.experiment = experiment
        self._with_tensorboard = tensorboard
        self._tensorboard: TensorBoard | None = None
        self._checkpoint_time = 0.0
        self._curves_time = 0.0
        self._saved_step: int | None = None
        self._metrics_bytes: int | None = None  # of the checkpoint that was read

    def start(self, trainer: Trainer) -> None:
        """Lock the folder, open the event file, write a first checkpoint where there is none."""
        self.run.acquire()
        self.run.remove_leftovers()
        if self._with_tensorboard:
            self._tensorboard = TensorBoard(self.run.tensorboard, trainer.progress.step)
        self._checkpoint_time = self._curves_time = time.monotonic()
        if not self.run.checkpoint.exists():
            self.save_checkpoint(trainer, trainer.carried)

    def close(self) -> None:
        """Close the event file and unlock the folder."""
        self.run.release()
        if self._tensorboard is not None:
            self._tensorboard.close()
            self._tensorboard = None

    def record(self, record: dict[str, Any]) -> None:
        """Write one record, and now and then the curves."""
        self._write(self.run.metrics, lambda: self.run.append(record))
        if self._tensorboard is not None:
            self._tensorboard.add(record)
        if time.monotonic() - self._curves_time > CURVES_SECONDS:
            self.draw()

    def record_weights(self, trainer: Trainer) -> None:
        """Show TensorBoard what the layers remember."""
        if self._tensorboard is not None:
            self._tensorboard.add_weights(trainer.net, trainer.progress.step)

    def draw(self) -> None:
        """Draw the curves of all records."""
        self._curves_time = time.monotonic()
        try:
            draw_curves(self.run.records(), self.run.curves, self.run.path.name)
        except (ImportError, OSError) as error:
            logger.warning("no curves are drawn: %s", error)

    def save_best(self, trainer: Trainer) -> None:
        """Write the model that is the best so far.

        The checkpoint comes first: a crash in between leaves an older best model, and `restored`
        writes it again.
        """
        best = trainer.best
        assert best is not None
        present = Snapshot.take(trainer.net, trainer.optimizer)
        best.restore(trainer.net, trainer.optimizer)
        step = trainer.progress.best_step or 0
        description = describe_data(self.data, self.experiment, step)
        self._write(self.run.best, lambda: trainer.net.save(self.run.best, description))
        present.restore(trainer.net, trainer.optimizer)

    def checkpoint_due(self, minutes: float) -> bool:
        """Say whether the last checkpoint is old enough."""
        return time.monotonic() - self._checkpoint_time >= 60.0 * minutes

    def save_checkpoint(self, trainer: Trainer, carried: State | None) -> None:
        """Write the checkpoint and the last model.

        Raises
        ------
        TrainingDivergedError
            The weights are not finite: the checkpoint before is kept.
        """
        present = Snapshot.take(trainer.net, trainer.optimizer)
        if not present.is_finite():
            raise TrainingDivergedError(
                f"[training] weights are not finite after step {trainer.progress.step}; "
                f"the last good checkpoint is {self.run.checkpoint}"
            )
        arrays, numbers = present.pack("present")
        values: dict[str, Any] = {
            "progress": trainer.progress.to_dict(),
            "patience": vars(trainer.patience),
            "optimizer": numbers,
            "random_state": list(trainer.net.random_state),
            "network": trainer.net.to_json(),
            "fingerprint": self.data.fingerprint,
            "metrics_bytes": self.run.flush_metrics(),
        }
        if trainer.best is not None:
            best_arrays, values["best_optimizer"] = trainer.best.pack("best")
            arrays |= best_arrays
        if carried is not None:
            arrays["carried"] = np.asarray(carried.flat)
            values["carried"] = [carried.batch, carried.steps]
        self._write(
            self.run.checkpoint, lambda: write_checkpoint(self.run.checkpoint, arrays, values)
        )
        self._saved_step = trainer.progress.step
        description = describe_data(self.data, self.experiment, trainer.progress.step)
        self._write(self.run.last, lambda: trainer.net.save(self.run.last, description))
        self._checkpoint_time = time.monotonic()

    def read_checkpoint(self) -> Found | None:
        """Read the checkpoint; None for a run that was killed before its first."""
        self.run.remove_leftovers()
        if self.run.is_unstarted():
            return None
        path, arrays, values = self._read()
        self._metrics_bytes = values["metrics_bytes"]
        return Found(str(path), arrays, values)

    def restored(self, trainer: Trainer) -> None:
        """Write the best model of the checkpoint, and forget the records behind it."""
        if self._metrics_bytes is None:
            return
        self._saved_step = trainer.progress.step
        if trainer.best is not None:
            self.save_best(trainer)
        self.run.truncate_metrics(self._metrics_bytes)

    def _read(self) -> tuple[Path, dict[str, NDArray[Any]], dict[str, Any]]:
        """Read the checkpoint, or the one before it, which leads to the same bits."""
        path = self.run.checkpoint
        try:
            return path, *read_checkpoint(path)
        except (ValueError, FileNotFoundError) as error:
            older = previous(path)
            if not older.is_file():
                raise
            arrays, values = read_checkpoint(older)
            step = values["progress"]["step"]
            self.notes.append(f"{error}; going on from the checkpoint before it, of step {step}")
            return older, arrays, values

    def _write(self, path: Path, write: Callable[[], None]) -> None:
        """Write a file, or say which checkpoint is left to go on from."""
        try:
            write()
        except OSError as error:
            left = "there is no checkpoint yet"
            if self._saved_step is not None:
                left = f"the checkpoint of step {self._saved_step} is intact"
            reason = f"{error.strerror or error}; {left}: {self.run.checkpoint}"
            raise OSError(error.errno, reason, str(path)) from error

    def finish(self, result: Result) -> None:
        """Write the result and the curves."""
        write_json(self.run.result, result.to_dict())
        self.draw()
