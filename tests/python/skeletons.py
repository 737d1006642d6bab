"""Writes .skeleton files in the exact format of NTU RGB+D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Frame = list[tuple[int, "NDArray[Any]"]]


def write_skeleton(path: Path, frames: list[Frame]) -> None:
    """Each frame is a list of bodies: identity and joints [25, 3]."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for identity, joints in bodies:
            lines += [f"{identity} 0 1 1 1 1 0 0.02764709 0.05745083 2", str(len(joints))]
            lines += [
                f"{x:.7g} {y:.7g} {z:.7g} 277.419 191.8218 1036.233 519.1677 "
                "-0.2059419 0.05349901 0.9692109 -0.1239193 2"
                for x, y, z in joints
            ]
    path.write_text("\n".join(lines) + "\n")


def walk(
    random: np.random.Generator, frames: int, identity: int = 72057594037931101
) -> list[Frame]:
    """One body that drifts."""
    start = random.normal(size=(25, 3)) + np.array([0.0, 0.0, 3.0])
    drift = random.normal(size=3) * 0.01
    return [
        [(identity, start + drift * t + random.normal(size=(25, 3)) * 0.001)] for t in range(frames)
    ]


def write_folder(folder: Path, random: np.random.Generator, samples: int = 40) -> None:
    """Persons 1 to 8, cameras 1 to 3, actions 1 to 4, of 5 to 40 frames."""
    for number in range(samples):
        camera, person, action = number % 3 + 1, number % 8 + 1, number % 4 + 1
        name = f"S001C{camera:03}P{person:03}R{number:03}A{action:03}.skeleton"
        write_skeleton(folder / name, walk(random, int(random.integers(5, 41)), 1000 + number))
