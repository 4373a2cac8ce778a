"""Where the three versions of an unfinished merge are: for `resolve`, whoever merged, with or without our driver.

git keeps them in its index while a file conflicts. Where somebody has added the file with its markers, the merge in
progress names the commits; where it was even committed so, the merge commit does. Markers themselves are never read:
what stands between them and around them is of no version that a seal could prove.
"""

from __future__ import annotations

from ksecrets.errors import KsecretsError, SyntaxRefused
from ksecrets.operations.merging.keyless import pending_of
from ksecrets.operations.reading import conflict_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.repository.repository import Repository

# What git calls the commit that is being applied: its change is the one from its parent, or back to it.
_APPLIED = (("CHERRY_PICK_HEAD", False), ("REBASE_HEAD", False), ("REVERT_HEAD", True))


class Texts:
    """Three encrypted texts; `base` is "" where both sides added the file.

    staged: they come from git's index. pending: the text in the working tree is a merge of them without a key.
    """

    __slots__ = ("base", "ours", "pending", "staged", "theirs")

    def __init__(self, base: str, ours: str, theirs: str, *, staged: bool = False, pending: bool = False) -> None:
        self.base = base
        self.ours = ours
        self.theirs = theirs
        self.staged = staged
        self.pending = pending


def find(repository: Repository, path: str, current: str) -> Texts:
    """The versions of the file at `path` of a repository, whose text in the working tree is `current`.

    Raises KsecretsError where there is nothing to resolve, or one side has no such file.
    """
    pending = pending_of(current)
    stages = [repository.blob(f":{stage}:{path}") for stage in (1, 2, 3)]
    if stages[1] is not None and stages[2] is not None:
        return _texts(stages[0], stages[1], stages[2], path, staged=True, pending=pending is not None)
    if any(stage is not None for stage in stages):
        raise KsecretsError(
            "one side changed it, the other removed it: there is nothing to merge",
            file=path,
            hint=f"git add {path}, or git rm {path}",
        )
    if pending is not None:
        return _pending(repository, path, pending)
    if conflict_line(current) is None:
        raise KsecretsError("has no conflict", file=path)
    for revisions in _candidates(repository):
        base, ours, theirs = (repository.blob(f"{rev}:{path}") if rev is not None else None for rev in revisions)
        if ours is not None and theirs is not None and ours != theirs:
            found = _texts(base, ours, theirs, path)
            if conflict_line(found.ours) is None and conflict_line(found.theirs) is None:
                return found
    raise KsecretsError(
        "holds conflict markers, and git has no merge that they come from",
        file=path,
        hint="restore it: git checkout REVISION -- FILE",
    )


def _pending(repository: Repository, path: str, pending: dict[str, str]) -> Texts:
    """The versions that a merge without a key has recorded, where git itself says that they were merged.

    What a file claims is worth nothing: a stranger could name older versions, and let whoever has the key bring them
    back under a new date. So they must be those of the merge in progress, or of the merge commit that made the file.
    """
    candidates = _candidates(repository)
    made = repository.last_change(path)
    if made is not None and _exists(repository, f"{made}^2"):
        candidates.append((repository.merge_base(f"{made}^1", f"{made}^2"), f"{made}^1", f"{made}^2"))
    for revisions in candidates:
        specs = [f"{revision}:{path}" for revision in revisions if revision is not None]
        if len(specs) == 3 and [repository.blob_id(spec) for spec in specs] == [
            pending.get(which) for which in ("base", "ours", "theirs")
        ]:
            base, ours, theirs = (repository.blob(spec) for spec in specs)
            if ours is not None and theirs is not None:
                return _texts(base, ours, theirs, path, pending=True)
    raise KsecretsError(
        "was merged without a key, and git knows of no merge of the versions that it names",
        file=path,
        hint="merge again from a version that opens: git log -p shows it; a merge can be finished, a rebase cannot",
    )


def _candidates(repository: Repository) -> list[tuple[str | None, str, str]]:
    """Base, ours and theirs of the merge in progress, or else of the one that HEAD is."""
    found: list[tuple[str | None, str, str]] = []
    if _exists(repository, "MERGE_HEAD"):
        found.append((repository.merge_base("HEAD", "MERGE_HEAD"), "HEAD", "MERGE_HEAD"))
    for name, back in _APPLIED:
        if _exists(repository, name):
            found.append((name, "HEAD", f"{name}^") if back else (f"{name}^", "HEAD", name))
    if not found and _exists(repository, "HEAD^2"):
        found.append((repository.merge_base("HEAD^1", "HEAD^2"), "HEAD^1", "HEAD^2"))
    return found


def _exists(repository: Repository, revision: str) -> bool:
    try:
        repository.resolve(revision)
    except KsecretsError:
        return False
    return True


def _texts(
    base: bytes | None,
    ours: bytes | None,
    theirs: bytes | None,
    path: str,
    *,
    staged: bool = False,
    pending: bool = False,
) -> Texts:
    try:
        was, left, right = ((raw or b"").decode("utf-8") for raw in (base, ours, theirs))
    except UnicodeDecodeError:
        raise SyntaxRefused("a version of it is not UTF-8", file=path) from None
    return Texts(was, left, right, staged=staged, pending=pending)
