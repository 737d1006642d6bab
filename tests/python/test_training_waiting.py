"""Batches are made ahead of time, and what the engine waits for them all the same is recorded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from indrnn_engine.data.adding import AddingSource
from indrnn_engine.training import Reporter, Trainer, new_run
from test_training_trainer import small

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from indrnn_engine.data import Batch

SECONDS = 0.02


class Slow(Reporter):
    """Each step takes a while."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def stepped(self, *_: object) -> None:
        time.sleep(SECONDS)
        self.times.append(time.perf_counter())


def waited(trainer: Trainer) -> list[float]:
    trainer.fit()
    assert trainer.run is not None
    return [record["waiting"] for record in trainer.run.records() if "waiting" in record]


def slow_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    make = AddingSource.batch

    def batch(self: AddingSource, seed: int, epoch: int, position: int) -> Batch:
        time.sleep(0.9 * SECONDS)
        return make(self, seed, epoch, position)

    monkeypatch.setattr(AddingSource, "batch", batch)


def test_waiting_for_slow_batches_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_batches(monkeypatch)
    found = waited(new_run(small(evaluate_every=1000), root=tmp_path, tensorboard=False))
    assert min(found) > 0.5  # a step takes less than a millisecond


def test_batches_that_take_less_than_a_step_are_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other a step and its batch would take 1.9 times as long as the step."""
    slow_batches(monkeypatch)
    reporter = Slow()
    trainer = new_run(
        small(evaluate_every=1000), root=tmp_path, reporter=reporter, tensorboard=False
    )
    trainer.fit()
    steps = len(reporter.times) - 1
    assert (reporter.times[-1] - reporter.times[0]) / steps < 1.5 * SECONDS
