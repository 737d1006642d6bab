"""Which layer went wrong when a loss is not a finite number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..data import Batch
    from ..distributed import Ranks
    from ..network import Network

__all__ = ["TrainingDivergedError", "first_bad_layer", "first_bad_rank"]

UNKNOWN = "the loss or the carried state"


class TrainingDivergedError(RuntimeError):
    """A loss, gradient or weight became NaN or infinite."""

    status = 1  # of a program that ends by it


def first_bad_layer(net: Network, batch: Batch) -> str:
    """Say where NaN or Inf comes from: in a weight, or in the output of which layer.

    Parameters
    ----------
    net : Network
        Left as it is.
    batch : Batch
        The batch with the bad loss.

    Returns
    -------
    str
        Such as "layer 3 (Recurrence)" or "weight 3.weight_hh".
    """
    for name, view in net.named_parameters().items():
        if not np.isfinite(view).all():
            return f"weight {name}"
    if batch.x.dtype.kind == "f" and not np.isfinite(batch.x).all():
        return "the input"
    from ..network import Network as NetworkClass

    for count in range(1, len(net.layers) + 1):
        # The first `count` layers alone: their parameters are the head of the flat buffer.
        head = NetworkClass(net.layers[:count], net.input_size, dtype=net.dtype.name)
        head.parameters[...] = net.parameters[: head.num_parameters]
        output, _ = head.forward(batch.x, None, batch.lengths, training=True)
        if not np.isfinite(output).all():
            return f"layer {count - 1} ({type(net.layers[count - 1]).__name__})"
    return UNKNOWN


def first_bad_rank(ranks: Ranks, net: Network, batch: Batch) -> str:
    """Say where NaN or Inf comes from, and on which rank: all of them must call this."""
    places = ranks.gather_texts(first_bad_layer(net, batch))
    if len(set(places)) == 1:
        return places[0]
    rank = next(rank for rank, place in enumerate(places) if place != UNKNOWN)
    return f"{places[rank]} of rank {rank}"
