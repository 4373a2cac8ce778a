"""Storage that only we can read, for plaintext that another program must see: the editor, or Helm.

`Folder` is a folder of mode 0700 in memory (tmpfs or ramfs, as the kernel says, never by its name),
removed when its `with` block ends and on SIGINT, SIGTERM and SIGHUP. Where the system has no such
storage (macOS, Windows) it lies in the temporary folder, is overwritten before it is removed, and
`note` says so: overwriting is no promise on a journalling or flash disk. Memory may be swapped out.

`memfd` needs no name at all: an anonymous file that a child process reads as ``/dev/fd/N``.
"""

from __future__ import annotations

import os
import stat

from ksecrets.errors import KsecretsError
from ksecrets.storage.atomic import decoded, encoded, explained, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any

_MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Folder:
    """A private folder for the length of a `with` block.

    path: its absolute path. in_memory: whether it lies in memory. note: what to tell the user, or None.

    When one of the signals arrives, the folder is removed at once, the earlier handlers are put back,
    and the signal is sent again, so that the process ends (or not) as it would have without us. An
    ignored signal stays ignored. Outside the main thread Python cannot set handlers: there only the
    end of the block removes it.
    """

    __slots__ = ("_handlers", "in_memory", "note", "path")

    def __init__(self) -> None:
        parent = memory_folder()
        self.in_memory = parent is not None
        self.note: str | None = None
        if parent is None:
            import tempfile

            parent = os.path.abspath(tempfile.gettempdir())
            self.note = (
                f"this system has no storage in memory: the plaintext is in {parent}, on a disk, "
                "and is overwritten and removed at the end"
            )
        self.path = os.path.join(parent, "ksecrets-" + os.urandom(16).hex())
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Folder:
        self._catch_signals()
        try:
            os.mkdir(self.path, 0o700)
            there = os.lstat(self.path)
            if os.name == "posix" and (
                not stat.S_ISDIR(there.st_mode) or there.st_uid != os.geteuid() or there.st_mode & 0o077
            ):
                raise KsecretsError("the private folder is not private", file=self.path)
        except OSError as error:
            self._release_signals()
            raise explained(error, self.path, "cannot make a private folder") from None
        except BaseException:
            self.remove()
            self._release_signals()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.remove()
        finally:
            self._release_signals()

    def write(self, name: str, content: str | bytes) -> str:
        """Make the file `name` (its last path component counts) with mode 0600; returns its path.

        Raises KsecretsError where it exists or cannot be written.
        """
        path = os.path.join(self.path, os.path.basename(name) or "secrets")
        data = encoded(content, path)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _flag("O_NOFOLLOW") | _flag("O_BINARY"), 0o600)
            try:
                write_all(fd, data)
            finally:
                os.close(fd)
        except OSError as error:
            raise explained(error, path, "cannot be written") from None
        return path

    def read(self, path: str) -> str:
        """The text of a file in here, as another program left it, with every byte kept.

        Raises KsecretsError where it is gone or is not a regular file (links are not followed),
        SyntaxRefused where it is not UTF-8.
        """
        try:
            fd = os.open(path, os.O_RDONLY | _flag("O_NOFOLLOW") | _flag("O_NONBLOCK") | _flag("O_BINARY"))
            try:
                regular = stat.S_ISREG(os.fstat(fd).st_mode)
                raw = _read_all(fd) if regular else b""
            finally:
                os.close(fd)
        except OSError as error:
            raise explained(error, path, "cannot be read") from None
        if not regular:
            raise KsecretsError("is no longer a regular file", file=path)
        return decoded(raw, path)

    def remove(self) -> None:
        """Remove the folder with all that is in it; nothing happens where it is gone already.

        Raises KsecretsError where something in it stays, so that plaintext is never left over in silence.
        """
        import shutil

        if not self.in_memory:
            _overwrite_all(self.path)
        for _ in range(3):  # an editor that still runs may put a file there in between
            shutil.rmtree(self.path, ignore_errors=True)
            if not os.path.lexists(self.path):
                return
        raise KsecretsError("cannot be removed; it may hold plaintext", file=self.path, hint="remove it by hand")

    def _catch_signals(self) -> None:
        import signal
        import threading

        if threading.current_thread() is not threading.main_thread():
            return
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is None:  # no SIGHUP on Windows
                continue
            before = signal.getsignal(number)
            # None: set by C code, which we could not put back.
            if before is not None and before is not signal.SIG_IGN:
                self._handlers[number] = before
                signal.signal(number, self._interrupted)

    def _release_signals(self) -> None:
        import signal

        while self._handlers:
            number, before = self._handlers.popitem()
            signal.signal(number, before)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        import signal

        try:
            self.remove()
        finally:
            self._release_signals()
            signal.raise_signal(number)


def memory_folder() -> str | None:
    """An absolute path of a writable folder that the kernel keeps in memory, or None.

    ``XDG_RUNTIME_DIR`` where it is ours alone, else ``/dev/shm``.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and _in_memory(runtime) and _ours_alone(runtime):
        return runtime
    if _in_memory("/dev/shm"):
        return "/dev/shm"
    return None


def _in_memory(folder: str) -> bool:
    """Whether the folder's device is a tmpfs or ramfs, by the kernel's own table (proc(5), mountinfo)."""
    try:
        device = os.stat(folder).st_dev
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            mounts = table.readlines()
    except OSError:
        return False
    name = f"{os.major(device)}:{os.minor(device)}"
    for mount in mounts:
        # id parent major:minor root mount-point options [optional...] - type source super-options
        fields, _, rest = mount.partition(" - ")
        if fields.split(" ", 3)[2] == name:
            return rest.split(" ", 1)[0] in _MEMORY_FILE_SYSTEMS and os.access(folder, os.W_OK | os.X_OK)
    return False


def _ours_alone(folder: str) -> bool:
    there = os.stat(folder)
    return there.st_uid == os.geteuid() and not there.st_mode & 0o022


def _overwrite_all(folder: str) -> None:
    """Zeros over every regular file under `folder`, as far as we can: removing must go on."""
    for here, _, names in os.walk(folder):
        for name in names:
            try:
                fd = os.open(os.path.join(here, name), os.O_WRONLY | _flag("O_NOFOLLOW") | _flag("O_NONBLOCK"))
            except OSError:
                continue
            try:
                found = os.fstat(fd)
                if stat.S_ISREG(found.st_mode):
                    write_all(fd, bytes(found.st_size))
                    os.fsync(fd)
            except OSError:
                continue
            finally:
                os.close(fd)


def memfd(content: bytes) -> int | None:
    """A descriptor of an anonymous file in memory that holds `content` and can no longer be changed.

    It is read from its start, also when ``/dev/fd/N`` is opened several times, and is inherited only
    where the caller says so (``pass_fds``). None where the system has no memfd_create (macOS, Windows).
    Close it when done.
    """
    if not hasattr(os, "memfd_create"):
        return None
    import fcntl

    try:
        fd = os.memfd_create("ksecrets", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:
        return None
    try:
        write_all(fd, content)
        os.lseek(fd, 0, os.SEEK_SET)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    except OSError:
        os.close(fd)
        return None
    return fd


def disable_core_dumps() -> None:
    """No core dump of this process and of its children, which would hold plaintext and keys."""
    try:
        import resource
    except ImportError:  # Windows has no core dumps
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read_all(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _flag(name: str) -> int:
    flag: int = getattr(os, name, 0)
    return flag
