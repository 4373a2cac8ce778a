"""Plaintext working copies in this clone: the filter's command in its configuration, its files in `info/attributes`.

Both are this clone's own (all its worktrees share them), and nothing of it is committed: whoever has not asked for
plaintext on a disk does not get it. Our lines stand between the marks of .gitattributes; the others stay.

Every YAML file is filtered, not only those that a rule names today: a rule that comes with the next pull must not find
its plaintext added in silence. What no rule wants encrypted passes as it is.
"""

from __future__ import annotations

import os

from ksecrets.repository.setup import attributes, filter_command
from ksecrets.start import command
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.repository.repository import Repository

_ATTRIBUTES = "filter=ksecrets"
_ALWAYS = ("**/*.yaml", "**/*.yml")
_PROCESS, _REQUIRED = "filter.ksecrets.process", "filter.ksecrets.required"


def turn_on(repo: Repository, globs: Sequence[str]) -> list[str]:
    """Filter the files of these patterns; returns a line for each thing that changed."""
    changed = _write(repo, (*_ALWAYS, *globs))
    for name, value in _settings().items():
        if repo.config_get(name) != value:
            repo.config_set(name, value)
            changed = True
    return ["plaintext working copies are on in this clone"] if changed else []


def turn_off(repo: Repository) -> list[str]:
    """Filter no file any more; files of the working tree stay as they are."""
    changed = _write(repo, ())
    for name in _settings():
        if repo.config_get(name) is not None:
            repo.config_unset(name)
            changed = True
    return ["plaintext working copies are off in this clone"] if changed else []


def is_on(repo: Repository) -> bool:
    """Whether git of this clone filters files, or would if it could."""
    return repo.config_get(_PROCESS) is not None or _ATTRIBUTES in _before(repo)


def in_use(repo: Repository) -> bool:
    """Whether files of this clone are filtered; asks no process."""
    return _ATTRIBUTES in _before(repo)


def is_whole(repo: Repository, globs: Sequence[str]) -> bool:
    """Whether both halves are there: with one alone, git stores plaintext, or nothing."""
    before = _before(repo)
    wanted = attributes(before, (*_ALWAYS, *globs), _ATTRIBUTES) == before
    return wanted and all(repo.config_get(name) == value for name, value in _settings().items())


def _settings() -> dict[str, str]:
    python, *_, start = command()
    return {_PROCESS: filter_command(python, start), _REQUIRED: "true"}


def _file(repo: Repository) -> str:
    return os.path.join(repo.common_dir(), "info", "attributes")


def _before(repo: Repository) -> str:
    path = _file(repo)
    return atomic.read(path).text if os.path.lexists(path) else ""


def _write(repo: Repository, globs: Sequence[str]) -> bool:
    path = _file(repo)
    before = _before(repo)
    text = attributes(before, globs, _ATTRIBUTES)
    if text == before:
        return False
    if os.path.lexists(path):
        atomic.replace(path, text, expected=atomic.read(path))
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        atomic.create(path, text)
    return True
