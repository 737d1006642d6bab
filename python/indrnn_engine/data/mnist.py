"""Sequential MNIST: digits read pixel by pixel (T = 784), plainly or in one permuted order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..extras import require
from .batches import SPLIT, Data, generator, unpublished
from .idx import IMAGES_MAGIC, LABELS_MAGIC, read_idx
from .sequences import SequenceDataset, SequenceSource, held_out_samples, split_indices

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["download", "load", "read"]

SHA256 = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
"""The four files, gzipped, and their published checksums."""

URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
PERMUTATION_SEED = 92


def download() -> Path:
    """Download the files once into the user's cache, check them, and give the folder."""
    pooch = require("pooch", "pooch")
    folder = Path(pooch.os_cache("indrnn_engine")) / "mnist"
    source = pooch.create(
        path=folder, base_url=URL, registry={f"{k}.gz": f"sha256:{v}" for k, v in SHA256.items()}
    )
    try:
        for name in SHA256:
            source.fetch(f"{name}.gz")
    except Exception as error:  # requests has a zoo of its own for "no network"
        raise OSError(
            f"[mnist] cannot download from {URL} ({type(error).__name__}); "
            "a folder with the four IDX files can be given: data_dir, --data-dir of "
            "`indrnn train`, --data of `indrnn evaluate`"
        ) from error
    return folder


def read(data_dir: str | os.PathLike[str] | None = None) -> tuple[SequenceDataset, SequenceDataset]:
    """Training and test images from the folder of the four IDX files, gzipped or not.

    Parameters
    ----------
    data_dir : path, optional
        None: downloads them.

    Returns
    -------
    train, test : SequenceDataset
        x uint8 [N, rows * columns, 1] in raster order, y int64 [N].

    Raises
    ------
    ValueError, OSError
        The folder or a file is missing, truncated or corrupt, or the files do not belong together.
    """
    folder = download() if data_dir is None else Path(data_dir)
    if not folder.is_dir():
        raise FileNotFoundError(f"[mnist] data_dir must be an existing folder, got {folder}")
    train, test = (_read_pair(folder, prefix) for prefix in ("train", "t10k"))
    if train.x.shape[1] != test.x.shape[1]:
        raise ValueError(
            f"[mnist] training and test images must have one size, got {train.x.shape[1]} "
            f"and {test.x.shape[1]} pixels"
        )
    return train, test


def _read_pair(folder: Path, prefix: str) -> SequenceDataset:
    images = read_idx(_find(folder, f"{prefix}-images-idx3-ubyte"), IMAGES_MAGIC)
    labels = read_idx(_find(folder, f"{prefix}-labels-idx1-ubyte"), LABELS_MAGIC)
    if len(images) != len(labels):
        raise ValueError(
            f"[mnist] {prefix} must have as many labels as images in {folder}, "
            f"got {len(labels)} and {len(images)}"
        )
    if int(labels.max()) > 9:
        raise ValueError(f"[mnist] {prefix} labels must be 0 to 9, got {int(labels.max())}")
    return SequenceDataset(
        images.reshape(len(images), -1, 1), labels.astype(np.int64), scale=1.0 / 255.0
    )


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"[mnist] {folder} must hold {name}.gz or {name}, and has neither")


def permutation(pixels: int) -> NDArray[np.int64]:
    """Give the one fixed order in which permuted MNIST reads its pixels."""
    return generator(SPLIT, PERMUTATION_SEED).permutation(pixels).astype(np.int64)


def load(
    *,
    data_dir: str | os.PathLike[str] | None = None,
    batch_size: int = 32,
    validation_fraction: float = 0.05,
    permuted: bool = False,
    seed: int = 0,
    dtype: Any = "float32",
) -> Data:
    """MNIST as sequences of pixels / 255.

    Parameters
    ----------
    data_dir : path, optional
        Folder of the four IDX files; None: downloads them and checks the published checksums.
    batch_size : int, default 32
    validation_fraction : float, default 0.05
        Share of the training images held out, drawn by `seed`.
    permuted : bool, default False
        Reads the pixels in one fixed random order.
    seed : int, default 0
    dtype : str or dtype, default "float32"

    Returns
    -------
    Data

    Raises
    ------
    ValueError, OSError
        See `read`.
    """
    train, test = read(data_dir)
    fingerprint = train.fingerprint()
    if permuted:
        order = permutation(train.x.shape[1])
        train, test = (
            SequenceDataset(np.ascontiguousarray(part.x[:, order]), part.y, scale=part.scale)
            for part in (train, test)
        )
    published = {"training and validation": 60_000, "test": 10_000}
    remarks = unpublished({"training and validation": len(train), "test": len(test)}, published)
    held_out = held_out_samples(len(train), validation_fraction)
    kept, validation = split_indices(len(train), held_out, seed)
    return Data(
        name="mnist",
        kind="classification",
        input_size=1,
        output_size=10,
        time_steps=train.x.shape[1],
        train=SequenceSource(train.take(kept), batch_size, dtype, shuffle=True),
        validation=SequenceSource(train.take(validation), 256, dtype) if held_out else None,
        test=SequenceSource(test, 256, dtype),
        sizes={"train": len(kept), "validation": held_out, "test": len(test)},
        metadata={"input_scale": train.scale, "permuted": permuted},
        fingerprint=fingerprint,
        remarks=remarks,
    )
