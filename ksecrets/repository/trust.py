"""This clone's own record of data keys: which of them were made here, or trusted by the user, and for which file.

A data key is named by its public id, the kid. A write goes on using a data key only where it is known
(docs/threat-model.md): from the trusted ref, or from this record. The record is the file
``ksecrets/trusted-kids`` in the git folder that all worktrees share; it is never part of a commit, so
nobody who pushes can write to it. One kid a line, and behind ``#`` when and for which file; a ``!`` before
a kid takes it back::

    mK0xV3f1TZ2cJq0yQm8b4g  # 2026-01-31 env/prod/secrets.yaml

A kid counts for its file only: who reads dev knows its data keys, and could wrap one for the readers of
prod, plant it there, and read the next secret. And it is taken back when the file gets another data key:
else a former reader could plant the old one. A line without a file counts for all of them.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.repository.repository import Repository

_NAME = os.path.join("ksecrets", "trusted-kids")


def record_path(repo: Repository) -> str:
    """Where the record of a clone is; it may not exist yet."""
    return os.path.join(repo.common_dir(), _NAME)


def recorded(repo: Repository, path: str) -> set[str]:
    """The kids that this clone's record has for the file at the repository path `path`."""
    name = record_path(repo)
    try:
        now = os.stat(name)
        # It only grows: one of the same length is the same, and is not read again for every file of a run.
        facts = (name, now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)
        if facts == _last.facts:
            return _last.kids(_shown(path))
        with open(name, encoding="utf-8", errors="replace") as file:
            kids = _kids(file.read(), _shown(path))
        _last.facts = facts
        return kids
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise _failed(error, name) from None


def record(repo: Repository, kid: str, path: str, *, instead_of: str | None = None) -> bool:
    """Add `kid` to the record for the file at the repository path `path`; take another kid of that file back.

    Returns whether it is new there. Processes that record at once do not lose each other's lines, and a
    line that a crash cut short spoils no other. Raises KsecretsError where the file cannot be written.
    """
    for each in (kid, *([instead_of] if instead_of is not None else [])):
        if not each or each[0] == "!" or "#" in each or any(char.isspace() or not char.isprintable() for char in each):
            raise ValueError("not a kid")
    import time

    comment = f"  # {time.strftime('%Y-%m-%d')} {_shown(path)}\n"
    name = record_path(repo)
    try:
        os.makedirs(os.path.dirname(name), mode=0o700, exist_ok=True)
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        try:
            _lock(fd)
            before = _read(fd)
            known = _kids(before.decode("utf-8", "replace"), _shown(path))
            lines = "" if kid in known else kid + comment
            if instead_of in known and instead_of != kid:
                lines += f"!{instead_of}{comment}"
            if lines:
                added = lines.encode("utf-8", "replace")
                if before and not before.endswith(b"\n"):
                    added = b"  # - (a line cut short)\n" + added  # so that it counts for no file
                if os.write(fd, added) != len(added):
                    raise OSError(28, "short write")
                os.fsync(fd)
        finally:
            os.close(fd)  # gives the lock back
    except OSError as error:
        raise _failed(error, name) from None
    return kid not in known


def _shown(path: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in path)


class _Lines:
    """What a record says, by the file that a line is about ("" for all): read once, and further where it has grown."""

    __slots__ = ("_by_file", "_number", "facts", "text")

    def __init__(self) -> None:
        self.text = ""
        self.facts: tuple[object, ...] = ()  # of the file, from before it was read
        self._by_file: dict[str, list[tuple[int, str]]] = {}
        self._number = 0

    def grow(self, text: str) -> None:
        """Read what `text`, whole lines that begin with all that was read before, has more."""
        self.facts = ()
        for line in text[len(self.text) :].split("\n")[:-1]:
            kid, _, comment = line.partition("#")
            words = kid.split()
            if words:
                self._number += 1
                file = comment.strip().partition(" ")[2]
                self._by_file.setdefault(file, []).append((self._number, words[0]))
        self.text = text

    def kids(self, path: str) -> set[str]:
        """The kids that count for a file, each line taken in its turn."""
        found = set()
        for _, word in sorted(self._by_file.get("", []) + (self._by_file.get(path, []) if path else [])):
            if word.startswith("!"):
                found.discard(word[1:])
            else:
                found.add(word)
        return found


_last = _Lines()


def _kids(text: str, path: str) -> set[str]:
    """The kids for a file, from the whole lines of the record: what a crash cut short has no line end.

    A run over many files asks again and again, of a record that is long and at most grows.
    """
    global _last
    text = text[: text.rfind("\n") + 1]
    if not text.startswith(_last.text):
        _last = _Lines()
    _last.grow(text)
    return _last.kids(path)


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
