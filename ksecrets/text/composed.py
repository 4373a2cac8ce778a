"""The tree of a YAML text with the place of everything in it, for editing one value in place.

`scan` streams and knows values; an edit needs more of a small part of the text: where a key starts, where its ``:``
is, what an alias stands for. Composing costs an object a node, so only edits of plaintext do it.
"""

from __future__ import annotations

from ksecrets.text import libyaml
from ksecrets.text.spans import BREAKS, end_of_block_scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Record = tuple[Any, ...]

SCALAR = "scalar"
ALIAS = "alias"
MAP = "map"
LIST = "list"

BLANKS = " \t" + BREAKS


class Item:
    """A node of the tree.

    start, inside, end: where its properties (anchor, tag) start, where its content starts (behind the bracket of a
    flow collection), where it ends; of block collections, the end of the last content in it.
    after: the place behind the indicator that it follows (``:`` or ``-``), None where there is none.
    braced: a collection in brackets. column: of a block collection's entries.
    entries: of a mapping, pairs of key and value; of a list, pairs of None and item.
    first, last: its range in the records of the whole text. target: what an alias stands for.
    """

    __slots__ = (
        "after", "anchor", "braced", "column", "end", "entries", "first", "flow", "inside", "kind", "last", "line",
        "parent", "start", "style", "tag", "target", "value",
    )  # fmt: skip

    def __init__(self, kind: str, start: int, line: int, parent: Item | None) -> None:
        self.kind = kind
        self.start = self.inside = self.end = start
        self.line = line
        self.parent = parent
        self.value = ""
        self.style = ""
        self.tag: str | None = None
        self.anchor: str | None = None
        self.flow = False
        self.braced = False
        self.column = -1
        self.after: int | None = None
        self.entries: list[tuple[Item | None, Item]] = []
        self.first = self.last = 0
        self.target: Item | None = None

    @property
    def in_flow(self) -> bool:
        """Whether it stands inside a flow collection."""
        return self.parent is not None and self.parent.flow

    @property
    def is_empty(self) -> bool:
        """A null without any text of its own: `a:`."""
        return self.kind == SCALAR and self.inside == self.end


class Composed:
    """A text's documents.

    roots: the root node of each document. aliases: all aliases, in order. records: one tuple for every start, scalar
    and end, as libyaml gives them, without places: two texts with equal records mean the same to every reader.
    """

    __slots__ = ("aliases", "records", "roots", "text")

    def __init__(self, text: str) -> None:
        """Raises SyntaxRefused, with the line, for what libyaml does not read."""
        self.text = text
        self.roots: list[Item] = []
        self.aliases: list[Item] = []
        self.records: list[Record] = []
        self._compose()

    def _compose(self) -> None:
        text = self.text
        records = self.records
        anchors: dict[str, Item] = {}
        stack: list[Item] = []
        key: Item | None = None
        keys: list[Item | None] = []  # the pending keys of the open collections
        for event in libyaml.events(text):
            name = type(event).__name__
            if name == "DocumentStartEvent":
                anchors = {}
                records.append(("document",))
                continue
            if name.startswith(("Stream", "DocumentEnd")):
                continue
            if name in ("MappingEndEvent", "SequenceEndEvent"):
                item = stack.pop()
                key = keys.pop()
                records.append(("end",))
                item.last = len(records)
                if item.braced:
                    item.end = event.end_mark.index
                elif item.entries:
                    item.end = max(item.end, item.entries[-1][1].end)
            else:
                parent = stack[-1] if stack else None
                item = self._item(event, name, parent)
                item.first = len(records)
                if item.kind == ALIAS:
                    item.target = anchors.get(item.value)
                    self.aliases.append(item)
                    records.append((ALIAS, item.value))
                elif item.kind == SCALAR:
                    records.append((SCALAR, item.value, item.style, item.tag, item.anchor))
                else:
                    records.append((item.kind, item.tag, item.anchor))
                item.last = len(records)
                if item.anchor is not None:
                    anchors[item.anchor] = item
                self._place(item, parent, key)
                if item.kind in (MAP, LIST):
                    stack.append(item)
                    keys.append(key)
                    key = None
                    continue
            # A node is complete.
            parent = item.parent
            if parent is None:
                self.roots.append(item)
            elif parent.kind == LIST:
                parent.entries.append((None, item))
            elif key is None:
                key = item
            else:
                parent.entries.append((key, item))
                key = None

    def _item(self, event: Any, name: str, parent: Item | None) -> Item:
        text = self.text
        start, end = event.start_mark.index, event.end_mark.index
        line = event.start_mark.line + 1
        if name == "AliasEvent":
            item = Item(ALIAS, start, line, parent)
            item.value, item.end = event.anchor, end
            return item
        item = Item({"ScalarEvent": SCALAR, "MappingStartEvent": MAP}.get(name, LIST), start, line, parent)
        item.tag, item.anchor = event.tag, event.anchor
        if item.kind == SCALAR:
            item.value, item.style = event.value, event.style or ""
            item.inside = self.past_properties(item, start, end)
            in_block = item.style in ("|", ">")
            item.end = end_of_block_scalar(text, item.inside, end, item.value) if in_block else end
            return item
        item.flow = bool(event.flow_style)
        item.braced = item.flow and text[end - 1 : end] == ("{" if item.kind == MAP else "[")
        if not item.flow and item.kind == LIST and text[end - 1 : end] == "-" and end > start:
            end -= 1  # a list that is not indented: here libyaml's mark is behind the first dash
        item.inside = item.end = end
        if not item.flow:
            item.column = end - self.line_start(end)
        return item

    def _place(self, item: Item, parent: Item | None, key: Item | None) -> None:
        """Find the indicator that a node follows."""
        if parent is None:
            return
        if parent.kind == MAP:
            if key is None:
                return
            item.after = self._behind(key.end, ":")
            if item.is_empty and item.tag is None and item.anchor is None:
                item.start = item.inside = item.end = item.after if item.after is not None else key.end
        elif not parent.flow:
            before = parent.entries[-1][1].end if parent.entries else parent.inside
            item.after = self._behind(before, "-")

    def _behind(self, position: int, mark: str) -> int | None:
        """The place behind an indicator that is the next thing in the text but for blanks and comments."""
        position = self.skip(position)
        return position + 1 if self.text.startswith(mark, position) else None

    def past_properties(self, item: Item, position: int, end: int) -> int:
        """The place of a node's content behind its anchor and its tag, which start at a place."""
        for _ in range((item.anchor is not None) + (item.tag is not None)):
            position = min(self.skip(position), end)
            while position < end and self.text[position] not in BLANKS:
                position += 1
        return position if item.anchor is None and item.tag is None else min(self.skip(position, end), end)

    def skip(self, position: int, end: int | None = None) -> int:
        """The next place that is neither blank nor in a comment, or the end."""
        text = self.text
        end = len(text) if end is None else end
        while position < end:
            if text[position] == "#":
                position = self.line_end(position)
            elif text[position] in BLANKS:
                position += 1
            else:
                break
        return position

    def line_start(self, position: int) -> int:
        """Where the line starts that holds a place."""
        while position > 0 and self.text[position - 1] not in BREAKS:
            position -= 1
        return position

    def line_end(self, position: int) -> int:
        """The place of the line break behind a place, or the end of the text."""
        while position < len(self.text) and self.text[position] not in BREAKS:
            position += 1
        return position

    def next_line(self, position: int) -> int:
        """The start of the next line, or the end of the text."""
        position = self.line_end(position)
        if self.text.startswith("\r\n", position):
            return position + 2
        return min(position + 1, len(self.text))
