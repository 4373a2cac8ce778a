"""Reading a file, and replacing it so that a crash at any moment leaves the old bytes or the new ones.

`read` gives text with every byte kept (UTF-8, strictly; line ends and a BOM stay). `replace` writes a
temporary file in the same folder, syncs it, renames it over the target and syncs the folder: whoever
opens the path sees the complete old file or the complete new one, also after SIGKILL or a power cut
(tests/stories/test_atomic.py kills it at each of these steps). After SIGKILL a file named
``.ksecrets-*.tmp`` may be left over in the folder; after any error it is removed.

Kept: mode, owner, group, access control list, other extended attributes where the system lets us, and
symbolic links (the link stays, what it points to is replaced). Where owner, group or access control
list cannot be kept, nothing is written. Not kept: a hard link. A rename gives the path a new inode, as
git's own checkout does, so another name of the file keeps the old contents; `replace` returns a note.

On Windows the same calls stand on `os.replace`; there is no mode to keep, and no folder to sync.
"""

from __future__ import annotations

import errno
import os
import stat

from ksecrets.errors import KsecretsError, SyntaxRefused

_CHUNK = 1 << 20
_ACCESS_LIST = "system.posix_acl_access"
_NO_SUCH_FEATURE = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EMLINK)

# Set by storage/together.py, for a run over many files:
pending: list[Staged] | None = None  # `replace` leaves new versions here, to be synced together and then put
folders_later = False  # somebody else sees to it that renames are durable


class Source:
    """What `read` found: `path` as it was given, and `text`.

    The text is the proof for `replace` that the file has not changed since: UTF-8 is one-to-one, so
    the bytes need no copy of their own, and comparing them also finds a change within one tick of the
    clock, which size and time of change would miss.
    """

    __slots__ = ("path", "text")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    def __repr__(self) -> str:
        return f"Source({self.path!r})"


def read(path: str, *, any_bytes: bool = False) -> Source:
    """The text of the file (or pipe) at `path`, as strict UTF-8, nothing translated or stripped.

    any_bytes: what is no UTF-8 comes as Python's surrogate escapes, from which it can be told exactly.
    Raises KsecretsError where it cannot be read, SyntaxRefused where it is not UTF-8.
    """
    raw = read_bytes(path)
    return Source(path, raw.decode("utf-8", "surrogateescape") if any_bytes else decoded(raw, path))


def read_bytes(path: str) -> bytes:
    """The bytes of the file (or pipe) at `path`. Raises KsecretsError where it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as stream:
            return stream.readall()
    except OSError as error:
        raise explained(error, path, "cannot be read") from None


def decoded(raw: bytes, path: str) -> str:
    """`raw` as text, by strict UTF-8 with every character kept; `path` is for the SyntaxRefused it raises."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start
    # Raised out here, because the decoder's error holds all bytes of the file.
    raise SyntaxRefused(
        f"not UTF-8 text (byte {at})",
        file=path,
        line=raw.count(b"\n", 0, at) + 1,
        hint="convert it, such as with iconv; or is it a binary file (--input-type binary)?",
    )


def replace(path: str, content: str | bytes, *, expected: Source | None = None) -> tuple[str, ...]:
    """Put `content` (text is written as UTF-8) in the place of the existing file at `path`, atomically.

    expected: what the caller read and worked on; if the file holds anything else by now, nothing is
    written. Returns notes for the user. Raises KsecretsError, and then the file is as it was, unless
    the message says otherwise.
    """
    data = encoded(content, path)
    try:
        target = os.path.realpath(path, strict=True)
        before = os.stat(target)
    except FileNotFoundError:
        from ksecrets.storage.missing import missing

        raise missing(path) from None
    except OSError as error:
        raise explained(error, path, "cannot be written") from None
    if not stat.S_ISREG(before.st_mode):
        folder = stat.S_ISDIR(before.st_mode)
        raise KsecretsError("is a directory" if folder else "not a regular file", file=path)
    # A rename asks only for the folder's permission; a file that is read-only should stay as it is.
    if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        if hasattr(os, "statvfs") and os.statvfs(target).f_flag & os.ST_RDONLY:
            raise explained(OSError(errno.EROFS, ""), path, "cannot be written")
        raise KsecretsError("cannot be written: the file is read-only", file=path, hint=f"chmod u+w {path}")

    staged = Staged(path, target, _write_temporary(target, path, data, 0o600, before, sync=pending is None), expected)
    if pending is None:
        staged.put()
    else:
        pending.append(staged)
    if before.st_nlink > 1:
        return (f"{path} had {before.st_nlink} names (hard links); the others keep the old contents",)
    return ()


