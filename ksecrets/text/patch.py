"""Set or remove one value of a plaintext YAML text; every other byte stays.

The new text is parsed again and compared with the old one: only the addressed value may have changed, for every
reader. Where no way of writing does that, the edit is refused and nothing has happened.
"""

from __future__ import annotations

from ksecrets.errors import KsecretsError, NoSuchValue, SyntaxRefused, UsageError
from ksecrets.text import path as paths
from ksecrets.text.composed import ALIAS, LIST, MAP, SCALAR, Composed, Item
from ksecrets.text.emitted import meaning, plain_data, records
from ksecrets.text.rewritten import replaced, styles, with_entry, with_value, without_entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ksecrets.text.emitted import Value
    from ksecrets.text.path import Path


def set_value(text: str, path: Path, value: object, *, document: int = 0, indent: int = 2) -> str:
    """The text with a value at a path: replaced in place, or added behind its siblings, parents included.

    text: plaintext YAML; a byte order mark, the line ends and a missing final newline are kept. value: a string,
    number, boolean, None, or lists and dicts of them. document: which document of the text, from 0. indent:
    columns a level, where the text shows none.

    A string keeps the style of the one that it replaces where it fits; text of several lines becomes a literal block
    where it can. Trailing comments stay. A list grows by the index behind its last. A value that reads the same
    already changes nothing. Raises UsageError for a value that YAML cannot hold; KsecretsError for a path that leads
    through a scalar, an alias or a gap in a list; SyntaxRefused for a text that is no YAML, keys that come twice,
    anchors that are in use, and layouts in which the value cannot be written.
    """
    made = plain_data(value)
    wanted = list(records(made))
    mark, text = _without_mark(text)
    composed = Composed(text)
    if not composed.roots and document == 0:
        made = _wrapped(path, made, path)
        filled = with_value(composed, Item(SCALAR, len(text), 1, None), made, styles(composed, indent)[0])
        return mark + _checked(composed, filled, (0, 0), [("document",), *records(made)], path)
    item, rest = _find(composed, path, document)
    here = paths.format(path[: len(path) - len(rest)])
    is_null = item.kind == SCALAR and _means(composed, item, list(records(None)))
    if not rest or is_null:
        if not rest and _means(composed, item, wanted):
            return mark + text
        _refuse_if_aliased(composed, item, path)
        return mark + _exchanged(composed, item, _wrapped(rest, made, path), path, indent)
    if item.kind == MAP and isinstance(rest[0], str):
        return mark + _added(composed, item, rest[0], _wrapped(rest[1:], made, path), path, indent)
    if item.kind == LIST and rest[0] == len(item.entries):
        return mark + _added(composed, item, None, _wrapped(rest[1:], made, path), path, indent)
    if item.kind == MAP:
        raise KsecretsError("it is a mapping and has no index", path=here)
    if item.kind == LIST:
        size = len(item.entries)
        raise KsecretsError(f"it is a list of {size}", path=here, hint=f"the index {size} appends an item")
    raise KsecretsError("it is a single value, not a mapping or a list", path=here)


def unset_value(text: str, path: Path, *, document: int = 0) -> str:
    """The text without the value at a path, and without its key or dash and the rest of its lines.

    The last entry of a collection leaves ``{}`` or ``[]``. Raises as `set_value` does, and KsecretsError where there
    is no such value.
    """
    if not path:
        raise UsageError("the whole document cannot be removed")
    mark, text = _without_mark(text)
    composed = Composed(text)
    if not composed.roots and document == 0:
        raise NoSuchValue("there is no such value", path=paths.format(path))
    item, rest = _find(composed, path, document)
    if rest:
        raise NoSuchValue("there is no such value", path=paths.format(path))
    parent = item.parent
    assert parent is not None
    key = next(key for key, entry in parent.entries if entry is item)
    _refuse_if_aliased(composed, item, path)
    if key is not None:
        _refuse_if_aliased(composed, key, path)
    gone = (key.first if key is not None else item.first, item.last)
    if len(parent.entries) > 1:
        changed = without_entry(composed, parent, item, key)
    elif parent.braced:
        changed = text[: parent.inside] + text[parent.end - 1 :]
    else:
        changed = replaced(composed, parent, "{}" if parent.kind == MAP else "[]", [], keep_tag=True)
    return mark + _checked(composed, changed, gone, [], path)


# -- finding ----------------------------------------------------------------------------------------------------------


