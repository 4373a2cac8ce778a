"""Whole trees of git: every file of a commit or of the index, with mode, blob and size, from one process each."""

from __future__ import annotations

import os

from ksecrets.repository.process import failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.repository.repository import Repository

LINK = "120000"


class Entry:
    """One file of a tree. mode: git's, six digits. id: of the blob. size: in bytes, -1 where git was not asked.

    stage: 0; in the index while a merge conflicts 1, 2 or 3.
    """

    __slots__ = ("id", "mode", "path", "size", "stage")

    def __init__(self, path: str, mode: str, id: str, *, size: int = -1, stage: int = 0) -> None:
        self.path = path
        self.mode = mode
        self.id = id
        self.size = size
        self.stage = stage

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file: neither a link nor a submodule."""
        return self.mode.startswith("100")

    def same(self, other: Entry | None) -> bool:
        """Whether the other one is the same kind of thing with the same content."""
        return other is not None and self.id == other.id and self.mode[:3] == other.mode[:3]

    def __repr__(self) -> str:
        return f"<Entry {self.mode} {self.path}>"


def of_commit(repository: Repository, commit: str) -> list[Entry]:
    """Everything in the tree of a commit (an id, as `Repository.resolve` gives it), in git's order."""
    entries = []
    for line in _lines(repository, "ls-tree", "-r", "-l", "-z", "--full-tree", commit):
        head, _, name = line.partition(b"\t")
        mode, _kind, blob, size = head.split()
        number = int(size) if size.isdigit() else -1
        entries.append(Entry(os.fsdecode(name), mode.decode("ascii"), blob.decode("ascii"), size=number))
    return entries


def of_index(repository: Repository) -> list[Entry]:
    """Everything in the index, in git's order; of a file that is in conflict up to three stages."""
    entries = []
    for line in _lines(repository, "ls-files", "-z", "--stage"):
        head, _, name = line.partition(b"\t")
        mode, blob, stage = head.split(b" ")
        entries.append(Entry(os.fsdecode(name), mode.decode("ascii"), blob.decode("ascii"), stage=int(stage)))
    return entries


def staged(repository: Repository) -> list[Entry]:
    """What the index has and the commit that is checked out has not, or has otherwise: new and changed entries.

    A file in conflict is given once, with the blob of no side (an id of zeros) and stage 1.
    """
    words = ["diff", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv"]
    words += ["--ignore-submodules=all", "--no-relative", "-O/dev/null"]
    fields = _lines(repository, *words)
    entries = []
    for head, name in zip(fields[::2], fields[1::2], strict=True):
        _was, mode, _old, blob, status = head[1:].split(b" ")
        if status[:1] != b"D":
            stage = 1 if status[:1] == b"U" else 0
            entries.append(Entry(os.fsdecode(name), mode.decode("ascii"), blob.decode("ascii"), stage=stage))
    return entries


def _lines(repository: Repository, *words: str) -> list[bytes]:
    process = repository.start(*words)
    out, err = process.communicate()
    if process.returncode != 0:
        raise failed(words[0], err)
    return out.split(b"\0")[:-1]
