"""Two shapes, compared value by value."""

from __future__ import annotations

from ksecrets.operations.shape import TOKEN, Collection, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ksecrets.operations.shape import Item, Key, Shape

    Pair = tuple[str | int, Item | None, Item | None]

_MOST = 4_000_000  # comparisons of list items; beyond, items are compared by their index


class Change:
    """One value that differs. Its repr shows neither value.

    kind: ``added``, ``removed`` or ``changed``. path: keys and list indices (of a removed item in the old list,
    otherwise in the new one). document: its number from 0 in a text of several documents, else None.
    old, new: the content, ``{}`` or ``[]`` for an empty collection; None where there is none, or it is not to be
    known. old_type, new_type: ``str``, ``int``, ``float``, ``bool``, ``time``, ``null``, ``alias``, ``map``, ``list``,
    or a tag; None together with the content.
    """

    __slots__ = ("document", "kind", "new", "new_type", "old", "old_type", "path")

    def __init__(
        self,
        kind: Literal["added", "removed", "changed"],
        path: tuple[str | int, ...],
        *,
        old: str | None = None,
        new: str | None = None,
        old_type: str | None = None,
        new_type: str | None = None,
        document: int | None = None,
    ) -> None:
        self.kind = kind
        self.path = path
        self.old = old
        self.new = new
        self.old_type = old_type
        self.new_type = new_type
        self.document = document

    def __repr__(self) -> str:
        return f"<Change {self.kind} {self.path}>"


def compare(old: Shape, new: Shape, *, show: bool) -> list[Change]:
    """What differs, in the order of the new text; removed values where they stood. show: with the values."""
    changes: list[Change] = []
    count = max(len(old.documents), len(new.documents))
    todo: list[tuple[int | None, tuple[str | int, ...], Item | None, Item | None]] = []
    for number in reversed(range(count)):
        before = old.documents[number] if number < len(old.documents) else None
        after = new.documents[number] if number < len(new.documents) else None
        todo.append((number if count > 1 else None, (), before, after))
    while todo:
        document, path, before, after = todo.pop()
        if before is not None and after is not None:
            if before.signature == after.signature:
                continue
            if isinstance(before, Value) and isinstance(after, Value):
                changes.append(_change("changed", path, before, after, document, show))
                continue
            if not _alike(before, after):
                # Another kind of thing: all that was there is gone, and all that is there is new.
                todo += [(document, path, None, after), (document, path, before, None)]
                continue
        for part, was, now in reversed(_pairs(before, after)):
            todo.append((document, (*path, part), was, now))
        if before is None and after is not None and _is_leaf(after):
            changes.append(_change("added", path, None, after, document, show))
        elif after is None and before is not None and _is_leaf(before):
            changes.append(_change("removed", path, before, None, document, show))
    return changes


def comments_changed(old: Shape, new: Shape) -> int:
    """How many comments came, went or changed."""
    rest: dict[str, int] = {}
    for comment in old.comments:
        rest[comment] = rest.get(comment, 0) + 1
    added = 0
    for comment in new.comments:
        if rest.get(comment):
            rest[comment] -= 1
        else:
            added += 1
    return max(added, sum(rest.values()))


def _alike(before: Item, after: Item) -> bool:
    return isinstance(before, Collection) and isinstance(after, Collection) and before.is_list == after.is_list


def _is_leaf(item: Item) -> bool:
    return isinstance(item, Value) or not item.items


def _change(
    kind: Literal["added", "removed", "changed"],
    path: tuple[str | int, ...],
    before: Item | None,
    after: Item | None,
    document: int | None,
    show: bool,
) -> Change:
    change = Change(kind, path, document=document)
    if show and before is not None:
        change.old_type, change.old = _shown(before)
    if show and after is not None:
        change.new_type, change.new = _shown(after)
    return change


def _shown(item: Item) -> tuple[str | None, str | None]:
    if isinstance(item, Collection):
        return ("list", "[]") if item.is_list else ("map", "{}")
    return (None, None) if item.kind == TOKEN else (item.kind, item.text)


def _pairs(before: Item | None, after: Item | None) -> list[Pair]:
    """The items of two collections that belong together; None where one has no partner."""
    old = before.items if isinstance(before, Collection) else {}
    new = after.items if isinstance(after, Collection) else {}
    if not old or not new:
        return [(key[0], item, None) for key, item in old.items()] + [(key[0], None, item) for key, item in new.items()]
    if isinstance(after, Collection) and after.is_list:
        return _aligned(list(old.values()), list(new.values()))
    gone: dict[Key | None, list[Key]] = {}  # removed keys, behind the last key before them that stayed
    behind: Key | None = None
    for key in old:
        if key in new:
            behind = key
        else:
            gone.setdefault(behind, []).append(key)
    pairs: list[Pair] = [(key[0], old[key], None) for key in gone.get(None, ())]
    for key, item in new.items():
        pairs.append((key[0], old.get(key), item))
        pairs += [(removed[0], old[removed], None) for removed in gone.get(key, ())]
    return pairs


def _aligned(old: list[Item], new: list[Item]) -> list[Pair]:
    """Items of two lists: equal ones are left out, so that an item in front does not change all behind it."""
    start = 0
    while start < min(len(old), len(new)) and old[start].signature == new[start].signature:
        start += 1
    old_end, new_end = len(old), len(new)
    while min(old_end, new_end) > start and old[old_end - 1].signature == new[new_end - 1].signature:
        old_end -= 1
        new_end -= 1
    blocks = [(start, old_end, start, new_end)]
    if 0 < (old_end - start) * (new_end - start) <= _MOST:
        from difflib import SequenceMatcher

        matcher = SequenceMatcher(
            None,
            [item.signature for item in old[start:old_end]],
            [item.signature for item in new[start:new_end]],
            autojunk=False,
        )
        blocks = [
            (start + a, start + b, start + c, start + d) for tag, a, b, c, d in matcher.get_opcodes() if tag != "equal"
        ]
    pairs: list[Pair] = []
    for a, b, c, d in blocks:
        both = min(b - a, d - c)
        pairs += [(c + at, old[a + at], new[c + at]) for at in range(both)]
        pairs += [(at, old[at], None) for at in range(a + both, b)]
        pairs += [(at, None, new[at]) for at in range(c + both, d)]
    return pairs
