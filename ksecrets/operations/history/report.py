"""report: what git and the tokens tell of a whole repository, gathered in one walk, for a page that people look at.

Which secrets there are and how old each is, what changed when and by whom, which data keys are due, and where the
environments differ. Needs no key, opens nothing, and holds no value.
"""

from __future__ import annotations

import time

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.operations.history.blame import Line, Traces
from ksecrets.operations.history.drift import MISSING, READABLE, TYPE, drift
from ksecrets.operations.history.walk import Walk
from ksecrets.operations.session import Session
from ksecrets.repository.commits import is_shallow
from ksecrets.repository.repository import Repository, top_level
from ksecrets.text.path import format as format_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.history.steps import Step
    from ksecrets.operations.history.walk import Entry

OTHER = "no environment"
_DAY = 86400


class File:
    """A file of secrets as it is now. environment: `OTHER` where the rules give it none. lines: its values, with their
    last real changes. key_since: since when it has its data key, seconds since 1970, None where that is unknown.
    rotate_after: days, None where no rule says. problem: why nothing more is known of it, else None.
    """

    __slots__ = ("encrypted", "environment", "key_since", "kid", "lines", "path", "problem", "rotate_after")

    def __init__(self, path: str, environment: str) -> None:
        self.path = path
        self.environment = environment
        self.encrypted = False
        self.kid: str | None = None
        self.key_since: int | None = None
        self.rotate_after: int | None = None
        self.lines: list[Line] = []
        self.problem: str | None = None

    @property
    def secrets(self) -> list[Line]:
        """The values that are encrypted."""
        return [line for line in self.lines if line.secret]

    def due(self, now: float) -> int | None:
        """In how many days its data key is to be replaced, negative where it is late; None where nobody asks for it."""
        if self.rotate_after is None or self.key_since is None:
            return None
        return int(self.rotate_after - (now - self.key_since) // _DAY)


class Report:
    """All that the page shows. now: when it was made, seconds since 1970. environments: in the order of the
    configuration, `OTHER` behind them. moments: the commits that changed secrets, newest first. drifts: of each pair of
    neighbouring environments, what differs. notes: what is to be known about all of it.
    """

    __slots__ = ("drifts", "environments", "files", "moments", "name", "notes", "now", "revision")

    def __init__(self, name: str, revision: str, now: float) -> None:
        self.name = name
        self.revision = revision
        self.now = now
        self.environments: list[str] = []
        self.files: list[File] = []
        self.moments: list[Entry] = []
        self.drifts: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.notes: list[str] = []


def report(*, revision: str = "HEAD", session: Session | None = None) -> Report:
    """The report of the repository around the working folder, at a revision; the rules are those of the working tree.

    Raises KsecretsError outside of a repository and for what is no revision. What cannot be read is a note.
    """
    import os

    session = session or Session()
    top = top_level(".")
    if top is None:
        raise ConfigError("this is not a git repository, so there is no history")
    repository = Repository(top)
    commit = repository.resolve(revision)
    found = Report(os.path.basename(repository.top), commit, time.time())
    if is_shallow(repository):
        found.notes.append("This clone is shallow: what came before its first commits is not known here.")
    with Walk(repository, session) as walk:
        _files(found, repository, walk)
        _history(found, walk)
    known = _configured(session)
    there = {file.environment for file in found.files}
    found.environments = [name for name in known if name in there]
    found.environments += sorted(there - {*known, OTHER}) + ([OTHER] if OTHER in there else [])
    _drifts(found, known, session)
    return found


def _files(found: Report, repository: Repository, walk: Walk) -> None:
    for path, blob in repository.tree_files(found.revision):
        policy = walk.policy(path)
        environment = policy.environment if policy is not None else None
        if environment is None and not path.lower().endswith((".yaml", ".yml")):
            continue
        version = walk.blob(blob)
        if environment is None and version.envelope is None:
            continue
        file = File(path, environment or OTHER)
        file.rotate_after = policy.rotate_after if policy is not None else None
        file.encrypted = version.envelope is not None
        file.kid = version.envelope.kid if version.envelope is not None else None
        file.problem = version.problem
        file.lines = [Line(where, value) for where, value in version.values().items()]
        found.files.append(file)


def _history(found: Report, walk: Walk) -> None:
    """One walk for all files: each value is followed back to its last real change, each data key to its first version.

    A file that was renamed is followed under both names: what it had as tokens is nowhere else.
    """
    names: dict[str, list[tuple[File, Traces]]] = {}
    for file in found.files:
        traces = Traces(file.lines)
        names[file.path] = [(file, traces)]
    for entry in walk.entries(found.revision):
        found.moments.append(entry)
        for touched in entry.files:
            for file, traces in names.get(touched.path, ()):
                version = touched.version
                if version is not None and version.envelope is not None and version.envelope.kid == file.kid:
                    file.key_since = entry.commit.time
                for step in touched.steps:
                    traces.follow(step, entry.commit)
                if touched.old_path is not None:
                    others = names.setdefault(touched.old_path, [])
                    if (file, traces) not in others:
                        others.append((file, traces))


def _configured(session: Session) -> list[str]:
    try:
        rules = session.place("ksecrets: a path that no file has").rules
    except KsecretsError:
        return []
    return list(rules.config.environments) if rules is not None and rules.kind == "ksecrets" else []  # type: ignore[union-attr]


def _drifts(found: Report, environments: list[str], session: Session) -> None:
    """What each environment lacks beside the one before it: they are mostly listed in the order of release."""
    from itertools import pairwise

    for left, right in pairwise(environments):
        lines: list[tuple[str, str]] = []
        try:
            for pair in drift(left, right, session=session):
                name = pair.left or pair.right or ""
                if pair.left is None or pair.right is None:
                    lines.append((name, f"{left if pair.left is None else right} has no such file"))
                for each in pair.drifts:
                    lines.append((name, f"{each.path}: {_difference(each.kind, each.left, each.right, left, right)}"))
                lines += [(name, note) for note in pair.notes]
        except KsecretsError as error:
            lines.append(("", error.message))
        found.drifts.append((left, right, lines))


def _difference(kind: str, mine: str | None, other: str | None, left: str, right: str) -> str:
    if kind == MISSING:
        return f"not in {left if mine is None else right}"
    if kind == TYPE:
        return f"{mine} in {left}, {other} in {right}"
    return "encrypted on one side, readable on the other" if kind == READABLE else kind


def changed_at(line: Line) -> int | None:
    """When a value was last changed, seconds since 1970; None where this clone does not know."""
    return line.commit.time if line.commit is not None else None


def path_of(step: Step | Line) -> str:
    """Where a value stands, as the commands take it."""
    return format_path(step.where[1])


__all__ = ["OTHER", "File", "Report", "changed_at", "path_of", "report"]
