"""A second network of the same weights without anything random."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from .. import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..network import Network

__all__ = ["without_dropout"]

RANDOM = ("zoneout", "row_dropout")


def without_dropout(net: Network) -> Network:
    """Give a copy of the network without dropout, row dropout and zoneout.

    In training mode it normalises by the statistics of a batch and draws nothing.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> from indrnn_engine.training.twin import without_dropout
    >>> net = ie.Network([ie.nn.IndRNN(4), ie.nn.BatchNorm(), ie.nn.Dropout(0.5)], input_size=2)
    >>> [type(layer).__name__ for layer in without_dropout(net).layers]
    ['IndRNN', 'BatchNorm']
    """
    from ..network import Network as NetworkClass

    twin = NetworkClass(
        _calm(net.layers),
        net.input_size,
        dtype=net.dtype.name,
        device=net.device,
        storage=net.storage,
    )
    # Dropouts hold nothing: what is left lies in the same order.
    twin.parameters[...] = net.parameters
    for mine, theirs in zip(
        twin.named_buffers().values(), net.named_buffers().values(), strict=True
    ):
        mine[...] = theirs
    return twin


def _calm(layers: Sequence[nn.Layer]) -> list[nn.Layer]:
    kept = []
    for layer in layers:
        if isinstance(layer, nn.Dropout):
            continue
        changes: dict[str, Any] = {
            field: 0.0 for field in RANDOM if getattr(layer, field, 0.0) > 0.0
        }
        if hasattr(layer, "layers"):
            changes["layers"] = tuple(_calm(layer.layers))
        kept.append(dataclasses.replace(layer, **changes) if changes else layer)
    return kept
