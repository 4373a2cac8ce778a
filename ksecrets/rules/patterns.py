"""Path patterns as regular expressions of Go, and what two of them have in common as one.

For the way out to sops, whose rules know one regular expression each and no "and". A pattern is a row of tokens here:
one byte out of a set, or any number of bytes out of a set. What two such rows have in common is a union of rows, since
where two stars meet, one of them ends first.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError
from ksecrets.rules.globs import Glob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    Token: TypeAlias = tuple[frozenset[int], bool]
    """The bytes, and whether any number of them is meant."""
    Row: TypeAlias = tuple[Token, ...]

_MOST = 64
_ALL = frozenset(range(256))
_HIGH = frozenset(range(128, 256))
_FOLDER = _ALL - {0x2F}
_SPECIAL = rb"\.+*?()|[]{}^$"


def rows(globs: Iterable[Glob]) -> list[Row]:
    """What any of these patterns matches, as rows."""
    found: list[Row] = []
    for glob in globs:
        made: list[Row] = [()]
        states = iter(glob.states())
        for advance, loop, skips in states:
            if skips == 2:  # `**/`: nothing, or anything up to a slash
                slash, anything, _ = next(states)
                made = [*made, *((*row, (anything, True), (slash, False)) for row in made)]
            else:
                token = (loop, True) if skips else (advance, False)
                made = [(*row, token) for row in made]
        found += made
    return _without_covered(found)


def common(one: Sequence[Row], other: Sequence[Row]) -> list[Row]:
    """What rows of both match. Raises ConfigError where that is too much to be written down."""
    found: list[Row] = []
    for a in one:
        for b in other:
            found += _meet(a, b)
            if len(found) > _MOST * _MOST:
                raise _too_much()
    found = _without_covered(found)
    if len(found) > _MOST:
        raise _too_much()
    return found


def regex(found: Sequence[Row]) -> str:
    """A regular expression of Go that matches just the paths that one of these rows matches, as a whole.

    `?` and a set stand for one character there, for one byte here: beyond ASCII that differs (`is_ascii`). A line break
    in a path is not matched by `**`. Raises ConfigError for a set that has some letters beyond ASCII and not others.
    """
    alternatives = [_spelled(row) for row in found]
    return f"^{alternatives[0]}$" if len(alternatives) == 1 else f"^(?:{'|'.join(alternatives)})$"


def folded(globs: Sequence[Glob]) -> str:
    """As `regex(rows(globs))`, in the form that people would write."""
    alternatives = []
    for glob in globs:
        tokens = glob.states()
        parts: list[str] = []
        row: list[Token] = []
        at = 0
        while at < len(tokens):
            advance, loop, skips = tokens[at]
            if skips == 2:
                parts += [_spelled(tuple(row)), "(?:.*/)?"]
                row = []
                at += 2
                continue
            row.append((loop, True) if skips else (advance, False))
            at += 1
        alternatives.append("".join(parts) + _spelled(tuple(row)))
    return f"^{alternatives[0]}$" if len(alternatives) == 1 else f"^(?:{'|'.join(alternatives)})$"


def is_ascii(found: Iterable[Row]) -> bool:
    """Whether these rows mean the same in bytes and in characters."""
    return not any(len(allowed) > 1 and not star and allowed & _HIGH for row in found for allowed, star in row)


def _meet(one: Row, other: Row) -> tuple[Row, ...]:
    from functools import cache

    @cache
    def meet(i: int, j: int) -> tuple[Row, ...]:
        if i == len(one) or j == len(other):
            rest = one[i:] + other[j:]
            return ((),) if all(star for _, star in rest) else ()
        (a, a_star), (b, b_star) = one[i], other[j]
        both = a & b
        if a_star and b_star:
            ends = dict.fromkeys((*meet(i + 1, j), *meet(i, j + 1)))
            found = [(*(((both, True),) if both else ()), *row) for row in ends]
        elif a_star or b_star:
            found = list(meet(i + 1, j) if a_star else meet(i, j + 1))
            if both:
                found += [((both, False), *row) for row in (meet(i, j + 1) if a_star else meet(i + 1, j))]
        else:
            found = [((both, False), *row) for row in meet(i + 1, j + 1)] if both else []
        found = _without_covered(found)
        if len(found) > _MOST:
            raise _too_much()
        return tuple(found)

    return meet(0, 0)


def _without_covered(found: Iterable[Row]) -> list[Row]:
    """Without the rows that another one covers."""
    distinct = list(dict.fromkeys(found))
    kept: list[Row] = []
    for index, row in enumerate(distinct):
        others = (*kept, *distinct[index + 1 :])
        if not any(_covers(other, row) for other in others):
            kept.append(row)
    return kept


def _covers(wide: Row, narrow: Row) -> bool:
    """Whether `wide` matches all that `narrow` does; False where that is not plain to see."""

    from functools import cache

    @cache
    def covers(i: int, j: int) -> bool:
        if i == len(narrow):
            return all(star for _, star in wide[j:])
        if j == len(wide):
            return False
        (few, few_star), (many, many_star) = narrow[i], wide[j]
        if many_star:
            return covers(i, j + 1) or (few <= many and covers(i + 1, j))
        return not few_star and few <= many and covers(i + 1, j + 1)

    return covers(0, 0)


def _spelled(row: Row) -> str:
    out = bytearray()
    for allowed, star in row:
        out += _set(allowed)
        if star:
            out += b"*"
    return out.decode("utf-8", "surrogateescape")


def _set(allowed: frozenset[int]) -> bytes:
    if len(allowed) == 1:
        (byte,) = allowed
        return (b"\\" if byte in _SPECIAL else b"") + bytes((byte,))
    if allowed == _ALL:
        return b"."
    high = allowed & _HIGH
    if high and high != _HIGH:
        raise ConfigError("a set of letters beyond ASCII in a pattern cannot be said in a .sops.yaml")
    if high:
        return b"[^" + _ranges(_ALL - allowed) + b"]"
    return b"[" + _ranges(allowed) + b"]"


def _ranges(found: frozenset[int]) -> bytes:
    out = b""
    ordered = sorted(found)
    at = 0
    while at < len(ordered):
        end = at
        while end + 1 < len(ordered) and ordered[end + 1] == ordered[end] + 1:
            end += 1
        out += _escaped(ordered[at])
        if end > at:
            out += (b"-" if end > at + 1 else b"") + _escaped(ordered[end])
        at = end + 1
    return out


def _escaped(byte: int) -> bytes:
    if byte < 0x20 or byte == 0x7F:
        return b"\\x%02x" % byte
    return (b"\\" if byte in rb"\]^-[" else b"") + bytes((byte,))


def _too_much() -> ConfigError:
    return ConfigError(
        "what the patterns of an environment and of its rule have in common is too much for one expression",
        hint="write the rule's `files` more closely, as the environment's own",
    )
