"""NTU RGB+D skeletons: 60 actions, a few frames of each recording.

The data may not be passed on: get nturgbd_skeletons_s001_to_s017.zip from the page of the ROSE Lab
and unpack it; the list of samples with missing skeletons lies beside it there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .batches import TEST, TRAIN, Batch, BatchSource, Data, generator, unpublished
from .sequences import held_out_samples, split_indices
from .shares import bounds
from .skeleton_cache import SkeletonArchive, load_archive
from .skeleton_features import line_distances, with_differences

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["SkeletonSource", "load", "split"]

ACTIONS = 60
TRAINING_PERSONS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
TRAINING_CAMERAS = (2, 3)
FEATURES = ("joints", "distances", "both")
SPINE = 1  # joint at the middle of the spine

PUBLISHED = {
    "subject": {"training and validation": 40_091, "test": 16_487},
    "view": {"training and validation": 37_646, "test": 18_932},
}
"""Samples of both splits without the 302 with missing skeletons."""


class SkeletonSource(BatchSource):
    """Batches of frames drawn from recordings.

    A recording is cut into `time_steps` equal segments, and one frame of each is drawn; every draw
    is a function of (seed, epoch, position).

    Parameters
    ----------
    archive : SkeletonArchive
    index : int64 ndarray [N]
        Which of its recordings.
    time_steps, batch_size : int
    features : {"joints", "distances", "both"}
    differences : bool
        Joins to each feature its difference in time.
    center : bool
        Puts the middle of the spine of the first body in the first frame at the origin.
    random_lengths : pair of int, optional
        Draws the number of frames of each batch, both ends included.
    shuffle : bool
        As in `SequenceSource`.
    dtype : str or dtype
    stream : int
        Keeps the random numbers of training and evaluation apart.
    """

    def __init__(
        self,
        archive: SkeletonArchive,
        index: NDArray[np.int64],
        time_steps: int,
        batch_size: int,
        *,
        features: str = "joints",
        differences: bool = False,
        center: bool = False,
        random_lengths: tuple[int, int] | None = None,
        shuffle: bool = False,
        dtype: Any = "float32",
        stream: int = TRAIN,
    ) -> None:
        self.archive = archive
        self.index = index
        self.time_steps = time_steps
        self.batch_size = min(batch_size, len(index))
        self.features = features
        self.differences = differences
        self.center = center
        self.random_lengths = random_lengths
        self.shuffle = shuffle
        self.dtype = np.dtype(dtype)
        self.stream = stream

    @property
    def input_size(self) -> int:
        """Features of a frame."""
        joints = np.zeros((1, 2, self.archive.frames.shape[1]), np.float32)
        return int(self._features(joints).shape[2])

    def num_batches(self) -> int:
        """Batches in one epoch."""
        if self.shuffle:
            return len(self.index) // self.batch_size
        return -(-len(self.index) // self.batch_size)

    def batch(self, seed: int, epoch: int, position: int) -> Batch:
        """Draw x [T, B, F] and y [B]."""
        return self.share(seed, epoch, position, 0, 1)

    def share(self, seed: int, epoch: int, position: int, rank: int, size: int) -> Batch:
        """Draw frames for the whole batch, and read those of the share."""
        order = self.index
        if self.shuffle:
            order = order[generator(self.stream, seed, epoch).permutation(len(order))]
        samples = order[position * self.batch_size :][: self.batch_size]
        low, high = bounds(len(samples), rank, size)
        if low == high:
            return super().share(seed, epoch, position, rank, size)
        random = generator(self.stream, seed, epoch, position, 1)
        steps = self.time_steps
        if self.random_lengths is not None:
            steps = int(random.integers(self.random_lengths[0], self.random_lengths[1] + 1))
        chance = random.random((len(samples), steps))[low:high]
        whole, samples = len(samples), samples[low:high]
        first = self.archive.starts[samples]
        length = self.archive.starts[samples + 1] - first
        # Frame t of a sample: somewhere in [t, t + 1) / T of its length.
        place = (np.arange(steps)[None, :] + chance) / steps
        frame = np.minimum((place * length[:, None]).astype(np.int64), length[:, None] - 1)
        x = self.archive.frames[first[:, None] + frame]  # [B, T, 150]
        x = self._features(x).astype(self.dtype)
        y = self.archive.actions[samples] - 1
        x = np.ascontiguousarray(x.transpose(1, 0, 2))
        return Batch(x, y, first=low, whole=whole, fraction=(high - low) / whole)

    def _features(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = []
        if self.center:
            x = _centred(x)
        if self.features != "distances":
            parts.append(x)
        if self.features != "joints":
            parts.append(line_distances(x))
        joined = np.concatenate(parts, axis=-1)
        return with_differences(joined) if self.differences else joined


def _centred(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move both bodies so that the first begins at the origin; absent ones stay zero."""
    bodies = x.reshape(*x.shape[:2], 2, -1, 3)
    origin = bodies[:, :1, :1, SPINE : SPINE + 1]
    present = bodies.any(axis=(3, 4), keepdims=True)
    return np.where(present, bodies - origin, np.float32(0)).reshape(x.shape)


