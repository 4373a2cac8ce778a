"""What git has of a repository's files: every version in any branch or tag, and which version came from which.

Names and ids come from one `git log`, contents from one `git cat-file`. A version that `git log` shows as new, while a
file with the same values went away in the same commit, came from that one: with a new data key every token is
another, and git no longer sees that the file was only moved.
"""

from __future__ import annotations

import os

from ksecrets.envelope.metadata import identity_fields
from ksecrets.errors import KsecretsError
from ksecrets.files.open import read_metadata
from ksecrets.operations.shape import TOKEN, Collection, shape
from ksecrets.repository.process import failed
from ksecrets.repository.repository import WORKTREE
from ksecrets.rules.policy import identity
from ksecrets.storage import atomic
from ksecrets.text.path import format as format_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ksecrets.operations.shape import Item, Shape
    from ksecrets.repository.repository import Repository

_LOG = (
    *("log", "--all", "-m", "--root", "--raw", "-z", "-M", "--no-abbrev", "--no-ext-diff", "--no-textconv"),
    *("--no-color", "--no-relative", "--ignore-submodules=all", "--format=%x01%H %ct", "--"),
)


class Version:
    """One encrypted text. kid: of its data key, None where sops wrote it. wrapped: its copies of the data key.

    readers: what identifies them. tokens: by where they stand, as it is shown (`db.password`).
    """

    __slots__ = ("_tokens", "kid", "readers", "text", "wrapped")

    def __init__(self, text: str) -> None:
        """Raises KsecretsError where it is no encrypted text."""
        metadata = read_metadata(text)
        self.text = text
        self.kid = metadata.extension.kid if metadata.extension is not None else None
        self.wrapped = frozenset(stanza.enc for stanza in metadata.stanzas)
        self.readers = frozenset(identity(stanza.service, identity_fields(stanza)) for stanza in metadata.stanzas)
        self._tokens: dict[str, str] | None = None

    @property
    def tokens(self) -> dict[str, str]:
        """Read when it is first asked for; none where the text is not YAML."""
        if self._tokens is None:
            try:
                found = places(shape(self.text))
            except KsecretsError:
                found = {}
            self._tokens = {where: text for where, (kind, text) in found.items() if kind == TOKEN}
        return self._tokens

    def same_key(self, other: Version) -> bool:
        """Whether both surely have one data key."""
        if self.kid is not None and other.kid is not None:
            return self.kid == other.kid
        return bool(self.wrapped & other.wrapped)


class Step:
    """One change of one file. old, new: blob ids, with their paths; None where there is no such side.

    commit: its id, empty for the working tree. time: of the commit, in seconds since 1970, 0 for the working tree.
    """

    __slots__ = ("commit", "new", "new_path", "old", "old_path", "time")

    def __init__(self, commit: str, time: int, old: str | None, old_path: str, new: str | None, new_path: str) -> None:
        self.commit = commit
        self.time = time
        self.old = old
        self.old_path = old_path
        self.new = new
        self.new_path = new_path


