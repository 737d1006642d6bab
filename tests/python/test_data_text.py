"""Text as streams of characters whose state is carried on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.data import StreamSource
from indrnn_engine.data.text import decode, encode

if TYPE_CHECKING:
    from pathlib import Path


def streams(
    source: StreamSource, epoch: int = 0
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.concatenate([source.batch(0, epoch, p).x for p in range(source.num_batches())])


def test_batches_of_an_epoch_continue_each_other() -> None:
    source = StreamSource(np.arange(1000, dtype=np.int64), 7, 4)
    read = streams(source)
    assert (np.diff(read, axis=0) == 1).all()
    assert read.shape == (249, 4)  # all but the last symbol, which is only a target


def test_target_is_the_symbol_that_follows() -> None:
    source = StreamSource(np.arange(1000, dtype=np.int64), 7, 4, offset=True)
    for position in range(source.num_batches()):
        batch = source.batch(0, 3, position)
        np.testing.assert_array_equal(batch.y, batch.x + 1)


def test_state_is_carried_but_not_into_an_epoch() -> None:
    source = StreamSource(np.arange(100, dtype=np.int64), 5, 2)
    assert [source.batch(0, 0, p).carry for p in range(3)] == [False, True, True]


def test_offset_differs_between_epochs_and_stays_inside() -> None:
    source = StreamSource(np.arange(200, dtype=np.int64), 10, 3, offset=True)
    starts = {int(source.batch(0, epoch, 0).x[0, 0]) for epoch in range(30)}
    assert len(starts) > 5
    assert starts <= set(range(10))
    for epoch in range(30):
        last = source.batch(0, epoch, source.num_batches() - 1)
        assert int(last.y.max()) < 200


@pytest.mark.parametrize("symbols", range(2, 40))
def test_every_short_text_stays_inside_its_symbols(symbols: int) -> None:
    for time_steps in (1, 2, 3):
        try:
            source = StreamSource(np.arange(symbols, dtype=np.int64), time_steps, 2)
        except ValueError:
            assert symbols <= 2
            continue
        read = streams(source)
        assert int(read.max()) < symbols - 1


def test_last_characters_are_held_out(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("ab" * 450 + "cd" * 50)
    data = ie.data.text.load(path=path, time_steps=10, batch_size=4, evaluation_streams=1)
    assert data.sizes == {"train": 900, "validation": 100, "symbols": 4}
    assert data.metadata["vocabulary"] == "abcd"
    read = data.source("validation").batch(0, 0, 0).x[:, 0]
    assert decode(read, "abcd") == "cdcdcdcdcd"
    assert data.test is None


def test_encode_and_decode_are_inverses() -> None:
    text = "Grüße, 世界\n"
    vocabulary = "".join(sorted(set(text)))
    assert decode(encode(text, vocabulary), vocabulary) == text


def test_unknown_symbol_is_named() -> None:
    with pytest.raises(ValueError, match="'z' is not among the 2 known symbols"):
        encode("az", "ab")


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(ValueError, match=r"must be UTF-8 text: .* at byte 0"):
        ie.data.text.load(path=path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "at least 2 characters, got 0"), ("abc", "too few for 32 streams of 100 steps")],
)
def test_short_text_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "short.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        ie.data.text.load(path=path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"\[text\] .*pipe must be a regular file"):
        ie.data.text.load(path=tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        ie.data.text.load(path=tmp_path)
