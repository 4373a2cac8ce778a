"""Generated JSON documents: every form of a value, in every layout that JSON has; and what a document says."""

from __future__ import annotations

import json
from random import Random
from typing import Any

_WORDS = (
    "",
    "a",
    "password",
    "x_unencrypted",
    "sops",
    "data",
    "ENC[",
    "yes",
    "1",
    "null",
    "é",
    "日本",
    "😀",
    "\u2028",
    "#x",
)
_ESCAPED = (
    *('\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0041", "\\u00e9", "\\u0000", "\\u2028", "\\uFFFD"),
    *(
        "\\ud83d\\ude00",
        "\\uD83D\\uDE00",
        "\\ud800",
        "\\udc00x",
        "\\ud800\\ud83d\\ude00",
        "\\u007f",
        "\\u0085",
        "\\ufeff",
    ),
)
_NUMBERS = (
    *("0", "-0", "1", "-1", "42", "9007199254740993", "9223372036854775807", "-9223372036854775808"),
    *(
        "1.0",
        "-0.0",
        "1.10",
        "0.1",
        "1e5",
        "1E+5",
        "1e-7",
        "12.5e3",
        "3.141592653589793238",
        "1e21",
        "5e-324",
        "1e-400",
    ),
    *("100000000000000000000.0", "123456.789e-2"),
)
# What sops does not hold: it rounds the first two, and refuses the third.
BEYOND_SOPS = ("9223372036854775808", "123456789012345678901234567890", "1e400")


class Writer:
    """Writes one document after the other from a source of chance.

    for_sops: without what sops itself does not read again (a readable -0.0 becomes 0 and breaks its MAC).
    """

    def __init__(self, random: Random, *, for_sops: bool = False) -> None:
        self.random = random
        self.numbers = [number for number in _NUMBERS if not (for_sops and number == "-0.0")]
        self.space: tuple[str, ...] = ("",)

    def document(self) -> str:
        """An object, with white space around it."""
        random = self.random
        self.space = random.choice(
            (("",), ("", " "), (" ", "\n", "\n\t", "\r\n  "), ("\n  ",), ("", "\t", " \n ", "\r"))
        )
        end = random.choice(("", "\n", "\r\n", "\n\n", " "))
        return f"{random.choice(('', '', ' ', chr(10)))}{self.object(0)}{end}"

    def object(self, depth: int) -> str:
        keys = [self.string() for _ in range(self.random.choice((0, 1, 2, 3, 5)) + (depth == 0))]
        if depth == 0:  # the name is reserved there
            keys = [key for key in keys if json.loads(key) != "sops"]
        gap = self.gap
        entries = [f"{gap()}{key}{gap()}:{gap()}{self.value(depth + 1)}{gap()}" for key in keys]
        return "{" + (",".join(entries) or gap()) + "}"

    def value(self, depth: int) -> str:
        random = self.random
        kind = random.randrange(10 if depth < 5 else 7)
        if kind < 3:
            return self.string()
        if kind < 5:
            return random.choice(self.numbers)
        if kind < 7:
            return random.choice(("true", "false", "null", '""'))
        if kind < 8:
            return self.object(depth)
        gap = self.gap
        items = [f"{gap()}{self.value(depth + 1)}{gap()}" for _ in range(random.randrange(4))]
        return "[" + (",".join(items) or gap()) + "]"

    def string(self) -> str:
        random = self.random
        parts = [
            random.choice(_ESCAPED)
            if random.random() < 0.3
            else json.dumps(random.choice(_WORDS), ensure_ascii=False)[1:-1]
            for _ in range(random.choice((1, 1, 2, 4)))
        ]
        return '"' + "".join(parts) + '"'

    def gap(self) -> str:
        return self.random.choice(self.space)


def says(text: str) -> Any:
    """What Go makes of a document: keys that stand twice kept, half a surrogate pair as U+FFFD, numbers as sops types
    them."""
    return json.loads(
        text.removeprefix("\ufeff"),
        object_pairs_hook=lambda pairs: [(_text(key), _value(value)) for key, value in pairs],
        parse_int=lambda digits: int(digits) if -(2**63) <= int(digits) < 2**63 else float(digits),
    )


def alike(one: Any, other: Any) -> bool:
    """Whether two documents say the same to sops, which writes a float 2e16 as 20000000000000000."""
    if isinstance(one, float) or isinstance(other, float):
        numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, other))
        return numbers and float(one) == float(other)
    if isinstance(one, list | tuple) and type(one) is type(other):
        return len(one) == len(other) and all(map(alike, one, other))
    return type(one) is type(other) and bool(one == other)


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list) and not (value and isinstance(value[0], tuple)):
        return [_value(each) for each in value]
    return value


def _text(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
