"""Path patterns as git reads them: anchored at the top, `*` and `?` stay inside a folder, `**` crosses folders.

The rules are those of git's `wildmatch` with WM_PATHNAME (gitignore(5), "PATTERN FORMAT", and `:(glob)` in
gitglossary(7)), byte for byte: `?` is one byte of UTF-8. A pattern is compiled to the states of a small automaton
that are all tried at once, as bits of one integer, so that no pattern can make matching slow: the time is the
length of the path times the length of the pattern, `**/**/**` included. What a state and a byte lead to is kept, so
that of many paths each costs a look-up a byte.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_SLASH: Final = 0x2F
_ALL: Final = frozenset(range(256))
_IN_FOLDER: Final = _ALL - {_SLASH}
_KEPT: Final = 1 << 14  # steps; far more than honest patterns and paths have

_CLASSES: Final = {
    b"alnum": b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    b"alpha": b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    b"blank": b" \t",
    b"cntrl": bytes((*range(32), 127)),
    b"digit": b"0123456789",
    b"graph": bytes(range(33, 127)),
    b"lower": b"abcdefghijklmnopqrstuvwxyz",
    b"print": bytes(range(32, 127)),
    b"punct": bytes(byte for byte in range(33, 127) if not chr(byte).isalnum()),
    b"space": b" \t\n\v\f\r",
    b"upper": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    b"xdigit": b"0123456789ABCDEFabcdef",
}


class Glob:
    """One compiled pattern. `matches(path)` takes a path below the top, parts joined by `/`."""

    __slots__ = (
        "_accept",
        "_known",
        "_loops",
        "_moves",
        "_prefix",
        "_skip_one",
        "_skip_two",
        "_start",
        "_suffix",
        "pattern",
    )

    def __init__(self, pattern: str) -> None:
        """Raises ConfigError where git would accept the pattern and never match anything with it."""
        self.pattern = pattern
        states = _Parser(pattern).states()
        self._moves = [0] * 256  # byte -> the states that it moves on from
        self._loops = [0] * 256  # byte -> the states that it stays in
        self._known: dict[int, int] = {}  # states and byte, as one number -> the states behind it
        self._skip_one = 0
        self._skip_two = 0
        for index, (advance, loop, skips) in enumerate(states):
            bit = 1 << index
            for byte in advance:
                self._moves[byte] |= bit
            for byte in loop:
                self._loops[byte] |= bit
            if skips:
                self._skip_one |= bit
            if skips == 2:
                self._skip_two |= bit
        self._accept = 1 << len(states)
        self._start = self._closure(1)
        self._prefix = _literal(states)
        self._suffix = _literal(states[::-1])[::-1]

    def states(self) -> list[_State]:
        """The pattern as the row of states that it was compiled to, for those who write it down in another way.

        Each is (bytes that move on, bytes that stay, how many states may be skipped without a byte): one byte of a set
        and no other; or any number of bytes, where it is to be skipped; or, skipping two, `**/` with the next one.
        """
        return _Parser(self.pattern).states()

    def matches(self, path: str) -> bool:
        """Whether git would say that this path fits. Never raises."""
        text = path.encode("utf-8", "surrogateescape")
        if not text.startswith(self._prefix) or not text.endswith(self._suffix):
            return False
        now = self._start
        known = self._known
        for byte in text:
            step = now << 8 | byte
            found = known.get(step)
            if found is None:
                found = self._closure(((now & self._moves[byte]) << 1) | (now & self._loops[byte]))
                if len(known) < _KEPT:
                    known[step] = found
            now = found
            if not now:
                return False
        return bool(now & self._accept)

    def _closure(self, now: int) -> int:
        """Adds the states that are reached without reading anything."""
        while True:
            more = now | ((now & self._skip_one) << 1) | ((now & self._skip_two) << 2)
            if more == now:
                return now
            now = more


def _literal(states: list[_State]) -> bytes:
    """The bytes that every match begins with (or ends with, for states in reverse)."""
    found = bytearray()
    for advance, loop, skips in states:
        if len(advance) != 1 or loop or skips:
            break
        found += bytes(advance)
    return bytes(found)


if TYPE_CHECKING:
    # bytes that move on to the next state, bytes that stay, and how many states may be skipped without a byte
    _State = tuple[frozenset[int], frozenset[int], int]

_NONE: Final[frozenset[int]] = frozenset()


class _Parser:
    __slots__ = ("at", "pattern", "text")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.text = pattern.encode("utf-8", "surrogateescape")
        self.at = 0

    def states(self) -> list[_State]:
        states: list[_State] = []
        text = self.text
        while self.at < len(text):
            byte = text[self.at]
            if byte == 0x2A:  # *
                states += self._stars()
                continue
            self.at += 1
            if byte == 0x3F:  # ?
                states.append((_IN_FOLDER, _NONE, 0))
            elif byte == 0x5B:  # [
                states.append((self._set(), _NONE, 0))
            elif byte == 0x5C:  # \
                states.append((frozenset((self._next("a `\\` at its end"),)), _NONE, 0))
            else:
                states.append((frozenset((byte,)), _NONE, 0))
        return states

    def _stars(self) -> list[_State]:
        text, start = self.text, self.at
        while self.at < len(text) and text[self.at] == 0x2A:
            self.at += 1
        rest = text[self.at : self.at + 2]
        whole = start == 0 or text[start - 1] == _SLASH
        if self.at - start == 1 or not whole or not (rest == b"" or rest[0] == _SLASH or rest == b"\\/"):
            return [(_NONE, _IN_FOLDER, 1)]  # `*`; also `**` that is only a part of a name
        if rest[:1] != b"/":
            return [(_NONE, _ALL, 1)]
        self.at += 1  # `**/`: nothing, or anything up to a slash
        return [(_NONE, _NONE, 2), (frozenset((_SLASH,)), _ALL, 0)]

    def _next(self, problem: str) -> int:
        if self.at >= len(self.text):
            raise ConfigError(f"the pattern `{self.pattern}` matches nothing: it has {problem}")
        self.at += 1
        return self.text[self.at - 1]

    def _set(self) -> frozenset[int]:
        """After `[`. The order of the tests is wildmatch's, oddities included."""
        text = self.text
        problem = "a `[` without its `]`"
        byte = self._next(problem)
        negated = byte in b"!^"
        if negated:
            byte = self._next(problem)
        found: set[int] = set()
        before = 0  # the start of a range, 0 where none may start
        while True:
            if byte == 0x5C:
                byte = self._next(problem)
                found.add(byte)
            elif byte == 0x2D and before and self.at < len(text) and text[self.at] != 0x5D:
                byte = self._next(problem)
                if byte == 0x5C:
                    byte = self._next(problem)
                found.update(range(before, byte + 1))
                byte = 0
            elif byte == 0x5B and text[self.at : self.at + 1] == b":":
                byte = self._class(found, problem)
            else:
                found.add(byte)
            before = byte
            byte = self._next(problem)
            if byte == 0x5D:
                break
        return (_ALL - found if negated else frozenset(found)) - {_SLASH}

    def _class(self, found: set[int], problem: str) -> int:
        """After `[` with `:` next. Gives the byte that a range could start with, 0 after a class."""
        end = self.text.find(b"]", self.at + 1)
        if end < 0:
            self.at = len(self.text)
            self._next(problem)
        name = self.text[self.at + 1 : end - 1]
        if end == self.at + 1 or self.text[end - 1] != 0x3A:
            found.add(0x5B)
            return 0x5B
        if name not in _CLASSES:
            shown = name.decode("utf-8", "replace")
            raise ConfigError(f"the pattern `{self.pattern}` matches nothing: no class is called `[:{shown}:]`")
        found.update(_CLASSES[name])
        self.at = end + 1
        return 0
