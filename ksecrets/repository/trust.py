"""This clone's own record of data keys: those that were made here, or that the user said to trust.

A data key is named by its public id, the kid. A write goes on using a data key only where it is known
(security.md rule 1): from the trusted ref, or from this record. The record is the file
``ksecrets/trusted-kids`` in the git folder that all worktrees share; it is never part of a commit, so
nobody who pushes can write to it. One kid a line, and behind ``#`` when and for which file::

    mK0xV3f1TZ2cJq0yQm8b4g  # 2026-01-31 env/prod/secrets.yaml
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.repository.repository import Repository

_NAME = os.path.join("ksecrets", "trusted-kids")


def recorded(repo: Repository) -> set[str]:
    """The kids of this clone's record, without their comments; empty where there is none yet."""
    path = os.path.join(repo.common_dir(), _NAME)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return _kids(file.read())
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise _failed(error, path) from None


def record(repo: Repository, kid: str, path: str) -> bool:
    """Add `kid` to the record, with today's date and the repository path `path` as a comment.

    Returns whether it is new there. Processes that record at once do not lose each other's lines, and a
    line that a crash cut short spoils no other. Raises KsecretsError where the file cannot be written.
    """
    if not kid or "#" in kid or any(letter.isspace() or not letter.isprintable() for letter in kid):
        raise ValueError("not a kid")
    import time

    comment = "".join(letter if letter.isprintable() else "?" for letter in path)
    line = f"{kid}  # {time.strftime('%Y-%m-%d')} {comment}\n".encode("utf-8", "replace")
    name = os.path.join(repo.common_dir(), _NAME)
    try:
        os.makedirs(os.path.dirname(name), mode=0o700, exist_ok=True)
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        try:
            _lock(fd)
            before = _read(fd)
            if kid in _kids(before.decode("utf-8", "replace")):
                return False
            if before and not before.endswith(b"\n"):
                line = b"\n" + line
            if os.write(fd, line) != len(line):
                raise OSError(28, "short write")
            os.fsync(fd)
        finally:
            os.close(fd)  # gives the lock back
    except OSError as error:
        raise _failed(error, name) from None
    return True


def _kids(text: str) -> set[str]:
    """The first word of each whole line: what a crash cut short has no line end, and is no kid."""
    found = set()
    for line in text.split("\n")[:-1]:
        words = line.partition("#")[0].split()
        if words:
            found.add(words[0])
    return found


def _lock(fd: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: appending a short line is atomic enough, and at worst a line stands there twice
        return
    fcntl.flock(fd, fcntl.LOCK_EX)


def _read(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 1 << 16):
        parts.append(part)
    return b"".join(parts)


def _failed(error: OSError, path: str) -> KsecretsError:
    why = os.strerror(error.errno or 0).lower()
    return KsecretsError(f"the record of trusted data keys: {why}", file=path)