class Staged:
    """A complete new version of a file, beside it. temporary: where; target: the file, without symbolic links."""

    __slots__ = ("expected", "path", "target", "temporary")

    def __init__(self, path: str, target: str, temporary: str, expected: Source | None) -> None:
        self.path = path
        self.target = target
        self.temporary = temporary
        self.expected = expected

    def put(self) -> None:
        """Give it the file's name; its bytes must be on the disk. Raises KsecretsError, and then it is gone."""
        path = self.path
        try:
            if self.expected is not None and not _still_holds(self.target, self.expected):
                raise KsecretsError(
                    "changed while ksecrets worked on it; nothing was written", file=path, hint="run the command again"
                )
            os.replace(self.temporary, self.target)
        except OSError as error:
            self.drop()
            raise explained(error, path, "cannot be written") from None
        except BaseException:
            self.drop()
            raise
        sync_folder(os.path.dirname(self.target), path)

    def drop(self) -> None:
        """Take it away again."""
        _remove(self.temporary)


def create(path: str, content: str | bytes, *, mode: int = 0o666) -> None:
    """Make a new file at `path`, which appears with all of its content or not at all.

    mode: as for open(2), less the umask. Raises KsecretsError where anything (also a symbolic link)
    stands at `path` already: nothing is ever overwritten.
    """
    data = encoded(content, path)
    if os.path.lexists(path):
        raise KsecretsError("exists already", file=path)
    temporary = _write_temporary(os.path.abspath(path), path, data, mode, None)
    try:
        _move_to_new_name(temporary, path)
    except FileExistsError:
        _remove(temporary)
        raise KsecretsError("exists already", file=path) from None
    except OSError as error:
        _remove(temporary)
        raise explained(error, path, "cannot be written") from None
    except BaseException:
        _remove(temporary)
        raise
    sync_folder(os.path.dirname(os.path.abspath(path)), path)


def write(path: str, content: str | bytes, *, mode: int = 0o666) -> tuple[str, ...]:
    """What ``--output PATH`` does: `replace` where a file is, `create` where none is; returns notes.

    A device or a pipe (``/dev/stdout``, ``/dev/null``, a FIFO) is written to as it is.
    """
    try:
        there = os.stat(path)
    except OSError:
        if os.path.lexists(path):
            return replace(path, content)
        create(path, content, mode=mode)
        return ()
    # /dev/stdout may lead to a regular file; replacing that would pull it from under the shell's hands.
    device = os.path.abspath(path).startswith(("/dev/", "/proc/"))
    if device or not (stat.S_ISREG(there.st_mode) or stat.S_ISDIR(there.st_mode)):
        data = encoded(content, path)
        try:
            fd = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
            try:
                write_all(fd, data)
            finally:
                os.close(fd)
        except OSError as error:
            raise explained(error, path, "cannot be written") from None
        return ()
    return replace(path, content)


def encoded(content: str | bytes, path: str) -> bytes:
    """`content` as bytes, text as UTF-8; `path` is for the SyntaxRefused that a lone surrogate raises."""
    if isinstance(content, bytes):
        return content
    try:
        return content.encode("utf-8")
    except UnicodeEncodeError as error:
        at = error.start
    line = content.count("\n", 0, at) + 1
    raise SyntaxRefused("holds half of a surrogate pair, which is no text", file=path, line=line)