def _find(composed: Composed, path: Path, document: int) -> tuple[Item, Path]:
    """The deepest node on the way to a path, and the part of the path that does not exist yet."""
    if not 0 <= document < len(composed.roots):
        raise KsecretsError(f"there are {len(composed.roots)} documents, and none with the number {document}")
    item = composed.roots[document]
    for depth, part in enumerate(path):
        where = paths.format(path[:depth])
        if item.kind == ALIAS:
            raise KsecretsError("it is an alias: the value stands at its anchor", path=where)
        found = None
        if item.kind == LIST:
            if not isinstance(part, int):
                raise KsecretsError("it is a list: its items have an index, as in [0]", path=where)
            if part < 0:
                raise KsecretsError("an index counts from 0", path=paths.format(path))
            found = item.entries[part][1] if part < len(item.entries) else None
        elif item.kind == MAP:
            matches = [(key, entry) for key, entry in item.entries if key is not None and _is_key(key, part)]
            if len(matches) > 1:
                raise SyntaxRefused(
                    "the key stands there twice, so that readers differ about its value",
                    line=matches[1][1].line,
                    path=paths.format(path[: depth + 1]),
                )
            found = matches[0][1] if matches else None
        if found is None:
            return item, path[depth:]
        item = found
    return item, ()


def _without_mark(text: str) -> tuple[str, str]:
    return (text[:1], text[1:]) if text.startswith("\ufeff") else ("", text)


def _is_key(key: Item, part: str | int) -> bool:
    return key.kind == SCALAR and key.value == part


def _wrapped(parts: Path, value: Value, path: Path) -> Value:
    """A value inside the parents that are missing."""
    for part in reversed(parts):
        if isinstance(part, str):
            value = {part: value}
        elif part == 0:
            value = [value]
        else:
            raise KsecretsError("a new list starts with the index 0", path=paths.format(path))
    return value


def _means(composed: Composed, item: Item, wanted: list[Any]) -> bool:
    found = meanings(composed.records[item.first : item.last])
    return found == wanted


def meanings(found: list[Any]) -> list[Any]:
    """Records of a text in the form of `emitted.records`."""
    return [
        meaning(record[1], not record[2], record[3])
        if record[0] == SCALAR
        else record
        if record[0] == ALIAS
        else record[:1]
        for record in found
    ]


def _refuse_if_aliased(composed: Composed, item: Item, path: Path) -> None:
    """An anchor in what goes away, used by an alias that stays, would leave that alias without a value."""
    for alias in composed.aliases:
        target = alias.target
        if target is not None and item.first <= target.first < item.last and not item.first <= alias.first < item.last:
            raise SyntaxRefused(
                f"the anchor &{alias.value} is in use in line {alias.line}",
                line=item.line,
                path=paths.format(path),
                hint="replace the alias by a value of its own first",
            )


# -- trying ways of writing --------------------------------------------------------------------------------------------


def _exchanged(composed: Composed, item: Item, value: Value, path: Path, indent: int) -> str:
    """A node's value exchanged, in the first layout that reads as it should."""
    refusal: SyntaxRefused | None = None
    for layout in styles(composed, indent):
        try:
            changed = with_value(composed, item, value, layout)
            return _checked(composed, changed, (item.first, item.last), list(records(value)), path)
        except SyntaxRefused as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


def _added(composed: Composed, parent: Item, key: str | None, value: Value, path: Path, indent: int) -> str:
    """An entry added behind the others, in the first layout that reads as it should."""
    wanted = list(records(value))
    if key is not None:
        wanted.insert(0, meaning(key, False, None))
    refusal: SyntaxRefused | None = None
    for layout in styles(composed, indent):
        if parent.entries or parent.in_flow:
            changed = with_entry(composed, parent, key, value, layout)
        else:
            changed = with_value(composed, parent, [value] if key is None else {key: value}, layout)
        try:
            return _checked(composed, changed, (parent.last - 1, parent.last - 1), wanted, path)
        except SyntaxRefused as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


# -- checking ---------------------------------------------------------------------------------------------------------


def _checked(composed: Composed, changed: str, gone: tuple[int, int], wanted: list[Any], path: Path) -> str:
    """The changed text, if it reads as the old one with the records of one range exchanged."""
    try:
        found = Composed(changed).records
    except SyntaxRefused:
        found = []
    first, last = gone
    old = composed.records
    tail = len(old) - last
    if (
        len(found) < first + tail
        or found[:first] != old[:first]
        or found[len(found) - tail :] != old[last:]
        or meanings(found[first : len(found) - tail]) != wanted
    ):
        raise SyntaxRefused(
            "the value cannot be changed in this layout without changing more than it",
            path=paths.format(path),
            hint="change it by hand with `ksecrets edit`",
        )
    return changed
