"""ksecrets/storage/private.py: where plaintext may be for the length of an edit."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from ksecrets.errors import KsecretsError, SyntaxRefused
from ksecrets.storage import private

ROOT = Path(__file__).resolve().parents[3]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="storage in memory is looked for on Linux")


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A system without storage in memory; returns its temporary folder."""
    monkeypatch.setattr(private, "memory_folder", lambda: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_private_folder_for_the_length_of_a_block() -> None:
    with private.Folder() as folder:
        path = folder.write("env/prod/secrets.yaml", "a: 1\r\n")
        assert os.path.dirname(path) == folder.path
        assert os.path.basename(path) == "secrets.yaml"
        assert stat.S_IMODE(os.stat(folder.path).st_mode) == 0o700
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert folder.read(path) == "a: 1\r\n"
    assert not os.path.lexists(folder.path)


def test_modes_do_not_depend_on_the_umask() -> None:
    before = os.umask(0)
    try:
        with private.Folder() as folder:
            path = folder.write("x", "")
            assert stat.S_IMODE(os.stat(folder.path).st_mode) == 0o700
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    finally:
        os.umask(before)


def test_names_are_not_predictable() -> None:
    names = {os.path.basename(private.Folder().path) for _ in range(20)}
    assert len(names) == 20
    assert all(len(name) == len("ksecrets-") + 32 for name in names)


@linux
def test_it_lies_in_memory_as_the_kernel_says() -> None:
    parent = private.memory_folder()
    if parent is None:
        pytest.skip("this system has no tmpfs at XDG_RUNTIME_DIR or /dev/shm")
    with private.Folder() as folder:
        assert folder.in_memory
        assert folder.note is None
        kind = subprocess.run(["stat", "-f", "-c", "%T", folder.path], capture_output=True, text=True, check=True)
        assert kind.stdout.strip() in ("tmpfs", "ramfs")


@linux
def test_a_runtime_folder_on_a_disk_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if private._in_memory(str(tmp_path)):
        pytest.skip("the tests' own folder lies in memory")
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert private.memory_folder() != str(tmp_path)


@linux
def test_a_runtime_folder_in_memory_is_taken_where_it_is_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    if not private._in_memory("/dev/shm"):
        pytest.skip("/dev/shm is not in memory")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        assert private.memory_folder() == runtime
        os.chmod(runtime, 0o777)
        assert private.memory_folder() == "/dev/shm"
        os.chmod(runtime, 0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.path.relpath(runtime))
        assert private.memory_folder() == "/dev/shm"


def test_without_the_kernels_table_nothing_counts_as_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not private._in_memory("/no/such/folder")
    assert not private._in_memory("/proc")


def test_on_a_disk_a_note_says_so_and_files_are_overwritten(on_disk: Path) -> None:
    witness = on_disk / "witness"
    with private.Folder() as folder:
        assert not folder.in_memory
        assert folder.note is not None
        assert str(on_disk) in folder.note
        assert "disk" in folder.note
        path = folder.write("x", "hunter2")
        os.link(path, witness)
        os.mkdir(os.path.join(folder.path, "backup"))
        os.link(folder.write("y", "hunter3"), os.path.join(folder.path, "backup", "y"))
        os.link(os.path.join(folder.path, "backup", "y"), on_disk / "second")
    assert witness.read_bytes() == bytes(7)
    assert (on_disk / "second").read_bytes() == bytes(7)
    assert sorted(os.listdir(on_disk)) == ["second", "witness"]


@pytest.mark.parametrize("memory", [True, False])
def test_removing_follows_no_link(tmp_path: Path, on_disk: Path, monkeypatch: pytest.MonkeyPatch, memory: bool) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("kept")
    with private.Folder() as folder:
        folder.in_memory = memory
        os.symlink(outside, os.path.join(folder.path, "folder"))
        os.symlink(outside / "f", os.path.join(folder.path, "file"))
        os.mkfifo(os.path.join(folder.path, "pipe"))
    assert (outside / "f").read_text() == "kept"
    assert not os.path.lexists(folder.path)


def test_the_folder_goes_when_the_block_fails() -> None:
    folder = private.Folder()

    def fail() -> None:
        with folder:
            folder.write("x", "hunter2")
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        fail()
    assert not os.path.lexists(folder.path)


def test_an_editor_may_replace_the_file() -> None:
    with private.Folder() as folder:
        path = folder.write("x", "old")
        Path(folder.path, "new").write_text("new")
        os.replace(os.path.join(folder.path, "new"), path)
        assert folder.read(path) == "new"


def test_reading_back_takes_only_a_regular_file(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x")
    with private.Folder() as folder:
        path = folder.write("x", "x")
        with pytest.raises(KsecretsError, match="exist"):
            folder.write("x", "again")
        os.unlink(path)
        with pytest.raises(KsecretsError, match="no such file"):
            folder.read(path)
        os.symlink(tmp_path / "elsewhere", path)
        with pytest.raises(KsecretsError, match="symbolic link"):
            folder.read(path)
        os.unlink(path)
        os.mkfifo(path)
        with pytest.raises(KsecretsError, match="is no longer a regular file"):
            folder.read(path)
        os.unlink(path)
        os.mkdir(path)
        with pytest.raises(KsecretsError, match="is no longer a regular file"):
            folder.read(path)
        other = folder.write("y", b"a\n\xff")
        with pytest.raises(SyntaxRefused) as caught:
            folder.read(other)
        assert caught.value.line == 2


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    with private.Folder() as folder:
        os.symlink(tmp_path / "f", os.path.join(folder.path, "x"))
        with pytest.raises(KsecretsError):
            folder.write("x", "hunter2")
    assert not (tmp_path / "f").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_cannot_be_written(on_disk: Path) -> None:
    on_disk.chmod(0o500)
    with pytest.raises(KsecretsError, match="cannot make a private folder: permission denied"), private.Folder():
        pass


# -- signals -----------------------------------------------------------------------------------------------------------

CHILD = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from ksecrets.storage import private
{setup}
with private.Folder() as folder:
    folder.write("x", "hunter2")
    try:
        print(folder.path, flush=True)
        time.sleep(30)
    except KeyboardInterrupt:
        print("interrupted", os.path.lexists(folder.path), flush=True)
        raise
    print("went on", os.path.lexists(folder.path), flush=True)
"""


def signalled(number: int, setup: str = "") -> tuple[int, str, str]:
    """A child that gets the signal inside the block: its exit code, the folder, and what it printed then."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(root=str(ROOT), setup=setup)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    path = child.stdout.readline().strip()
    assert os.path.isdir(path)
    child.send_signal(number)
    rest, _ = child.communicate(timeout=30)
    return child.returncode, path, rest.strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_the_folder_and_ends_the_process(number: int) -> None:
    code, path, rest = signalled(number)
    assert (code, rest) == (-number, "")
    assert not os.path.lexists(path)


def test_an_interrupt_removes_the_folder_and_is_raised() -> None:
    code, path, rest = signalled(signal.SIGINT)
    assert rest == "interrupted False"
    assert code in (-signal.SIGINT, 130)
    assert not os.path.lexists(path)


def test_an_earlier_handler_still_gets_its_signal() -> None:
    code, path, rest = signalled(signal.SIGTERM, "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))")
    assert (code, rest) == (7, "")
    assert not os.path.lexists(path)


def test_an_ignored_signal_stays_ignored() -> None:
    setup = "signal.signal(signal.SIGHUP, signal.SIG_IGN); time.sleep = (lambda s, w=time.sleep: w(0.3))"
    code, path, rest = signalled(signal.SIGHUP, setup)
    assert (code, rest) == (0, "went on True")
    assert not os.path.lexists(path)


def test_handlers_are_put_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with private.Folder():
        during = [signal.getsignal(number) for number in numbers]
    assert [signal.getsignal(number) for number in numbers] == before
    assert all(one is not two for one, two in zip(before, during, strict=True))


def test_handlers_are_put_back_where_no_folder_could_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "memory_folder", lambda: "/no/such/folder")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KsecretsError, match="no such file"), private.Folder():
        pass
    assert signal.getsignal(signal.SIGTERM) is before


