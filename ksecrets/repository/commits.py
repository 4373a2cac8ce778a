"""The commits behind a revision, and which files each of them changed: one process of git for all of them.

What a commit changed is what is in none of its parents: a file that a merge only took over from one side is not
listed there. Names and ids only; the contents are for `Repository.batch`, sizes for `sizes`.
"""

from __future__ import annotations

import os

from ksecrets.repository.process import failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from subprocess import Popen

    from ksecrets.repository.repository import Repository

    Origin = tuple[str | None, str | None]

_FORMAT = "--format=commit %H%x00%P%x00%aN%x00%aE%x00%at%x00%s"
_HEAD = 6  # fields of that format
_WORDS = (
    "log",
    "-z",
    "--raw",
    "--no-abbrev",
    "-c",
    "--combined-all-paths",
    "-M",
    "--root",
    "--date-order",  # children always before their parents
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-notes",
    "--no-show-signature",
    "--no-relative",
    "--ignore-submodules=all",
    "--encoding=UTF-8",
    "-O/dev/null",
    _FORMAT,
)


class FileChange:
    """A regular file that a commit changed.

    path, blob: in the commit, both None where it is gone. origins: (path, blob id) in each parent, in their order,
    both None where it was not there; a single (None, None) for a commit without parents.
    """

    __slots__ = ("blob", "origins", "path")

    def __init__(self, path: str | None, blob: str | None, origins: tuple[Origin, ...]) -> None:
        self.path = path
        self.blob = blob
        self.origins = origins

    @property
    def name(self) -> str:
        """Its path, or the one that it had."""
        return self.path or next((path for path, _ in self.origins if path is not None), "")

    def __repr__(self) -> str:
        return f"<FileChange {self.name}>"


class Commit:
    """One commit. time: of the author, seconds since 1970. subject: the first line of its message.

    author, email: by .mailmap. Texts are as somebody wrote them: with control characters, if they wanted.
    """

    __slots__ = ("author", "email", "files", "id", "parents", "subject", "time")

    def __init__(self, id: str, parents: tuple[str, ...], author: str, email: str, time: int, subject: str) -> None:
        self.id = id
        self.parents = parents
        self.author = author
        self.email = email
        self.time = time
        self.subject = subject
        self.files: list[FileChange] = []

    def __repr__(self) -> str:
        return f"<Commit {self.id[:12]}, {len(self.files)} files>"


def commits(repository: Repository, revision: str | None) -> Iterator[Commit]:
    """The commits that `revision` reaches, children before parents, else newest first. Raises KsecretsError.

    None: those that any ref reaches, the stash too, and HEAD where it is detached.
    """
    tips = [repository.resolve(revision)] if revision is not None else ["--all"]
    process = repository.start(*_WORDS, *tips, "--")
    try:
        yield from _parsed(_fields(process))
        _, err = process.communicate()
        if process.returncode != 0:
            raise failed("log", err)
    finally:
        if process.poll() is None:  # whoever asked has seen enough
            process.kill()
            process.communicate()


def is_shallow(repository: Repository) -> bool:
    """Whether this clone has only the end of the history."""
    return os.path.exists(os.path.join(repository.common_dir(), "shallow"))


def sizes(repository: Repository, ids: Iterable[str]) -> dict[str, int]:
    """The sizes in bytes of these blobs; one that is missing (a partial clone) is left out."""
    process = repository.start("cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", "--buffer")
    out, err = process.communicate("".join(f"{each}\n" for each in ids).encode("ascii"))
    if process.returncode != 0:
        raise failed("cat-file", err)
    found = {}
    for line in out.splitlines():
        words = line.split(b" ")
        if len(words) == 3 and words[1] == b"blob":
            found[words[0].decode("ascii")] = int(words[2])
    return found


def _fields(process: Popen[bytes]) -> Iterator[bytes]:
    """What stands between the NULs of the output, read as it comes."""
    assert process.stdout is not None
    rest = b""
    while piece := process.stdout.read(1 << 16):
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
    if rest:
        yield rest


def _parsed(fields: Iterator[bytes]) -> Iterator[Commit]:
    """Heads of `_HEAD` fields, each followed by its entries: one that begins with colons, then its paths."""
    commit: Commit | None = None
    for field in fields:
        field = field.lstrip(b"\n")
        if not field:
            continue
        if field.startswith(b":") and commit is not None:
            change = _change(field, fields)
            if change is not None:
                commit.files.append(change)
            continue
        if commit is not None:
            yield commit
        words = [field, *(next(fields) for _ in range(_HEAD - 1))]
        identity, parents, author, email, time, subject = (word.decode("utf-8", "replace") for word in words)
        seconds = int(time) if time.lstrip("-").isdigit() else 0
        commit = Commit(
            identity.removeprefix("commit "), tuple(parents.split()), author, email, seconds, subject.strip("\n")
        )
    if commit is not None:
        yield commit


def _change(head: bytes, fields: Iterator[bytes]) -> FileChange | None:
    """``:MODE MODE ID ID STATUS``, for a merge with a colon, a mode, an id and a letter for each parent.

    Behind it a path, two for a rename; for a merge one for each parent and that of the result.
    """
    words = head.lstrip(b":").split(b" ")
    count = len(head) - len(head.lstrip(b":"))
    modes, ids = words[: count + 1], words[count + 1 : -1]
    if count > 1:
        paths = [next(fields) for _ in range(count + 1)]
    else:
        first = next(fields)
        paths = [first, next(fields) if words[-1][:1] in b"RC" else first]
    files = [
        (os.fsdecode(path), identity.decode("ascii")) if mode.startswith(b"100") else (None, None)
        for path, mode, identity in zip(paths, modes, ids, strict=True)
    ]
    if all(path is None for path, _ in files):  # links and submodules
        return None
    *origins, (path, blob) = files
    return FileChange(path, blob, tuple(origins))
