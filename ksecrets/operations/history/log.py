"""log: which value changed when, by whom, in which commit; from git and the tokens, without any key."""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError, KsecretsError, UsageError
from ksecrets.operations.history.walk import Entry, Touched, Walk
from ksecrets.operations.session import Session
from ksecrets.repository.commits import is_shallow
from ksecrets.repository.repository import Repository, top_level
from ksecrets.text.path import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ksecrets.operations.history.steps import Step


def log(
    path: str | None = None, key: str | None = None, *, revision: str = "HEAD", session: Session | None = None
) -> Iterator[Entry]:
    """The commits that changed files of secrets, newest first, each with what became of the values.

    path: only this file, through its renames, or what is below this folder; it need not exist any more. key: only the
    value at this path, or those below it. revision: the commit to begin with.

    Needs no key, opens nothing and contacts nobody (in a partial clone, git itself fetches what is missing). A kind of
    step that cannot be told is not guessed: see `history.steps.KINDS`; which data key a version has is what it claims,
    and `check` proves that. Merges are listed with what they changed beside all their parents. What cannot be read is a
    note on its file. Raises KsecretsError outside of a repository, for a revision that does not exist, and for a file
    that history does not know.
    """
    session = session or Session()
    if key is not None and path is None:
        raise UsageError("a path in a file needs the file")
    keys = parse(key) if key is not None else ()
    repository, relative = place(path)
    folder = relative is not None and (relative == "." or os.path.isdir(os.path.join(repository.top, relative)))
    if folder and keys:
        raise UsageError("is a folder, and a path of a value needs one file", file=path)
    if is_shallow(repository):
        session.note("this clone is shallow: what came before its first commits is not known here")
    if relative == ".":
        relative, folder = None, False
    repository.resolve(revision)  # before the first entry, so that a wrong word is an error at once
    return _entries(repository, relative, folder, keys, revision, session, path)


def _entries(
    repository: Repository,
    relative: str | None,
    folder: bool,
    keys: tuple[str | int, ...],
    revision: str,
    session: Session,
    path: str | None,
) -> Iterator[Entry]:
    some = False
    with Walk(repository, session) as walk:
        file = relative if not folder else None
        for entry in walk.entries(revision, file, relative if folder else None):
            some = True
            if keys:
                for touched in entry.files:
                    touched.steps = [step for step in touched.steps if about(step, keys)]
                entry.files = [touched for touched in entry.files if touched.steps]
            if entry.files:
                yield entry
    if not some and relative is not None:
        raise KsecretsError(f"no commit of {revision} knows it", file=path)


def place(path: str | None) -> tuple[Repository, str | None]:
    """The repository, and the path in it. A relative path counts from the working folder."""
    top = top_level(path) if path is not None else top_level(".")
    if top is None:
        raise ConfigError("this is not a git repository, so there is no history", file=path)
    repository = Repository(top)
    return repository, repository.relative(path) if path is not None else None


def about(step: Step, keys: tuple[str | int, ...]) -> bool:
    """Whether a step is about the value at these keys, or below, now or where it came from."""
    places = [step.path] if step.origin is None else [step.path, step.origin[1]]
    return any(each[: len(keys)] == keys for each in places)


__all__ = ["Entry", "Touched", "about", "log", "place"]
