"""How plaintext gets to another program: under a path that it can open, and never on a disk.

- Linux: an anonymous file in memory, which the program inherits as ``/proc/self/fd/N``. It can be read many times, also
  by the programs that it starts (helm-diff runs Helm again with the same values).
- Other Unix, or where there is no /proc, or where the path must have a name: a named pipe in a private folder, which a
  child of ours fills each time that it is opened, until the program and all that it started have ended. The pipe has
  a name on the disk and no content there.
- A regular file, where the caller wants one: in a private folder, in memory where the system has such a place.
- Windows: a private temporary file, overwritten and removed at the end; `note` says so.

On Unix the program takes our place (exec), so that its exit code, its streams and its signals are its own, and no
process with keys in its memory waits beside it.
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


class User:
    """Whom a program is to run as: the name, ids and home folder of a user of this system."""

    __slots__ = ("group", "groups", "home", "name", "number")

    def __init__(self, name: str) -> None:
        """Look a user up. Raises KsecretsError where there is none of this name, or no way to become one."""
        if os.name == "nt":
            raise KsecretsError("a command cannot be run as another user on Windows")
        import pwd

        try:
            found = pwd.getpwnam(name)
        except (KeyError, ValueError):
            raise KsecretsError(f"no user is called {name}") from None
        self.name = found.pw_name
        self.number = found.pw_uid
        self.group = found.pw_gid
        self.groups = os.getgrouplist(found.pw_name, found.pw_gid)
        self.home = found.pw_dir

    def environment(self) -> dict[str, str]:
        """The variables that say who one is."""
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}

    def switch(self) -> None:
        """Become this user for good. Raises KsecretsError where we may not: only root may."""
        try:
            os.setgroups(self.groups)
            os.setgid(self.group)
            os.setuid(self.number)
        except OSError as error:
            raise KsecretsError(f"cannot run as {self.name}: {error.strerror}", hint="only root can") from None


class Handover:
    """Gives files to a program, then becomes it. Use it in a `with` block: nothing is left over when it fails.

    note: what to tell the user, or None.
    """

    __slots__ = ("_contents", "_fds", "_folder", "note")

    missing: str | None = None
    """The hint where the program does not exist."""

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
        """A path under which the program will read `content`."""
        fd = private.memfd(content) if os.path.isdir(_FD_FOLDER) else None
        if fd is not None:
            self._fds.append(fd)
            return f"{_FD_FOLDER}/{fd}"
        return self.pipe(f"values-{len(self._contents) + 1}", content)

    def pipe(self, name: str, content: bytes) -> str:
        """A path with this file name under which the program will read `content`; a regular file on Windows."""
        if not hasattr(os, "mkfifo"):
            return self.file(name, content)
        path = os.path.join(self._private().path, os.path.basename(name))
        os.mkfifo(path, 0o600)
        self._contents[path] = content
        return path

    def file(self, name: str, content: bytes) -> str:
        """The path of a regular file of this name with `content`, in memory where the system has such a place."""
        folder = self._private()
        self.note = folder.note
        return folder.write(name, content)

    def _private(self) -> private.Folder:
        if self._folder is None:
            self._folder = private.Folder()
            self._folder.__enter__()
        return self._folder

    def become(self, argv: Sequence[str] | str, environ: Mapping[str, str], user: User | None = None) -> int:
        """Run a program in our place. Returns its exit code on Windows, and does not return elsewhere.

        argv: the program, looked up in the PATH, and its arguments; a str is for the shell (/bin/sh, or cmd on
        Windows). user: run it as this one, with these files in reach. Raises KsecretsError where it cannot be started.
        """
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        shell = isinstance(argv, str)
        words = ["/bin/sh", "-c", argv] if isinstance(argv, str) else list(argv)
        try:
            if os.name == "nt":
                import subprocess

                return subprocess.call(argv, env=dict(environ), shell=shell)
            if self._folder is not None:
                if user is not None:
                    self._give_away(user)
                self._serve()
            for fd in self._fds:
                os.set_inheritable(fd, True)
            _handle_signals(default=True)
            if user is not None:
                user.switch()  # from here on nothing can be imported: the user may not read where we are installed
            os.execvpe(words[0], words, dict(environ))
        except OSError as error:
            _handle_signals(default=False)
            raise KsecretsError(
                f"cannot start {words[0]}: {error.strerror}",
                hint=self.missing if isinstance(error, FileNotFoundError) else None,
            ) from None

    def _give_away(self, user: User) -> None:
        assert self._folder is not None
        for path in (self._folder.path, *(entry.path for entry in os.scandir(self._folder.path))):
            os.chown(path, user.number, user.group)

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
            os.setsid()  # Ctrl-C is for the program; we end after it
            null = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):  # whoever waits for the end of its output does not wait for us
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
                there = os.stat(path)
                os.chown(path + ".next", there.st_uid, there.st_gid)
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
