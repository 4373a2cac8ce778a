"""What libyaml does not mark exactly in YAML text: where comments stand and whose they are, where the content behind an
anchor or a tag begins, where a block scalar ends."""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.comments import comments_between
from ksecrets.text.node import COMMENT, Frame, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

BREAKS: Final = "\r\n\x85\u2028\u2029"

_BLANKS: Final = " \t" + BREAKS


def comment_nodes(
    text: str, start: int, end: int, end_line: int, frame: Frame, *, opened: bool = False, closing: bool = False
) -> Iterator[Node]:
    """The comments in a gap, each with the frame that it belongs to.

    opened: `frame` was opened by the node behind the gap: comments on lines of their own belong to it, one behind
    the key to the frame around. closing: frames end in this gap: a comment belongs to the innermost one that is not
    indented further than the comment.
    """
    line = end_line - text.count("\n", start, end)
    if end == len(text) and text[-1] not in BREAKS:
        line -= 1  # libyaml ends a last line without a line break as if it had one
    for comment_start, comment_end, column, own_line in comments_between(text, start, end):
        line += text.count("\n", start, comment_start)
        start = comment_start
        owner = frame
        if opened and not own_line and frame.parent is not None:
            owner = frame.parent
        elif closing and own_line:
            while owner.column > column and owner.parent is not None and owner.parent.parent is not None:
                owner = owner.parent
        yield Node(
            COMMENT,
            comment_start,
            comment_end,
            line,
            owner,
            None,
            "line" if own_line else "trailing",
            text[comment_start:comment_end],
        )


def header_comment(text: str, start: int, end: int, line: int, frame: Frame) -> Iterator[Node]:
    """The comment in the header of a block scalar, given by its span. It stands inside the span, and comes behind the
    scalar: whoever replaces the whole scalar passes over it."""
    begin = start + 1
    while begin < end and text[begin] in "+-0123456789 \t":
        begin += 1
    if begin == end or text[begin] != "#":
        return
    stop = begin = begin + 1
    while stop < end and text[stop] not in BREAKS:
        stop += 1
    yield Node(COMMENT, begin, stop, line, frame, None, "trailing", text[begin:stop])


def past_properties(
    text: str, start: int, end: int, anchor: str | None, tag: str | None, line: int
) -> tuple[int, bool]:
    """Where the content behind an anchor and a tag starts, and whether comments stand between.

    libyaml's event starts at the first of the two. Refusal 2: no white space behind one of them, where the text could
    be read in two ways.
    """
    position = start
    comments = False
    for _ in range((anchor is not None) + (tag is not None)):
        if text.startswith("&", position):
            position += 1 + len(anchor or "")
        elif text.startswith("!<", position):
            position = text.find(">", position, end) + 1
        else:
            while position < end and text[position] not in _BLANKS and text[position] not in ",]}":
                position += 1
        if position < end and text[position] not in _BLANKS:
            raise SyntaxRefused("no white space behind an anchor or a tag", line=line, hint="add a space behind it")
        while position < end:
            if text[position] in _BLANKS:
                position += 1
            elif text[position] == "#":
                comments = True
                while position < end and text[position] not in BREAKS:
                    position += 1
            else:
                break
    return position, comments


def end_of_block_scalar(text: str, start: int, end: int, value: str) -> int:
    """The end of a block scalar's source: its last line break left out, and without keep the blank lines before it.

    Spaces in those blank lines belong to the text only where the value ends in white space itself.
    """
    header_end = start + 1
    while header_end < end and text[header_end] in "+-0123456789":
        header_end += 1
    if "+" not in text[start:header_end]:
        content = value.rstrip(BREAKS)
        return start + len(text[start:end].rstrip(BREAKS if content[-1:] in (" ", "\t") else BREAKS + " "))
    if text.endswith("\r\n", start, end):
        return end - 2
    return end - 1 if text[end - 1] in BREAKS else end
