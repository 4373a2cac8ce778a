"""scan: plaintext that history already has, of values that the rules want encrypted.

Every branch, tag and stash is looked through. A value that was pushed once is known to whoever has a copy, so what is
found is to be replaced, not hidden.
"""

from __future__ import annotations

from ksecrets.operations.history.log import place
from ksecrets.operations.history.steps import ENCRYPTED
from ksecrets.operations.history.walk import Walk
from ksecrets.operations.session import Session
from ksecrets.repository.commits import is_shallow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.operations.history.versions import Value, Where
    from ksecrets.operations.history.walk import Touched
    from ksecrets.rules.policy import Policy
    from ksecrets.rules.selector import Selector


class Leak:
    """A file that had plaintext. path: as it was then. environment: by the rules of today, or None.

    commits: the ids of those that brought it, or still had it before they were followed by an encrypted one; newest
    first. values: where it stood, each once.
    """

    __slots__ = ("commits", "environment", "path", "values")

    def __init__(self, path: str, environment: str | None) -> None:
        self.path = path
        self.environment = environment
        self.commits: list[str] = []
        self.values: list[Where] = []

    def __repr__(self) -> str:
        return f"<Leak {self.path}, {len(self.values)} values>"


def scan(paths: Sequence[str] = (), *, session: Session | None = None) -> list[Leak]:
    """The files that had plaintext in any commit, by path.

    paths: only these files and folders, under their own names. Judged by the rules of the working tree, by the path
    that a file had then: whatever stands there readable and would be encrypted today. A file that no environment
    wants, as under a `.sops.yaml`, counts by what was plaintext right before it was encrypted. Where the selector goes
    by comments, all values of a plaintext file count, and none of an encrypted one. Nulls and empty texts never do.

    Needs no key. Raises KsecretsError outside of a repository.
    """
    session = session or Session()
    repository, _ = place(paths[0] if paths else None)
    chosen = [repository.relative(path) for path in paths]
    if is_shallow(repository):
        session.note("this clone is shallow: what came before its first commits is not known here")
    found: dict[str, Leak] = {}
    seen: dict[str, set[Where]] = {}
    with Walk(repository, session) as walk:
        for entry in walk.entries(None):
            for touched in entry.files:
                if chosen and not any(each in (".", touched.path) or _is_below(touched.path, each) for each in chosen):
                    continue
                for commit, path, places in _plaintext(touched, entry.commit.id, entry.commit.parents, walk):
                    leak = found.setdefault(path, Leak(path, walk.environment(path)))
                    if commit not in leak.commits[-2:]:
                        leak.commits.append(commit)
                    known = seen.setdefault(path, set())
                    leak.values += [where for where in places if where not in known]
                    known.update(places)
    return [found[path] for path in sorted(found)]


def _plaintext(
    touched: Touched, commit: str, parents: tuple[str, ...], walk: Walk
) -> list[tuple[str, str, list[Where]]]:
    """Commit, path and places of plaintext: in this version, and in the one before that was not judged for itself."""
    found = []
    policy = walk.policy(touched.path)
    version = touched.version
    if policy is not None and policy.environment is not None and version is not None and version.problem is None:
        plain = version.envelope is None
        places = [where for where, value in version.values().items() if _wanted(where, value, policy, plain)]
        if places:
            found.append((commit, touched.path, places))
    before = touched.old_path or touched.path
    if walk.environment(before) is None and len(parents) == 1:
        places = [
            step.origin or step.where
            for step in touched.steps
            if step.kind == ENCRYPTED and step.old is not None and _has_content(step.old)
        ]
        if places:
            found.append((parents[0], before, places))
    return found


def _wanted(where: Where, value: Value, policy: Policy, plain: bool) -> bool:
    return not value[0] and _has_content(value) and _chooses(policy.selector, where, plain)


def _chooses(selector: Selector, where: Where, plain: bool) -> bool:
    if selector.by_comment:
        return plain
    return any(isinstance(part, str) and selector.test(part) for part in where[1]) == selector.picks_matches


def _has_content(value: Value) -> bool:
    return value[1] not in ("null", "alias", "map", "list") and value[2] != ""


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


__all__ = ["Leak", "scan"]
