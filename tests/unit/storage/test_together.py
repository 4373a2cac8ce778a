"""Many files replaced in one go: each is on the disk before it gets its name, and an error is that of its file."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from ksecrets.errors import KsecretsError
from ksecrets.storage import atomic, together
from ksecrets.storage.together import Staging


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name / "secrets.yaml" for name in ("a", "b", "c")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("old")
    return paths


def _left_over(files: list[Path]) -> list[str]:
    return [name for path in files for name in os.listdir(path.parent) if name != path.name]


def test_all_is_synced_before_the_first_rename(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    rename = os.replace

    def put(source: str, target: str) -> None:
        done.append("rename")
        rename(source, target)

    def sync(path: str) -> bool:
        assert len(_left_over(files)) == 3
        done.append("sync")
        return True

    monkeypatch.setattr(os, "replace", put)
    monkeypatch.setattr(together, "_sync_file_system", sync)
    monkeypatch.setattr(together, "_can_sync_file_systems", lambda: True)
    with Staging() as staging:
        for path in files:
            atomic.replace(str(path), "new", expected=atomic.read(str(path)))
        assert [path.read_text() for path in files] == ["old"] * 3
    assert done == ["sync", "rename", "rename", "rename"]
    assert [path.read_text() for path in files] == ["new"] * 3
    assert not staging.failed
    assert not _left_over(files)


def test_where_the_file_system_cannot_be_synced_each_file_is(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    rename, real = os.replace, os.fsync

    def put(source: str, target: str) -> None:
        done.append("rename")
        rename(source, target)

    def fsync(fd: int) -> None:
        if not os.path.isdir(fd):
            done.append("sync")
        real(fd)

    monkeypatch.setattr(os, "replace", put)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(together, "_sync_file_system", lambda path: False)
    with Staging():
        for path in files:
            atomic.replace(str(path), "new")
    assert done == ["sync", "rename"] * 3


def test_a_file_that_changed_meanwhile_stays_and_the_others_are_written(files: list[Path]) -> None:
    with Staging() as staging:
        for path in files:
            atomic.replace(str(path), "new", expected=atomic.read(str(path)))
        files[1].write_text("somebody else's")
    assert [path.read_text() for path in files] == ["new", "somebody else's", "new"]
    assert list(staging.failed) == [str(files[1])]
    assert "changed while ksecrets worked on it" in str(staging.failed[str(files[1])])
    assert not _left_over(files)


def test_an_exception_leaves_everything_as_it_was(files: list[Path]) -> None:
    def cut_short() -> None:
        with Staging():
            atomic.replace(str(files[0]), "new")
            raise KsecretsError("whatever ends the block")

    with pytest.raises(KsecretsError):
        cut_short()
    assert files[0].read_text() == "old"
    assert not _left_over(files)
    atomic.replace(str(files[0]), "new")
    assert files[0].read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("renames", range(4))
def test_a_kill_leaves_each_file_old_or_new(renames: int, files: list[Path]) -> None:
    pid = os.fork()
    if pid == 0:
        rename, left = os.replace, [renames]

        def put(source: str, target: str) -> None:
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            rename(source, target)

        os.replace = put  # type: ignore[assignment]
        with Staging():
            for path in files:
                atomic.replace(str(path), "new")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == (-signal.SIGKILL if renames < 3 else 0)
    assert [path.read_text() for path in files] == ["new"] * renames + ["old"] * (3 - renames)


@pytest.mark.skipif(sys.platform != "linux", reason="syncfs is Linux's")
def test_a_file_system_that_nobody_vouches_for_is_not_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(together, "_FILE_SYSTEMS", frozenset())
    assert not together._sync_file_system(str(tmp_path))
    assert not together._sync_file_system(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("release", "wanted"),
    [("5.7.19", False), ("5.8.0-rc1", True), ("6.1+", True), ("4.18.0-553.el8", False), ("x", False)],
)
def test_an_old_kernel_says_nothing_of_what_failed(release: str, wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Name:
        def __init__(self) -> None:
            self.release = release

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "uname", Name)
    assert together._can_sync_file_systems() is wanted
