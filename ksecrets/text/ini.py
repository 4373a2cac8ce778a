"""INI text -> nodes, as sops reads it: sections, in them names with values, and comments.

A mapping of mappings. What stands before the first header is the section ``DEFAULT``. The rules are those of the
library that sops reads INI with (gopkg.in/ini.v1 1.67, parser.go, with sops's options), where it reads what is written;
where it drops, joins or cuts what other readers take for a value, the text is refused (docs/file-format.md).

Styles of a scalar: PLAIN, SINGLE, DOUBLE, and two that have no escapes and may have several lines, `BACKTICK` and
`TRIPLE`. The span of a value takes in the comment behind it on its line, so that what may be a part of a password is
never left readable.

The form of a key says how its line begins: `"` where it is quoted, ``:`` where that stands for ``=``, a blank where the
line is indented (which for other readers goes on with the value before). So the seal covers all three.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.flatten import unflatten
from ksecrets.text.iniline import SPACE, comment_span, read_key, read_value
from ksecrets.text.node import (
    BLOCK,
    COMMENT,
    DOCUMENT,
    DOCUMENT_END,
    DOUBLE,
    END,
    MAP,
    PLAIN,
    SCALAR,
    SINGLE,
    Frame,
    Node,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any, Final

    from ksecrets.text.node import Lane

DEFAULT: Final = "DEFAULT"
METADATA: Final = "sops"
GLUED: Final = "glued"
"""`Node.key_form` of a COMMENT that is one for sops, and may well be a part of the value for others."""
MAX_SECTION: Final = 10_000
"""Characters of the name of a section: it is authenticated beside every value below it, so that a small file would
take minutes."""
HEADER: Final = "header"
"""`Node.key_form` of a COMMENT behind a header. A token there would end in the last bracket of the line."""
EMPTY: Final = "empty"
"""`Node.key_form` of a COMMENT without text before further ones of the same entry or header: sops crashes there."""


_QUOTES = (SINGLE, DOUBLE)


def scan(text: str, first_line: int = 1, lane: Lane | None = None) -> Iterator[Node]:
    """The nodes of an INI file: DOCUMENT, MAP, each section as a MAP with its entries, END, DOCUMENT_END.

    text: without byte order mark. first_line: number of its first line, for messages. lane: takes values and sections
    in place of nodes (see `node.Lane`). The section ``sops`` becomes one BLOCK whose `value` is its tree.
    A COMMENT is the text behind ``;`` or ``#`` and the blanks there, of all lines of comments up to a blank line: sops
    makes one of them. It belongs to what follows it, a section to its header.
    Raises SyntaxRefused for the refusals of INI in docs/file-format.md, Tampered for metadata out of order.
    """
    return _Scan(text, first_line, lane).nodes()


def commented(text: str) -> Iterator[Node]:
    """The nodes in the order of sops's tree, by which a selector that goes by comments decides.

    sops puts the comments of an entry behind it, so that they count for the next entry of the section; those of a
    header count for the first one. Source: stores/ini/store.go, `treeItemFromSection`.
    """
    held: list[Node] = []
    for node in scan(text):
        if node.kind == COMMENT:
            behind = node.key_form not in ("line", EMPTY)
            node.key_form = "line"
            if behind:
                yield node
            else:
                held.append(node)
            continue
        if node.kind == END:
            yield from held
            held = []
        yield node
        if node.kind in (MAP, SCALAR):
            yield from held
            held = []


class _Scan:
    """One pass over a text."""

    __slots__ = ("_keys", "_lane", "_line", "_section", "_text", "_top", "_waiting")

    def __init__(self, text: str, first_line: int, lane: Lane | None) -> None:
        self._text = text
        self._line = first_line
        self._lane = lane
        root = Frame(None, None, "", False, False, -1, False)
        self._top = Frame(root, None, "", False, False, 0, False)
        self._section: Frame | None = None
        self._keys: set[str] = set()  # of the section at hand
        self._waiting: list[Node] = []  # comments that will belong to what comes

    def nodes(self) -> Iterator[Node]:
        text = self._text
        top = self._top
        assert top.parent is not None
        yield Node(DOCUMENT, 0, 0, self._line, top.parent)
        yield Node(MAP, 0, 0, self._line, top)
        size = len(text)
        position = 0
        blank_before = True
        block_seen = False
        while position < size:
            eol = text.find("\n", position)
            if eol < 0:
                eol = size
            start = position
            while start < eol and text[start] in SPACE:
                start += 1
            if start == eol:
                blank_before = True
                position = eol + 1
                self._line += 1
                continue
            first = text[start]
            if first in ";#":
                self._comment(start, eol, joined=not blank_before)
                blank_before = False
                position = eol + 1
                self._line += 1
                continue
            if first == "[":
                close = text.rfind("]", start, eol)
                name = text[start + 1 : close]
                if close <= start + 1:
                    raise self._refused("a section without a name" if close > 0 else "`[` without `]`")
                behind = text[close + 1 : eol].strip(SPACE)
                if behind and behind[0] not in ";#":
                    raise self._refused("text behind the header of a section")
                if name == METADATA:
                    if block_seen:
                        raise self._refused("a second section `sops`")
                    block_seen = True
                    yield from self._released(self._section or top)
                    yield from self._close(start)
                    node, position = self._block(start, eol)
                    yield node
                    blank_before = True
                    continue
                yield from self._close(start)
                if len(name) > MAX_SECTION:
                    raise self._refused(f"a section with a name of more than {MAX_SECTION} characters")
                frame = Frame(top, name, name + ":", False, False, 0, False)
                yield from self._released(frame, 0 if behind else 1)
                yield from self._open(frame, start, self._margin(start))
                if behind:
                    yield self._trailing(text.index(behind[0], close + 1), eol, frame, HEADER)
                position = eol + 1
                self._line += 1
            else:
                position = yield from self._entry(start, eol)
            blank_before = True
        yield from self._released(self._section or top)
        yield from self._close(size)
        yield Node(END, size, size, self._line, top)
        yield Node(DOCUMENT_END, size, size, self._line, top.parent)

    def _entry(self, start: int, eol: int) -> Generator[Node, None, int]:
        """A name with its value. Returns where the next line starts."""
        text = self._text
        line = self._line
        key, quoted, at = read_key(text, start, eol, line)
        value, style, begin, end, comment, stop = read_value(text, at, eol, line)
        section = self._section
        if section is None:
            section = Frame(self._top, DEFAULT, DEFAULT + ":", False, False, 0, False)
            yield from self._open(section, start)
        if key in self._keys:
            raise self._refused("the same name twice in a section: sops keeps one of the two")
        self._keys.add(key)
        yield from self._released(section, 1)
        form = ('"' if quoted else "") + (":" if text[at - 1] == ":" else "") + self._margin(start)
        if self._lane is not None:
            self._lane.leaf(value, style, None, None, begin, end, line, section, key, form)
        else:
            yield Node(SCALAR, begin, end, line, section, key, form, value, style)
        self._line += text.count("\n", eol, stop)
        if comment >= 0:
            glued = text[comment - 1] not in SPACE or (style == PLAIN and text[begin] in _QUOTES)
            yield self._trailing(comment, stop, section, GLUED if glued else "trailing")
        self._line += 1
        return stop + 1

    def _margin(self, start: int) -> str:
        return " " if start > 0 and self._text[start - 1] != "\n" else ""

    def _open(self, frame: Frame, at: int, form: str = "") -> Iterator[Node]:
        self._section = frame
        self._keys = set()
        if self._lane is not None:
            frame.ordinary = True
            self._lane.begin(MAP, frame.key, form, self._line)
        else:
            yield Node(MAP, at, at, self._line, frame, frame.key, form)

    def _close(self, at: int) -> Iterator[Node]:
        frame = self._section
        self._section = None
        if frame is None:
            return
        if frame.ordinary and self._lane is not None:
            self._lane.end(frame)
        else:
            yield Node(END, at, at, self._line, frame, frame.key)

    def _comment(self, start: int, eol: int, *, joined: bool) -> None:
        begin, end = comment_span(self._text, start, eol)
        if joined and self._waiting and not self._is_empty(self._waiting[-1]):
            last = self._waiting[-1]
            last.end = max(end, last.end)
        else:
            self._waiting.append(Node(COMMENT, begin, end, self._line, self._top, None, "line"))

    def _is_empty(self, comment: Node) -> bool:
        """Whether sops would make an empty line of a comment; the carriage return of its line is text for sops."""
        return comment.start == comment.end and not self._text.startswith("\r", comment.end)

    def _trailing(self, start: int, eol: int, frame: Frame, form: str = "trailing") -> Node:
        begin, end = comment_span(self._text, start, eol)
        return Node(COMMENT, begin, end, self._line, frame, None, form, self._text[begin:end])

    def _released(self, frame: Frame, most: int | None = None) -> Iterator[Node]:
        """The comments before something. most: how many of them sops takes when the first one is empty."""
        waiting = self._waiting
        if most is not None and len(waiting) > most and self._is_empty(waiting[0]):
            waiting[0].key_form = EMPTY
        for node in waiting:
            node.frame = frame
            node.value = self._text[node.start : node.end]
            yield node
        self._waiting = []

    def _block(self, start: int, eol: int) -> tuple[Node, int]:
        """The section ``sops`` as a BLOCK, and where the line behind its last entry starts."""
        text = self._text
        first = self._line
        pairs: list[tuple[str, str]] = []
        end = eol
        line = first
        position = eol + 1
        while position < len(text):
            line += 1
            eol = text.find("\n", position)
            if eol < 0:
                eol = len(text)
            at = position
            while at < eol and text[at] in SPACE:
                at += 1
            if at < eol and text[at] == "[":
                break
            position = eol + 1
            if at == eol or text[at] in ";#":
                continue
            key, _, at = read_key(text, at, eol, line)
            value, _, _, _, _, stop = read_value(text, at, eol, line)
            pairs.append((key, value.replace("\\n", "\n")))
            line += text.count("\n", eol, stop)
            position = stop + 1
            end = stop
            self._line = line
        while text[end - 1] in " \t\r":
            end -= 1
        self._line += 1
        tree: Any = unflatten(pairs)
        return Node(BLOCK, start, end, first, self._top, METADATA, "", tree), text.find("\n", end) + 1 or len(text)

    def _refused(self, message: str) -> SyntaxRefused:
        return SyntaxRefused(message, line=self._line)
