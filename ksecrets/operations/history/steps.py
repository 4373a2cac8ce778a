"""What leads from one version of a file to the next, value by value, as far as that can be known without a key.

ksecrets computes the IV of a token from the data key, the value and its place, and sops keeps the token of a value
that did not change. So under one data key an unchanged token is an unchanged value, and a changed one a changed value.
Under two data keys nothing can be said of the values, and that is what is said.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ksecrets.operations.history.versions import Value, Version, Where

ADDED: Final = "added"
CHANGED: Final = "changed"
REMOVED: Final = "removed"
MOVED: Final = "moved"
REKEYED: Final = "re-keyed"
REENCRYPTED: Final = "re-encrypted"
ENCRYPTED: Final = "encrypted"
DECRYPTED: Final = "decrypted"

KINDS = {
    ADDED: "was not there before",
    CHANGED: "another value under the same data key, or another readable value",
    REMOVED: "is not there any more",
    MOVED: "the same token in another place",
    REKEYED: "under a new data key; whether the value changed cannot be known",
    REENCRYPTED: "sops made all tokens anew under the same data key; whether the value changed cannot be known",
    ENCRYPTED: "was plaintext before; whether the value changed cannot be known",
    DECRYPTED: "is PLAINTEXT now, and was encrypted before",
}
"""Every kind of step and what it means."""

UNKNOWN = frozenset((MOVED, REKEYED, REENCRYPTED, ENCRYPTED))
"""Kinds after which the value may well be the one that it was."""

_MOST = 1_000_000  # comparisons of list items; beyond, items are compared by their index
_NOTHING: dict[Where, Value] = {}


class Step:
    """One value that is not what it was. Its repr shows no value.

    kind: one of `KINDS`. path, document: where it stands, or stood. origin: where a moved value came from, else None;
    origin_file: the file, where that was another one. old_type, type: as in `shape`, None where there is none.
    secret: whether it is (or was) encrypted. old, new: tokens or readable texts, for comparing only, never for showing.
    """

    __slots__ = ("kind", "new", "old", "origin", "origin_file", "where")

    def __init__(
        self,
        kind: str,
        where: Where,
        *,
        old: Value | None = None,
        new: Value | None = None,
        origin: Where | None = None,
        origin_file: str | None = None,
    ) -> None:
        self.kind = kind
        self.where = where
        self.old = old
        self.new = new
        self.origin = origin
        self.origin_file = origin_file

    @property
    def path(self) -> tuple[str | int, ...]:
        return self.where[1]

    @property
    def secret(self) -> bool:
        return any(value is not None and value[0] for value in (self.old, self.new))

    @property
    def old_type(self) -> str | None:
        return self.old[1] if self.old is not None else None

    @property
    def type(self) -> str | None:
        return self.new[1] if self.new is not None else None

    def __repr__(self) -> str:
        return f"<Step {self.kind} {self.path}>"


def same_data_key(old: Version, new: Version) -> bool:
    """Whether two encrypted versions have one data key, as far as they say.

    sops does not name its data key; it is the same where a wrapped copy of it or a token is the same.
    """
    before, after = old.envelope, new.envelope
    if before is None or after is None:
        return True
    if before.kid is not None and after.kid is not None:
        return before.kid == after.kid
    if before.wrapped & after.wrapped:
        return True
    if not old.tokens or not new.tokens:
        return False
    return not set(old.tokens).isdisjoint(new.tokens)


def steps(old: Version | None, new: Version | None) -> list[Step]:
    """The steps from one version to another; None for no file. In the order of the new text, removed values behind."""
    left, right = _different(old, new)
    if not left and not right:
        return []
    found: list[Step] = []
    one_key = old is None or new is None or same_data_key(old, new)
    if one_key and left and right:
        _shifted(left, right)
        found += _moved(left, right)
    for where, value in right.items():
        was = left.pop(where, None)
        found.append(Step(_kind(was, value, one_key), where, old=was, new=value))
    found += [Step(REMOVED, where, old=was) for where, was in left.items()]
    if new is not None and new.envelope is not None and not new.envelope.sealed and old is not None:
        _all_anew(found, old, new)
    return found


def of_merge(each: list[list[Step]]) -> list[Step]:
    """What a merge changed: what differs from every parent. each: the steps from each of them."""
    first, *others = [{step.where: step for step in one} for one in each]
    found = []
    for where, step in first.items():
        same = [step, *(one[where] for one in others if where in one)]
        if len(same) != len(each):
            continue
        kinds = [one.kind for one in same]
        if REMOVED in kinds and any(kind != REMOVED for kind in kinds):
            continue  # there is no such thing: it stands in the result, or it does not
        found.append(next((one for one in same if one.kind in UNKNOWN), step))
    return found


def _kind(was: Value | None, now: Value, one_key: bool) -> str:
    if was is None:
        return ADDED
    if was[0] and now[0]:
        return CHANGED if one_key else REKEYED
    if was[0]:
        return DECRYPTED
    return ENCRYPTED if now[0] else CHANGED


def _different(old: Version | None, new: Version | None) -> tuple[dict[Where, Value], dict[Where, Value]]:
    """The values of both that are not the same in the same place."""
    if old is not None and new is not None and old.layout is new.layout:
        was, now = old.tokens, new.tokens
        places = [
            (where, slot)
            for where, slot in new.layout.slots.items()
            if isinstance(slot, int) and was[slot] != now[slot]
        ]
        return {where: old.value(slot) for where, slot in places}, {where: new.value(slot) for where, slot in places}
    before = old.values() if old is not None else _NOTHING
    after = new.values() if new is not None else _NOTHING
    return (
        {where: value for where, value in before.items() if after.get(where) != value},
        {where: value for where, value in after.items() if before.get(where) != value},
    )


def _shifted(left: dict[Where, Value], right: dict[Where, Value]) -> None:
    """Take out what only has another index because an item in front of it came or went: the order is the same."""
    lists: dict[object, tuple[list[Where], list[Where]]] = {}
    for side, places in enumerate((left, right)):
        for where in places:
            if any(isinstance(part, int) for part in where[1]):
                mask = (where[0], tuple(-1 if isinstance(part, int) else part for part in where[1]))
                lists.setdefault(mask, ([], []))[side].append(where)
    for was, now in lists.values():
        if len(was) == len(now) or not 0 < len(was) * len(now) <= _MOST:
            continue
        from difflib import SequenceMatcher

        matcher = SequenceMatcher(None, [left[each] for each in was], [right[each] for each in now], autojunk=False)
        for a, b, size in matcher.get_matching_blocks():
            for at in range(size):
                del left[was[a + at]], right[now[b + at]]


def _moved(left: dict[Where, Value], right: dict[Where, Value]) -> list[Step]:
    """Tokens that stand in another place; both sides lose them."""
    places = {value[2]: where for where, value in left.items() if value[0]}
    found = []
    for where, value in list(right.items()):
        origin = places.pop(value[2], None) if value[0] else None
        if origin is not None:
            found.append(Step(MOVED, where, old=value, new=value, origin=origin))
            del left[origin], right[where]
    return found


def _all_anew(found: list[Step], old: Version, new: Version) -> None:
    """sops, asked to encrypt again, makes a new token for every value: then a new token says nothing of its value."""
    changed = [step for step in found if step.kind == CHANGED and step.secret]
    if len(changed) < 2:
        return
    kept = {value[2] for value in old.values().values() if value[0]}
    if not any(value[0] and value[2] in kept for value in new.values().values()):
        for step in changed:
            step.kind = REENCRYPTED