def split(archive: SkeletonArchive, by: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the published training and test samples: by "subject" or by "view"."""
    if by == "subject":
        training = np.isin(archive.persons, TRAINING_PERSONS)
    elif by == "view":
        training = np.isin(archive.cameras, TRAINING_CAMERAS)
    else:
        raise ValueError(f"[skeleton] split must be subject or view, got {by!r}")
    return np.flatnonzero(training), np.flatnonzero(~training)


def load(
    *,
    path: str | os.PathLike[str],
    split_by: str = "subject",
    time_steps: int = 20,
    batch_size: int = 128,
    features: str = "joints",
    differences: bool = False,
    center: bool = False,
    random_lengths: tuple[int, int] | None = None,
    validation_fraction: float = 0.05,
    missing: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    seed: int = 0,
    dtype: Any = "float32",
) -> Data:
    """Load NTU RGB+D; the first time all files are parsed and kept in one array.

    Parameters
    ----------
    path : path
        Folder of the .skeleton files.
    split_by : {"subject", "view"}
        The published splits: training persons, or training cameras 2 and 3.
    time_steps : int, default 20
        Frames drawn of each recording, one from each of as many equal segments.
    batch_size : int, default 128
    features : {"joints", "distances", "both"}
        150 coordinates; 1 794 distances of joints to lines; or all of them.
    differences : bool, default False
        Joins to each feature its difference in time.
    center : bool, default False
        Puts the first body of the first frame at the origin.
    random_lengths : pair of int, optional
        Draws the number of frames of each training batch, both ends included.
    validation_fraction : float, default 0.05
        Share of the training samples held out, drawn by `seed`.
    missing, cache_dir, workers, progress
        See `skeleton_cache.load_archive`.
    seed : int, default 0
    dtype : str or dtype, default "float32"

    Returns
    -------
    Data
        Evaluation draws frames too: average over some draws (`test_draws` of the training
        configuration). `remarks` says where sizes are not the published ones.

    Raises
    ------
    ValueError, OSError
        See `skeleton_cache.load_archive`; or an option that does not fit, or a split without
        samples.
    """
    if features not in FEATURES:
        raise ValueError(f"[skeleton] features must be one of {', '.join(FEATURES)}")
    if time_steps < 1 or batch_size < 1:
        raise ValueError("[skeleton] time_steps and batch_size must be at least 1")
    lengths = None if random_lengths is None else _check_lengths(random_lengths)
    archive = load_archive(
        Path(path),
        missing=None if missing is None else Path(missing),
        cache_dir=None if cache_dir is None else Path(cache_dir),
        workers=workers,
        progress=progress,
    )
    if int(archive.actions.min()) < 1 or int(archive.actions.max()) > ACTIONS:
        raise ValueError(
            f"[skeleton] actions must be 1 to {ACTIONS}, got {int(archive.actions.max())}"
        )
    training, test = split(archive, split_by)
    if len(training) < 2 or len(test) == 0:
        raise ValueError(
            f"[skeleton] {path} must hold training and test samples of the split by {split_by}, "
            f"got {len(training)} and {len(test)}"
        )
    remarks = unpublished(
        {"training and validation": len(training), "test": len(test)}, PUBLISHED[split_by]
    )
    held_out = held_out_samples(len(training), validation_fraction)
    kept, validation = split_indices(len(training), held_out, seed)
    common: dict[str, Any] = {
        "features": features,
        "differences": differences,
        "center": center,
        "dtype": dtype,
    }
    train = SkeletonSource(
        archive,
        training[kept],
        time_steps,
        batch_size,
        random_lengths=lengths,
        shuffle=True,
        **common,
    )
    evaluated = [
        SkeletonSource(archive, index, time_steps, batch_size, stream=TEST, **common)
        for index in (training[validation], test)
        if len(index)
    ]
    sizes = {"train": len(kept), "validation": held_out, "test": len(test)}
    return Data(
        name="skeleton",
        kind="classification",
        input_size=train.input_size,
        output_size=ACTIONS,
        time_steps=max(time_steps, lengths[1] if lengths else 0),
        train=train,
        validation=evaluated[0] if held_out else None,
        test=evaluated[-1],
        sizes={name: size for name, size in sizes.items() if size},
        metadata={"features": features, "differences": differences, "center": center},
        fingerprint=f"{archive.fingerprint} {split_by}",
        remarks=remarks,
    )


def _check_lengths(lengths: Any) -> tuple[int, int]:
    if len(lengths) != 2 or not 1 <= lengths[0] <= lengths[1]:
        raise ValueError(
            f"[skeleton] random_lengths must be two numbers of frames, low and high, got {lengths}"
        )
    return int(lengths[0]), int(lengths[1])
