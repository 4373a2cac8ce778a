"""sync: bring the base branch in, merge encrypted files with the key, and seal what others merged without one.

It works for others: in CI it holds a key, and the branch may be anybody's. So before a key is used, the branch is
judged as `check BASE...HEAD` judges it, by the configuration of the base: a branch that lets somebody read, brings an
old version back or puts a file in the place of another is refused. What is merged are versions that git knows, each
opened with its seal; nothing of the branch is run.
"""

from __future__ import annotations

import os

from ksecrets.errors import EXIT_CHECK, ConfigError, KsecretsError
from ksecrets.operations.merging.resolve import resolve
from ksecrets.operations.reading import looks_encrypted
from ksecrets.operations.review.judge import review
from ksecrets.operations.session import Session
from ksecrets.repository import merging as git
from ksecrets.repository.repository import INDEX, Repository, top_level

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ksecrets.operations.findings import Finding
    from ksecrets.operations.writing import Encrypted

    Editor = Callable[[str, str, str | None], str]  # path, plaintext with markers, what is wrong with the last try

_TO_FINISH = ("merge-pending", "conflict-markers")
_MOST = 8


class Refused(KsecretsError):
    """The branch does not pass the check."""

    exit_code = EXIT_CHECK


class Synced:
    """What was done. base: what was brought in. finished: files that were sealed after somebody else's merge.

    merged: files that both sides had changed. commits: the ids of the commits that were made, none where all was done.
    """

    __slots__ = ("base", "commits", "finished", "merged")

    def __init__(self, base: str) -> None:
        self.base = base
        self.finished: list[Encrypted] = []
        self.merged: list[Encrypted] = []
        self.commits: list[str] = []


def sync(
    base: str | None = None, *, editor: Editor | None = None, allow: Sequence[str] = (), session: Session | None = None
) -> Synced:
    """Merge `base` into the branch that is checked out, and commit.

    base: a revision; by default the trusted ref, as last fetched. editor: asked where both sides changed one value;
    None: that is an error. allow: codes of findings that were agreed on, as for `check`.

    Raises Refused where the branch does not pass the check, KsecretsError where the working tree is not clean, a value
    is to be decided, or a file that is not encrypted conflicts. The merge is then taken back.
    """
    session = session or Session()
    top = top_level(".")
    if top is None:
        raise ConfigError("this is not a git repository, so there is nothing to bring in")
    repository = Repository(top)
    git.refuse_unclean(repository)
    name = base or _trusted(repository)
    commit = repository.resolve(name)
    done = Synced(name)
    waiting = _judged(name, allow, session)
    branch = git.branch(repository)
    if waiting:
        # Before the merge: a version that waits is none that could be merged.
        for path in waiting:
            done.finished.append(_resolved(repository, path, editor, session))
            repository.add(path)
        done.commits.append(git.commit(repository, f"Seal what was merged into {branch}"))
    if git.is_ancestor(repository, commit, repository.resolve("HEAD")):
        return done
    git.begin(repository, commit)
    try:
        # The configuration may be another one now: what was read before does not count.
        after = Session(session.environ)
        for path in _encrypted(repository, git.unmerged(repository)):
            done.merged.append(_resolved(repository, path, editor, after))
        _refuse_others(repository, commit, {each.path for each in done.merged})
        for note in after.told():
            session.note(note)
        done.commits.append(git.commit(repository, f"Merge {_short(name)} into {branch}"))
    except BaseException:
        git.abort(repository)
        raise
    return done


def _trusted(repository: Repository) -> str:
    ref = repository.trusted_ref()
    if ref is None or ref == "HEAD":
        raise ConfigError("there is no remote branch to bring in", hint="name one: ksecrets sync BASE")
    return ref


def _judged(base: str, allow: Sequence[str], session: Session) -> list[str]:
    """The files that wait for somebody with a key. Raises Refused for every other error of the check."""
    report = review(base, "HEAD", merge_base=True, allow=allow, session=session)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    wrong = [finding for finding in errors if finding.code not in _TO_FINISH]
    if wrong:
        more = [f"... and {len(wrong) - _MOST} more"] if len(wrong) > _MOST else []
        raise Refused(
            f"this branch does not pass the check against {base}, so nothing was merged",
            details=[*map(_line, wrong[:_MOST]), *more],
            hint=f"ksecrets check {base}...HEAD; what was agreed on: ksecrets sync --allow CODE",
        )
    return sorted({finding.file for finding in errors})


def _line(finding: Finding) -> str:
    return f"{finding.file}: {finding.message} [{finding.code}]"


def _encrypted(repository: Repository, paths: Sequence[str]) -> list[str]:
    """The same paths, all of encrypted files. Raises KsecretsError for the others: they are for a person."""
    others = []
    for path in paths:
        sides = [repository.blob(f":{stage}:{path}") for stage in (2, 3)]
        if not all(raw is not None and looks_encrypted(raw.decode("utf-8", "replace")) for raw in sides):
            others.append(path)
    if others:
        raise KsecretsError(
            "conflicts, and is not for ksecrets to merge: the merge was taken back",
            file=others[0],
            details=others[1:_MOST],
            hint="merge with git, then `ksecrets resolve` the encrypted files",
        )
    return list(paths)


def _refuse_others(repository: Repository, commit: str, resolved: set[str]) -> None:
    """Refuse an encrypted file that git has put together itself: `.gitattributes` of the branch can say `merge=union`.

    What came out is of neither side, and has no MAC of its own.
    """
    theirs = {blob for _, blob in repository.tree_files(commit)}
    with repository.batch() as batch:
        for _, _, path, _, blob in repository.changed("HEAD", INDEX):
            if path is None or blob is None or blob in theirs or _here(repository, path) in resolved:
                continue
            raw = batch.blob(blob)
            if raw is not None and looks_encrypted(raw.decode("utf-8", "replace")):
                raise KsecretsError(
                    "git has merged it as text: .gitattributes gives it another merge driver",
                    file=_here(repository, path),
                    hint="ksecrets git setup",
                )


def _here(repository: Repository, path: str) -> str:
    return os.path.relpath(os.path.join(repository.top, *path.split("/")))


def _resolved(repository: Repository, path: str, editor: Editor | None, session: Session) -> Encrypted:
    here = _here(repository, path)

    def ask(plaintext: str, problem: str | None) -> str:
        if editor is None:
            raise KsecretsError(
                "both sides changed the same value: somebody with a key has to decide",
                file=here,
                hint=f"git merge, then ksecrets resolve {here}",
            )
        return editor(here, plaintext, problem)

    return resolve(here, ask, session=session)


def _short(ref: str) -> str:
    return ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
