"""The text format of NTU RGB+D skeletons, `SsssCcccPpppRrrrAaaa.skeleton`.

    frames
      bodies                         of each frame
        id and 9 flags               of each body
        25
          x y z and 9 more           of each joint; metres

Bodies are aligned: each of two slots holds one person from frame to frame, zero where absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "BODIES",
    "JOINTS",
    "SkeletonName",
    "align",
    "parse_name",
    "read_missing",
    "read_skeleton",
]

JOINTS = 25
BODIES = 2
BODY_FIELDS = 10
JOINT_FIELDS = 12

NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")

Body = tuple[int, "NDArray[np.float32]"]
"""Identity, and joints [25, 3]."""


@dataclass(frozen=True)
class SkeletonName:
    """What a file's name says: set-up, camera, person, repetition, action; all count from 1."""

    setup: int
    camera: int
    person: int
    repetition: int
    action: int


def parse_name(path: Path) -> SkeletonName:
    """Read the numbers in a file's name.

    Raises
    ------
    ValueError
        Another form of name.

    Examples
    --------
    >>> from pathlib import Path
    >>> from indrnn_engine.data.skeleton_files import parse_name
    >>> parse_name(Path("S001C002P003R002A060.skeleton")).action
    60
    """
    match = NAME.fullmatch(path.stem)
    if match is None:
        raise ValueError(f"[skeleton] {path} must be named like S001C001P001R001A001.skeleton")
    return SkeletonName(*map(int, match.groups()))


def read_missing(path: Path) -> set[str]:
    """Read the names of a list of samples with missing skeletons; other lines do not matter."""
    return {match.group() for match in NAME.finditer(path.read_text(encoding="utf-8"))}


def read_skeleton(path: Path) -> NDArray[np.float32]:
    """Read the joints of a file, bodies aligned; frames without a body are left out.

    Returns
    -------
    float32 ndarray [F, 2, 25, 3]

    Raises
    ------
    ValueError
        Not in the format, truncated, longer than it says, or without any body.
    OSError
        The file cannot be read.
    """
    try:
        tokens = path.read_bytes().split()
        frames, end = _frames(tokens)
    except (ValueError, IndexError) as error:
        reason = "it is truncated" if isinstance(error, IndexError) else str(error)
        raise ValueError(f"[skeleton] cannot read {path}: {reason}") from error
    if end != len(tokens):
        raise ValueError(f"[skeleton] cannot read {path}: it goes on behind the last frame")
    aligned = align([frame for frame in frames if frame])
    if len(aligned) == 0:
        raise ValueError(f"[skeleton] {path} holds no body in any of its {len(frames)} frames")
    return aligned


def _frames(tokens: list[bytes]) -> tuple[list[list[Body]], int]:
    """Bodies of each frame, and the number of tokens read."""
    at = 1
    frames: list[list[Body]] = []
    for _ in range(_count(tokens, 0, "frame", 1_000_000)):
        bodies: list[Body] = []
        count = _count(tokens, at, "body", 64)
        at += 1
        for _ in range(count):
            identity = int(tokens[at])
            joints = _count(tokens, at + BODY_FIELDS, "joint", JOINTS)
            if joints != JOINTS:
                raise ValueError(f"a body must have {JOINTS} joints, got {joints}")
            at += BODY_FIELDS + 1
            end = at + JOINTS * JOINT_FIELDS
            if end > len(tokens):
                raise IndexError
            values = np.array(tokens[at:end]).astype(np.float64)
            with np.errstate(over="ignore"):
                place = values.reshape(JOINTS, JOINT_FIELDS)[:, :3].astype(np.float32)
            if not np.isfinite(place).all():
                raise ValueError(f"frame {len(frames)} holds a joint that is not finite")
            bodies.append((identity, place))
            at = end
        frames.append(bodies)
    return frames, at


def _count(tokens: list[bytes], at: int, what: str, most: int) -> int:
    """Read a count, which files may lie about."""
    count = int(tokens[at])
    if not 0 <= count <= most:
        raise ValueError(f"the {what} count must be between 0 and {most}, got {count}")
    return count


def align(frames: list[list[Body]]) -> NDArray[np.float32]:
    """Give each person a slot of their own.

    A body stays in the slot of its identity. A new identity takes a slot that no body of the frame
    holds, the one whose person was last seen nearest; where there are more bodies than slots, those
    that move most in the sequence come first. In the end the first slot is the one that moves most.

    Parameters
    ----------
    frames : list of list of (identity, joints [25, 3])

    Returns
    -------
    float32 ndarray [F, 2, 25, 3]
        Zero where a person is absent.
    """
    aligned = np.zeros((len(frames), BODIES, JOINTS, 3), np.float32)
    motion = _motion(frames)
    holders: list[int | None] = [None] * BODIES
    for number, bodies in enumerate(frames):
        present = {identity for identity, _ in bodies}
        for identity, joints in sorted(bodies, key=lambda body: -motion[body[0]]):
            if identity in holders:
                slot = holders.index(identity)
            else:
                free = [slot for slot in range(BODIES) if holders[slot] not in present]
                if not free:
                    continue
                slot = min(free, key=lambda slot: _distance(aligned[:number, slot], joints))
                holders[slot] = identity
            aligned[number, slot] = joints
    if len(aligned) and _spread(aligned[:, 1]) > _spread(aligned[:, 0]):
        aligned = np.ascontiguousarray(aligned[:, ::-1])
    return aligned


def _motion(frames: list[list[Body]]) -> dict[int, float]:
    tracks: dict[int, list[NDArray[np.float32]]] = {}
    for bodies in frames:
        for identity, joints in bodies:
            tracks.setdefault(identity, []).append(joints)
    return {identity: float(np.var(track, axis=0).sum()) for identity, track in tracks.items()}


def _spread(slot: NDArray[np.float32]) -> float:
    """Motion of the person in a slot; -1 for an empty one."""
    seen = slot[slot.any(axis=(1, 2))]
    return float(seen.var(axis=0).sum()) if len(seen) else -1.0


def _distance(slot: NDArray[np.float32], joints: NDArray[np.float32]) -> float:
    """From where the person in a slot was last seen; far for one that nobody was in."""
    seen = np.flatnonzero(slot.any(axis=(1, 2)))
    if len(seen) == 0:
        return 1e6
    return float(np.linalg.norm(slot[seen[-1]] - joints, axis=1).mean())
