"""What is computed from joints: distances of joints to lines, and differences in time.

Zhang, Liu, Xiao 2017, "On geometric features for skeleton-based action recognition using
multilayer LSTM networks": 39 lines between two joints each: 24 bones, 5 from the end of a limb to
the joint two bones before it, 10 between the ends of two limbs.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from .skeleton_files import JOINTS

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

FIRST, SECOND = np.array(LINES).T
# Of all pairs of a line and a joint, those where the joint is not on the line: 39 x 23 = 897.
APART = np.flatnonzero([j not in line for line in LINES for j in range(JOINTS)])
SHORTEST = 1e-6  # metres: below it a line has no direction


def line_distances(x: NDArray[Any]) -> NDArray[Any]:
    """Give the distance of each joint to each line, by Heron's formula.

    With the squares A of the base, B and C of the other sides of a triangle, its height over the
    base is the root of B - (A + B - C)^2 / (4 A).

    Parameters
    ----------
    x : ndarray [..., 150]
        Two bodies, 25 joints, x y z.

    Returns
    -------
    ndarray [..., 1794]
        897 for each body; zero for an absent one.
    """
    joints = x.reshape(-1, JOINTS, 3)  # [M, 25, 3], M bodies
    squares = np.zeros((len(joints), JOINTS, JOINTS), x.dtype)
    for axis in range(3):
        difference = joints[:, :, None, axis] - joints[:, None, :, axis]
        squares += np.square(difference, out=difference)
    base = squares[:, FIRST, SECOND, None]  # [M, 39, 1]
    left = squares[:, FIRST]  # [M, 39, 25]
    along = left + base
    along -= squares[:, SECOND]
    np.square(along, out=along)
    along /= np.maximum(4 * base, 4 * SHORTEST**2)
    left -= along
    left *= base > SHORTEST**2
    height = np.sqrt(np.maximum(left, 0, out=left), out=left).reshape(len(joints), -1)
    distances: NDArray[Any] = np.take(height, APART, axis=1)
    return distances.reshape(*x.shape[:-1], -1)


def with_differences(x: NDArray[Any]) -> NDArray[Any]:
    """Join to x [B, T, F] its difference to the step before, zero at the first."""
    difference = np.zeros_like(x)
    difference[:, 1:] = x[:, 1:] - x[:, :-1]
    return np.concatenate([x, difference], axis=-1)
