"""Many files replaced in one go: the promise of storage/atomic.py for each of them, and the disk asked once for many.

A sync waits for the disk, a thousand times over where every file is synced for itself. Here the new versions of some
files are written first, then all of them are brought to the disk by one syncfs(2), then each gets its name. So at any
moment each path still has its complete old bytes or its complete new ones, also after SIGKILL or a power cut. Where
syncfs says nothing of what failed (Linux before 5.8), may wait for nothing (FUSE), or is not there, every file is
synced for itself.
"""

from __future__ import annotations

import os
import sys

from ksecrets.errors import KsecretsError
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_SINCE = (5, 8)
# Of statfs(2): ext2 to ext4, XFS, btrfs, F2FS, tmpfs.
_FILE_SYSTEMS = frozenset((0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, 0x01021994))


class Together:
    """A `with` block in which many files are replaced: that the renames are durable is seen to once, at its end.

    Each file still has its old bytes or its new ones at any moment. What a power cut may take back, until the block
    has ended, is whole files. Processes that are forked in the block belong to it; `wrote` is told of what they
    replaced. notes: what the disk did not confirm, after the block.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._folders: dict[str, None] = {}

    def wrote(self, path: str) -> None:
        """A file was replaced in this block, whichever process did it."""
        self._folders[os.path.dirname(path)] = None

    def __enter__(self) -> Together:
        atomic.folders_later = True
        return self

    def __exit__(self, *_: object) -> None:
        atomic.folders_later = False
        folders = {os.path.realpath(folder or os.curdir) for folder in self._folders}
        for folder in sorted(_not_synced(folders)):
            try:
                atomic.sync_folder(folder, folder)
            except KsecretsError as error:
                self.notes.append(f"{folder}: {error.message}")


class Staging:
    """A `with` block at whose end the files get their names that `atomic.replace` was called for in it.

    failed: what went wrong for which of them (by its path as it was given); such a file is as it was. An exception in
    the block leaves all of them as they were.
    """

    def __init__(self) -> None:
        self.failed: dict[str, KsecretsError] = {}

    def __enter__(self) -> Staging:
        atomic.pending = []
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        staged, atomic.pending = atomic.pending or [], None
        try:
            if kind is not None:
                return
            alone = _not_synced({each.temporary for each in staged})
            while staged:
                each = staged[0]
                try:
                    if each.temporary in alone:
                        _sync(each)
                    each.put()
                except KsecretsError as error:
                    self.failed[each.path] = error
                del staged[0]
        finally:
            for each in staged:
                each.drop()


def _sync(staged: atomic.Staged) -> None:
    try:
        fd = os.open(staged.temporary, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        staged.drop()
        raise atomic.explained(error, staged.path, "cannot be written") from None


def _not_synced(paths: set[str]) -> set[str]:
    """Sync the file systems of these paths; those that are still to be synced one by one."""
    if len(paths) < 2 or not _can_sync_file_systems():
        return paths
    devices: dict[int, set[str]] = {}
    for path in paths:
        try:
            devices.setdefault(os.stat(path).st_dev, set()).add(path)
        except OSError:
            devices.setdefault(-1, set()).add(path)
    left: set[str] = set()
    for device, there in devices.items():
        if device == -1 or len(there) < 2 or not _sync_file_system(next(iter(there))):
            left |= there
    return left


def _can_sync_file_systems() -> bool:
    if sys.platform != "linux" or sys.maxsize < 1 << 32:
        return False
    try:
        major, minor = os.uname().release.split(".")[:2]
        return (int(major), int("".join(filter(str.isdigit, minor)) or 0)) >= _SINCE
    except ValueError:
        return False


def _sync_file_system(path: str) -> bool:
    """syncfs(2) of where the path is, if it is one that is known to wait for the disk; whether all went well."""
    import ctypes

    fd = -1
    try:
        fd = os.open(path, os.O_RDONLY)
        system = ctypes.CDLL(None)
        facts = ctypes.create_string_buffer(256)  # struct statfs, which begins with the kind of file system
        if system.fstatfs(fd, facts) != 0:
            return False
        kind = int.from_bytes(facts.raw[:8], sys.byteorder)
        return kind in _FILE_SYSTEMS and system.syncfs(fd) == 0
    except (OSError, AttributeError):
        return False
    finally:
        if fd >= 0:
            os.close(fd)
