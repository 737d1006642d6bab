"""A folder of thousands of .skeleton files, parsed once in parallel into one array on disk."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..files import write_atomically
from .skeleton_files import parse_name, read_missing, read_skeleton

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SkeletonArchive", "load_archive"]

FORMAT = "indrnn_engine.skeletons"
VERSION = "1"
CACHE = "skeletons.safetensors"
CHUNK = 64  # files that one process parses before it reports
FEW = 256  # files that are not worth starting processes for

WHERE = (
    "they come from the NTU RGB+D page of the ROSE Lab (registration needed): "
    "nturgbd_skeletons_s001_to_s017.zip"
)


@dataclass(frozen=True)
class SkeletonArchive:
    """All samples behind each other.

    Attributes
    ----------
    frames : float32 ndarray [sum of frames, 150]
        Two bodies, 25 joints, x y z.
    starts : int64 ndarray [N + 1]
        Where each sample begins in `frames`.
    cameras, persons, actions : int64 ndarray [N]
    fingerprint : str
    """

    frames: NDArray[np.float32]
    starts: NDArray[np.int64]
    cameras: NDArray[np.int64]
    persons: NDArray[np.int64]
    actions: NDArray[np.int64]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.actions)


def load_archive(
    folder: Path,
    *,
    missing: Path | None = None,
    cache_dir: Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SkeletonArchive:
    """Read a folder of .skeleton files, or what an earlier call kept of it.

    Parameters
    ----------
    folder : Path
    missing : Path, optional
        List of samples to leave out; None: samples_with_missing_skeletons.txt in the folder, or
        beside it, where there is one.
    cache_dir : Path, optional
        Where to keep the array; None: in the folder.
    workers : int, optional
        Processes that parse; None: one for each core. More than one need a main module that can
        be imported, as Python's multiprocessing does.
    progress : callable, optional
        Told (files done, files in all).

    Raises
    ------
    FileNotFoundError
        No such folder, or no .skeleton file in it; says where to get them.
    ValueError
        A file that is not in the format (named).
    OSError
        A file cannot be read, or the array not be written.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"[skeleton] path must be a folder of .skeleton files; {WHERE}")
    paths = sorted(folder.glob("*.skeleton"))
    if not paths:
        raise FileNotFoundError(f"[skeleton] {folder} holds no .skeleton file; {WHERE}")
    left_out = read_missing(missing) if missing is not None else _listed_missing(folder)
    paths = [path for path in paths if path.stem not in left_out]
    if not paths:
        raise ValueError(f"[skeleton] every file of {folder} is listed as missing")
    key = _key(paths)
    cache = (cache_dir or folder) / CACHE
    found = _read_cache(cache, key)
    if found is not None:
        return found
    names = [parse_name(path) for path in paths]
    parts = []
    for part in _parse(paths, workers):
        parts.append(part)
        if progress is not None:
            progress(len(parts), len(paths))
    lengths = [len(part) for part in parts]
    arrays: dict[str, NDArray[Any]] = {
        "frames": np.concatenate(parts),
        "starts": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        "cameras": np.array([name.camera for name in names], np.int64),
        "persons": np.array([name.person for name in names], np.int64),
        "actions": np.array([name.action for name in names], np.int64),
    }
    fingerprint = hashlib.sha256(arrays["frames"].data)
    fingerprint.update(json.dumps([path.stem for path in paths]).encode())
    digest = fingerprint.hexdigest()
    metadata = {"format": FORMAT, "format_version": VERSION, "key": key, "fingerprint": digest}
    cache.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(cache, save(arrays, metadata))
    return SkeletonArchive(**arrays, fingerprint=digest)


def _listed_missing(folder: Path) -> set[str]:
    for place in (folder, folder.parent):
        found = sorted(place.glob("*missing*skeletons*.txt"))
        if found:
            return read_missing(found[0])
    return set()


def _key(paths: list[Path]) -> str:
    """Give what changes when a file is added, removed or changed."""
    digest = hashlib.sha256()
    for path in paths:
        status = path.stat()
        digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _read_cache(path: Path, key: str) -> SkeletonArchive | None:
    """Give what the file holds, where it is of these samples and whole."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            wanted = (FORMAT, VERSION, key)
            if tuple(map(metadata.get, ("format", "format_version", "key"))) != wanted:
                return None
            arrays = {name: opened.get_tensor(name) for name in list(opened.keys())}
            return SkeletonArchive(**arrays, fingerprint=metadata["fingerprint"])
    except (SafetensorError, KeyError, TypeError):
        return None  # it is made again


def _parse(paths: list[Path], workers: int | None) -> Iterator[NDArray[np.float32]]:
    """Parse all files, in their order."""
    count = (os.cpu_count() or 1) if workers is None else workers
    if count < 1:
        raise ValueError(f"[skeleton] workers must be at least 1, got {count}")
    if count == 1 or (workers is None and len(paths) < FEW):
        yield from map(_flat, paths)
        return
    # Not forked: the engine's threads would be missing in the children.
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        chunks = [paths[first : first + CHUNK] for first in range(0, len(paths), CHUNK)]
        for done in pool.map(_flat_all, chunks):
            yield from done


def _flat_all(paths: Iterable[Path]) -> list[NDArray[np.float32]]:
    return [_flat(path) for path in paths]


def _flat(path: Path) -> NDArray[np.float32]:
    frames = read_skeleton(path)
    return frames.reshape(len(frames), -1)
