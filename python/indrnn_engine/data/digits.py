"""scikit-learn's 1 797 handwritten digits of 8 x 8 pixels, read pixel by pixel: T = 64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..extras import require
from .batches import Data
from .sequences import SequenceDataset, SequenceSource, held_out_samples, split_indices

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["distort", "load", "read", "shift", "vary"]

SIDE = 8
TEST_SAMPLES = 360
CENTRED = np.arange(SIDE) - (SIDE - 1) / 2

# Largest distortions: pixels, radians, logarithm of the size, pixels per pixel.
MOVE, TURN, SCALE, SHEAR = 1.0, 0.15, 0.1, 0.1


def read() -> SequenceDataset:
    """All 1 797 images: x uint8 [1797, 64, 1] of values 0 to 16, y int64 [1797]."""
    datasets = require("sklearn.datasets", "scikit-learn")
    images, labels = datasets.load_digits(return_X_y=True)
    x = np.asarray(images).astype(np.uint8).reshape(-1, SIDE * SIDE, 1)
    return SequenceDataset(x, np.asarray(labels).astype(np.int64), scale=1.0 / 16.0)


def vary(x: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Move each image by up to one whole pixel, or distort it; an even chance decides.

    Distorted images are a little blurred, as no real one is: on their own they are worse than
    images that are only moved, and both together better than either.

    Parameters
    ----------
    x : ndarray [B, 64, 1]
    random : numpy.random.Generator

    Returns
    -------
    ndarray [B, 64, 1]
    """
    chosen = random.random((len(x), 1, 1)) < 0.5
    return np.where(chosen, distort(x, random), shift(x, random))


def shift(x: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Move each image by up to one pixel in each direction; what enters is empty.

    Parameters
    ----------
    x : ndarray [B, 64, 1]
    random : numpy.random.Generator

    Returns
    -------
    ndarray [B, 64, 1]
    """
    batch = len(x)
    padded = _padded(x)
    down, right = random.integers(0, 3, (2, batch, 1, 1))
    sample = np.arange(batch)[:, None, None]
    rows = np.arange(SIDE)[None, :, None] + down
    columns = np.arange(SIDE)[None, None, :] + right
    moved: NDArray[Any] = padded[sample, rows, columns].reshape(batch, SIDE * SIDE, 1)
    return moved


def distort(x: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Move, turn, scale and shear each image a little, as another hand would have written it.

    Parameters
    ----------
    x : ndarray [B, 64, 1]
    random : numpy.random.Generator

    Returns
    -------
    ndarray [B, 64, 1]
        Sampled bilinearly; what lies outside of the image is empty.
    """
    batch = len(x)
    angle, scale, shear = (
        random.uniform(-limit, limit, (batch, 1, 1)) for limit in (TURN, SCALE, SHEAR)
    )
    # Where in the old image each pixel of the new one comes from, in pixels from the centre.
    down, right = np.meshgrid(CENTRED, CENTRED, indexing="ij")
    growth = np.exp(-scale)
    rows = growth * (np.cos(angle) * down + (np.sin(angle) + shear) * right)
    columns = growth * (np.cos(angle) * right - np.sin(angle) * down)
    moves = random.uniform(-MOVE, MOVE, (2, batch, 1, 1))
    return _sample(_padded(x), rows + moves[0], columns + moves[1])


def _padded(x: NDArray[Any]) -> NDArray[Any]:
    """Images [B, 10, 10] with an empty border."""
    padded = np.zeros((len(x), SIDE + 2, SIDE + 2), x.dtype)
    padded[:, 1:-1, 1:-1] = x.reshape(-1, SIDE, SIDE)
    return padded


def _sample(
    padded: NDArray[Any], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[Any]:
    """Read images between their pixels, at positions counted from the centre."""
    batch = len(padded)
    # One empty pixel on each side is enough: positions further out are moved onto it.
    rows, columns = (np.clip(p + (SIDE + 1) / 2, 0.0, SIDE + 0.999) for p in (rows, columns))
    top, left = rows.astype(np.int64), columns.astype(np.int64)
    lower, righter = rows - top, columns - left
    sample = np.arange(batch)[:, None, None]
    mixed: NDArray[Any] = (
        (1 - lower) * (1 - righter) * padded[sample, top, left]
        + (1 - lower) * righter * padded[sample, top, left + 1]
        + lower * (1 - righter) * padded[sample, top + 1, left]
        + lower * righter * padded[sample, top + 1, left + 1]
    )
    mixed = mixed.astype(padded.dtype)
    return mixed.reshape(batch, SIDE * SIDE, 1)


def load(
    *,
    batch_size: int = 32,
    validation_fraction: float = 0.05,
    augment: bool = True,
    seed: int = 0,
    dtype: Any = "float32",
) -> Data:
    """Load the digits, split by `seed` into 1 437 for training and 360 for test.

    Parameters
    ----------
    batch_size : int, default 32
    validation_fraction : float, default 0.05
        Share of the 1 437 that is held out; 0: none.
    augment : bool, default True
        Training images are moved or distorted a little, differently each time; see `vary`.
    seed : int, default 0
        Of both splits.
    dtype : str or dtype, default "float32"

    Returns
    -------
    Data

    Raises
    ------
    ImportError
        scikit-learn is not installed.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> data = ie.data.digits.load()
    >>> data.sizes
    {'train': 1365, 'validation': 72, 'test': 360}
    """
    everything = read()
    kept, test = split_indices(len(everything), TEST_SAMPLES, seed)
    held_out = held_out_samples(len(kept), validation_fraction)
    train, validation = split_indices(len(kept), held_out, seed + 1)
    parts = {
        "train": everything.take(kept[train]),
        "validation": everything.take(kept[validation]),
        "test": everything.take(test),
    }
    return Data(
        name="digits",
        kind="classification",
        input_size=1,
        output_size=10,
        time_steps=SIDE * SIDE,
        train=SequenceSource(
            parts["train"], batch_size, dtype, shuffle=True, augment=vary if augment else None
        ),
        validation=SequenceSource(parts["validation"], 256, dtype) if held_out else None,
        test=SequenceSource(parts["test"], 256, dtype),
        sizes={name: len(part) for name, part in parts.items() if len(part)},
        metadata={"input_scale": everything.scale},
        fingerprint=everything.fingerprint(),
    )
