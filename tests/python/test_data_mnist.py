"""MNIST from IDX files, good and bad."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TRAIN, TEST, SIDE = 40, 12, 6
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def idx(array: np.ndarray[Any, Any]) -> bytes:
    head = struct.pack(">i", 2048 + array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    for prefix, count in (("train", TRAIN), ("t10k", TEST)):
        images = rng.integers(0, 256, (count, SIDE, SIDE)).astype(np.uint8)
        labels = rng.integers(0, 10, count).astype(np.uint8)
        for name, array in ((f"{prefix}-images-idx3", images), (f"{prefix}-labels-idx1", labels)):
            (tmp_path / f"{name}-ubyte.gz").write_bytes(gzip.compress(idx(array)))
    return tmp_path


def content(folder: Path, name: str) -> bytes:
    return gzip.decompress((folder / name).read_bytes())


def test_images_are_read_in_raster_order(folder: Path) -> None:
    data = ie.data.mnist.load(data_dir=folder, validation_fraction=0.1)
    assert data.sizes == {"train": 36, "validation": 4, "test": TEST}
    assert (data.time_steps, data.input_size, data.output_size) == (SIDE * SIDE, 1, 10)
    batch = data.source("test").batch(0, 0, 0)
    pixels = np.frombuffer(content(folder, "t10k-images-idx3-ubyte.gz")[16:], np.uint8)
    np.testing.assert_allclose(batch.x[:, 1, 0], pixels[36:72] / 255.0, rtol=1e-6)
    labels = np.frombuffer(content(folder, "t10k-labels-idx1-ubyte.gz")[8:], np.uint8)
    np.testing.assert_array_equal(batch.y, labels)


def test_plain_files_are_read_too(folder: Path) -> None:
    zipped = ie.data.mnist.load(data_dir=folder)
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert ie.data.mnist.load(data_dir=folder).fingerprint == zipped.fingerprint


def test_permuted_pixels_have_one_fixed_order(folder: Path) -> None:
    plain = ie.data.mnist.load(data_dir=folder).source("test").batch(0, 0, 0).x
    first, second = (
        ie.data.mnist.load(data_dir=folder, permuted=True, seed=seed).source("test").batch(0, 0, 0)
        for seed in (0, 1)
    )
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.x, plain[ie.data.mnist.permutation(SIDE * SIDE)])
    assert (first.x != plain).any()


def test_validation_split_depends_on_the_seed(folder: Path) -> None:
    first, second = (
        ie.data.mnist.load(data_dir=folder, seed=seed, validation_fraction=0.5) for seed in (0, 1)
    )
    assert (
        first.source("validation").batch(0, 0, 0).x != second.source("validation").batch(0, 0, 0).x
    ).any()


def truncate(name: str, count: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(gzip.compress(content(folder, name)[:count]))

    return damage


def truncate_gzip(folder: Path) -> None:
    packed = (folder / IMAGES).read_bytes()
    (folder / IMAGES).write_bytes(packed[: len(packed) // 2])


def corrupt_gzip(folder: Path) -> None:
    packed = bytearray((folder / IMAGES).read_bytes())
    packed[len(packed) // 2] ^= 0xFF
    (folder / IMAGES).write_bytes(packed)


def no_gzip(folder: Path) -> None:
    (folder / IMAGES).write_bytes(b"not a gzip file at all")


def lengthen(folder: Path) -> None:
    (folder / IMAGES).write_bytes(gzip.compress(content(folder, IMAGES) + b"\0"))


def wrong_magic(folder: Path) -> None:
    (folder / IMAGES).write_bytes((folder / LABELS).read_bytes())


def lying_header(folder: Path) -> None:
    head = struct.pack(">i3I", 2051, 0xFFFFFFFF, 0xFFFFFFFF, 2)
    (folder / IMAGES).write_bytes(gzip.compress(head + content(folder, IMAGES)[16:]))


def empty_images(folder: Path) -> None:
    (folder / IMAGES).write_bytes(gzip.compress(struct.pack(">i3I", 2051, 0, 28, 28)))


def too_few_labels(folder: Path) -> None:
    (folder / LABELS).write_bytes(gzip.compress(idx(np.zeros(TRAIN - 1, np.uint8))))


def label_out_of_range(folder: Path) -> None:
    (folder / LABELS).write_bytes(gzip.compress(idx(np.full(TRAIN, 10, np.uint8))))


def other_size(folder: Path) -> None:
    (folder / IMAGES).write_bytes(gzip.compress(idx(np.zeros((TRAIN, 5, 5), np.uint8))))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate(IMAGES, 100), r"train-images.* is truncated: .* needs 1440 bytes, got 84"),
        (truncate(IMAGES, 7), "is truncated: its header has 7 bytes"),
        (truncate(LABELS, 0), "is truncated: its header has 0 bytes"),
        (truncate_gzip, "is truncated or corrupt"),
        (corrupt_gzip, "is truncated or corrupt"),
        (no_gzip, "is truncated or corrupt"),
        (lengthen, "is too long"),
        (wrong_magic, "must start with the magic number 2051, got 2049"),
        (lying_header, "declares the impossible shape"),
        (empty_images, "declares the impossible shape"),
        (too_few_labels, "must have as many labels as images in .*, got 39 and 40"),
        (label_out_of_range, "labels must be 0 to 9, got 10"),
        (other_size, "must have one size, got 25 and 36 pixels"),
    ],
)
def test_damaged_files_are_named(
    folder: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(folder)
    with pytest.raises(ValueError, match=message):
        ie.data.mnist.load(data_dir=folder)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"data_dir must be an existing folder, got .*nope"):
        ie.data.mnist.load(data_dir=tmp_path / "nope")


def test_missing_file_is_named(folder: Path) -> None:
    (folder / LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=r"must hold train-labels-idx1-ubyte.gz or"):
        ie.data.mnist.load(data_dir=folder)


def test_failed_download_says_how_every_command_takes_the_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pooch = pytest.importorskip("pooch")

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(pooch.Pooch, "fetch", unreachable)
    remedy = "can be given: data_dir, --data-dir of `indrnn train`, --data of `indrnn evaluate`"
    with pytest.raises(OSError, match=f"cannot download from .* {remedy}"):
        ie.data.mnist.load()
