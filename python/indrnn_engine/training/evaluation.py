"""Metrics of a network over a whole source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .objectives import Averages, Objective

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..data import BatchSource
    from ..network import Network

__all__ = ["evaluate"]


def evaluate(
    net: Network,
    source: BatchSource,
    objective: Objective,
    *,
    seed: int = 0,
    stopped: Callable[[], bool] | None = None,
) -> dict[str, float] | None:
    """Run the network over one epoch of `source` without training.

    Parameters
    ----------
    net : Network
    source : BatchSource
    objective : Objective
    seed : int, default 0
        Of sources that draw their batches.
    stopped : callable, optional
        Asked before each batch; once it says True the evaluation is given up.

    Returns
    -------
    dict of str to float
        Means over all elements; None when given up.
    """
    averages = Averages()
    state = None
    for position in range(source.num_batches()):
        if stopped is not None and stopped():
            return None
        batch = source.batch(seed, 0, position)
        output, after = net.forward(batch.x, state if batch.carry else None, batch.lengths)
        state = after
        loss, _ = objective.loss(output, batch)
        averages.add(objective.metrics(output, batch, loss), objective.weight(batch))
    return averages.means()
