"""blame: a line for each value of a file, with its last real change.

Each value is followed back by its token: through renames, through indices that shifted, and through rotations, behind
which its older token goes on. Where a rotation may have changed the value as well, that is said.
"""

from __future__ import annotations

from ksecrets.errors import KsecretsError
from ksecrets.operations.history.log import place
from ksecrets.operations.history.steps import ENCRYPTED, REENCRYPTED, REKEYED, UNKNOWN, steps
from ksecrets.operations.history.walk import Walk
from ksecrets.operations.session import Session
from ksecrets.repository.commits import is_shallow
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.history.steps import Step
    from ksecrets.operations.history.versions import Value, Version, Where
    from ksecrets.repository.commits import Commit
    from ksecrets.repository.repository import Repository

    Trace = tuple[int, tuple[str | int, ...], Value]


class Line:
    """One value. where: as in the file. secret, type: whether it is encrypted, and its type.

    commit: of its last real change; None where that is not committed yet, or not in the history of this clone (then
    `committed` is True). kind: of that change. since: commits behind it that may have changed the value as well
    (rotations), newest first. plaintext: the id of the newest commit that had it in plaintext, None where none had.
    """

    __slots__ = ("commit", "committed", "kind", "plaintext", "secret", "since", "type", "value", "where")

    def __init__(self, where: Where, value: Value) -> None:
        self.where = where
        self.value = value  # for comparing only, never for showing
        self.secret = value[0]
        self.type = value[1]
        self.commit: Commit | None = None
        self.committed = True
        self.kind: str | None = None
        self.since: list[Commit] = []
        self.plaintext: str | None = None

    def __repr__(self) -> str:
        return f"<Line {self.where[1]}>"


def blame(path: str, *, session: Session | None = None) -> list[Line]:
    """The values of a file of the working tree, in its order, each with its last real change.

    Needs no key. Raises KsecretsError outside of a repository, where the file cannot be read, and where it is none.
    """
    session = session or Session()
    repository, relative = place(path)
    assert relative is not None
    text = atomic.read(path).text
    if is_shallow(repository):
        session.note("this clone is shallow: what came before its first commits is not known here")
    with Walk(repository, session) as walk:
        now = walk.version(text.encode())
        if now.problem is not None:
            raise KsecretsError(now.problem, file=path)
        lines = [Line(where, value) for where, value in now.values().items()]
        traces = Traces(lines)
        if not repository.has_commit():
            head = None
        else:
            head = _head(repository, relative, walk)
        for step in steps(head, now):
            traces.follow(step, None)
        if repository.has_commit():
            for entry in walk.entries("HEAD", relative):
                for touched in entry.files:
                    for step in touched.steps:
                        traces.follow(step, entry.commit)
                if not traces.open:
                    break
    return lines


def _head(repository: Repository, relative: str, walk: Walk) -> Version | None:
    raw = repository.head_blob(relative)
    return walk.version(raw) if raw is not None else None


class Traces:
    """Which lines look for which token, where."""

    __slots__ = ("open",)

    def __init__(self, lines: list[Line]) -> None:
        self.open: dict[Trace, list[Line]] = {}
        for line in lines:
            self._look(line.where, line.value, [line])

    def _look(self, where: Where, value: Value, lines: list[Line]) -> None:
        self.open.setdefault((where[0], _mask(where[1]), value), []).extend(lines)

    def follow(self, step: Step, commit: Commit | None) -> None:
        """One step of the history, newest first. commit: None for what is not committed."""
        if step.new is None:
            return
        lines = self.open.pop((step.where[0], _mask(step.where[1]), step.new), None)
        if lines is None:
            return
        if step.kind in UNKNOWN and step.old is not None and step.origin_file is None:
            self._look(step.origin or step.where, step.old, lines)
            for line in lines:
                if step.kind in (REKEYED, REENCRYPTED, ENCRYPTED) and commit is not None:
                    line.since.append(commit)
                if step.kind == ENCRYPTED and commit is not None and commit.parents and line.plaintext is None:
                    line.plaintext = commit.parents[0]
            return
        for line in lines:
            line.commit, line.kind, line.committed = commit, step.kind, commit is not None


def _mask(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """A path without its indices: an item keeps its token when one in front of it comes or goes."""
    return tuple(-1 if isinstance(part, int) else part for part in path)


__all__ = ["Line", "Traces", "blame"]
