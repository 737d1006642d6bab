"""NTU RGB+D skeletons: the format, the people in it, the splits, the frames that are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indrnn_engine as ie
from indrnn_engine.data.skeleton_cache import load_archive
from indrnn_engine.data.skeleton_features import LINES, line_distances
from indrnn_engine.data.skeleton_files import align, parse_name, read_missing, read_skeleton
from skeletons import walk, write_folder, write_skeleton

NAME = "S001C002P003R002A013.skeleton"


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "skeletons"
    path.mkdir()
    write_folder(path, rng)
    return path


def load(folder: Path, **options: Any) -> ie.data.Data:
    return ie.data.skeleton.load(path=folder, **{"batch_size": 4, "time_steps": 6, **options})


def test_joints_are_read_as_written(tmp_path: Path, rng: np.random.Generator) -> None:
    frames = walk(rng, 7)
    write_skeleton(tmp_path / NAME, frames)
    read = read_skeleton(tmp_path / NAME)
    assert read.shape == (7, 2, 25, 3)
    np.testing.assert_allclose(read[:, 0], [bodies[0][1] for bodies in frames], rtol=1e-6)
    assert not read[:, 1].any()


def test_name_says_camera_person_and_action() -> None:
    name = parse_name(Path(NAME))
    assert (name.setup, name.camera, name.person, name.repetition, name.action) == (1, 2, 3, 2, 13)
    with pytest.raises(ValueError, match="must be named like"):
        parse_name(Path("S1C2.skeleton"))


def test_frames_without_a_body_are_left_out(tmp_path: Path, rng: np.random.Generator) -> None:
    frames = walk(rng, 5)
    frames[2] = []
    write_skeleton(tmp_path / NAME, frames)
    assert len(read_skeleton(tmp_path / NAME)) == 4


def body(place: float) -> np.ndarray[Any, Any]:
    return np.full((25, 3), place, np.float32)


def test_people_keep_their_slots_when_their_order_changes() -> None:
    frames = [
        [(7, body(1.0 + t)), (9, body(-1.0))] if t % 2 else [(9, body(-1.0)), (7, body(1.0 + t))]
        for t in range(6)
    ]
    aligned = align(frames)
    np.testing.assert_array_equal(aligned[:, 0, 0, 0], [1.0 + t for t in range(6)])  # moves more
    np.testing.assert_array_equal(aligned[:, 1, 0, 0], -1.0)


def test_new_identity_takes_the_slot_of_who_was_last_seen_nearest() -> None:
    frames = [[(1, body(0.0)), (2, body(5.0 + t))] for t in range(3)]
    frames += [[(2, body(8.0 + t))] for t in range(2)]
    frames += [[(2, body(10.0)), (3, body(0.5))]]
    aligned = align(frames)
    np.testing.assert_array_equal(aligned[:, 0, 0, 0], [5.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    np.testing.assert_array_equal(aligned[:, 1, 0, 0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.5])


def test_of_three_bodies_the_two_that_move_most_are_kept() -> None:
    frames = [[(1, body(3.0)), (2, body(float(t))), (3, body(-2.0 * t))] for t in range(1, 5)]
    aligned = align(frames)
    np.testing.assert_array_equal(aligned[:, 0, 0, 0], [-2.0, -4.0, -6.0, -8.0])
    np.testing.assert_array_equal(aligned[:, 1, 0, 0], [1.0, 2.0, 3.0, 4.0])


def spoil(text: str, how: str) -> str:
    lines = text.splitlines()
    if how == "empty":
        return ""
    if how == "words":
        return "this is no skeleton\n"
    if how == "truncated":
        return "\n".join(lines[: len(lines) // 2])
    if how == "too long":
        return text + "1\n"
    if how == "more frames":
        return text.replace(lines[0], str(int(lines[0]) + 1), 1)
    if how == "huge":
        return "\n".join(["99999999999", *lines[1:]])
    if how == "negative":
        return "\n".join(["-1", *lines[1:]])
    if how == "joints":
        return "\n".join([*lines[:3], "24", *lines[4:]])
    if how == "not finite":
        return text.replace(lines[4].split()[0], "nan", 1)
    if how == "too large":
        return text.replace(lines[4].split()[0], "1e300", 1)
    assert how == "letters"
    return text.replace(lines[6].split()[1], "abc", 1)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("empty", "truncated"),
        ("words", "invalid literal"),
        ("truncated", "truncated"),
        ("too long", "goes on behind the last frame"),
        ("more frames", "truncated"),
        ("huge", "the frame count must be between"),
        ("negative", "the frame count must be between"),
        ("joints", "must have 25 joints, got 24"),
        ("not finite", "not finite"),
        ("too large", "not finite"),
        ("letters", "could not convert"),
    ],
)
def test_broken_file_is_named(
    tmp_path: Path, rng: np.random.Generator, how: str, message: str
) -> None:
    path = tmp_path / NAME
    write_skeleton(path, walk(rng, 3))
    path.write_text(spoil(path.read_text(), how))
    with pytest.raises(ValueError, match=rf"cannot read .*{NAME}: .*{message}"):
        read_skeleton(path)


def test_file_without_any_body_is_named(tmp_path: Path) -> None:
    write_skeleton(tmp_path / NAME, [[], []])
    with pytest.raises(ValueError, match="holds no body in any of its 2 frames"):
        read_skeleton(tmp_path / NAME)


@pytest.mark.parametrize("workers", [1, 2])
def test_folder_is_parsed_once_with_progress(folder: Path, workers: int) -> None:
    seen: list[tuple[int, int]] = []
    first = load_archive(folder, workers=workers, progress=lambda *done: seen.append(done))
    assert seen == [(done, 40) for done in range(1, 41)]
    again = load_archive(folder, progress=lambda *done: seen.append(done))
    assert len(seen) == 40  # nothing was parsed
    for name in ("frames", "starts", "cameras", "persons", "actions"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert again.fingerprint == first.fingerprint
    paths = sorted(folder.glob("*.skeleton"))
    for number in (0, 17, 39):
        part = first.frames[first.starts[number] : first.starts[number + 1]]
        np.testing.assert_array_equal(part.reshape(-1, 2, 25, 3), read_skeleton(paths[number]))
        assert parse_name(paths[number]).action == first.actions[number]


def test_changed_folder_is_parsed_again(folder: Path, rng: np.random.Generator) -> None:
    before = load_archive(folder)
    path = next(iter(sorted(folder.glob("*.skeleton"))))
    write_skeleton(path, walk(rng, 99))
    after = load_archive(folder)
    assert after.fingerprint != before.fingerprint
    assert after.starts[1] == 99


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_damaged_cache_is_made_again(folder: Path, share: float) -> None:
    before = load_archive(folder)
    cache = folder / "skeletons.safetensors"
    content = cache.read_bytes()
    cache.write_bytes(content[: int(share * len(content))])
    np.testing.assert_array_equal(load_archive(folder).frames, before.frames)
    load_archive(folder, progress=lambda *_: pytest.fail("parsed again"))


def test_list_of_missing_samples_is_honoured(folder: Path) -> None:
    paths = sorted(folder.glob("*.skeleton"))
    listed = folder.parent / "samples_with_missing_skeletons.txt"
    listed.write_text("302 samples:\n\n" + "\n".join(path.stem for path in paths[:3]) + "\n")
    assert read_missing(listed) == {path.stem for path in paths[:3]}
    paths[0].write_text("broken")  # never read
    assert len(load_archive(folder)) == 37


def test_splits_are_by_person_and_by_camera(folder: Path) -> None:
    archive = load_archive(folder)
    for by, training in (("subject", {1, 2, 4, 5, 8}), ("view", {2, 3})):
        train, test = ie.data.skeleton.split(archive, by)
        of = archive.persons if by == "subject" else archive.cameras
        assert set(of[train]) == training
        assert not set(of[test]) & training
        assert len(train) + len(test) == 40
    with pytest.raises(ValueError, match="split must be subject or view, got 'time'"):
        load(folder, split_by="time")


def test_sizes_are_held_against_the_published_ones(folder: Path) -> None:
    data = load(folder)
    assert sum(data.sizes.values()) == 40
    assert any("published are 40,091" in remark for remark in data.remarks)


def test_one_frame_of_each_segment_is_drawn(folder: Path) -> None:
    data = load(folder, time_steps=5)
    archive = load_archive(folder)
    source = data.train
    batch = source.batch(0, 0, 0)
    assert batch.x.shape == (5, 4, 150)
    for column in range(4):
        places = [int(np.argmax((archive.frames == row).all(axis=1))) for row in batch.x[:, column]]
        sample = int(np.searchsorted(archive.starts, places[0], side="right")) - 1
        length = archive.starts[sample + 1] - archive.starts[sample]
        for step, place in enumerate(places):
            share = (place - archive.starts[sample]) / length
            assert step / 5 - 1 / length <= share < (step + 1) / 5
        assert archive.actions[sample] - 1 == batch.y[column]


def test_equal_arguments_give_equal_batches_and_other_epochs_others(folder: Path) -> None:
    source = load(folder).train
    first, again, other = source.batch(3, 1, 2), source.batch(3, 1, 2), source.batch(3, 2, 2)
    np.testing.assert_array_equal(first.x, again.x)
    assert not np.array_equal(first.x, other.x)


def test_random_lengths_are_drawn_within_their_limits(folder: Path) -> None:
    data = load(folder, random_lengths=(3, 9))
    lengths = {data.train.batch(0, epoch, 0).time_steps for epoch in range(60)}
    assert lengths == set(range(3, 10))
    assert data.source("test").batch(0, 0, 0).time_steps == 6
    with pytest.raises(ValueError, match="random_lengths must be two numbers"):
        load(folder, random_lengths=(9, 3))


def test_there_are_897_distances_for_each_body() -> None:
    assert len(set(LINES)) == 39
    assert line_distances(np.zeros((2, 150), np.float32)).shape == (2, 2 * 897)


def test_distances_are_those_of_points_to_lines(rng: np.random.Generator) -> None:
    x = rng.normal(size=150)
    joints = x.reshape(2, 25, 3)
    expected = []
    for body_joints in joints:
        for a, b in LINES:
            direction = body_joints[b] - body_joints[a]
            direction /= np.linalg.norm(direction)
            for j in range(25):
                if j not in (a, b):
                    way = body_joints[j] - body_joints[a]
                    expected.append(np.linalg.norm(way - (way @ direction) * direction))
    np.testing.assert_allclose(line_distances(x), expected, rtol=1e-6, atol=1e-7)


def test_absent_body_has_no_distances(folder: Path) -> None:
    data = load(folder, features="both", differences=True)
    assert data.input_size == 2 * (150 + 1794)
    batch = data.train.batch(0, 0, 0)
    assert batch.x.shape[2] == data.input_size
    assert np.isfinite(batch.x).all()
    assert not batch.x[:, :, 150 + 897 : 150 + 1794].any()
    np.testing.assert_allclose(
        batch.x[1:, :, 1944:], batch.x[1:, :, :1944] - batch.x[:-1, :, :1944], atol=1e-6
    )


def test_centred_bodies_begin_at_the_origin(folder: Path) -> None:
    batch = load(folder, center=True).train.batch(0, 0, 0)
    assert not batch.x[0, :, 3:6].any()  # the middle of the spine
    assert not batch.x[:, :, 75:].any()  # an absent body does not move


def test_where_the_data_come_from_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(FileNotFoundError, match="ROSE Lab"):
            load(path)


def test_other_actions_are_refused(folder: Path, rng: np.random.Generator) -> None:
    write_skeleton(folder / "S001C001P001R001A061.skeleton", walk(rng, 5))
    with pytest.raises(ValueError, match="actions must be 1 to 60, got 61"):
        load(folder)