class Past:
    """The history of a repository and, as its last step, the working tree.

    steps: in order of time, those of the working tree last. now: path -> blob id of every file in the working tree;
    files that differ from HEAD have ids of their own. shallow: the clone has only the end of the history.
    """

    __slots__ = ("_known", "_raw", "_repository", "now", "shallow", "steps")

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._known: dict[str, Version | None] = {}
        self._raw: dict[str, str] = {}  # of files that are only in the working tree
        self.shallow = os.path.exists(os.path.join(repository.common_dir(), "shallow"))
        self.steps = _moves(list(_steps(repository))[::-1], self)
        self.now = self._working_tree()

    def version(self, blob: str) -> Version | None:
        """The version behind a blob id; None where it is not encrypted, or cannot be read."""
        if blob not in self._known:
            self._known[blob] = self._read([blob])[blob]
        return self._known[blob]

    def load(self, blobs: list[str]) -> None:
        """Read many versions with one process of git."""
        missing = [blob for blob in dict.fromkeys(blobs) if blob not in self._known]
        if missing:
            self._known.update(self._read(missing))

    def _read(self, blobs: list[str]) -> dict[str, Version | None]:
        found: dict[str, Version | None] = {}
        with self._repository.batch() as batch:
            for blob in blobs:
                text = self._raw.get(blob)
                if text is None:
                    raw = batch.blob(blob) or b""
                    text = raw.decode("utf-8", "replace") if b"sops" in raw else ""
                try:
                    found[blob] = Version(text) if "sops" in text else None
                except KsecretsError:
                    found[blob] = None
        return found

    def _working_tree(self) -> dict[str, str]:
        repository = self._repository
        tracked = dict(repository.tree_files("HEAD")) if repository.has_commit() else {}
        changed = repository.changed("HEAD", WORKTREE) if tracked else []
        now = dict(tracked)
        fresh = set(repository.ls_files(untracked=True)) - set(now)
        steps = []
        for _, old_path, path, old, _ in changed:
            if old_path is not None:
                now.pop(old_path, None)
            if path is not None:
                fresh.add(path)
            steps.append((old, old_path, path))
        for path in sorted(fresh):
            try:
                text = atomic.read(os.path.join(repository.top, *path.split("/"))).text
            except KsecretsError:
                continue
            now[path] = f"working tree: {path}"
            self._raw[now[path]] = text
        seen = {path for _, _, path in steps}
        last: list[Step] = []
        for old, old_path, path in [*steps, *((None, None, path) for path in sorted(fresh - seen))]:
            last.append(Step("", 0, old, old_path or "", now.get(path) if path is not None else None, path or ""))
        self.steps += _moves(last, self)
        return now


def places(found: Shape) -> dict[str, tuple[str, str]]:
    """Every scalar of a shape: where it stands, as it is shown -> its kind and text. Comments by their token."""
    result: dict[str, tuple[str, str]] = {}
    for number, document in enumerate(found.documents):
        head = f"document {number + 1}: " if len(found.documents) > 1 else ""
        rest: list[tuple[tuple[str | int, ...], Item | None]] = [((), document)]
        while rest:
            path, item = rest.pop()
            if isinstance(item, Collection):
                rest += [((*path, key), inner) for (key, _), inner in item.items.items()]
            elif item is not None:
                result[head + (format_path(path) if path else ".")] = (item.kind, item.text)
    encrypted = [text for text in found.comments if text.startswith("ENC[")]
    for number, text in enumerate(encrypted):
        result[f"comment {number + 1}"] = (TOKEN, text)
    return result


def _steps(repository: Repository) -> Iterator[Step]:
    """The changes of every commit, the newest first; of a merge those against each parent."""
    process = repository.start(*_LOG)
    out, err = process.communicate()
    if process.returncode != 0:
        raise failed("log", err)
    fields = iter(out.split(b"\0"))
    commit, time = "", 0
    for field in fields:
        field = field.lstrip(b"\n")
        if field.startswith(b"\1"):
            commit, _, seconds = field[1:].decode("ascii").partition(" ")
            time = int(seconds)
        elif field.startswith(b":"):
            old_mode, new_mode, old, new, status = field[1:].split(b" ")
            old_path = os.fsdecode(next(fields))
            new_path = os.fsdecode(next(fields)) if status[:1] in b"RC" else old_path
            before = old.decode("ascii") if old_mode.startswith(b"100") else None
            after = new.decode("ascii") if new_mode.startswith(b"100") else None
            if before is not None or after is not None:
                yield Step(commit, time, before, old_path, after, new_path)


def _moves(steps: list[Step], past: Past) -> list[Step]:
    """The steps, with those of one commit joined that took a file away and brought it at another place."""
    at = 0
    while at < len(steps):
        end = at
        while end < len(steps) and steps[end].commit == steps[at].commit:
            end += 1
        gone = [step for step in steps[at:end] if step.new is None]
        come = [step for step in steps[at:end] if step.old is None]
        if gone and come and len(gone) * len(come) <= 10_000:
            for old in gone:
                _join(old, come, past)
        at = end
    return steps


def _join(gone: Step, come: list[Step], past: Past) -> None:
    before = past.version(gone.old) if gone.old is not None else None
    if before is None or not before.tokens:
        return
    for step in come:
        after = past.version(step.new) if step.old is None and step.new is not None else None
        if after is None:
            continue
        common = len(before.tokens.keys() & after.tokens.keys())
        if 2 * common >= len(before.tokens.keys() | after.tokens.keys()):
            step.old, step.old_path = gone.old, gone.old_path
            return
