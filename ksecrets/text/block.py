"""The metadata block in the text: where it goes, how it comes out again, without a trace.

Three places: behind the last line of the first document when that is a block mapping (or empty), before the closing
brace when it is a flow mapping, and in a document of its own at the end when the first document is a list or a scalar
(such a file sops cannot read). The block is inserted *before* the last line break, beginning with a line break of its
own, so that taking it out gives the original back, with or without a final line break.
"""

from __future__ import annotations

from ksecrets.text.node import BLOCK, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BREAKS = ("\r\n", "\n", "\r", "\x85", "\u2028", "\u2029")
_QUICK = ("\nsops:", "\rsops:")


def newline_of(text: str) -> str:
    """The line break that a text uses: its first one, ``\\n`` where it has none."""
    at = text.find("\n")
    if at > 0 and text[at - 1] == "\r":
        return "\r\n"
    return "\r" if at < 0 and "\r" in text else "\n"


def last_break(text: str, end: int) -> str:
    """The line break that ends right before `end`, or an empty string."""
    for newline in _BREAKS:
        if end >= len(newline) and text.startswith(newline, end - len(newline)):
            return newline
    return ""


def find(text: str) -> Any | None:
    """The tree of the metadata block, or None where there is none; without reading the whole text where possible.

    What is found this way is a guess: whoever reads the file compares it with the BLOCK node of the whole scan.
    """
    from ksecrets.errors import SyntaxRefused
    from ksecrets.text.yaml import scan

    at = max(text.rfind(mark) for mark in _QUICK) + 1
    if at > 0 or text.startswith("sops:"):
        try:
            for node in scan(text[at:]):
                if node.kind == BLOCK:
                    return node.value
        except SyntaxRefused:
            pass
    return search(text)


def search(text: str) -> Any | None:
    """As `find`, by reading the whole text: the block of the first document that has one."""
    from ksecrets.text.yaml import scan

    if "sops" not in text:
        return None
    for node in scan(text):
        if node.kind == BLOCK:
            return node.value
    return None


def begins_line(text: str, start: int) -> bool:
    """Whether nothing but spaces stands before a place on its line."""
    while start > 0 and text[start - 1] == " ":
        start -= 1
    return start == 0 or bool(last_break(text, start))


def cut(text: str, node: Node, own_document: bool) -> tuple[int, int]:
    """The span to take out of an encrypted text, for a BLOCK node of it."""
    start, end = node.start, node.end
    if node.frame.flow:
        if text.startswith((",", " "), start - 1):
            return start - 1, end
        return start, end
    while start > 0 and text[start - 1] == " ":
        start -= 1
    if own_document:
        start -= len(last_break(text, start))
        start -= len("---") if text.endswith("---", 0, start) else 0
    newline = last_break(text, start)
    if newline:
        return start - len(newline), end
    for newline in _BREAKS:
        if text.startswith(newline, end):
            return start, end + len(newline)
    return start, end


def in_mapping(lines: list[str], column: int, newline: str, behind: str) -> str:
    """The text to insert for a block mapping. behind: the text before the place is empty or not."""
    indent = " " * max(column, 0)
    return (newline if behind else "") + newline.join([indent + line for line in lines])


def in_document(lines: list[str], newline: str) -> str:
    """The text to insert at the end of a file whose first document is no mapping."""
    return newline + "---" + newline + newline.join(lines)


def in_braces(flow: str, text: str, brace: int, comments: list[tuple[int, int]]) -> str:
    """The text to insert before the closing brace of a flow mapping.

    flow: the entry on one line. brace: where the closing brace stands. comments: spans of the comments so far.
    A comma is put before the entry where the mapping has entries and no trailing comma, a space otherwise, so that
    `cut` can tell the two apart.
    """
    end = brace
    starts = {comment_end: start - 1 for start, comment_end in comments}
    while True:
        while end > 0 and text[end - 1].isspace():
            end -= 1
        if end not in starts:
            break
        end = starts[end]
    return (" " if text[end - 1 : end] in ("{", ",") else ",") + flow
