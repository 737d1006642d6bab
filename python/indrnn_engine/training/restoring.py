"""Bringing a trainer to the state of a checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .patience import Patience
from .progress import Progress
from .snapshot import Snapshot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .trainer import Trainer

__all__ = ["Found", "restore"]


@dataclass(frozen=True)
class Found:
    """What a checkpoint holds, and the name of its file."""

    path: str
    arrays: dict[str, NDArray[Any]]
    values: dict[str, Any]


def restore(trainer: Trainer, found: Found) -> None:
    """Bring the trainer to the state of the checkpoint, its share of the carried state included.

    Raises
    ------
    ValueError
        The checkpoint belongs to other data or another network.
    """
    path, arrays, values = found.path, found.arrays, found.values
    if values["fingerprint"] != trainer.data.fingerprint:
        raise ValueError(f"[training] the data have changed since {path} was written")
    if json.loads(values["network"]) != json.loads(trainer.net.to_json()):
        raise ValueError(f"[training] {path} belongs to another network")
    present = Snapshot.unpack("present", arrays, values["optimizer"])
    if present.parameters.shape != trainer.net.parameters.shape:
        raise ValueError(f"[training] {path} belongs to another network")
    present.restore(trainer.net, trainer.optimizer)
    trainer.net.random_state = tuple(values["random_state"])
    trainer.progress = Progress(**values["progress"])
    trainer.patience = Patience(**values["patience"])
    if "best_optimizer" in values:
        trainer.best = Snapshot.unpack("best", arrays, values["best_optimizer"])
    if "carried" in values:
        batch, steps = values["carried"]
        whole = trainer.net.initial_state(batch)
        whole.flat[...] = arrays["carried"]
        whole.steps = steps
        trainer.whole_size = batch
        trainer.state = trainer.ranks.share_state(trainer.net, whole)
