"""Penn Treebank from files in the format of the benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import indrnn_engine as ie

if TYPE_CHECKING:
    from pathlib import Path

WORDS = {
    "train": " the cat <unk> the mat N times \n a dog sat \n the dog sat on the cat \n" * 30,
    "valid": " the dog <unk> \n" * 10,
    "test": " a cat sat N times \n" * 10,
}
SENTENCES = ("t h e _ c a t _ s a t", "a _ m a t", "t h e _ h a t", "N _ < u n k >")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split, text in WORDS.items():
        (tmp_path / f"ptb.{split}.txt").write_text(text)
        (tmp_path / f"ptb.char.{split}.txt").write_text(" \n ".join(SENTENCES * 20) + "\n")
    return tmp_path


def load(folder: Path, level: str, **options: int | bool) -> ie.data.Data:
    return ie.data.ptb.load(path=folder, level=level, time_steps=10, batch_size=2, **options)  # type: ignore[arg-type]


def test_characters_are_read_with_their_blanks(folder: Path) -> None:
    data = load(folder, "char", random_lengths=False)
    vocabulary = data.metadata["vocabulary"]
    assert vocabulary == "".join(sorted(set("the cat sat mat hat N <unk>")))
    batch = data.source("test").batch(0, 0, 0)
    assert "".join(vocabulary[symbol] for symbol in batch.x[:, 0]) == "the cat sa"
    assert "".join(vocabulary[symbol] for symbol in batch.y[:, 0]) == "he cat sat"
    assert data.output_size == len(vocabulary) == data.sizes["symbols"]


def test_lines_end_in_eos(folder: Path) -> None:
    data = load(folder, "word")
    vocabulary = data.metadata["vocabulary"]
    batch = data.source("validation").batch(0, 0, 0)
    read = [vocabulary[symbol] for symbol in batch.x[:, 0]]
    assert read == [*["the", "dog", "<unk>", "<eos>"] * 2, "the", "dog"]
    assert {"<unk>", "N", "<eos>"} <= set(vocabulary)
    assert data.sizes["validation"] == 40


def test_sizes_are_held_against_the_published_ones(folder: Path) -> None:
    assert "test has 60, published are 82,430" in load(folder, "word").remarks


def test_test_reads_one_stream_whose_state_is_carried(folder: Path) -> None:
    source = load(folder, "word").source("test")
    batches = [source.batch(0, 0, p) for p in range(source.num_batches())]
    assert {batch.size for batch in batches} == {1}
    assert [batch.carry for batch in batches] == [False, *[True] * (len(batches) - 1)]
    assert sum(batch.time_steps for batch in batches) == 59


@pytest.mark.parametrize("level", ["char", "word"])
def test_missing_file_says_where_to_get_it(folder: Path, level: str) -> None:
    name = "ptb.char.valid.txt" if level == "char" else "ptb.valid.txt"
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"must hold {name}; .*simple-examples\.tgz"):
        load(folder, level)


def test_broken_files_are_named(folder: Path) -> None:
    (folder / "ptb.char.test.txt").write_text("t h e cat")
    with pytest.raises(ValueError, match=r"single characters .* got 'cat' as number 3"):
        load(folder, "char")
    (folder / "ptb.test.txt").write_text("the zebra sat\n")
    with pytest.raises(ValueError, match="the test split holds 'zebra'"):
        load(folder, "word")
    (folder / "ptb.test.txt").write_text("")
    with pytest.raises(ValueError, match="must hold at least 2 symbols, got 0"):
        load(folder, "word")
    (folder / "ptb.test.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="must be UTF-8 text"):
        load(folder, "word")


def test_options_are_checked(folder: Path) -> None:
    with pytest.raises(ValueError, match="level must be char or word, got 'letter'"):
        load(folder, "letter")
    with pytest.raises(FileNotFoundError, match="path must be an existing folder"):
        load(folder / "none", "char")


def test_changed_text_changes_the_fingerprint(folder: Path) -> None:
    before = load(folder, "word").fingerprint
    (folder / "ptb.valid.txt").write_text(WORDS["valid"].replace("dog", "cat", 1))
    assert load(folder, "word").fingerprint != before
