"""Writing a model file never leaves less than there was: whole files, and nothing else touched."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indrnn_engine as ie


def network(dtype: str = "float32") -> ie.Network:
    return ie.Network([ie.nn.IndRNN(6), ie.nn.BatchNorm()], input_size=2, dtype=dtype, seed=9)


@pytest.fixture
def saved(tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    network().save(path)
    return path


class Full:
    """A file on a disk that is full after some bytes."""

    def __init__(self, file: Any, room: int) -> None:
        self.file, self.room = file, room

    def close(self) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        self.file.write(data[: self.room])
        self.file.flush()
        raise OSError(errno.ENOSPC, "No space left on device")


class TestAtomicity:
    def check_untouched(self, path: Path, before: bytes) -> None:
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]

    def test_a_full_disk_leaves_the_old_file_and_nothing_else(self, saved, monkeypatch):
        before = saved.read_bytes()
        opened = Path.open
        monkeypatch.setattr(
            Path, "open", lambda self, mode="r": contextlib.closing(Full(opened(self, mode), 100))
        )
        with pytest.raises(OSError, match="No space left"):
            network("float64").save(saved)
        monkeypatch.undo()
        self.check_untouched(saved, before)

    @pytest.mark.parametrize("function", ["fsync", "replace"])
    @pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), KeyboardInterrupt()])
    def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(
        self, saved, monkeypatch, function, error
    ):
        def fail(*arguments: object) -> None:
            raise error

        before = saved.read_bytes()
        target = os if function == "fsync" else Path
        monkeypatch.setattr(target, function, fail)
        with pytest.raises(type(error)):
            network("float64").save(saved)
        monkeypatch.undo()
        self.check_untouched(saved, before)

    def test_the_data_is_on_disk_before_the_name_and_the_name_before_the_return(
        self, saved, monkeypatch
    ):
        events = []
        fsync, replace = os.fsync, Path.replace

        def noted_fsync(descriptor: int) -> None:
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            events.append("folder" if is_folder else os.fstat(descriptor).st_size)
            fsync(descriptor)

        def noted_replace(self: Path, target: Path) -> Path:
            events.append("rename")
            return replace(self, target)

        monkeypatch.setattr(os, "fsync", noted_fsync)
        monkeypatch.setattr(Path, "replace", noted_replace)
        network("float64").save(saved)
        assert events == [saved.stat().st_size, "rename", "folder"]

    @pytest.mark.parametrize(
        ("folder", "kind"), [("nowhere", FileNotFoundError), ("a_file", NotADirectoryError)]
    )
    def test_a_folder_that_is_none_is_an_os_error_which_names_the_path(
        self, tmp_path, folder, kind
    ):
        (tmp_path / "a_file").write_bytes(b"")
        path = tmp_path / folder / "model.safetensors"
        with pytest.raises(kind, match=r"model\.safetensors'$") as caught:
            network().save(path)
        assert caught.value.filename == str(path)

    def test_a_link_is_followed(self, saved, tmp_path):
        link = tmp_path / "latest.safetensors"
        link.symlink_to(saved)
        network("float64").save(link)
        assert link.is_symlink()
        assert ie.Network.load(saved).dtype == np.float64

    def test_the_permissions_are_those_of_an_ordinary_file(self, saved, tmp_path):
        ordinary = tmp_path / "ordinary"
        ordinary.write_bytes(b"")
        assert saved.stat().st_mode == ordinary.stat().st_mode

    def test_the_permissions_of_an_existing_file_are_kept(self, saved):
        saved.chmod(0o600)
        network("float64").save(saved)
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600
        assert ie.Network.load(saved).dtype == np.float64

    @pytest.mark.parametrize("name", ["m" * 255, "ü" * 127])
    def test_the_longest_names_are_written(self, tmp_path, name):
        network().save(tmp_path / name)
        assert [path.name for path in tmp_path.iterdir()] == [name]

    @pytest.mark.parametrize("through_link", [False, True])
    def test_what_is_no_file_is_left_as_it_is(self, tmp_path, through_link):
        pipe = path = tmp_path / "pipe"
        os.mkfifo(pipe)
        if through_link:
            path = tmp_path / "link"
            path.symlink_to(pipe)
        before = sorted(tmp_path.iterdir())
        with pytest.raises(OSError, match=f"{path.name}' must be a regular file"):
            network().save(path)
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        assert sorted(tmp_path.iterdir()) == before

    def test_a_folder_is_left_as_it_is(self, tmp_path):
        with pytest.raises(IsADirectoryError, match=tmp_path.name):
            network().save(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_a_path_of_bytes_is_one(self, tmp_path):
        network().save(os.fsencode(tmp_path / "model.safetensors"))
        assert ie.Network.load(tmp_path / "model.safetensors").num_parameters > 0

    def test_no_name_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ValueError, match=r"\[save\] path must name a file, got ''"):
            network().save("")
