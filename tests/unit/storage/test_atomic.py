"""ksecrets/storage/atomic.py without a crash; tests/stories/test_atomic.py kills it at every step."""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ksecrets.errors import KsecretsError, SyntaxRefused
from ksecrets.storage import atomic
from ksecrets.storage.together import Together

ROOT = Path(__file__).resolve().parents[3]
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to change owners")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def left_over(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".ksecrets-")]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.yaml"
    path.write_bytes(b"old\n")
    path.chmod(0o640)
    return path


# -- read --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw", [b"", b"a: 1", b"a: 1\r\nb: 2\rc\n", b"\xef\xbb\xbfa: \xe2\x82\xac\n", b"a\x00b", b"\x0c\x1c\n"]
)
def test_read_keeps_every_byte(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(raw)
    source = atomic.read(str(path))
    assert source.text.encode("utf-8") == raw
    assert source.path == str(path)


def test_read_keeps_the_bom_as_a_character(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert atomic.read(str(path)).text[0] == "\ufeff"


@pytest.mark.parametrize(
    ("raw", "byte", "line"),
    [(b"\xff", 0, 1), (b"a: 1\nb: \xc3(\n", 8, 2), (b"a\n\n\xed\xa0\x80", 3, 3), (b"ok\n\xe2\x82", 3, 2)],
)
def test_read_refuses_what_is_not_utf8(tmp_path: Path, raw: bytes, byte: int, line: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(raw)
    with pytest.raises(SyntaxRefused) as caught:
        atomic.read(str(path))
    assert str(caught.value).split("\n")[0] == f"{path}:{line}: not UTF-8 text (byte {byte})"


def test_an_error_of_read_does_not_carry_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"password: hunter2\xff")
    with pytest.raises(SyntaxRefused) as caught:
        atomic.read(str(path))
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_source_shows_no_text(target: Path) -> None:
    assert "old" not in repr(atomic.read(str(target)))


def test_read_of_nothing_a_folder_and_a_loop(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for name, message in (
        ("absent", "no such file"),
        (".", "is a directory"),
        ("loop", "a symbolic link that leads back to itself"),
    ):
        path = os.path.join(tmp_path, name)
        with pytest.raises(KsecretsError) as caught:
            atomic.read(path)
        assert str(caught.value).split("\n")[0] == f"{path}: {message}"


# -- replace -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "new: €\r\n", b"\xff\x00"])
@pytest.mark.parametrize("bits", [0o600, 0o644, 0o664, 0o777])
def test_replace_puts_the_content_there_and_keeps_the_mode(target: Path, content: str | bytes, bits: int) -> None:
    target.chmod(bits)
    before = target.stat().st_ino
    assert atomic.replace(str(target), content) == ()
    assert target.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert mode(target) == bits
    assert target.stat().st_ino != before
    assert left_over(target.parent) == []


def test_the_umask_does_not_touch_a_kept_mode(target: Path) -> None:
    target.chmod(0o666)
    before = os.umask(0o077)
    try:
        atomic.replace(str(target), "new")
    finally:
        os.umask(before)
    assert mode(target) == 0o666


def test_the_temporary_file_is_private_until_it_is_complete(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target.chmod(0o666)
    seen = []
    write = os.write

    def watch(fd: int, data: bytes) -> int:
        (name,) = left_over(target.parent)
        seen.append(mode(target.parent / name))
        return write(fd, data)

    monkeypatch.setattr(os, "write", watch)
    atomic.replace(str(target), "new")
    assert seen == [0o600]


def test_short_writes_are_continued(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    atomic.replace(str(target), b"0123456789")
    assert target.read_bytes() == b"0123456789"


def test_a_name_without_a_folder_is_in_the_working_folder(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(target.parent)
    atomic.replace(target.name, "new", expected=atomic.read(target.name))
    assert target.read_text() == "new"


def test_the_longest_name_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    path.write_text("old")
    atomic.replace(str(path), "new")
    assert path.read_text() == "new"


def test_links_stay_and_their_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_text("old")
    (tmp_path / "one").symlink_to("real/f")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    atomic.replace(str(tmp_path / "two"), "new", expected=atomic.read(str(tmp_path / "two")))
    assert os.readlink(tmp_path / "one") == "real/f"
    assert os.readlink(tmp_path / "two") == str(tmp_path / "one")
    assert (tmp_path / "real" / "f").read_text() == "new"
    assert not (tmp_path / "real" / "f").is_symlink()
    assert left_over(tmp_path) == left_over(tmp_path / "real") == []


def test_another_hard_link_keeps_the_old_contents_and_a_note_says_so(target: Path) -> None:
    other = target.with_name("other")
    os.link(target, other)
    (note,) = atomic.replace(str(target), "new")
    assert "had 2 names" in note
    assert other.read_bytes() == b"old\n"
    assert target.read_bytes() == b"new"


def refused(
    path: Path | str, message: str, content: str | bytes = "new", expected: atomic.Source | None = None
) -> None:
    with pytest.raises(KsecretsError) as caught:
        atomic.replace(str(path), content, expected=expected)
    assert str(caught.value).splitlines()[0] == f"{path}: {message}"


def test_what_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("pool")
    (tmp_path / "pool").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("absent")
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(tmp_path)
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        before = sorted(os.listdir(tmp_path))
        refused(tmp_path / "absent", "no such file")
        refused(tmp_path / "no" / "folder", "no such file")
        refused(tmp_path / "dangling", "a symbolic link to nothing")
        refused(tmp_path / "loop", "a symbolic link that leads back to itself")
        refused(tmp_path / "file" / "below", "a part of its path is not a directory")
        refused(tmp_path, "is a directory")
        refused(tmp_path / "pipe", "not a regular file")
        refused(tmp_path / "socket", "not a regular file")
        assert sorted(os.listdir(tmp_path)) == before
    refused("/dev/null", "not a regular file")


def test_text_with_half_a_surrogate_pair(target: Path) -> None:
    with pytest.raises(SyntaxRefused) as caught:
        atomic.replace(str(target), "a\nsecret \ud800")
    assert str(caught.value) == f"{target}:2: holds half of a surrogate pair, which is no text"
    assert target.read_bytes() == b"old\n"


# -- a change by somebody else -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["rewritten", "replaced", "removed", "same size and time"])
def test_a_file_changed_since_it_was_read_is_left_alone(target: Path, change: str) -> None:
    source = atomic.read(str(target))
    was = target.stat()
    if change == "rewritten":
        target.write_bytes(b"theirs\n")
    elif change == "replaced":
        (target.parent / "n").write_bytes(b"theirs\n")
        os.replace(target.parent / "n", target)
    elif change == "removed":
        target.unlink()
    else:
        target.write_bytes(b"OLD\n")
        os.utime(target, ns=(was.st_atime_ns, was.st_mtime_ns))
    theirs = target.read_bytes() if target.exists() else None
    if change == "removed":
        refused(target, "no such file", expected=source)
    else:
        refused(target, "changed while ksecrets worked on it; nothing was written", expected=source)
    assert (target.read_bytes() if target.exists() else None) == theirs
    assert left_over(target.parent) == []


def test_a_change_while_the_new_file_is_being_written(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = atomic.read(str(target))
    fsync = os.fsync

    def late(fd: int) -> None:
        fsync(fd)
        target.write_bytes(b"theirs\n")

    monkeypatch.setattr(os, "fsync", late)
    refused(target, "changed while ksecrets worked on it; nothing was written", expected=source)
    assert target.read_bytes() == b"theirs\n"
    assert left_over(target.parent) == []


def test_a_touched_file_has_not_changed(target: Path) -> None:
    source = atomic.read(str(target))
    os.utime(target, (1, 1))
    atomic.replace(str(target), "new", expected=source)
    assert target.read_text() == "new"


# -- failures of the system --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        ("write", errno.ENOSPC, "cannot be written: no space left on the disk"),
        ("fsync", errno.ENOSPC, "cannot be written: no space left on the disk"),
        ("fsync", errno.EIO, "cannot be written: the disk reports an error"),
        ("write", errno.EDQUOT, "cannot be written: the disk quota is used up"),
        ("replace", errno.EPERM, "cannot be written: operation not permitted"),
        ("fchmod", errno.EPERM, "cannot be written: operation not permitted"),
        ("open", errno.EROFS, "cannot be written: its folder: the file system is read-only"),
        ("open", errno.EACCES, "cannot be written: its folder: permission denied"),
    ],
)
def test_a_failure_leaves_the_old_file_and_nothing_else(
    target: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, message: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        refused(target, message)
    assert target.read_bytes() == b"old\n"
    assert mode(target) == 0o640
    assert os.listdir(target.parent) == [target.name]


def test_a_full_disk_half_way(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    calls = []

    def fill(fd: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        return write(fd, data)

    monkeypatch.setattr(os, "write", fill)
    refused(target, "cannot be written: no space left on the disk", b"x" * (3 << 20))
    assert len(calls) == 2
    assert os.listdir(target.parent) == [target.name]
    assert target.read_bytes() == b"old\n"


def test_an_interrupt_leaves_nothing_behind(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(fd: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic.replace(str(target), "new")
    assert os.listdir(target.parent) == [target.name]
    assert target.read_bytes() == b"old\n"


def test_a_disk_that_does_not_confirm_the_rename(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def only_files(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EIO, "io")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", only_files)
    refused(target, "was written, but the disk did not confirm it: the disk reports an error")
    assert target.read_bytes() == b"new"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach, which tmp_path is not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


def as_nobody(folder: Path, name: str) -> str:
    """What `replace(folder/name, "new")` prints for the user 65534, who is in the groups 65534 and 4242."""
    program = (
        "import os, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from ksecrets.errors import KsecretsError\n"
        "from ksecrets.storage import atomic\n"
        "os.setgroups([4242]); os.setgid(65534); os.setuid(65534)\n"
        f"os.chdir({str(folder)!r})\n"
        "try:\n"
        f"    atomic.replace({name!r}, 'new')\n"
        "except KsecretsError as error:\n"
        "    print(str(error).splitlines()[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def give(path: Path, user: int, group: int, bits: int) -> None:
    path.write_text("old")
    os.chown(path, user, group)
    path.chmod(bits)


@as_root
def test_owner_and_group_are_kept(target: Path) -> None:
    give(target, 4141, 4242, 0o2640)
    atomic.replace(str(target), "new")
    after = target.stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (4141, 4242, 0o2640)


@as_root
def test_a_group_that_we_are_in_is_kept_without_root(open_folder: Path) -> None:
    give(open_folder / "f", 65534, 4242, 0o640)
    assert as_nobody(open_folder, "f") == ""
    after = (open_folder / "f").stat()
    assert ((open_folder / "f").read_text(), after.st_uid, after.st_gid) == ("new", 65534, 4242)


@as_root
@pytest.mark.parametrize(("user", "group"), [(4141, 65534), (65534, 4343)])
def test_a_file_whose_owner_cannot_be_kept_is_refused(open_folder: Path, user: int, group: int) -> None:
    give(open_folder / "f", user, group, 0o666)
    said = as_nobody(open_folder, "f")
    assert said == f"f: belongs to user {user} and group {group}, which a new file of yours cannot be given"
    after = (open_folder / "f").stat()
    assert ((open_folder / "f").read_text(), after.st_uid, after.st_gid) == ("old", user, group)
    assert os.listdir(open_folder) == ["f"]


@as_root
def test_read_only_files_and_folders(open_folder: Path) -> None:
    give(open_folder / "f", 65534, 65534, 0o444)
    assert as_nobody(open_folder, "f") == "f: cannot be written: the file is read-only"
    give(open_folder / "f", 65534, 65534, 0o644)
    open_folder.chmod(0o755)
    assert as_nobody(open_folder, "f") == "f: cannot be written: its folder: permission denied"
    assert (open_folder / "f").read_text() == "old"


def access_list(*, user: int, bits: int) -> bytes:
    """A POSIX access control list in the kernel's form: owner rw, one more user, group none, mask = bits."""
    entries = [
        (0x01, 6, 0xFFFFFFFF),
        (0x02, bits, user),
        (0x04, 0, 0xFFFFFFFF),
        (0x10, bits, 0xFFFFFFFF),
        (0x20, 0, 0xFFFFFFFF),
    ]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def set_list(path: Path, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, name, value)
    except (OSError, AttributeError):
        pytest.skip("no access control lists on this file system")


def test_an_access_control_list_is_kept(target: Path) -> None:
    value = access_list(user=4141, bits=4)
    set_list(target, "system.posix_acl_access", value)
    atomic.replace(str(target), "new")
    assert os.getxattr(target, "system.posix_acl_access") == value
    # The mask shows as group bits; without the list the whole group could read.
    assert mode(target) == 0o640


def test_a_list_that_the_file_has_not_is_not_inherited(target: Path) -> None:
    set_list(target.parent, "system.posix_acl_default", access_list(user=4141, bits=6))
    atomic.replace(str(target), "new")
    assert "system.posix_acl_access" not in os.listxattr(target)
    assert mode(target) == 0o640


def test_a_list_that_cannot_be_kept_is_a_refusal(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_list(target, "system.posix_acl_access", access_list(user=4141, bits=4))

    def fail(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "setxattr", fail)
    refused(target, "has an access control list, which cannot be kept")
    assert target.read_bytes() == b"old\n"


# -- create and write --------------------------------------------------------------------------------------------------


def test_create_makes_a_file_under_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic.create(str(tmp_path / "plain"), "x€")
        atomic.create(str(tmp_path / "key"), "x", mode=0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "plain").read_bytes() == "x€".encode()
    assert mode(tmp_path / "plain") == 0o640
    assert mode(tmp_path / "key") == 0o600
    assert sorted(os.listdir(tmp_path)) == ["key", "plain"]


@pytest.mark.parametrize("kind", ["file", "dangling", "folder"])
def test_create_overwrites_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "file":
        path.write_text("theirs")
    elif kind == "dangling":
        path.symlink_to("absent")
    else:
        path.mkdir()
    with pytest.raises(KsecretsError, match="exists already"):
        atomic.create(str(path), "mine")
    assert os.listdir(tmp_path) == ["x"]
    assert kind != "file" or path.read_text() == "theirs"


@pytest.mark.parametrize("links", [True, False])
def test_create_loses_against_a_file_that_appears_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    path = tmp_path / "x"
    fsync, link = os.fsync, os.link

    def late(fd: int) -> None:
        fsync(fd)
        if not path.exists():
            path.write_text("theirs")

    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "fsync", late)
    monkeypatch.setattr(os, "link", link if links else no_links)
    with pytest.raises(KsecretsError, match="exists already"):
        atomic.create(str(path), "mine")
    assert path.read_text() == "theirs"
    assert os.listdir(tmp_path) == ["x"]


def test_create_on_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    atomic.create(str(tmp_path / "x"), "mine")
    assert (tmp_path / "x").read_text() == "mine"
    assert os.listdir(tmp_path) == ["x"]


def test_create_without_a_folder(tmp_path: Path) -> None:
    with pytest.raises(KsecretsError, match="cannot be written: no such folder"):
        atomic.create(str(tmp_path / "no" / "x"), "mine")


def test_write_creates_replaces_and_writes_through(tmp_path: Path) -> None:
    path = tmp_path / "out"
    atomic.write(str(path), "one", mode=0o600)
    assert (path.read_text(), mode(path)) == ("one", 0o600)
    path.chmod(0o644)
    atomic.write(str(path), "two")
    assert (path.read_text(), mode(path)) == ("two", 0o644)
    atomic.write("/dev/null", "three")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    (tmp_path / "dangling").symlink_to("absent")
    with pytest.raises(KsecretsError, match="a symbolic link to nothing"):
        atomic.write(str(tmp_path / "dangling"), "x")


def test_write_to_a_descriptor_keeps_what_the_shell_opened(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("earlier\n")
    before = path.stat().st_ino
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        atomic.write(f"/dev/fd/{fd}", "later\n")
    finally:
        os.close(fd)
    assert path.stat().st_ino == before
    assert "later" in path.read_text()


def test_write_to_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        atomic.write(str(tmp_path / "pipe"), "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)


def test_a_read_only_file_system_is_not_taken_for_a_read_only_file(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Facts:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    monkeypatch.setattr(os, "statvfs", lambda _: Facts)
    refused(target, "cannot be written: the file system is read-only")


def test_many_files_together_are_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is synced before its rename, as ever; the folders at the end, each once."""
    done: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        done.append("folder" if os.path.isdir(fd) else "file")
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    together = Together()

    def cut_short() -> None:
        with together:
            for name in ("a", "b"):
                atomic.replace(str(tmp_path / name), "new")
                together.wrote(str(tmp_path / name))
            raise KsecretsError("whatever ends the block")

    with pytest.raises(KsecretsError):
        cut_short()
    assert done == ["file", "file", "folder"]
    assert together.notes == []
    atomic.replace(str(tmp_path / "a"), "newer")
    assert done[3:] == ["file", "folder"]


def test_what_the_disk_does_not_confirm_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("old")
    real = os.fsync

    def fsync(fd: int) -> None:
        if os.path.isdir(fd):
            raise OSError(errno.EIO, "")
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    with Together() as together:
        atomic.replace(str(tmp_path / "a"), "new")
        together.wrote(str(tmp_path / "a"))
    assert together.notes == [f"{tmp_path}: was written, but the disk did not confirm it: the disk reports an error"]
    assert (tmp_path / "a").read_text() == "new"