def test_in_another_thread_there_are_no_handlers_but_the_folder_goes() -> None:
    seen = []

    def work() -> None:
        with private.Folder() as folder:
            seen.append(os.path.isdir(folder.path))
        seen.append(os.path.lexists(folder.path))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == [True, False]


# -- memfd, core dumps -------------------------------------------------------------------------------------------------

needs_memfd = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memfd_create on this system")


@needs_memfd
def test_memfd_is_read_from_its_start_by_a_child_as_often_as_it_likes() -> None:
    fd = private.memfd(b"a: 1\n" * 100_000)
    assert fd is not None
    try:
        assert not os.get_inheritable(fd)
        name = f"/dev/fd/{fd}"
        done = subprocess.run(["cat", name, name], pass_fds=[fd], capture_output=True, check=True)
        assert done.stdout == b"a: 1\n" * 200_000
    finally:
        os.close(fd)


@needs_memfd
def test_memfd_cannot_be_changed() -> None:
    fd = private.memfd(b"content")
    assert fd is not None
    try:
        for change in (lambda: os.write(fd, b"x"), lambda: os.ftruncate(fd, 0), lambda: os.ftruncate(fd, 100)):
            with pytest.raises(PermissionError):
                change()
        assert os.pread(fd, 100, 0) == b"content"
    finally:
        os.close(fd)


def test_memfd_is_none_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert private.memfd(b"x") is None


@needs_memfd
def test_memfd_that_cannot_be_filled_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(os.listdir("/proc/self/fd"))

    def fail(*_: object) -> None:
        raise OSError(28, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        assert private.memfd(b"x") is None
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_core_dumps() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import resource, subprocess\n"
        "from ksecrets.storage import private\n"
        "private.disable_core_dumps()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)\n"
        "subprocess.run(['sh', '-c', 'ulimit -c; ulimit -H -c'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["(0, 0)", "0", "0", ""]


def test_reading_starts_without_the_dear_imports() -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import ksecrets.storage.private; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    dear = {"re", "typing", "enum", "signal", "shutil", "tempfile", "threading", "subprocess", "resource"}
    assert not dear & set(done.stdout.split())
