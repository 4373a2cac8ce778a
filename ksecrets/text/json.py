"""JSON text -> nodes, with the exact span of every value.

RFC 8259, as Go's `encoding/json` (and so sops) reads it: one object, and nothing behind it. Every string has the style
DOUBLE, every number, ``true``, ``false`` and ``null`` the style PLAIN; keys have the form ``"``. All collections count
as flow collections, so that a token always stands in quotes.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.jsonvalue import is_number, string
from ksecrets.text.node import BLOCK, DOCUMENT, DOCUMENT_END, DOUBLE, END, LIST, MAP, PLAIN, SCALAR, Frame, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from ksecrets.text.node import Lane

BLOCK_KEY: Final = "sops"
SPACE: Final = " \t\n\r"
MAX_DEPTH: Final = 500
"""Levels of collections that are read, as for YAML."""
MAX_PATH: Final = 10_000
"""Characters of the keys that a collection stands below: every level has them all, so that a small file could fill the
memory."""

_NUMBER: Final = "0123456789+-.eE"
_STRIDE: Final = 32  # characters; few gaps and numbers are longer
_WORDS: Final = ("true", "false", "null")
_HINTS: Final = {
    "'": "JSON has double quotes only",
    "/": "JSON has no comments",
    "#": "JSON has no comments",
    "}": "JSON has no comma behind the last entry",
    "]": "JSON has no comma behind the last entry",
    "\ufeff": "remove the byte order mark (U+FEFF) on that line",
}


def scan(text: str, first_line: int = 1, lane: Lane | None = None) -> Iterator[Node]:
    """The nodes of a JSON text: DOCUMENT, the object, END, DOCUMENT_END; see `text.yaml.scan`, whose interface it has.

    The value of a string has its escapes undone; half a surrogate pair is U+FFFD, as for Go. That of a number or word
    is its source. A key ``sops`` of the object at the top becomes a BLOCK, spanning from its quote to the end of its
    value. Raises SyntaxRefused for what is not JSON, and for the refusals of docs/file-format.md.
    """
    reader = _Reader(text, first_line)
    position = reader.skip(0)
    if text[position : position + 1] != "{":
        raise reader.no_object(position)
    leaf, begin, finish = (lane.leaf, lane.begin, lane.end) if lane is not None else (None, None, None)
    root = Frame(None, None, "", False, False, -1, False)
    frame = top = Frame(root, None, "", False, True, reader.column(position), False)
    yield Node(DOCUMENT, 0, 0, first_line, root)
    yield Node(MAP, position, position + 1, reader.line(position), frame)
    closing = "}"
    empty = True  # no entry of the collection at hand was read yet
    depth = 1
    key: str | int
    form: str | None
    position = reader.skip(position + 1)
    while True:  # one turn for every entry
        if not (empty and text.startswith(closing, position)):
            if frame.is_list:
                start = position
                key = frame.next_index
                frame.next_index = key + 1
                form = None
            else:
                start = position
                key, position = reader.key(position)
                form = '"'
            character = text[position : position + 1]
            if frame is top and key == BLOCK_KEY:
                line = reader.line(start)
                tree, position = reader.tree(position, 1)
                yield Node(BLOCK, start, position, line, frame, BLOCK_KEY, form, tree)
            elif character == "{" or character == "[":
                depth += 1
                line = reader.line(position)
                if depth > MAX_DEPTH:
                    raise SyntaxRefused(f"collections more than {MAX_DEPTH} levels deep", line=line)
                is_list = character == "["
                aad = frame.aad if form is None else f"{frame.aad}{key}:"
                if len(aad) > MAX_PATH:
                    raise SyntaxRefused(f"a collection below keys of more than {MAX_PATH} characters", line=line)
                frame = Frame(frame, key, aad, is_list, True, 0, False)
                if begin is not None:
                    frame.ordinary = True
                    begin(LIST if is_list else MAP, key, form, line)
                else:
                    yield Node(LIST if is_list else MAP, position, position + 1, line, frame, key, form)
                closing = "]" if is_list else "}"
                empty = True
                position = reader.skip(position + 1)
                continue
            else:
                if character == '"':
                    style = DOUBLE
                    value, end = reader.string(position)
                else:
                    style = PLAIN
                    value, end = reader.bare(position)
                line = reader.line(position)
                if leaf is not None:
                    leaf(value, style, None, None, position, end, line, frame, key, form)
                else:
                    yield Node(SCALAR, position, end, line, frame, key, form, value, style)
                position = end
            position = reader.skip(position)
        while text.startswith(closing, position):
            if frame.ordinary and finish is not None:
                finish(frame)
            else:
                yield Node(END, position, position + 1, reader.line(position), frame, frame.key)
            depth -= 1
            position = reader.skip(position + 1)
            assert frame.parent is not None
            frame = frame.parent
            if frame is root:
                if position < len(text):
                    raise reader.refused(position, "something stands behind the end of the object")
                yield Node(DOCUMENT_END, position, position, reader.line(position), root)
                return
            closing = "]" if frame.is_list else "}"
        if not text.startswith(",", position):
            raise reader.refused(position, f"a comma or {closing} is missing")
        empty = False
        position = reader.skip(position + 1)


def _past(text: str, position: int, characters: str) -> int:
    """The first place from `position` on that has none of these characters, or the end."""
    length = _STRIDE
    while True:
        part = text[position : position + length]
        rest = part.lstrip(characters)
        position += len(part) - len(rest)
        if rest or not part:
            return position
        length *= 2


class _Reader:
    """Reads the parts of one text, and knows the lines."""

    __slots__ = ("_counted", "_first_line", "_line", "text")

    def __init__(self, text: str, first_line: int) -> None:
        self.text = text
        self._first_line = first_line
        self._line = first_line
        self._counted = 0  # up to here the lines are counted

    def skip(self, position: int) -> int:
        """The next place that is no white space, or the end."""
        return _past(self.text, position, SPACE) if self.text[position : position + 1] in SPACE else position

    def line(self, position: int) -> int:
        """The line of a place; quick where places are asked for in their order."""
        if position < self._counted:
            return self._first_line + self.text.count("\n", 0, position)
        self._line += self.text.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def column(self, position: int) -> int:
        """Characters before a place on its line."""
        return position - self.text.rfind("\n", 0, position) - 1

    def key(self, position: int) -> tuple[str, int]:
        """The key of an entry and the place of its value."""
        if not self.text.startswith('"', position):
            raise self.refused(position, "a key in double quotes is missing")
        key, position = self.string(position)
        position = self.skip(position)
        if not self.text.startswith(":", position):
            raise self.refused(position, "a colon behind a key is missing")
        return key, self.skip(position + 1)

    def string(self, position: int) -> tuple[str, int]:
        """The content of a string, and the place behind it."""
        try:
            return string(self.text, position)
        except ValueError as error:
            reason = str(error)
        raise self.refused(position, reason)

    def bare(self, position: int) -> tuple[str, int]:
        """A number or a word, and the place behind it."""
        text = self.text
        for word in _WORDS:
            if text.startswith(word, position):
                return word, position + len(word)
        end = _past(text, position, _NUMBER)
        if end == position:
            raise self.refused(position, "a value is missing")
        value = text[position:end]
        if not is_number(value):
            raise self.refused(position, "a number that JSON does not have")
        return value, end

    def tree(self, position: int, depth: int) -> tuple[Any, int]:
        """The value at a place as nested dict, list and str (numbers and words too), and the place behind it."""
        text = self.text
        character = text[position : position + 1]
        if character == '"':
            return self.string(position)
        if character not in ("{", "["):
            return self.bare(position)
        if depth > MAX_DEPTH // 5:
            raise self.refused(position, "metadata that is nested too deeply")
        made: dict[str, Any] = {}
        items: list[Any] = []
        closing = "}" if character == "{" else "]"
        position = self.skip(position + 1)
        while not text.startswith(closing, position):
            if made or items:
                if not text.startswith(",", position):
                    raise self.refused(position, f"a comma or {closing} is missing")
                position = self.skip(position + 1)
            if closing == "]":
                value, position = self.tree(position, depth + 1)
                items.append(value)
            else:
                start = position
                key, position = self.key(position)
                if key in made:
                    raise self.refused(start, f"the metadata has {key!r} twice")
                made[key], position = self.tree(position, depth + 1)
            position = self.skip(position)
        return (made if closing == "}" else items), position + 1

    def no_object(self, position: int) -> SyntaxRefused:
        character = self.text[position : position + 1]
        if not character:
            return SyntaxRefused("not JSON: the file is empty", hint="an empty JSON file is {}")
        if character in '["-0123456789tfn':
            return SyntaxRefused(
                "a JSON file with something else than an object at the top: there is no place for the metadata in it, "
                "and sops does not read it",
                line=self.line(position),
                hint='put it into an object: {"data": ...}, or encrypt it with --input-type binary',
            )
        return self.refused(position, "an object is missing")

    def refused(self, position: int, reason: str) -> SyntaxRefused:
        """The error for a place. It shows nothing of the text."""
        character = self.text[position : position + 1]
        if not character:
            reason += ", and here the file ends" if reason.endswith("missing") else ""
        return SyntaxRefused(
            f"not JSON: {reason} (column {self.column(position) + 1})",
            line=self.line(position),
            hint=_HINTS.get(character) if reason.endswith("missing") else None,
        )
