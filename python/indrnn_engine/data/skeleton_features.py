"""What is computed from joints: distances of joints to lines, and differences in time.

Zhang, Liu, Xiao 2017, "On geometric features for skeleton-based action recognition using
multilayer LSTM networks": 39 lines between two joints each: 24 bones, 5 from the end of a limb to
the joint two bones before it, 10 between the ends of two limbs.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from .skeleton_files import BODIES, JOINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LINES", "line_distances", "with_differences"]

# Joints count from 0, the sensor's order: 0 base of the spine, 3 head, 20 shoulders, ...
BONES = (
    *((0, 1), (1, 20), (20, 2), (2, 3)),  # trunk and head
    *((20, 4), (4, 5), (5, 6), (6, 7), (7, 21), (7, 22)),  # left arm, to the tip and the thumb
    *((20, 8), (8, 9), (9, 10), (10, 11), (11, 23), (11, 24)),  # right arm
    *((0, 12), (12, 13), (13, 14), (14, 15)),  # left leg
    *((0, 16), (16, 17), (17, 18), (18, 19)),  # right leg
)
ENDS = {3: 20, 21: 6, 23: 10, 15: 13, 19: 17}  # end of each limb, and the joint two bones before it

LINES: tuple[tuple[int, int], ...] = (*BONES, *ENDS.items(), *combinations(ENDS, 2))
"""The 39 lines."""

# Every line with every joint that is not on it: 39 x 23 = 897.
TRIPLES = np.array([(a, b, j) for a, b in LINES for j in range(JOINTS) if j not in (a, b)])
PAIRS = np.array(list(combinations(range(JOINTS), 2)))
PAIR_OF = np.zeros((JOINTS, JOINTS), np.int64)
PAIR_OF[PAIRS[:, 0], PAIRS[:, 1]] = PAIR_OF[PAIRS[:, 1], PAIRS[:, 0]] = np.arange(len(PAIRS))
SHORTEST = 1e-6  # metres: below it a line has no direction


def line_distances(x: NDArray[Any]) -> NDArray[Any]:
    """Give the distance of each joint to each line, by Heron's formula.

    height = 2 area / base; area^2 = s (s - a) (s - b) (s - c), s half the sides' sum.

    Parameters
    ----------
    x : ndarray [..., 150]
        Two bodies, 25 joints, x y z.

    Returns
    -------
    ndarray [..., 1794]
        897 for each body; zero for an absent one.
    """
    joints = x.reshape(*x.shape[:-1], BODIES, JOINTS, 3)
    between = np.linalg.norm(joints[..., PAIRS[:, 0], :] - joints[..., PAIRS[:, 1], :], axis=-1)
    first, second, joint = TRIPLES.T
    base = between[..., PAIR_OF[first, second]]
    left = between[..., PAIR_OF[first, joint]]
    right = between[..., PAIR_OF[second, joint]]
    half = (base + left + right) / 2
    squared = half * (half - base) * (half - left) * (half - right)
    area = np.sqrt(np.maximum(squared, 0))
    height = np.where(base > SHORTEST, 2 * area / np.maximum(base, SHORTEST), 0)
    return height.astype(x.dtype).reshape(*x.shape[:-1], -1)


def with_differences(x: NDArray[Any]) -> NDArray[Any]:
    """Join to x [B, T, F] its difference to the step before, zero at the first."""
    difference = np.zeros_like(x)
    difference[:, 1:] = x[:, 1:] - x[:, :-1]
    return np.concatenate([x, difference], axis=-1)