def _write_temporary(
    target: str, path: str, data: bytes, mode: int, like: os.stat_result | None, *, sync: bool = True
) -> str:
    """A complete file beside `target`, with owner and mode of `like`; returns its path. sync: see it onto the disk."""
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".ksecrets-{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(temporary, flags, mode)
    except FileNotFoundError:
        raise KsecretsError("cannot be written: no such folder", file=path) from None
    except OSError as error:
        raise explained(error, path, "cannot be written: its folder") from None
    try:
        try:
            write_all(fd, data)
            if like is not None and os.name == "posix":
                # After the bytes: until then only we can read them.
                _keep_owner(fd, like, path)
                os.fchmod(fd, stat.S_IMODE(like.st_mode))
                _keep_attributes(fd, target, path)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        _remove(temporary)
        raise explained(error, path, "cannot be written") from None
    except BaseException:
        _remove(temporary)
        raise
    return temporary


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data` to the descriptor, however little the system takes at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest[:_CHUNK]) :]


def _keep_owner(fd: int, like: os.stat_result, path: str) -> None:
    mine = os.fstat(fd)
    if (mine.st_uid, mine.st_gid) == (like.st_uid, like.st_gid):
        return
    try:
        os.fchown(fd, like.st_uid, like.st_gid)
    except OSError:
        raise KsecretsError(
            f"belongs to user {like.st_uid} and group {like.st_gid}, which a new file of yours cannot be given",
            file=path,
            hint="let its owner run this, or take the file over first (copy it, and move the copy to its place)",
        ) from None


def _keep_attributes(fd: int, target: str, path: str) -> None:
    """Copy the access control list, and what else we may of the extended attributes (Linux).

    The list matters: where there is one, the group bits of the mode are its mask, and a file with that
    mode but without the list would be open to the whole group.
    """
    if not hasattr(os, "listxattr"):
        return
    try:
        wanted = {name: os.getxattr(target, name) for name in os.listxattr(target)}
        present = os.listxattr(fd)
    except OSError:
        return
    try:
        if _ACCESS_LIST in wanted:
            os.setxattr(fd, _ACCESS_LIST, wanted.pop(_ACCESS_LIST))
        elif _ACCESS_LIST in present:  # inherited from the folder's default list
            os.removexattr(fd, _ACCESS_LIST)
    except OSError:
        raise KsecretsError("has an access control list, which cannot be kept", file=path) from None
    for name, value in wanted.items():
        try:
            os.setxattr(fd, name, value)
        except OSError:
            continue


def _still_holds(target: str, expected: Source) -> bool:
    try:
        with open(target, "rb", buffering=0) as stream:
            return stream.readall() == expected.text.encode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return False


def _move_to_new_name(temporary: str, path: str) -> None:
    """Rename without overwriting. A link fails where the name is taken; so does a rename on Windows."""
    if os.name == "posix":
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in _NO_SUCH_FEATURE:
                raise
            if os.path.lexists(path):  # a file system without hard links: a small race remains
                raise FileExistsError from None
        else:
            os.unlink(temporary)
            return
    os.rename(temporary, path)


def sync_folder(folder: str, path: str) -> None:
    """Make the rename itself durable; where the system cannot sync folders, there is nothing to do."""
    if os.name != "posix" or folders_later:
        return
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return  # a folder that may be written but not read
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_SUCH_FEATURE:
            why = _REASONS.get(error.errno or 0, os.strerror(error.errno or 0))
            raise KsecretsError(f"was written, but the disk did not confirm it: {why}", file=path) from None
    finally:
        os.close(fd)


def _remove(temporary: str) -> None:
    try:
        os.unlink(temporary)
    except OSError:
        pass


_REASONS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "operation not permitted",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be too large",
    errno.EIO: "the disk reports an error",
}
_WHOLE_MESSAGES = {
    errno.ENOTDIR: "a part of its path is not a directory",
    errno.ELOOP: "a symbolic link that leads back to itself",
}


def explained(error: OSError, path: str, what: str) -> KsecretsError:
    """The error for the user: `what` went wrong (``cannot be read``) with the file at `path`, and why."""
    code = error.errno or 0
    if code == errno.ENOENT:
        from ksecrets.storage.missing import missing

        return missing(path)
    if code == errno.EISDIR:
        files = os.path.normpath(os.path.join(path, "*.yaml"))
        return KsecretsError("is a directory", file=path, hint=f"name files, such as {files}")
    if code in _WHOLE_MESSAGES:
        return KsecretsError(_WHOLE_MESSAGES[code], file=path)
    reason = _REASONS.get(code) or os.strerror(code).lower()
    return KsecretsError(f"{what}: {reason}", file=path)
