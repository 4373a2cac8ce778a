"""Dotenv text -> nodes, as sops reads it: lines, and in each what stands before and behind the first ``=``.

sops knows no quotes, no ``export`` and no comments behind a value: the name is all before the ``=``, the value all
behind it, a carriage return at its end too. Nothing but ``\\n`` (two characters) has a meaning: a line break. What
those who use the plaintext make of quotes is their affair, since every byte of it is kept.
Source: sops, stores/dotenv/store.go.

The whole file is one mapping. A scalar has the style `RAW`.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.flatten import flatten, unflatten
from ksecrets.text.node import BLOCK, COMMENT, DOCUMENT, DOCUMENT_END, END, MAP, SCALAR, Frame, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Final

    from ksecrets.text.node import Lane

RAW: Final = "="
"""The style of every scalar: the rest of its line."""
BLANK: Final = "blank"
"""`Node.key_form` of a COMMENT that is a line of white space: not empty, so that sops does not read the file."""

PREFIX: Final = "sops_"
"""What the names of the metadata begin with."""

_QUOTES = "\"'`"
_MAY_QUOTE = tuple(_QUOTES + " \t")


def scan(text: str, first_line: int = 1, lane: Lane | None = None) -> Iterator[Node]:
    """The nodes of a dotenv file: DOCUMENT, MAP, the entries and comments in their order, END, DOCUMENT_END.

    text: without byte order mark. first_line: number of its first line, for messages. lane: takes the values in place
    of nodes (see `node.Lane`). The lines of the metadata become one BLOCK whose `value` is its tree.
    A COMMENT is the text behind ``#`` in the first column, the carriage return of its line included.
    Raises SyntaxRefused for the refusals of dotenv in docs/file-format.md, Tampered for metadata out of order.
    """
    root = Frame(None, None, "", False, False, -1, False)
    frame = Frame(root, None, "", False, False, 0, False)
    yield Node(DOCUMENT, 0, 0, first_line, root)
    yield Node(MAP, 0, 0, first_line, frame)
    leaf = lane.leaf if lane is not None else None
    # Where others are tokens, the quotes of a readable value say nothing.
    plain = not text.startswith(PREFIX) and "\n" + PREFIX not in text
    size = len(text)
    start = 0
    line = first_line - 1
    metadata: list[tuple[str, str]] = []
    block = (0, 0, 0)  # start, end, line
    while start < size:
        line += 1
        end = text.find("\n", start)
        if end < 0:
            end = size
        if end == start:
            start += 1
            continue
        if text[start] == "#":
            yield Node(COMMENT, start + 1, end, line, frame, None, "line", text[start + 1 : end])
            start = end + 1
            continue
        equals = text.find("=", start, end)
        if equals < 0:
            if text[start:end].strip(" \t\r"):
                raise SyntaxRefused("a line without `=`", line=line, hint=_hint(text[start:end]))
            yield Node(COMMENT, start, start, line, frame, None, BLANK, "")
            start = end + 1
            continue
        key = text[start:equals]
        if key.startswith(PREFIX):
            if metadata and block[1] != start - 1:
                raise SyntaxRefused("lines that begin with `sops_` in two places", line=line, hint=_RESERVED)
            if not metadata:
                block = (start, end, line)
            block = (block[0], end, block[2])
            metadata.append((key[len(PREFIX) :], _value(text[equals + 1 : end])))
            start = end + 1
            if not text.startswith(PREFIX, start):
                yield Node(BLOCK, block[0], block[1], block[2], frame, "sops", "", unflatten(metadata))
            continue
        source = text[equals + 1 : end]
        if plain and source[:1] in _MAY_QUOTE:
            _refuse_open_quote(text, equals + 1, end, line)
        value = _value(source)
        if leaf is not None:
            leaf(value, RAW, None, None, equals + 1, end, line, frame, key, "")
        else:
            yield Node(SCALAR, equals + 1, end, line, frame, key, "", value, RAW)
        start = end + 1
    yield Node(END, size, size, line, frame)
    yield Node(DOCUMENT_END, size, size, line, root)


# -- a value and its source --------------------------------------------------------------------------------------------


def _value(source: str) -> str:
    return source.replace("\\n", "\n") if "\\" in source else source


def predicted(style: str, kind: str, value: str, indent: str = "", newline: str = "") -> str:
    """The source of a value: sops's own, of which there is only one."""
    if kind == "bool":
        return value.lower()
    return value.replace("\n", "\\n")


