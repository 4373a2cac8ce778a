"""The history of a repository as steps: for each commit, what became of the values of each file of secrets.

Only blobs that a commit changed are read, each once while it is near, and only those of files that can be YAML. A blob
that is missing, gigantic or broken is a note on its file and stops nothing.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError
from ksecrets.operations.history.steps import ADDED, MOVED, REMOVED, of_merge, steps
from ksecrets.operations.history.versions import LARGEST, Reader, Version
from ksecrets.repository.commits import commits, sizes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ksecrets.operations.history.steps import Step
    from ksecrets.operations.session import Session
    from ksecrets.repository.batch import Batch
    from ksecrets.repository.commits import Commit, FileChange
    from ksecrets.repository.repository import Repository
    from ksecrets.rules.load import Rules
    from ksecrets.rules.policy import Policy

_NAMES = (".yaml", ".yml")
_WINDOW = 1000  # commits whose blobs are measured at once
_KEPT = 1 << 26  # bytes of versions that are kept for the next commit that asks


class Touched:
    """A file in a commit. path: in the commit, or the last one of a deleted file. old_path: where it was renamed.

    status: git's letter, A, D, M or R. steps: in the order of the file. notes: what else can be said, a line each.
    plaintext: it is not encrypted in this commit, and was before, or its environment wants it. version: as it is in the
    commit, None where it is gone.
    """

    __slots__ = ("environment", "notes", "old_path", "path", "plaintext", "status", "steps", "version")

    def __init__(self, path: str, old_path: str | None, status: str, environment: str | None) -> None:
        self.path = path
        self.old_path = old_path
        self.status = status
        self.environment = environment
        self.plaintext = False
        self.version: Version | None = None
        self.steps: list[Step] = []
        self.notes: list[str] = []

    def __repr__(self) -> str:
        return f"<Touched {self.path}, {len(self.steps)} steps>"


class Entry:
    """A commit, and the files of secrets that it changed."""

    __slots__ = ("commit", "files")

    def __init__(self, commit: Commit, files: list[Touched]) -> None:
        self.commit = commit
        self.files = files

    def __repr__(self) -> str:
        return f"<Entry {self.commit.id[:12]}, {len(self.files)} files>"


class Walk:
    """The walk through one repository. Use it in a `with` block: it holds a process of git."""

    def __init__(self, repository: Repository, session: Session) -> None:
        self.repository = repository
        self._batch: Batch = repository.batch()
        self._reader = Reader()
        self._kept: dict[str, Version | bytes] = {}
        self._kept_bytes = 0
        self._sizes: dict[str, int] = {}
        self._policies: dict[str, Policy | None] = {}
        self._rules = _rules(repository, session)

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *_: object) -> None:
        self._batch.close()

    def entries(self, revision: str | None, file: str | None = None, folder: str | None = None) -> Iterator[Entry]:
        """Children before parents; commits without a change to any file of secrets are left out.

        revision: the commit to begin with; None for every branch, tag and stash (then without `file`). file: only this
        one, under the names that it had. folder: only what is below. Paths are those of the repository.
        """
        names: dict[str, set[str]] = {}
        for window in _windows(commits(self.repository, revision)):
            if file is not None and not names:
                names[window[0].id] = {file}
            chosen = [(commit, self._chosen(commit, names, file, folder)) for commit in window]
            self._measure(chosen)
            for commit, few in chosen:
                files = self._touched(commit, few, explicit=file is not None)
                if files:
                    yield Entry(commit, files)
            self._sizes.clear()

    def version(self, raw: bytes) -> Version:
        """A version from elsewhere (the working tree), read with what is known already."""
        return self._reader.read(raw)

    def blob(self, identity: str) -> Version:
        """The version that a blob is."""
        self._sizes.setdefault(identity, 0)
        return self._version(identity)

    def environment(self, path: str) -> str | None:
        """The environment of a path by the rules of the working tree; None also where they are broken for it."""
        policy = self.policy(path)
        return policy.environment if policy is not None else None

    def policy(self, path: str) -> Policy | None:
        """What the rules of the working tree say of a path; None also where they are broken for it."""
        if path not in self._policies:
            try:
                self._policies[path] = self._rules.policy(path) if self._rules is not None else None
            except KsecretsError:
                self._policies[path] = None
        return self._policies[path]

    # -- which files ---------------------------------------------------------------------------------------------------

    def _chosen(
        self, commit: Commit, names: dict[str, set[str]], file: str | None, folder: str | None
    ) -> list[FileChange]:
        if file is None:
            return [each for each in commit.files if self._may_be(each) and _below(each, folder)]
        mine = names.pop(commit.id, set())
        found = [
            each
            for each in commit.files
            if each.name in mine or any(path in mine for path, _ in each.origins)  # it left under another name
        ]
        for number, parent in enumerate(commit.parents):
            theirs = set(mine)
            for change in found:
                origin = change.origins[number][0]
                if change.path in mine and origin is not None and origin != change.path:
                    theirs.discard(change.path)
                    theirs.add(origin)
            names.setdefault(parent, set()).update(theirs)
        return found

    def _may_be(self, change: FileChange) -> bool:
        name = change.name
        return name.lower().endswith(_NAMES) or self.environment(name) is not None

    # -- what became of them -------------------------------------------------------------------------------------------

    def _touched(self, commit: Commit, few: list[FileChange], *, explicit: bool) -> list[Touched]:
        found = [touched for touched in (self._file(change, explicit) for change in few) if touched is not None]
        open_ends = {step.kind for touched in found for step in touched.steps if step.secret} & {ADDED, REMOVED}
        if open_ends:
            others = [change for change in commit.files if change not in few and self._may_be(change)]
            rest = [touched for touched in (self._file(change, False) for change in others) if touched is not None]
            _between_files([*found, *rest])
        return [touched for touched in found if touched.steps or touched.notes or touched.status in "ADR"]

    def _file(self, change: FileChange, explicit: bool) -> Touched | None:
        path = change.name
        environment = self.environment(path)
        wanted = explicit or environment is not None
        blobs = [blob for blob in (change.blob, *(blob for _, blob in change.origins)) if blob is not None]
        if not wanted and not any(self._is_marked(blob) for blob in blobs):
            return None
        new = self._version(change.blob) if change.blob is not None else None
        olds = [self._version(blob) if blob is not None else None for _, blob in change.origins]
        versions = [version for version in (new, *olds) if version is not None]
        if not wanted and not any(version.envelope or version.problem for version in versions):
            return None
        origin = next((path for path, _ in change.origins if path is not None), None)
        status = "D" if new is None else "A" if origin is None else "R" if origin != change.path else "M"
        touched = Touched(path, origin if status == "R" else None, status, environment)
        touched.version = new
        encrypted_before = any(old is not None and old.envelope is not None for old in olds)
        if new is not None and new.envelope is None and new.problem is None:
            touched.plaintext = environment is not None or encrypted_before
        problems = [version.problem for version in versions if version.problem is not None]
        if problems:
            side = "" if new is not None and new.problem else "the version before: "
            touched.notes.append(f"{side}{problems[0]}; so what changed is unknown")
        else:
            touched.steps = of_merge([steps(old, new) for old in olds]) if len(olds) > 1 else steps(olds[0], new)
            touched.notes += _common([self._about(old, new) for old in olds])
        return touched

    def _about(self, old: Version | None, new: Version | None) -> list[str]:
        """What changed in the metadata."""
        if old is None or new is None or old.envelope is None or new.envelope is None:
            return []
        notes = []
        if old.envelope.readers != new.envelope.readers:
            was, now = self._readers(old), self._readers(new)
            readers = [f"+{name}" for name in now if name not in was] + [f"-{name}" for name in was if name not in now]
            if readers:
                notes.append(f"readers: {', '.join(readers)}")
        if old.envelope.sealed != new.envelope.sealed:
            notes.append("sealed" if new.envelope.sealed else "no seal any more: sops wrote it, or it was removed")
        elif old.envelope.environment != new.envelope.environment:
            notes.append(f"sealed for {new.envelope.environment}, before for {old.envelope.environment}")
        return notes

    def _readers(self, version: Version) -> list[str]:
        assert version.envelope is not None
        from ksecrets.envelope.wrap import reader_name

        name_of = self._rules.name_of if self._rules is not None else None
        return [reader_name(service, dict(fields), name_of) for service, fields in version.envelope.readers]

    # -- blobs ---------------------------------------------------------------------------------------------------------

    def _measure(self, chosen: list[tuple[Commit, list[FileChange]]]) -> None:
        """The sizes of all blobs that these commits may need: those of files that a value could have come from, too."""
        wanted = {
            blob: None
            for commit, few in chosen
            if few
            for change in commit.files
            if change in few or self._may_be(change)
            for blob in (change.blob, *(blob for _, blob in change.origins))
            if blob is not None and blob not in self._kept
        }
        if wanted:
            self._sizes.update(sizes(self.repository, wanted))

    def _is_marked(self, blob: str) -> bool:
        """Whether a version can be encrypted; one that was not read for its size cannot be told."""
        kept = self._load(blob)
        return isinstance(kept, Version) or b"sops" in kept

    def _version(self, blob: str) -> Version:
        kept = self._load(blob)
        if not isinstance(kept, Version):
            kept = self._reader.read(kept)
            self._kept[blob] = kept
        return kept

    def _load(self, blob: str) -> Version | bytes:
        kept = self._kept.get(blob)
        if kept is not None:
            return kept
        size = self._sizes.get(blob)
        if size is not None and size > LARGEST:
            kept = Version(None, f"larger than {LARGEST >> 20} MB, and was not read")
        else:
            raw = self._batch.blob(blob) if size is not None else None
            kept = raw if raw is not None else Version(None, "missing in this clone")
        self._kept[blob] = kept
        self._kept_bytes += size or 0
        if self._kept_bytes > _KEPT:
            self._kept = {blob: kept}
            self._kept_bytes = size or 0
        return kept


def _windows(found: Iterator[Commit]) -> Iterator[list[Commit]]:
    window: list[Commit] = []
    for commit in found:
        window.append(commit)
        if len(window) == _WINDOW:
            yield window
            window = []
    if window:
        yield window


def _below(change: FileChange, folder: str | None) -> bool:
    return folder is None or change.name.startswith(folder.rstrip("/") + "/")


def _between_files(files: list[Touched]) -> None:
    """A token that left one file and came up in another one moved there."""
    gone = {
        step.old[2]: (touched.path, step)
        for touched in files
        for step in touched.steps
        if step.kind == REMOVED and step.old is not None and step.old[0]
    }
    for touched in files if gone else ():
        for step in touched.steps:
            if step.kind == ADDED and step.new is not None and step.new[0] and step.new[2] in gone:
                path, origin = gone[step.new[2]]
                if path != touched.path:
                    step.kind, step.origin, step.origin_file = MOVED, origin.where, path
                    step.old = step.new


def _common(each: list[list[str]]) -> list[str]:
    """For a merge: what is new beside every parent."""
    return [note for note in each[0] if all(note in other for other in each[1:])]


def _rules(repository: Repository, session: Session) -> Rules | None:
    """The rules of the whole repository, as they are now; a broken configuration is a note."""
    try:
        rules = session.place(os.path.join(repository.top, "any.yaml")).rules
    except KsecretsError as error:
        session.note(str(error))
        return None
    return rules if rules is not None and os.path.realpath(rules.root) == repository.top else None
