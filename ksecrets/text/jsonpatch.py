"""Set or remove one value of a plaintext JSON text; every other byte stays.

New entries are laid out as the entries beside them: on lines of their own, or on one line. The new text is read again
and compared with the old one: only the addressed value may have changed.
"""

from __future__ import annotations

from ksecrets.errors import KsecretsError, NoSuchValue, SyntaxRefused, UsageError
from ksecrets.text import path as paths
from ksecrets.text.json import SPACE, scan
from ksecrets.text.jsonvalue import quote, resolve
from ksecrets.text.node import END, LIST, MAP, PLAIN, SCALAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ksecrets.text.node import Node
    from ksecrets.text.path import Path

    Record = tuple[Path, Any]


class _Item:
    """A value in the text. start, end: its span. entry: where its entry starts (the quote of its key)."""

    __slots__ = ("end", "entry", "items", "key", "kind", "line", "node", "parent", "start")

    def __init__(self, node: Node, parent: _Item | None) -> None:
        self.node = node
        self.kind = node.kind
        self.start = node.start
        self.end = node.end
        self.line = node.line
        self.key = node.key
        self.parent = parent
        self.items: list[_Item] = []


def set_value(text: str, path: Path, value: object, *, indent: int = 2) -> str:
    """The text with a value at a path: replaced in place, or added behind its siblings, parents included.

    value: a string, number, boolean, None, or lists and dicts of them. A value that is the same already changes
    nothing. indent: spaces a level, where the text shows none. Raises UsageError for a value that JSON cannot hold;
    KsecretsError for a path that leads through a scalar or a gap in a list; SyntaxRefused for a text that is no JSON,
    and for a key that stands there twice.
    """
    mark, body = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    if not path and not isinstance(value, dict):
        raise UsageError("the top of a JSON file is an object", hint="name a key")
    item, rest = _find(_read(body), path)
    if rest and item.kind == SCALAR and item.node.style == PLAIN and item.node.value == "null":
        value, path, rest = _wrapped(rest, value, path), path[: len(path) - len(rest)], ()
    here = paths.format(path[: len(path) - len(rest)])
    if not rest:
        wanted = _meaning(_source(value, "", "", ""))
        if _meaning(body[item.start : item.end]) == wanted:
            return text
        changed = body[: item.start] + _source(value, *_layout(body, item, indent)) + body[item.end :]
        return mark + _checked(body, changed, path, wanted)
    if item.kind == SCALAR:
        raise KsecretsError("it is a single value, not an object or a list", path=here)
    if item.kind == MAP and isinstance(rest[0], int):
        raise KsecretsError("it is an object and has no index", path=here)
    if item.kind == LIST and rest[0] != len(item.items):
        size = len(item.items)
        raise KsecretsError(f"it is a list of {size}", path=here, hint=f"the index {size} appends an item")
    new = _wrapped(rest[1:], value, path)
    changed = _added(body, item, rest[0] if isinstance(rest[0], str) else None, new, indent)
    there = path[: len(path) - len(rest) + 1]  # from here on all is new
    return mark + _checked(body, changed, there, _meaning(_source(new, "", "", "")))


def unset_value(text: str, path: Path) -> str:
    """The text without the value at a path, its key and its comma. Raises as `set_value`; also where there is none."""
    if not path:
        raise UsageError("the whole document cannot be removed")
    mark, body = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    item, rest = _find(_read(body), path)
    if rest:
        raise NoSuchValue("there is no such value", path=paths.format(path))
    parent = item.parent
    assert parent is not None
    index = parent.items.index(item)
    if index:
        start, end = parent.items[index - 1].end, item.end
    elif len(parent.items) > 1:
        start = _behind_brace(body, parent)
        end = _behind_brace(body, parent, parent.items[1])
    else:
        start, end = parent.start + 1, parent.end - 1
    return mark + _checked(body, body[:start] + body[end:], path, None)


def _read(body: str) -> _Item:
    """The object at the top, with all that is in it."""
    top: _Item | None = None
    open_: list[_Item] = []
    for node in scan(body):
        if node.kind == END:
            open_.pop().end = node.end
        elif node.kind in (MAP, LIST, SCALAR):
            item = _Item(node, open_[-1] if open_ else None)
            if open_:
                open_[-1].items.append(item)
            else:
                top = item
            if node.kind != SCALAR:
                open_.append(item)
    assert top is not None
    return top


def _find(top: _Item, path: Path) -> tuple[_Item, Path]:
    """The deepest value on the way to a path, and the part of the path that does not exist yet."""
    item = top
    for depth, part in enumerate(path):
        if item.kind == LIST and not isinstance(part, int):
            raise KsecretsError("it is a list: its items have an index, as in [0]", path=paths.format(path[:depth]))
        found = [each for each in item.items if each.key == part and isinstance(part, int) == (item.kind == LIST)]
        if len(found) > 1:
            raise SyntaxRefused(
                "the key stands there twice, so that readers differ about its value",
                line=found[1].line,
                path=paths.format(path[: depth + 1]),
            )
        if not found:
            return item, path[depth:]
        item = found[0]
    return item, ()


def _wrapped(parts: Path, value: object, path: Path) -> object:
    for part in reversed(parts):
        if isinstance(part, str):
            value = {part: value}
        elif part == 0:
            value = [value]
        else:
            raise KsecretsError("a new list starts with the index 0", path=paths.format(path))
    return value


