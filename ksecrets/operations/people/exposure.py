"""exposure: which values somebody could ever have decrypted, and whether they still stand in use.

Read from git alone, for every branch and tag, through renames; it takes no key. Two versions are compared token by
token: under one data key the same token is the same value, and another token another value. Where a file got a new data
key, all its tokens are new, and whether a value is still the old one cannot be seen from outside: it counts as the old
one until it changes under the new key. Where an identity at hand opens both sides, they are compared instead.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.files.open import open_text
from ksecrets.operations.diffview import visible
from ksecrets.operations.people.keys import keys_of
from ksecrets.operations.people.past import Past, Version, places
from ksecrets.operations.people.scope import scope
from ksecrets.operations.session import Place, Session
from ksecrets.operations.shape import shape
from ksecrets.rules import FILE
from ksecrets.rules.reading import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Literal

    State = Literal["in use", "changed", "gone"]

IN_USE: State = "in use"
CHANGED: State = "changed"
GONE: State = "gone"
_ORDER = (IN_USE, CHANGED, GONE)


class Exposed:
    """One value that somebody could read. Never the value itself.

    file: where it stands now, or stood last; below the top of the repository. path: in the file, as it is shown. state:
    `in use`: what stands there is what they could read, or it cannot be told from it; `changed`: something else stands
    there; `gone`: nothing does. since: when they could read it first, in seconds since 1970; 0: only in the working
    tree. reads: they are a reader of the file as it is now.
    """

    __slots__ = ("file", "path", "reads", "since", "state")

    def __init__(self, file: str, path: str, state: State, since: int, *, reads: bool) -> None:
        self.file = file
        self.path = path
        self.state: State = state
        self.since = since
        self.reads = reads

    def __repr__(self) -> str:
        return f"<Exposed {self.file} {self.path} {self.state}>"


class Exposure:
    """What somebody could read.

    keys: theirs, as they are written. values: by file and path. shallow: the clone has only the end of the history, so
    there may be more. guessed: values that count as in use because no identity at hand opens both sides of a change of
    data keys.
    """

    __slots__ = ("guessed", "keys", "name", "shallow", "values")

    def __init__(self, name: str, keys: Collection[str], *, shallow: bool) -> None:
        self.name = name
        self.keys = list(keys)
        self.shallow = shallow
        self.values: list[Exposed] = []
        self.guessed = 0

    @property
    def in_use(self) -> int:
        """How many of the values still stand in use."""
        return sum(value.state == IN_USE for value in self.values)

    def to_json(self) -> dict[str, object]:
        """As data for `json`."""
        return {
            "name": self.name,
            "keys": self.keys,
            "shallow": self.shallow,
            "in_use": self.in_use,
            "guessed": self.guessed,
            "values": [
                {
                    "file": value.file,
                    "path": value.path,
                    "state": value.state,
                    "since": _day(value.since) or None,
                    "reads_now": value.reads,
                }
                for value in self.values
            ],
        }


def exposure(name: str, *, path: str = ".", session: Session | None = None) -> Exposure:
    """What the keys that stand, or ever stood, under a name could open. An age recipient can stand for a name.

    Raises ConfigError where nobody ever had the name, or outside of git.
    """
    session = session or Session()
    found = scope(session, path)
    if found.repository is None:
        raise ConfigError("this is not a git repository: there is no history to look at", file=found.file)
    known = keys_of(name, found)
    if not known:
        hint = nearest(name, found.config.recipients) or f"there are: {', '.join(found.config.recipients)}"
        raise ConfigError(f"{visible(name)} was never a recipient", file=FILE, hint=hint)
    past = Past(found.repository)
    result = Exposure(name, known.values(), shallow=past.shallow)
    _Search(past, known.keys(), session).fill(result)
    return result


class _Search:
    """Values as classes of tokens: two tokens are in one class where they stand, or may stand, for one value."""

    __slots__ = ("_classes", "_guessed", "_keys", "_past", "_session")

    def __init__(self, past: Past, keys: Collection[tuple[object, ...]], session: Session) -> None:
        self._past = past
        self._keys = frozenset(keys)
        self._session = session
        self._classes: dict[str, str] = {}
        self._guessed: set[str] = set()  # tokens that came into their class without proof

    def fill(self, result: Exposure) -> None:
        """Find the exposed values, and say of each where it stands now."""
        past = self._past
        past.load([blob for step in past.steps for blob in (step.old, step.new) if blob is not None])
        past.load(list(past.now.values()))
        moved: dict[str, str] = {}
        exposed: dict[str, tuple[int, list[tuple[str, str]]]] = {}  # class -> since, and where it stood
        first: list[tuple[int, str, Version]] = []
        for step in past.steps:
            if step.new is None:
                continue
            new = past.version(step.new)
            old = past.version(step.old) if step.old is not None else None
            if new is not None and old is not None:
                self._step(old, new)
            if step.old is not None and step.old_path != step.new_path:
                moved[step.old_path] = step.new_path
                moved.pop(step.new_path, None)
            if new is not None and self._keys & new.readers:
                first.append((step.time, step.new_path, new))
        for time, file, version in first:
            for where, token in version.tokens.items():
                since, stood = exposed.setdefault(self._class(token), (time, []))
                if (file, where) not in stood:
                    stood.append((file, where))
        now: dict[str, list[tuple[str, str]]] = {}
        there: set[tuple[str, str]] = set()
        readable: set[str] = set()
        guessed = {self._class(token) for token in self._guessed}
        for file, blob in past.now.items():
            current = past.version(blob)
            if current is None:
                continue
            if self._keys & current.readers:
                readable.add(file)
            for where, token in current.tokens.items():
                there.add((file, where))
                now.setdefault(self._class(token), []).append((file, where))
        rows: dict[tuple[str, str], Exposed] = {}
        for each, (since, stood) in exposed.items():
            standing = now.get(each)
            if standing and each in guessed:
                result.guessed += len(standing)
            for file, where in standing or [(_last(file, moved), where) for file, where in stood[-1:]]:
                state = IN_USE if standing else CHANGED if (file, where) in there else GONE
                row = rows.setdefault((file, where), Exposed(file, where, state, since, reads=file in readable))
                row.state = min(row.state, state, key=_ORDER.index)
                row.since = min(row.since, since) if since and row.since else row.since or since
        result.values = [rows[key] for key in sorted(rows)]

    def _step(self, old: Version, new: Version) -> None:
        """Put the values of two versions that may be the same into one class; equal tokens are in one anyway."""
        common = old.tokens.keys() & new.tokens.keys()
        # Under one data key the token of a value that stays is kept. Only when sops encrypts from scratch it is not,
        # and then no token at all.
        kept = new.kid is not None or any(old.tokens[where] == new.tokens[where] for where in common)
        if kept and old.same_key(new):
            return
        same = self._opened(old, new)
        for where in common:
            before, after = old.tokens[where], new.tokens[where]
            if before != after and (same is None or where in same):
                one, other = self._class(before), self._class(after)
                self._classes[other] = one
                if same is None:
                    self._guessed.add(after)

    def _opened(self, old: Version, new: Version) -> set[str] | None:
        """Where two versions have the same value; None where one of them cannot be opened."""
        key = self._session.key_for(Place("-"))
        try:
            opened = [open_text(version.text, data_key_for=key) for version in (old, new)]
            before, after = (places(shape(each.plaintext, format=each.format)) for each in opened)
        except KsecretsError:
            return None
        return {where for where in before.keys() & after.keys() if before[where] == after[where]}

    def _class(self, token: str) -> str:
        root = token
        while (above := self._classes.get(root, root)) != root:
            root = above
        while token != root:  # the next one goes straight there
            token, self._classes[token] = self._classes[token], root
        return root


def _last(file: str, moved: dict[str, str]) -> str:
    """Where a file is after all its moves."""
    seen = {file}
    while file in moved and moved[file] not in seen:
        file = moved[file]
        seen.add(file)
    return file


def render(found: Exposure) -> str:
    """The checklist as Markdown: a box for each value, ticked where it is not in use any more. Never a value."""
    lines = [f"# What {visible(found.name)} could read", ""]
    if not found.values:
        lines.append("Nothing, as far as git knows.")
    else:
        count = "1 value" if len(found.values) == 1 else f"{len(found.values)} values"
        lines.append(f"{count}, {found.in_use} of them still in use. Change these where they are valid, then here.")
    if found.shallow:
        lines += ["", "**This clone has only the end of the history**: `git fetch --unshallow` first."]
    if found.guessed:
        lines += ["", f"Of {found.guessed} in use it is not known whether they changed together with their data key."]
    file = None
    for value in found.values:
        if value.file != file:
            file = value.file
            note = f", which {visible(found.name)} reads" if value.reads else ""
            lines += ["", f"## {_code(file)}{note}", ""]
        box = " " if value.state == IN_USE else "x"
        since = f", since {_day(value.since)}" if value.since else ""
        lines.append(f"- [{box}] {_code(value.path)}: {value.state}{since}")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    """A code span that no name can break out of."""
    text = visible(text).replace("\n", " ")
    fence = "`"
    while fence in text:
        fence += "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _day(seconds: int) -> str:
    import time

    return time.strftime("%Y-%m-%d", time.gmtime(seconds)) if seconds else ""
