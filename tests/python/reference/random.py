"""The random numbers of dropout, from the definition of Philox 4x32-10 (Salmon et al. 2011).

A number depends on its address alone: seed, count of training forwards, purpose, node of the
network, row and position. The engine promises the same numbers on every device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

PURPOSES = {"dropout": 2, "zoneout": 3, "row_dropout": 4}
LOW = 2**32 - 1


def philox(key: int, counters: np.ndarray) -> np.ndarray:
    """Ten rounds on counters uint32 [N, 4]: uint32 [N, 4]."""
    keys = [key & LOW, key >> 32 & LOW]
    c = [column.astype(np.uint64) for column in counters.T]
    for _ in range(10):
        product_0, product_2 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [
            (product_2 >> np.uint64(32)) ^ c[1] ^ np.uint64(keys[0]),
            product_2 & np.uint64(LOW),
            (product_0 >> np.uint64(32)) ^ c[3] ^ np.uint64(keys[1]),
            product_0 & np.uint64(LOW),
        ]
        keys = [keys[0] + 0x9E3779B9 & LOW, keys[1] + 0xBB67AE85 & LOW]
    return np.stack(c, axis=1).astype(np.uint32)


@dataclass(frozen=True)
class Draws:
    """Uniform numbers in [0, 1) for each random layer of one training forward."""

    seed: int
    forwards: int  # training forwards before this one
    nodes: Mapping[tuple[str, str], int]  # (purpose, layer path) -> number of the node that draws

    def __call__(self, purpose: str, path: str, shape: tuple[int, ...]) -> np.ndarray:
        """For shape [F], [B, F] or [T, B, F]: blocks of four along F, counted on through time."""
        features = shape[-1]
        blocks = -(-features // 4)
        rows = shape[-2] if len(shape) > 1 else 1
        steps = shape[0] if len(shape) > 2 else 1
        t, row, block = np.indices((steps, rows, blocks)).reshape(3, -1)
        node = PURPOSES[purpose] << 24 | self.nodes[purpose, path]
        columns = [t * blocks + block, row, np.full_like(row, node)]
        columns.append(np.full_like(row, self.forwards & LOW))
        key = self.seed + 0x9E3779B97F4A7C15 * (self.forwards >> 32) & 2**64 - 1
        words = philox(key, np.stack(columns, axis=1).astype(np.uint32))
        uniform = (words >> np.uint32(8)) * 2.0**-24
        return uniform.reshape(steps, rows, 4 * blocks)[..., :features].reshape(shape)