def _added(body: str, parent: _Item, key: str | None, value: object, indent: int) -> str:
    """The text with an entry behind the others."""
    newline, margin, step = _layout(body, parent, indent)
    name = "" if key is None else quote(key) + ": "
    if not parent.items:
        new = {key: value} if key is not None else [value]
        return body[: parent.start] + _source(new, newline, margin, step) + body[parent.end :]
    last = parent.items[-1]
    first = parent.items[0]
    space = body[parent.start + 1 : _behind_brace(body, parent)]
    if "\n" in space or "\r" in space:
        inside = space[max(space.rfind("\n"), space.rfind("\r")) + 1 :]
        between = "," + newline + inside
    else:
        inside, between = margin, ", "
        if len(parent.items) > 1:
            comma = body.index(",", first.end)
            gap = body[comma + 1 : _skip(body, comma + 1)]
            between = "," + (gap if not gap.strip(" ") else " ")
        if key is not None and body[first.start - 1] == ":":
            name = quote(key) + ":"
        newline = ""
    return body[: last.end] + between + name + _source(value, newline, inside, step) + body[last.end :]


def _layout(body: str, item: _Item, indent: int) -> tuple[str, str, str]:
    """Line break ("" for a text on one line), indentation of the line that a value starts on, and the step."""
    top = item
    while top.parent is not None:
        top = top.parent
    newline = next((mark for mark in ("\r\n", "\n", "\r") if mark in body[top.start : top.end]), "")
    if not newline:
        return "", "", ""
    first = body[top.start + 1 : _behind_brace(body, top)]
    default = " " * indent
    step = first[max(first.rfind("\n"), first.rfind("\r")) + 1 :] if newline in first else default
    line = max(body.rfind("\n", 0, item.start), body.rfind("\r", 0, item.start)) + 1
    margin = body[line : _skip(body, line)] if line <= item.start else ""
    return newline, margin, step or default


def _behind_brace(body: str, parent: _Item, item: _Item | None = None) -> int:
    """Where the first entry of a collection (or the one of `item`) starts: its key, or its value in a list."""
    position = parent.start + 1
    if item is not None:
        position = body.index(",", parent.items[parent.items.index(item) - 1].end) + 1
    return _skip(body, position)


def _skip(body: str, position: int) -> int:
    while body[position] in SPACE:
        position += 1
    return position


def _source(value: object, newline: str, margin: str, step: str) -> str:
    """A value as JSON. newline: "" for one line. margin: indentation of the line that it begins on."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise UsageError(f"a key is a string, not of the type {type(key).__name__}")
        names = [_source(key, "", "", "") for key in value]
        entries = [
            f"{name}: {_source(inner, newline, margin + step, step)}"
            for name, inner in zip(names, value.values(), strict=True)
        ]
        return _joined("{}", entries, newline, margin, step)
    if isinstance(value, list):
        return _joined("[]", [_source(inner, newline, margin + step, step) for inner in value], newline, margin, step)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError("a lone surrogate is not a character") from None
        return quote(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise UsageError("whole numbers past 64 bits are rounded by most readers", hint="give it as a string")
        return str(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), -float("inf")):
            raise UsageError("JSON has no infinities and no NaN")
        return repr(value)
    raise UsageError(f"a value of the type {type(value).__name__} has no place in JSON")


def _joined(brackets: str, entries: list[str], newline: str, margin: str, step: str) -> str:
    if not entries:
        return brackets
    if not newline:
        return brackets[0] + ", ".join(entries) + brackets[1]
    inside = newline + margin + step
    return brackets[0] + inside + f",{inside}".join(entries) + newline + margin + brackets[1]


def _records(body: str) -> list[Record]:
    """What a text says: of each value its path, and its type and content, or its kind."""
    found: list[Record] = []
    for node in scan(body):
        if node.kind == SCALAR:
            found.append((node.path(), resolve(node.value, plain=node.style == PLAIN, tag=None)))
        elif node.kind in (MAP, LIST):
            found.append((node.path(), node.kind))
    return found


def _meaning(source: str) -> list[Record]:
    """The records of one value, with paths from there."""
    return [(path[1:], what) for path, what in _records('{"":' + source + "}")[1:]]


def _checked(body: str, changed: str, path: Path, wanted: list[Record] | None) -> str:
    """The changed text, where nothing but the value at the path differs, and that is what was wanted (None: gone)."""
    depth = len(path)
    before = _records(body)
    try:
        after = _records(changed)
    except SyntaxRefused:
        after = []
    there = [(each[depth:], what) for each, what in after if each[:depth] == path]
    if wanted is None:
        before = [(_moved_up(each, path), what) for each, what in before if each[:depth] != path]
        same = before == after
    else:
        same = wanted == there and _elsewhere(before, path) == _elsewhere(after, path)
    if not same:
        raise SyntaxRefused(
            "the value cannot be changed in this layout without changing more than it",
            path=paths.format(path),
            hint="change it by hand with `ksecrets edit`",
        )
    return changed


def _elsewhere(records: list[Record], path: Path) -> list[Record]:
    """The records of what is neither at the path nor on the way to it."""
    return [record for record in records if record[0][: len(path)] != path[: len(record[0])]]


def _moved_up(there: Path, gone: Path) -> Path:
    """Where a value stands when the one at another path is gone: the items of a list behind it move up."""
    last = len(gone) - 1
    index = gone[last]
    if len(there) > last and there[:last] == gone[:last] and isinstance(index, int):
        own = there[last]
        if isinstance(own, int) and own > index:
            return (*there[:last], own - 1, *there[last + 1 :])
    return there
