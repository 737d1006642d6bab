"""TensorBoard events of a run, where tensorboardX is installed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ..network import Network

__all__ = ["TensorBoard"]

logger = logging.getLogger(__name__)


class TensorBoard:
    """Writes the records of metrics.jsonl as scalars; does nothing where tensorboardX is missing.

    Parameters
    ----------
    folder : Path
    step : int
        Events behind it, of steps that will be run again, are hidden.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self._writer: Any = None
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            logger.info("tensorboardX is not installed: no TensorBoard events are written")
            return
        self._writer = SummaryWriter(logdir=str(folder), purge_step=step + 1 if step else None)

    def add(self, record: dict[str, Any]) -> None:
        """Write the numbers of a record."""
        if self._writer is None or "split" not in record:
            return
        for name, value in record.items():
            if isinstance(value, float):
                self._writer.add_scalar(f"{name}/{record['split']}", value, record["step"])

    def add_weights(self, net: Network, step: int) -> None:
        """Write a histogram of the recurrent weights of each layer."""
        if self._writer is None:
            return
        from ..analysis import recurrent_weights

        for name, weights in recurrent_weights(net).items():
            self._writer.add_histogram(f"recurrent weights/{name}", weights, step)

    def close(self) -> None:
        """Flush and close the file."""
        if self._writer is not None:
            self._writer.close()
