"""drift: what one environment has and the other lacks.

Keys are compared as the charts that use them would: an item of a list counts by what it has, not by its index, so that
three hosts here and two there are no drift, but a password that only one side's users have is. Needs no key; with keys
it also tells which secrets are the same on both sides, by their paths.
"""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError, KsecretsError, UsageError
from ksecrets.operations.history.versions import Reader
from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Session
from ksecrets.text.path import format as format_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from ksecrets.operations.history.versions import Value, Version, Where

    Mask = tuple[int, tuple[str | int, ...]]
    Found = dict[Mask, list[tuple[Where, Value]]]

MISSING: Final = "missing"
TYPE: Final = "type"
READABLE: Final = "readable"
SAME: Final = "same"

KINDS = {
    MISSING: "one side has no such key",
    TYPE: "the value is of another type",
    READABLE: "encrypted on one side, and readable on the other",
    SAME: "the same secret on both sides",
}
"""Every kind of drift and what it means."""

_SHORT = 8  # characters: numbers below that are ports and counts, which are alike everywhere
_NO_FILE = "any.yaml"


class Drift:
    """One difference. kind: one of `KINDS`. where: of its first value, on the side that has it; else on the left.

    left, right: the types on both sides with commas between them, None where the key is missing. secret: whether it is
    encrypted, on each side.
    """

    __slots__ = ("kind", "left", "right", "secret", "where")

    def __init__(self, kind: str, where: Where, left: str | None, right: str | None, secret: tuple[bool, bool]) -> None:
        self.kind = kind
        self.where = where
        self.left = left
        self.right = right
        self.secret = secret

    @property
    def path(self) -> str:
        """Where, as the commands take it."""
        return format_path(self.where[1])

    def __repr__(self) -> str:
        return f"<Drift {self.kind} {self.path}>"


class Pair:
    """Two files that belong together, or one that has no partner (the other is None). drifts: in the order of the left
    file, what only the right one has behind it. notes: what else is to be known.
    """

    __slots__ = ("drifts", "left", "notes", "right")

    def __init__(self, left: str | None, right: str | None) -> None:
        self.left = left
        self.right = right
        self.drifts: list[Drift] = []
        self.notes: list[str] = []

    def __repr__(self) -> str:
        return f"<Pair {self.left} {self.right}, {len(self.drifts)} drifts>"


def drift(left: str, right: str, *, values: bool = False, session: Session | None = None) -> list[Pair]:
    """Compare two environments, or two files.

    left, right: both names of environments of the configuration, or both files. The files of two environments belong
    together where their paths differ by the name of the environment only, and where each side has one file left.
    values: also which secrets are the same on both sides; this takes keys for both. Booleans, nulls, empty strings and
    numbers of less than 8 digits do not count as secrets.

    Raises KsecretsError: neither an environment nor a file; with `values`, whatever opening the files raises. Without
    it, what is wrong with one file is a note on its pair.
    """
    session = session or Session()
    reader = Reader()
    pairs = []
    for one, other in _pairs(left, right, session):
        pair = Pair(one, other)
        pairs.append(pair)
        if one is None or other is None:
            continue
        texts = [read(path, None, session).text for path in (one, other)]
        versions = [reader.read(text.encode()) for text in texts]
        for path, version in zip((one, other), versions, strict=True):
            if version.problem is not None:
                pair.notes.append(f"{path}: {version.problem}")
            elif version.envelope is None:
                pair.notes.append(f"{path} is PLAINTEXT")
        if any(version.problem is not None for version in versions):
            continue
        pair.drifts = compare(*versions)
        if values:
            opened = [
                reader.read(_plaintext(path, text, version, session).encode())
                for path, text, version in zip((one, other), texts, versions, strict=True)
            ]
            pair.drifts += same_values(versions, opened)
    return pairs


def compare(left: Version, right: Version) -> list[Drift]:
    """What can be said without keys."""
    ours, theirs = _by_mask(left), _by_mask(right)
    both_encrypted = left.envelope is not None and right.envelope is not None
    found = []
    for mask, values in ours.items():
        there = theirs.get(mask)
        secret = (_is_secret(values), _is_secret(there or ()))
        if there is None:
            found.append(Drift(MISSING, values[0][0], _types(values), None, secret))
        elif _types(values) != _types(there):
            found.append(Drift(TYPE, values[0][0], _types(values), _types(there), secret))
        elif both_encrypted and secret[0] != secret[1] and not _is_empty(there if secret[0] else values):
            found.append(Drift(READABLE, values[0][0], _types(values), _types(there), secret))
    for mask, values in theirs.items():
        if mask not in ours:
            found.append(Drift(MISSING, values[0][0], None, _types(values), (False, _is_secret(values))))
    return found


