"""What a network says of how it would run a size of batch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import _checks

if TYPE_CHECKING:
    from ._core import Network as CoreNetwork


class Plans:
    """The plans of `Network`: bytes of workspace and order of work."""

    __slots__ = ()
    _core: CoreNetwork

    def workspace_bytes(
        self, time_steps: int, batch: int, training: bool = False, keep: bool | None = None
    ) -> int:
        """Bytes of workspace that a forward, and backward if kept, of this size needs.

        Beside x, y, parameters and gradients, which are not counted.

        Examples
        --------
        >>> import indrnn_engine as ie
        >>> net = ie.Network([ie.nn.IndRNN(128)], input_size=1)
        >>> long, short = (net.workspace_bytes(T, 32, training=True) for T in (2000, 1000))
        >>> long > short > 0
        True
        """
        return self._core.workspace_bytes(
            _checks.integer("workspace_bytes", "time_steps", time_steps),
            _checks.integer("workspace_bytes", "batch", batch),
            training,
            training if keep is None else keep,
        )

    def describe_plan(self, time_steps: int, batch: int, training: bool = False) -> dict[str, Any]:
        """How the engine would run this size: fused blocks, segments, chunks, tiles and lanes."""
        plan = self._core.describe_plan(
            _checks.integer("describe_plan", "time_steps", time_steps),
            _checks.integer("describe_plan", "batch", batch),
            training,
        )
        return dict(json.loads(plan))
