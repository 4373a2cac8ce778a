"""How plaintext gets to Helm: under a path that Helm can open, and never on a disk.

- Linux: an anonymous file in memory, which Helm inherits as ``/proc/self/fd/N``. It can be read many times, also by
  the programs that Helm starts (helm-diff runs Helm again with the same values).
- Other Unix, or where there is no /proc: a named pipe in a private folder, which a child of ours fills each time that
  it is opened, until Helm and all that it started have ended. The pipe has a name on the disk and no content there.
- Windows: a private temporary file, overwritten and removed at the end; `note` says so.

On Unix Helm takes our place (exec), so that its exit code, its streams and its signals are its own, and no process
with keys in its memory waits beside it.
"""

from __future__ import annotations

import os
import sys

from ksecrets.errors import KsecretsError
from ksecrets.storage import private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

_FD_FOLDER = "/proc/self/fd"


class Handover:
    """Gives files to Helm, then becomes Helm. Use it in a `with` block: nothing is left over when it fails.

    note: what to tell the user, or None.
    """

    __slots__ = ("_contents", "_fds", "_folder", "note")

    def __init__(self) -> None:
        self.note: str | None = None
        self._fds: list[int] = []
        self._folder: private.Folder | None = None
        self._contents: dict[str, bytes] = {}

    def __enter__(self) -> Handover:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._fds:
            os.close(self._fds.pop())
        self._contents.clear()
        if self._folder is not None:
            self._folder.__exit__(kind, error, trace)
            self._folder = None

    def give(self, content: bytes) -> str:
        """A path under which Helm will read `content`."""
        fd = private.memfd(content) if os.path.isdir(_FD_FOLDER) else None
        if fd is not None:
            self._fds.append(fd)
            return f"{_FD_FOLDER}/{fd}"
        if self._folder is None:
            self._folder = private.Folder()
            self._folder.__enter__()
        number = len(self._contents) + 1
        if not hasattr(os, "mkfifo"):
            self.note = self._folder.note
            path = self._folder.write(f"values-{number}.yaml", content)
        else:
            path = os.path.join(self._folder.path, f"values-{number}")
            os.mkfifo(path, 0o600)
        self._contents[path] = content
        return path

    def become(self, argv: Sequence[str], environ: Mapping[str, str]) -> int:
        """Run a program in our place. Returns its exit code on Windows, and does not return elsewhere.

        argv: the program, looked up in the PATH, and its arguments. Raises KsecretsError where it cannot be started.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            if os.name == "nt":
                import subprocess

                return subprocess.call(list(argv), env=dict(environ))
            if self._contents:
                self._serve()
            for fd in self._fds:
                os.set_inheritable(fd, True)
            _handle_signals(default=True)
            os.execvpe(argv[0], list(argv), dict(environ))
        except OSError as error:
            _handle_signals(default=False)
            raise KsecretsError(
                f"cannot start {argv[0]}: {error.strerror}",
                hint="set HELM_BIN to the path of Helm" if isinstance(error, FileNotFoundError) else None,
            ) from None

    def _serve(self) -> None:
        """Start the child that fills the pipes; it ends with the last program that holds our end of a lifeline."""
        alive, ours = os.pipe()
        child = os.fork()
        if child:
            os.close(alive)
            os.set_inheritable(ours, True)
            self._folder = None  # the child's
            return
        try:
            os.close(ours)
            os.setsid()  # Ctrl-C is for Helm; we end after it
            null = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):  # whoever waits for the end of Helm's output does not wait for us
                os.dup2(null, stream)
            import threading

            for path, content in self._contents.items():
                threading.Thread(target=_fill, args=(path, content), daemon=True).start()
            os.read(alive, 1)
        finally:
            try:
                self.__exit__(None, None, None)
            finally:
                os._exit(0)


def _fill(path: str, content: bytes) -> None:
    """Write the content to everyone who opens the pipe, one after the other."""
    while True:
        try:
            fd = os.open(path, os.O_WRONLY)
            try:
                # The next reader gets a pipe of its own, or it would read from the middle of this one's.
                os.mkfifo(path + ".next", 0o600)
                os.rename(path + ".next", path)
                left = memoryview(content)
                while left:
                    left = left[os.write(fd, left) :]
            finally:
                os.close(fd)
        except BrokenPipeError:
            continue
        except OSError:
            return


def _handle_signals(*, default: bool) -> None:
    """Python ignores some signals, which a program that takes our place would inherit; where it cannot, so do we."""
    import signal

    for name in ("SIGPIPE", "SIGXFSZ"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_DFL if default else signal.SIG_IGN)