def same_values(encrypted: list[Version], opened: list[Version]) -> list[Drift]:
    """Secrets that are the same on both sides: of a pair, the two versions as they stand, and their plaintexts."""
    secret = [{where for where, value in version.values().items() if value[0]} for version in encrypted]
    theirs: dict[Mask, set[tuple[str, str]]] = {}
    for where, value in opened[1].values().items():
        if where in secret[1] and _counts(value):
            theirs.setdefault(_mask(where), set()).add(value[1:])
    return [
        Drift(SAME, where, value[1], value[1], (True, True))
        for where, value in opened[0].values().items()
        if where in secret[0] and _counts(value) and value[1:] in theirs.get(_mask(where), ())
    ]


def _plaintext(path: str, text: str, version: Version, session: Session) -> str:
    return text if version.envelope is None else open_file(read(path, text, session), session).plaintext


def _counts(value: Value) -> bool:
    _, kind, text = value
    return (kind == "str" and text.strip() != "") or (kind in ("int", "float", "time") and len(text) >= _SHORT)


def _by_mask(version: Version) -> Found:
    found: Found = {}
    for where, value in version.values().items():
        found.setdefault(_mask(where), []).append((where, value))
    return found


def _mask(where: Where) -> Mask:
    return where[0], tuple(-1 if isinstance(part, int) else part for part in where[1])


def _types(values: Iterable[tuple[Where, Value]]) -> str:
    return ", ".join(sorted({value[1] for _, value in values}))


def _is_secret(values: Iterable[tuple[Where, Value]]) -> bool:
    return any(value[0] for _, value in values)


def _is_empty(values: Iterable[tuple[Where, Value]]) -> bool:
    """Nulls and empty texts are never encrypted, and collections have no value."""
    return all(value[2] == "" or value[1] in ("null", "alias") for _, value in values)


# -- which files belong together ---------------------------------------------------------------------------------------


def _pairs(left: str, right: str, session: Session) -> list[tuple[str | None, str | None]]:
    place = session.place(_NO_FILE)
    named: object = getattr(place.rules.config, "environments", {}) if place.rules is not None else {}
    environments = set(named) if isinstance(named, dict) else set()
    if left in environments and right in environments:
        return _of_environments(left, right, session)
    if os.path.isfile(left) and os.path.isfile(right):
        return [(left, right)]
    for word in (left, right):
        if word not in environments and not os.path.isfile(word):
            raise UsageError(
                f"{word!r} is neither an environment nor a file here",
                hint=f"the environments are {', '.join(sorted(environments))}" if environments else None,
            )
    raise UsageError("an environment cannot be compared with a file")


def _of_environments(left: str, right: str, session: Session) -> list[tuple[str | None, str | None]]:
    if left == right:
        raise UsageError("an environment has no drift from itself")
    ours, theirs = ({_without(path, name): path for path in _files(name, session)} for name in (left, right))
    pairs: list[tuple[str | None, str | None]] = [(ours[key], theirs[key]) for key in ours if key in theirs]
    alone = [path for key, path in ours.items() if key not in theirs]
    others = [path for key, path in theirs.items() if key not in ours]
    if len(alone) == len(others) == 1:
        pairs.append((alone[0], others[0]))
    else:
        pairs += [(path, None) for path in alone] + [(None, path) for path in others]
    if not pairs:
        raise ConfigError(f"neither {left} nor {right} has a file")
    return pairs


def _without(path: str, environment: str) -> str:
    """A path without the name of its environment, where that stands as a word of its own."""
    import re

    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(environment)}(?![A-Za-z0-9])", "\0", path)


def _files(environment: str, session: Session) -> list[str]:
    """The files of an environment that are there, tracked or not, as paths from the working folder."""
    from ksecrets.repository.repository import Repository, top_level

    rules = session.place(_NO_FILE).rules
    assert rules is not None
    top = top_level(rules.root)
    if top is not None:
        names = Repository(top).ls_files(untracked=True)
        inside = os.path.relpath(rules.root, top).replace(os.sep, "/")
        prefix = "" if inside == "." else inside + "/"
        names = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    else:
        names = [
            os.path.relpath(os.path.join(above, name), rules.root).replace(os.sep, "/")
            for above, _, files in os.walk(rules.root)
            for name in sorted(files)
        ]
    found = []
    for name in names:
        try:
            policy = rules.policy(name)
        except KsecretsError as error:  # of two environments: `check` is about that
            session.note(str(error))
            continue
        real = os.path.join(rules.root, *name.split("/"))
        if policy is not None and policy.environment == environment and os.path.isfile(real):
            found.append(os.path.relpath(real))
    return found


__all__ = ["KINDS", "Drift", "Pair", "drift"]
