"""Which files a command over a tree is about."""

from __future__ import annotations

import os
import stat

from ksecrets.errors import KsecretsError, UsageError
from ksecrets.files import formats
from ksecrets.operations.reading import refuse_vanished_rules
from ksecrets.operations.wanted import NO_FILE, YAML
from ksecrets.storage.missing import missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ksecrets.operations.session import Place, Session
    from ksecrets.repository.repository import Repository

_OWN = (".ksecrets.yaml", ".sops.yaml")


class Selected:
    """A file to work on. named: the user named it, so that it must be one that can be worked on."""

    __slots__ = ("named", "path")

    def __init__(self, path: str, *, named: bool) -> None:
        self.path = path
        self.named = named


def select(
    paths: Sequence[str], session: Session, *, env: str | None = None, changed_since: str | None = None
) -> list[Selected]:
    """The files of these paths, sorted as git has them; each once.

    A file counts as it is named. Of a folder, and without paths of the whole repository around the working folder: the
    files that a rule is about, tracked or not, but not the ignored ones and no links. env: only those of this
    environment. changed_since: only those that differ from this revision.

    Raises KsecretsError where a path does not exist, ConfigError where the rules of a folder cannot be used, UsageError
    for an environment that there is not.
    """
    found: dict[str, Selected] = {}
    known: set[str] = set()
    changed: dict[str, set[str]] = {}
    for path in paths or [_around(session)]:
        named = not os.path.isdir(path)
        if named and not os.path.lexists(path):
            raise missing(path)
        top = session.place(path if named else os.path.join(path, NO_FILE))
        if top.rules is not None and top.rules.kind == "ksecrets":
            known.update(top.rules.config.environments)  # type: ignore[union-attr]
        else:
            refuse_vanished_rules(top, session)
        if not named and top.rules is None:
            raise KsecretsError(
                "no rules are about what is in this folder", file=path, hint="`ksecrets init` writes a .ksecrets.yaml"
            )
        for file in [path] if named else _below(path, session, top):
            real = os.path.realpath(file)
            if real in found or (env is not None and not _is_in(file, env, session)):
                continue
            if changed_since is not None and not _has_changed(real, top, changed_since, session, changed):
                continue
            found[real] = Selected(file, named=named)
    if env is not None and env not in known:
        from ksecrets.rules.reading import nearest

        hint = nearest(env, known) or ("one of " + ", ".join(sorted(known)) if known else "there is no .ksecrets.yaml")
        raise UsageError(f"no environment is called {env}", hint=hint)
    return list(found.values())


def refuse_type_of_trees(input_type: str | None, selected: Sequence[Selected]) -> None:
    """Raises UsageError where a format was given of files that nobody named: they go by their names."""
    if input_type is None:
        return
    formats.by_name(input_type)
    if not all(file.named for file in selected):
        raise UsageError("--input-type is for files that are named, not for what is below a folder")


def _around(session: Session) -> str:
    """The top of the repository (or of the rules, outside of git) around the working folder, as a path from it."""
    place = session.place(NO_FILE)
    root = place.top or (place.rules.root if place.rules is not None else None)
    return os.curdir if root is None else os.path.relpath(root, os.path.realpath(os.curdir))


def _below(folder: str, session: Session, top: Place) -> Iterator[str]:
    repository = session.repository(top)
    if repository is None:
        for above, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if name != ".git")
            candidates = (os.path.normpath(os.path.join(above, name)) for name in sorted(names))
            yield from (path for path in candidates if _is_ruled(path, session))
        return
    here = os.path.realpath(os.curdir)
    for name in repository.ls_files([repository.relative(folder)], untracked=True):
        path = name if here == repository.top else os.path.relpath(_on_disk(repository, name), here)
        if _is_ruled(path, session):
            yield path


def _is_ruled(path: str, session: Session) -> bool:
    """Whether a rule is about this file of a folder, and it is one that can be encrypted."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
    except OSError:
        return False  # git knows it, and it is not there
    try:
        place = session.place(path)
    except KsecretsError:
        return True  # two environments, or a link on the way: its own failure, said with its name
    if place.policy is None or place.relative in _OWN:
        return False
    return place.environment is not None or path.endswith(YAML)


def _is_in(path: str, env: str, session: Session) -> bool:
    try:
        return session.place(path).environment == env
    except KsecretsError:
        return True


def _has_changed(real: str, top: Place, revision: str, session: Session, known: dict[str, set[str]]) -> bool:
    repository = session.repository(top)
    if repository is None:
        raise UsageError("--changed-since needs git, and this is no repository")
    if repository.top not in known:
        known[repository.top] = {_on_disk(repository, name) for name in _changed(repository, revision)}
    return real in known[repository.top]


def _changed(repository: Repository, revision: str) -> Iterator[str]:
    from ksecrets.repository.repository import WORKTREE

    for _status, _old, new, _old_id, _new_id in repository.changed(revision, WORKTREE):
        if new is not None:
            yield new
    tracked = set(repository.ls_files())
    yield from (name for name in repository.ls_files(untracked=True) if name not in tracked)


def _on_disk(repository: Repository, name: str) -> str:
    return os.path.join(repository.top, *name.split("/"))
