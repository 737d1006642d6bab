"""Metrics of a network over a whole source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..distributed import Ranks
from .objectives import Averages, Classification, Objective
from .twin import without_dropout

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..data import Batch, BatchSource
    from ..network import Network

__all__ = ["confusion", "evaluate"]


def evaluate(
    net: Network,
    source: BatchSource,
    objective: Objective,
    *,
    seed: int = 0,
    stopped: Callable[[], bool] | None = None,
    batch_statistics: bool = False,
    draws: int = 1,
    ranks: Ranks | None = None,
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
    batch_statistics : bool, default False
        Normalises by the statistics of each batch instead of the running ones.
    draws : int, default 1
        Of sources that draw their batches: predictions are averaged over so many draws.
    ranks : Ranks, optional
        With whom the batches are shared; all of them must call this.

    Returns
    -------
    dict of str to float
        Means over all elements; None when given up.

    Raises
    ------
    ValueError
        Several draws of data whose state is carried on.
    """
    if draws < 1:
        raise ValueError(f"[evaluate] draws must be at least 1, got {draws}")
    ranks = Ranks() if ranks is None else ranks
    source = ranks.split(source)
    averages = Averages()
    state = None
    used = without_dropout(net) if batch_statistics else net
    ranks.join_norms(used)
    for position in range(source.num_batches()):
        if ranks.any(stopped is not None and stopped())[0]:
            return None
        batch = source.batch(seed, 0, position)
        before = state if batch.carry else None
        output, state = used.forward(batch.x, before, batch.lengths, training=batch_statistics)
        if draws > 1:
            if batch.carry or (batch.lengths is not None and batch.fraction > 0.0):
                raise ValueError("[evaluate] draws must be 1 for data that draw nothing")
            others = (source.batch(seed, draw, position) for draw in range(1, draws))
            output = _average(
                objective,
                [output, *(used.forward(b.x, training=batch_statistics)[0] for b in others)],
            )
        if batch.fraction > 0.0:
            loss, _ = objective.loss(output, batch)
            averages.add(objective.metrics(output, batch, loss), objective.weight(batch))
    none = dict.fromkeys(objective.names, 0.0)
    means, _ = ranks.mean(averages.means() or none, averages.weight)
    return objective.summary(means)


def _average(objective: Objective, outputs: list[NDArray[Any]]) -> NDArray[Any]:
    """Mean of the predictions: of probabilities, given as their logarithms, or of values."""
    if not isinstance(objective, Classification):
        mean: NDArray[Any] = np.mean(outputs, axis=0, dtype=np.float64).astype(outputs[0].dtype)
        return mean
    total = np.zeros(outputs[0].shape)
    for output in outputs:
        values = output.astype(np.float64)
        values = np.exp(values - values.max(axis=-1, keepdims=True))
        total += values / values.sum(axis=-1, keepdims=True)
    tiny = np.finfo(np.float32).tiny  # a class that no draw gives any chance
    logarithms: NDArray[Any] = np.log(np.maximum(total / len(outputs), tiny))
    return logarithms.astype(outputs[0].dtype)


def confusion(
    net: Network, source: BatchSource, classes: int, *, seed: int = 0
) -> NDArray[np.int64]:
    """Count how often each class is taken for each.

    Returns
    -------
    int64 ndarray [C, C]
        Rows: true classes; columns: predicted ones.
    """
    counts = np.zeros((classes, classes), np.int64)
    state = None
    for position in range(source.num_batches()):
        batch: Batch = source.batch(seed, 0, position)
        output, state = net.forward(batch.x, state if batch.carry else None, batch.lengths)
        predicted, true = output.argmax(axis=-1), batch.y
        if batch.mask is not None:
            predicted, true = predicted[batch.mask], true[batch.mask]
        np.add.at(counts, (true.reshape(-1), predicted.reshape(-1)), 1)
    return counts
