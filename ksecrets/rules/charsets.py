"""Sets of characters for rules/re2.py: those that Go's regular expressions have names for, and what Python is told.

A set is a list of ranges of code points, first and last, in any order; ranges may overlap.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    Ranges = list[tuple[int, int]]

LARGEST: Final = 0x10FFFF

_DIGIT: Final = ((0x30, 0x39),)
_SPACE: Final = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))  # no vertical tab
_WORD: Final = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
PERL: Final = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
POSIX: Final = {
    "alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "ascii": ((0x00, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0x00, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": ((0x61, 0x7A),),
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": ((0x41, 0x5A),),
    "word": _WORD,
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
# Letters whose simple case folding (Unicode, as in Go) has a third member outside ASCII.
_FOLDS: Final = {0x6B: 0x212A, 0x73: 0x017F}


def other_cases(ranges: Ranges) -> Ranges:
    """A set within ASCII, with the other cases of each of its letters."""
    result = list(ranges)
    for low, high in ranges:
        for lower in range(0x61, 0x7B):
            if low <= lower <= high or low <= lower - 0x20 <= high:
                result += [(lower, lower), (lower - 0x20, lower - 0x20)]
                if lower in _FOLDS:
                    result.append((_FOLDS[lower], _FOLDS[lower]))
    return result


def all_but(ranges: Ranges) -> Ranges:
    """All characters that are not in a set."""
    result = []
    next_free = 0
    for low, high in sorted(ranges):
        if low > next_free:
            result.append((next_free, low - 1))
        next_free = max(next_free, high + 1)
    if next_free <= LARGEST:
        result.append((next_free, LARGEST))
    return result


def set_source(ranges: Ranges) -> str:
    """A set as Python's `re` has it; the empty one matches nothing."""
    if not ranges:
        return "(?!)"
    return (
        "["
        + "".join(
            char_source(low) if low == high else f"{char_source(low)}-{char_source(high)}" for low, high in ranges
        )
        + "]"
    )


def char_source(code: int) -> str:
    """One character as Python's `re` has it, wherever it stands."""
    char = chr(code)
    return char if char.isascii() and char.isalnum() else f"\\U{code:08x}"
