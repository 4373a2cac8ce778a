"""A merge of a whole branch, as `sync` asks git for it: begin, see what conflicts, commit or go back.

git runs here with the user's own hooks and settings, as for `git merge`; only the merge driver is taken out, so that
every encrypted file that both sides changed is left to the caller, who has the keys: git's children get none.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError
from ksecrets.repository.process import failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.repository.repository import Repository

_IN_PROGRESS = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG")
_NO_DRIVER = ("-c", "merge.ksecrets.driver=false", "-c", "merge.ksecrets.recursive=binary")


def refuse_unclean(repository: Repository) -> None:
    """Raises KsecretsError where a merge could lose something: changes that are not committed, another merge."""
    git_dir = repository.git_dir()
    for name in _IN_PROGRESS:
        if os.path.lexists(os.path.join(git_dir, name)):
            raise KsecretsError("git is in the middle of a merge, a rebase or the like", hint="finish or abort it")
    out = _run(repository, "status", "--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=all")
    if out:
        first = os.fsdecode(out.split(b"\0")[0][3:])
        raise KsecretsError("has changes that are not committed", file=first, hint="commit or stash them")


def is_ancestor(repository: Repository, old: str, new: str) -> bool:
    """Whether one commit is behind, or is, the other; both ids."""
    process = repository.start("merge-base", "--is-ancestor", old, new)
    _, err = process.communicate()
    if process.returncode > 1:
        raise failed("merge-base", err)
    return process.returncode == 0


def begin(repository: Repository, commit: str) -> None:
    """Merge a commit (its id) into HEAD, and stop before the commit. Conflicts are in the index then: `unmerged`."""
    process = repository.start(*_NO_DRIVER, "merge", "--no-ff", "--no-commit", "--no-stat", commit)
    _, err = process.communicate()
    if process.returncode > 1 or not os.path.lexists(os.path.join(repository.git_dir(), "MERGE_HEAD")):
        raise failed("merge", err)


def unmerged(repository: Repository) -> list[str]:
    """The paths that conflict, sorted."""
    out = _run(repository, "ls-files", "--unmerged", "-z")
    return sorted({os.fsdecode(entry.split(b"\t", 1)[1]) for entry in out.split(b"\0") if entry})


def commit(repository: Repository, message: str) -> str:
    """Commit what is in the index; the id of the commit. The user's hooks run, the guard too."""
    _run(repository, "commit", "--quiet", "--message", message)
    return repository.resolve("HEAD")


def abort(repository: Repository) -> None:
    """Go back to where `begin` was called."""
    _run(repository, "merge", "--abort")


def branch(repository: Repository) -> str:
    """The short name of the branch that is checked out, or the id of HEAD where it is detached."""
    process = repository.start("symbolic-ref", "--quiet", "--short", "HEAD")
    out, _ = process.communicate()
    return os.fsdecode(out).strip() if process.returncode == 0 else repository.resolve("HEAD")[:12]


def _run(repository: Repository, *words: str) -> bytes:
    process = repository.start(*words)
    out, err = process.communicate()
    if process.returncode != 0:
        raise failed(words[0], err or out)
    return out
