"""Truncated backpropagation through time: a long batch in pieces, the state carried between them.

Gradients stop at the border of a piece; those of all pieces add up to one update. The memory that
training needs is that of one piece. Each piece draws its own dropout masks and, in mode "sequence",
has batch statistics of its own.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from ..distributed import Ranks
from .objectives import Averages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .. import nn
    from ..data import Batch
    from ..network import Network
    from .objectives import Objective
    from .steps import Carried

__all__ = ["check_pieces", "cut", "forward_backward"]


def check_pieces(layers: Sequence[nn.Layer]) -> None:
    """Check that a network can read a sequence in pieces.

    Raises
    ------
    ValueError
        A layer that reads all of time at once (named).
    """
    for layer in layers:
        if layer.reads_all_time:
            raise ValueError(
                f"[training] piece_steps cannot cut the sequences of a network with "
                f"{type(layer).__name__}: it reads all of time at once"
            )
        check_pieces(getattr(layer, "layers", ()))


def cut(batch: Batch, piece_steps: int) -> Iterator[tuple[Batch, float]]:
    """Cut a batch along time; gives each piece with its share of the loss of the whole batch.

    With a target at each step the share is that of the targets. With one target a sequence, a
    piece answers for the sequences that end in it, and the others are masked: gradients reach back
    to the beginning of the piece in which a sequence ends, and the pieces before give the state.

    Parameters
    ----------
    batch : Batch
    piece_steps : int
        Longest piece; 0: one piece, the batch itself.

    Examples
    --------
    >>> import numpy as np
    >>> from indrnn_engine.data import Batch
    >>> from indrnn_engine.training.pieces import cut
    >>> batch = Batch(np.zeros((10, 2, 1)), np.array([1, 0]), lengths=np.array([10, 3]))
    >>> [(piece.time_steps, piece.lengths.tolist(), share) for piece, share in cut(batch, 4)]
    [(4, [4, 3], 0.5), (4, [4, 0], 0.0), (2, [2, 0], 0.5)]
    """
    steps = batch.time_steps
    if piece_steps == 0 or steps <= piece_steps:
        yield batch, batch.fraction
        return
    total = batch.y.size if batch.mask is None else max(int(batch.mask.sum()), 1)
    for first in range(0, steps, piece_steps):
        end = min(first + piece_steps, steps)
        lengths = None
        if batch.lengths is not None:
            lengths = np.clip(batch.lengths - first, 0, end - first)
        part = dataclasses.replace(
            batch, x=batch.x[first:end], lengths=lengths, carry=batch.carry or first > 0
        )
        if batch.per_step:
            mask = None if batch.mask is None else batch.mask[first:end]
            part = dataclasses.replace(part, y=batch.y[first:end], mask=mask)
            count = part.y.size if mask is None else int(mask.sum())
            yield part, batch.fraction * (count / total)
        else:
            ends = np.full(batch.size, steps) if batch.lengths is None else batch.lengths
            answers = (ends > first) & (ends <= end)
            if batch.mask is not None:
                answers &= batch.mask
            counted = batch.size if batch.mask is None else total
            share = float(answers.sum()) / counted
            yield dataclasses.replace(part, mask=answers), batch.fraction * share


def forward_backward(
    net: Network,
    objective: Objective,
    batch: Batch,
    state: Carried | None,
    piece_steps: int = 0,
    ranks: Ranks | None = None,
) -> tuple[float, dict[str, float], Carried | None]:
    """Add the gradients of a batch into `net.gradients`.

    Parameters
    ----------
    net, objective, batch
    state : State, optional
        From the batch before; used where the batch carries on.
    piece_steps : int, default 0
        See `cut`.
    ranks : Ranks, optional
        With whom the whole batch is shared; None: with nobody.

    Returns
    -------
    loss : float
        Mean over the whole batch. Where it is not finite, nothing behind the piece at fault was
        run.
    metrics : dict of str to float
    state : State
    """
    ranks = Ranks() if ranks is None else ranks
    averages = Averages()
    for piece, share in cut(batch, piece_steps):
        ranks.place(net, batch.first)
        output, state = net.forward(
            piece.x, state if piece.carry else None, piece.lengths, training=True
        )
        metrics, gradient = _measured(objective, output, piece, share)
        metrics, everyones = ranks.mean(metrics, share)
        if everyones == 0.0:
            continue
        averages.add(metrics, everyones)
        if not np.isfinite(metrics["loss"]):
            return metrics["loss"], averages.means(), state
        net.backward(gradient, input_gradient=False)
    means = averages.means()
    return means["loss"], means, state


def _measured(
    objective: Objective, output: Any, piece: Batch, share: float
) -> tuple[dict[str, float], Any]:
    """Give the metrics of a piece, and the gradient of its part of the loss."""
    if share == 0.0:
        return dict.fromkeys(objective.names, 0.0), np.zeros_like(output)
    loss, gradient = objective.loss(output, piece)
    return objective.metrics(output, piece, loss), _scaled(gradient, share)


def _scaled(gradient: Any, share: float) -> Any:
    return gradient if share == 1.0 else gradient * gradient.dtype.type(share)
