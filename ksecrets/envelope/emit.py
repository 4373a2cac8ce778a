"""The metadata mapping as text, byte for byte as sops writes it.

sops hands its metadata to go-yaml (go.yaml.in/yaml/v3 3.0.4) with an indentation of four. So a sops edit after
ours, or ours after sops's, changes only the lines whose content changed. The rules followed here are those of
its encoder (encode.go, `stringv`: what must be quoted) and its emitter (emitterc.go: how). One departure: texts
with carriage returns or Unicode line breaks are double-quoted with escapes, so that every reader agrees on them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.envelope.metadata import Tree

# entries of the top level that are no text in YAML: one bool, one integer
_BARE = ("mac_only_encrypted", "shamir_threshold")
# A text that starts so cannot be anything but a text for go-yaml, and the character is no indicator.
_SAFE_FIRST = frozenset("ABCDEGHIJKLMPQRSUVWXZabcdeghijklmpqrsuvwxz/($^_\\")
_INDICATORS = frozenset("#,[]{}&*!|>'\"%@`")
_WORDS = frozenset(
    word
    for lower in ("y", "yes", "on", "n", "no", "off", "true", "false", "null")
    for word in (lower, lower.capitalize(), lower.upper())
) | {"", "~", "<<"}
_FLOATS = frozenset(sign + form for sign in ("", "+", "-") for form in (".inf", ".Inf", ".INF")) | {
    ".nan",
    ".NaN",
    ".NAN",
}
_ESCAPES = {
    0x00: "\\0",
    0x07: "\\a",
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0B: "\\v",
    0x0C: "\\f",
    0x0D: "\\r",
    0x1B: "\\e",
    0x22: '\\"',
    0x5C: "\\\\",
    0x85: "\\N",
    0xA0: "\\_",
    0x2028: "\\L",
    0x2029: "\\P",
}
# go-yaml tries a signed, then an unsigned 64-bit integer; a leading plus is only for the signed one
_LARGEST = {"": 0xFFFFFFFFFFFFFFFF, "+": 0x7FFFFFFFFFFFFFFF, "-": 0x8000000000000000}
_JSON_ESCAPES = {0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}


def metadata_lines(tree: Mapping[str, Tree], indent: int = 4) -> list[str]:
    """The whole block, `sops:` first, as lines without line ends.

    tree: what `Metadata.to_tree` gives; its order is kept. indent: spaces a level, 4 as sops has by default.
    The lines are to stand at column 0 of a block mapping at the top of a document.
    """
    lines = ["sops:"]
    for key, value in tree.items():
        if key in _BARE:
            lines.append(f"{' ' * indent}{key}: {value}")
        else:
            _entry(lines, key, value, indent, indent, " " * indent)
    return lines


def flow(tree: Mapping[str, Tree]) -> str:
    """The mapping (without the key `sops`) on one line, as JSON that is YAML too; for flow mappings."""
    return "{" + ", ".join(f"{_json(k)}: {v if k in _BARE else _flow(v)}" for k, v in tree.items()) + "}"


def scalar(text: str) -> str:
    """A text of one line in the style that go-yaml takes for it: plain, single- or double-quoted."""
    if text[:1] in _SAFE_FIRST and text.isascii() and text.isprintable():
        # nothing here can be a number or a word; what is left are the indicators inside
        if text[-1] not in ": " and ": " not in text and " #" not in text:
            return text
        return _single(text)
    if not _is_text(text) or _needs_double(text):
        return _double(text)
    first = text[:1]
    if (
        first in _INDICATORS
        or text[-1] in ": "
        or first == " "
        or ": " in text
        or " #" in text
        or ":\t" in text
        or text.startswith(("---", "..."))
        or (first in "?-" and text[1:2] in ("", " "))
    ):
        return _single(text)
    return text


def _entry(lines: list[str], key: str, value: Tree, at: int, step: int, lead: str) -> None:
    # at: column of the entry (an indentation level); lead: what stands before the key on its line
    name = lead + _key(key)
    if isinstance(value, str):
        if "\n" in value and _fits_block(value):
            lines.append(f"{name}: |{_chomping(value)}")
            pad = " " * _deeper(at, step)
            body = value[:-1] if value.endswith("\n") else value
            lines.extend(pad + line if line else "" for line in body.split("\n"))
        else:
            lines.append(f"{name}: {scalar(value)}")
    elif not value:
        lines.append(f"{name}: {'[]' if isinstance(value, list) else '{}'}")
    elif isinstance(value, dict):
        lines.append(name + ":")
        inner = _deeper(at, step)
        for sub, item in value.items():
            _entry(lines, sub, item, inner, step, " " * inner)
    else:
        lines.append(name + ":")
        inner = _deeper(at, step)
        for item in value:
            dash = " " * inner + "- "
            if not isinstance(item, dict) or not item:
                raise TypeError("a list in the metadata holds mappings")
            for number, (sub, part) in enumerate(item.items()):
                # a mapping inside a sequence stands two to the right of the dash, whatever the step is
                _entry(lines, sub, part, inner + 2, step, " " * (inner + 2) if number else dash)


def _deeper(at: int, step: int) -> int:
    # the emitter's rule: the next multiple of the step
    return step * ((at + step) // step)


def _key(key: str) -> str:
    # longer or multi-line keys would need an explicit `? `; double quotes keep them on the line for all readers
    return _double(key) if "\n" in key else scalar(key)


def _fits_block(text: str) -> bool:
    # a leading space would need an indentation indicator, and go-yaml's own is wrong inside lists; a leading tab
    # libyaml takes for indentation
    return text[0] not in " \t\n" and not text.endswith(" ") and " \n" not in text and not _special(text)


def _chomping(text: str) -> str:
    if not text.endswith("\n"):
        return "-"
    return "+" if text.endswith("\n\n") else ""


def _special(text: str) -> bool:
    # what the emitter calls not printable, and the line breaks that readers differ about
    if text.isascii():
        return not text.replace("\n", "").replace("\t", "").isprintable()
    return any(_unprintable(ord(c)) for c in text)


def _unprintable(code: int) -> bool:
    if code < 0x7F:
        return code < 0x20 and code not in (0x09, 0x0A)
    return (
        code < 0xA0
        or code in (0x2028, 0x2029, 0xFEFF)
        or 0xD800 <= code <= 0xDFFF
        or code in (0xFFFE, 0xFFFF)
        or code > 0xFFFF
    )


def _needs_double(text: str) -> bool:
    return "\n" in text or "\t" in text or _special(text)


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double(text: str) -> str:
    out = []
    for c in text:
        code = ord(c)
        if code in _ESCAPES and code != 0xA0:
            out.append(_ESCAPES[code])
        elif code != 0x09 and not _unprintable(code):
            out.append(c)
        elif code <= 0xFF:
            out.append(f"\\x{code:02X}")
        elif code <= 0xFFFF:
            out.append(f"\\u{code:04X}")
        else:
            out.append(f"\\U{code:08X}")
    return '"' + "".join(out) + '"'


def _flow(value: Tree) -> str:
    if isinstance(value, str):
        return _json(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    return "[" + ", ".join(map(_flow, value)) + "]"


def _json(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    out = []
    for c in text:
        code = ord(c)
        if code in _JSON_ESCAPES:
            out.append(_JSON_ESCAPES[code])
        elif code <= 0xFFFF and _unprintable(code):
            out.append(f"\\u{code:04x}")
        else:
            out.append(c)
    return '"' + "".join(out) + '"'


def _is_text(text: str) -> bool:
    # whether go-yaml's resolver and its guards for older readers leave the text a text when it stands plain
    if text in _WORDS or text in _FLOATS:
        return False
    first = text[0]
    if first not in "0123456789+-.":
        return True
    if is_plain_time(text):
        return False
    import re

    if first == ".":
        found = re.fullmatch(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?", text)
        return not found or float(text) == float("inf")
    if re.fullmatch(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", text):
        return False
    digits = text.replace("_", "")
    if re.fullmatch(r"0(b[-+][01]+|o[-+][0-7]+)", digits):
        return False
    number = re.fullmatch(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)", digits)
    if number:
        sign, body = number.groups()
        octal = body[0] == "0" and body[1:2].isdigit()
        if int(body, 8 if octal else 0) <= _LARGEST[sign]:
            return False
    return not (
        re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", digits)
        and abs(float(digits)) != float("inf")
    )


def is_plain_time(text: str) -> bool:
    """Whether go-yaml reads the text as a time when it stands plain (decode formats of its resolve.go)."""
    if text[4:5] != "-" or not text[:4].isdigit():
        return False
    import re

    found = re.fullmatch(
        r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
        r"(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(?:Z|[-+]([0-9]{2}):([0-9]{2}))"
        r"| ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?)?",
        text,
    )
    if not found:
        return False
    year, month, day, *rest = (int(part or 0) for part in found.groups())
    if not 1 <= month <= 12:
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    hour, minute, second = (max(pair) for pair in zip(rest[:3], rest[5:], strict=True))
    return 1 <= day <= days and hour < 24 and minute < 60 and second < 60 and rest[3] <= 24 and rest[4] < 60