def fits(style: str, value: str) -> bool:
    """Whether a value has a source: one with the two characters ``\\n`` in it has none."""
    return "\\n" not in value


def carried(style: str, frame: Frame, source: str, token: str) -> tuple[str, str, str, str]:
    """How a token stands in the place of a value: as it is (see `text.carrier.carried`)."""
    return token, style, "", ""


def restored(text: str, carrier: Node, kind: str, content: bytes) -> str:
    """The source that sops gives a value, for a file without a seal. Raises SyntaxRefused for what is no text."""
    try:
        return predicted(RAW, kind, content.decode())
    except UnicodeDecodeError:
        raise SyntaxRefused("the value is no UTF-8") from None


def comment(content: str) -> str | None:
    """The text of an encrypted comment, or None where it is more than one line (see `files.formats.Format`)."""
    return None if "\n" in content else content


def keeps_its_meaning(source: str, text: str, carrier: Node) -> bool:
    """Whether a source means the same behind every name: always, since it is one line."""
    return True


# -- the metadata ------------------------------------------------------------------------------------------------------


def find(text: str) -> dict[str, Any] | None:
    """The tree of the metadata, or None where there is none. Looks at nothing but the lines that are it."""
    start = 0 if text.startswith(PREFIX) else text.find("\n" + PREFIX) + 1
    if start == 0 and not text.startswith(PREFIX):
        return None
    pairs = []
    while text.startswith(PREFIX, start):
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else len(text)]
        key, equals, source = line.partition("=")
        if not equals:
            break
        pairs.append((key[len(PREFIX) :], _value(source)))
        if end < 0:
            break
        start = end + 1
    return unflatten(pairs)


def block_text(tree: Mapping[str, Any], *, follows: bool) -> str:
    """The metadata as it goes in before the last line break. follows: there is text at all.

    Lines end in a line feed even where those of the file end in CRLF: sops would take the carriage return for a part
    of the date.
    """
    lines = [f"{PREFIX}{name}={predicted(RAW, 'str', value)}" for name, value in flatten(tree)]
    return ("\n" if follows else "") + "\n".join(lines)


def place(text: str) -> int:
    """Where the metadata goes: before the last line break, or at the end."""
    return len(text) - text.endswith("\n")


def cut(text: str, block: Node) -> tuple[int, int]:
    """The span to take out of an encrypted text for its BLOCK: the lines, and one line break."""
    if block.start > 0:
        return block.start - 1, block.end
    return 0, block.end + text.startswith("\n", block.end)


# -- refusals ----------------------------------------------------------------------------------------------------------

_RESERVED = "names that begin with `sops_` are reserved for the metadata"


def _hint(line: str) -> str:
    if line.lstrip(" \t").startswith("#"):
        return "a comment begins in the first column: sops takes no other for one"
    return "sops reads a value from one line: write a line break in it as \\n"


def _refuse_open_quote(text: str, start: int, end: int, line: int) -> None:
    """A value that opens a quote, and that a later line closes: those who read quotes read the lines between as a part
    of it, sops reads names in them. Raises SyntaxRefused."""
    while start < end and text[start] in " \t":
        start += 1
    if start == end or text[start] not in _QUOTES:
        return
    close = _closing(text, start)
    if close < end:
        return
    stop = text.find("\n", close)
    behind = text[close + 1 : stop if stop >= 0 else len(text)].strip(" \t\r")
    if close < len(text) and behind[:1] in ("", "#"):
        raise SyntaxRefused(
            "a quoted value that goes on in the next line",
            line=line,
            hint="sops reads a value from one line: write a line break in it as \\n",
        )


def _closing(text: str, start: int) -> int:
    """Where the quote that opens at `start` is closed; the length of the text where it is not."""
    quote = text[start]
    at = text.find(quote, start + 1)
    while at >= 0:
        before = at
        while text[before - 1] == "\\":
            before -= 1
        if (at - before) % 2 == 0:
            return at
        at = text.find(quote, at + 1)
    return len(text)
