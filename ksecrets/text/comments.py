"""Comments: where they stand, and which of them hide a value.

A comment is plaintext that nobody chose to encrypt, and it is where old passwords go. By default (``auto``) prose
stays readable, and a commented-out assignment is encrypted as sops would encrypt it, with everything that belongs to
it: the list items and the deeper lines below a commented-out key.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from ksecrets.text.node import Node

_BREAKS: Final = "\r\n\x85\u2028\u2029"
_NEAR: Final = 400  # characters; further away than any line break that people write
_KEY_END: Final = ":="
_NOT_IN_KEY: Final = " \t#,;!?()<>|&%@`{}"


def comments_between(text: str, start: int, end: int) -> Iterator[tuple[int, int, int, bool]]:
    """The comments in a stretch of text that holds no scalar.

    Yields start and end of the text behind ``#`` (its line break left out), the column of the ``#``, and whether it
    stands on a line of its own. As in libyaml, a ``#`` outside of a scalar starts a comment whatever stands before it;
    in a directive (a line that starts with ``%``) it needs white space.
    """
    position = text.find("#", start, end)
    while position >= 0:
        before = _line_up_to(text, position)
        comment_end = position + 1
        if before.startswith("%") and not before[-1:].isspace():
            position = text.find("#", comment_end, end)
            continue
        comment_end = _end_of_line(text, comment_end, end)
        yield position + 1, comment_end, len(before), not before.strip(" \t")
        position = text.find("#", comment_end, end)


def _line_up_to(text: str, position: int) -> str:
    """What stands on the line before a place. Looked for at once, and a character at a time where that finds nothing
    or what it found holds a line break of the rarer kinds."""
    found = text.rfind("\n", max(0, position - _NEAR), position)
    if found >= 0:
        line = text[found + 1 : position]
        if line.isprintable() or not any(mark in line for mark in _BREAKS):
            return line
    start = position
    while start > 0 and text[start - 1] not in _BREAKS:
        start -= 1
    return text[start:position]


def _end_of_line(text: str, start: int, end: int) -> int:
    """Where the line ends that `start` stands on, at most `end`."""
    found = text.find("\n", start, min(end, start + _NEAR))
    if found >= 0:
        line = text[start:found]
        if line.isprintable() or not any(mark in line for mark in _BREAKS):
            return found
    while start < end and text[start] not in _BREAKS:
        start += 1
    return start


class CommentChoice:
    """Decides comment by comment, in the order of the text, whether it is to be encrypted.

    mode: ``encrypt`` (all, as sops does), ``keep`` (none), ``auto`` (those that look like an assignment).
    An empty comment is never encrypted (sops neither); one that starts with ``ENC[`` always is, so that decrypting
    cannot mistake it for a token.
    """

    __slots__ = ("_base", "_line", "_mode")

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._base: int | None = None  # indentation of the commented-out key that we are below
        self._line = 0

    def encrypts(self, comment: Node) -> bool:
        """Whether this comment, the next one of the text, is to be encrypted."""
        content = comment.value
        if content.startswith("ENC["):
            return True
        if not content.strip():
            return False
        if self._mode != "auto":
            return self._mode == "encrypt"
        if "\n" in content:  # INI, where lines that follow each other are one comment
            return any(_assignment(line.strip(" \t\r;#")) for line in content.split("\n"))
        if comment.key_form != "line" or comment.line != self._line + 1:
            self._base = None
        self._line = comment.line
        stripped = content.lstrip(" \t#")
        indent = len(content) - len(stripped)
        if self._base is not None and (indent > self._base or (indent == self._base and stripped.startswith("- "))):
            return True
        self._base = None
        found = _assignment(stripped)
        if found is None:
            return False
        if comment.key_form == "line":
            self._base = indent
        return found


def _assignment(text: str) -> bool | None:
    """True for ``key: value`` and ``key=value``, False for a key without a value, None for anything else."""
    while text.startswith("- "):
        text = text[2:].lstrip(" \t")
    if text.startswith("export "):
        text = text[7:].lstrip(" \t")
    if text[:1] in ("'", '"'):
        close = text.find(text[0], 1)
        rest = text[close + 1 :].lstrip(" \t") if close > 1 else ""
        return _value_follows(rest)
    for position, character in enumerate(text):
        if character in _KEY_END:
            return _value_follows(text[position:]) if position else None
        if character in _NOT_IN_KEY:
            return _value_follows(text[position:].lstrip(" \t")) if character in " \t" and position else None
    return None


def _value_follows(rest: str) -> bool | None:
    if rest.startswith(":") and (len(rest) == 1 or rest[1] in " \t"):
        return bool(rest[1:].strip())
    if rest.startswith("=") and not rest.startswith("=="):
        return bool(rest[1:].strip())
    return None
