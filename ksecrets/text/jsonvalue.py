"""JSON scalars: what sops makes of them, and the sources that they have.

sops (3.13) reads a number without fraction and exponent as an int where it fits into 64 bits, every other number as a
64-bit float, and strings as Go's `encoding/json` does. Source: sops, stores/json/store.go; Go, encoding/json.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.node import DOUBLE

# The decoder of the standard library without the package around it, which costs 8 ms. Same function, same results.
try:
    from _json import scanstring
except ImportError:  # pragma: no cover - a Python without the accelerator
    from json.decoder import scanstring  # type: ignore[no-redef,attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ksecrets.text.node import Frame, Node
    from ksecrets.text.resolve import Resolved

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_MIN: Final = -(2**63)
_MAX: Final = 2**63 - 1
_LONGEST_INT: Final = 20  # characters of a whole number that may fit into 64 bits
_DIGITS: Final = frozenset("0123456789")
_FAULTS: Final = (
    ("Invalid control", "a control character in a string: it has to be escaped"),
    ("Invalid \\u", "an escape that is no character in a string"),
    ("Invalid \\e", "an escape that JSON does not have in a string"),
)


def string(text: str, start: int) -> tuple[str, int]:
    """The content of the string whose quote stands at a place, and the place behind it.

    Half a surrogate pair becomes U+FFFD, as it does for Go. Raises ValueError with a reason for a message.
    """
    value = None
    try:
        value, end = scanstring(text, start + 1, True)
    except (ValueError, SystemError):  # SystemError: Python 3.11 looks for its error in a module that is not imported
        pass
    if value is None:  # out here: the decoder's error holds the whole text
        raise ValueError(_fault(text, start))
    if not value.isascii() and "\\" in text[start:end]:
        value = without_surrogates(value)
    return value, end


def _fault(text: str, start: int) -> str:
    """What is wrong with a string that cannot be read."""
    import json.decoder

    try:
        json.decoder.scanstring(text, start + 1, True)  # type: ignore[attr-defined]
    except ValueError as error:
        reason = str(error)
    return next((words for mark, words in _FAULTS if reason.startswith(mark)), "a string that does not end")


def without_surrogates(value: str) -> str:
    """The text with each surrogate replaced by U+FFFD."""
    return "".join(["\ufffd" if "\ud800" <= char <= "\udfff" else char for char in value])


def quote(value: str) -> str:
    """A string with the escapes that it needs and no others."""
    if value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return (
        '"' + "".join([_ESCAPES.get(char) or (char if char >= " " else f"\\u{ord(char):04x}") for char in value]) + '"'
    )


def is_number(source: str) -> bool:
    """Whether a text is a number by the grammar of RFC 8259."""
    if source.isdigit() and source.isascii():
        return source[0] != "0" or len(source) == 1
    mantissa, exponent_mark, exponent = source.replace("E", "e").partition("e")
    if exponent_mark:
        exponent = exponent[1:] if exponent[:1] in ("+", "-") else exponent
        if not exponent or not _DIGITS.issuperset(exponent):
            return False
    whole, point, fraction = mantissa.removeprefix("-").partition(".")
    if not whole or not _DIGITS.issuperset(whole) or (whole[0] == "0" and len(whole) > 1):
        return False
    return not point or (fraction != "" and _DIGITS.issuperset(fraction))


def resolve(value: str, *, plain: bool, tag: str | None) -> Resolved:
    """As `text.resolve.resolve`. A number past 64-bit floats, which sops cannot hold, is a float with its own bytes."""
    if not plain:
        return "str", value.encode()
    if value in ("true", "false"):
        return "bool", b"True" if value == "true" else b"False"
    if value == "null":
        return "null", None
    if _is_int(value):
        return "int", b"%d" % int(value)
    from ksecrets.text.resolve import go_float_text

    number = go_float_text(float(value))
    return "float", (number if number is not None else value).encode()


def sops_refuses(value: str, *, plain: bool, tag: str | None) -> str | None:
    """Why sops cannot hold this value as it is, or None."""
    if not plain or value in ("true", "false", "null") or _is_int(value):
        return None
    if float(value) in (float("inf"), -float("inf")):
        return "sops holds numbers only as far as 64-bit floats reach"
    if not any(mark in value for mark in ".eE"):
        return "sops rounds whole numbers past 64 bits"
    return None


def carried(style: str, frame: Frame, source: str, token: str) -> tuple[str, str, str, str]:
    """A token stands in quotes, whatever the value was."""
    return f'"{token}"', DOUBLE, "", ""


def predicted(style: str, kind: str, value: str, indent: str = "", newline: str = "") -> str:
    """The source of a value by its type. It must not change: files that exist depend on it."""
    if kind in ("int", "float"):
        return value
    if kind == "bool":
        return value.lower()
    return quote(value)


def fits(style: str, value: str) -> bool:
    """JSON has one way of quoting, and layout means nothing in it."""
    return True


def keeps_its_meaning(source: str, text: str, carrier: Node) -> bool:
    """A JSON source means the same wherever it stands."""
    return True


def restored(text: str, carrier: Node, kind: str, content: bytes) -> str:
    """A source for a value of which no original is known, of the type that it has for sops.

    A float gets a fraction or an exponent, so that it stays one. Raises SyntaxRefused where the bytes are no value of
    the type, or one that JSON does not have.
    """
    from ksecrets.text.resolve import canonical  # not for sealed files

    if kind in ("str", "bytes", "time"):
        try:
            return quote(content.decode("utf-8"))
        except UnicodeDecodeError:
            raise SyntaxRefused("bytes that are no text have no place in JSON") from None
    exact = canonical(kind, content)
    source = exact.decode() if exact is not None else ""
    if kind == "bool" and source:
        return source.lower()
    if not is_number(source):
        raise SyntaxRefused(f"what was encrypted as the type {kind} is no such value of JSON")
    return number(kind, source)


def number(kind: str, source: str) -> str:
    """A number so that it keeps its type for sops; source: its canonical text."""
    if kind != "float" or "." in source or "e" in source:
        return source
    return source + ".0" if len(source) <= 16 else repr(float(source))


def _is_int(value: str) -> bool:
    digits = value.removeprefix("-")
    return len(value) <= _LONGEST_INT and digits.isdigit() and _MIN <= int(value) <= _MAX
