"""Paths of values: ``a.b[0].c``, or as sops writes them ``["a"]["b"][0]["c"]``, and the two mixed.

A path in memory is a tuple: a str is a key of a mapping, an int an index of a list. ``.`` is the whole document.
"""

from __future__ import annotations

from ksecrets.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    Path = tuple[str | int, ...]

_SPECIAL: Final = frozenset(".[]\"'\\")
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_UNESCAPES: Final = {char: "\\" + letter for letter, char in _ESCAPES.items() if letter != "/"}
_HINT: Final = """write it as a.b[0].c, or as '["a"]["b"][0]["c"]' where a key has dots, brackets, quotes or spaces"""


def parse(text: str) -> Path:
    """A path from its text. Raises UsageError, which shows the text, where it is none.

    Keys stand bare, with a ``.`` between them, or in brackets with quotes: in double quotes with the escapes of JSON,
    in single quotes as they are. Brackets without quotes hold an index. A dot before the first key and before a
    bracket is allowed.
    """
    if text == ".":
        return ()
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        dotted = text[at] == "."
        if dotted:
            at += 1
        if text[at : at + 1] == "[":
            part, at = _bracket(text, at + 1)
            parts.append(part)
        elif dotted or not parts:
            end = at
            while end < len(text) and text[end] not in ".[":
                end += 1
            key = text[at:end]
            if not _is_bare(key):
                raise _wrong(text, f"a key is missing at character {at + 1}" if not key else "a key needs quotes")
            parts.append(key)
            at = end
        else:
            raise _wrong(text, f"a dot or a bracket is missing at character {at + 1}")
    if not parts:
        raise _wrong(text, "it is empty")
    return tuple(parts)


def format(path: Iterable[str | int]) -> str:
    """The shortest text that `parse` reads as this path: dots where they do, brackets and quotes where they must."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _is_bare(part):
            text += f".{part}" if text else part
        else:
            text += '["' + "".join(map(_escaped, part)) + '"]'
    return text or "."


def _is_bare(key: str) -> bool:
    """Whether a key can stand without quotes. Spaces and what terminals do not show need them."""
    if not key or " " in key or not _SPECIAL.isdisjoint(key):
        return False
    return key.isprintable()


def _bracket(text: str, at: int) -> tuple[str | int, int]:
    """The key or index behind an opening bracket, and the place behind the closing one."""
    mark = text[at : at + 1]
    if mark == "'":
        end = text.find("']", at + 1)
        if end < 0:
            raise _wrong(text, "a quote or bracket is not closed")
        return text[at + 1 : end], end + 2
    if mark == '"':
        key, at = _double_quoted(text, at + 1)
        if text[at : at + 1] != "]":
            raise _wrong(text, "a bracket is not closed")
        return key, at + 1
    end = text.find("]", at)
    digits = text[at:end] if end >= 0 else ""
    number = digits.removeprefix("-")
    if not (number.isascii() and number.isdecimal()) or len(number) > 18:
        raise _wrong(text, "brackets hold an index, or a key in quotes")
    return int(digits), end + 1


def _double_quoted(text: str, at: int) -> tuple[str, int]:
    key: list[str] = []
    while True:
        char = text[at : at + 1]
        if not char:
            raise _wrong(text, "a quote is not closed")
        if char == '"':
            return "".join(key), at + 1
        if char != "\\":
            key.append(char)
            at += 1
            continue
        letter = text[at + 1 : at + 2]
        plain = _ESCAPES.get(letter)
        if plain is not None:
            key.append(plain)
            at += 2
            continue
        width = {"u": 4, "U": 8}.get(letter, 0)
        digits = text[at + 2 : at + 2 + width]
        if not width or len(digits) != width or not frozenset("0123456789abcdefABCDEF").issuperset(digits):
            raise _wrong(text, "a backslash is followed by none of JSON's escapes")
        code = int(digits, 16)
        if code > 0x10FFFF:
            raise _wrong(text, "an escape is no character")
        key.append(chr(code))
        at += 2 + width


def _escaped(char: str) -> str:
    if char in _UNESCAPES:
        return _UNESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _wrong(text: str, reason: str) -> UsageError:
    return UsageError(f"not a path: {text!r}: {reason}", hint=_HINT)
