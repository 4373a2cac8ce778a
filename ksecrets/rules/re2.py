"""Go's regular expressions (RE2 syntax) said in Python's, or refused.

sops matches keys and comments with Go's `regexp`; a selector must pick the same values here. The two languages look
alike and differ in corners (`$`, `\\s`, `\\B`, `{,3}`, case folding, flags in the middle), so that nothing is passed
through: the expression is parsed by Go's rules (`regexp/syntax`, flags of `regexp.Compile`), and written anew with
explicit sets of characters, scoped flags and groups without captures. What has no easy exact counterpart is refused
by name: Unicode classes (`\\pL`) and `(?i)` with characters outside ASCII. What Go does not know (lookaround,
backreferences, possessive repetition...) is an error there and here.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError
from ksecrets.rules.charsets import LARGEST, PERL, POSIX, all_but, char_source, other_cases, set_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern
    from typing import Final, NoReturn

    from ksecrets.rules.charsets import Ranges

_MAX_DEPTH: Final = 100
_MAX_REPEAT: Final = 1000

_CONTROLS: Final = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_WORD_BOUNDARY: Final = "(?:(?<![0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<=[0-9A-Za-z_])(?![0-9A-Za-z_]))"


def compile(pattern: str) -> Pattern[str]:
    """An expression whose `.search` finds something exactly where Go's `MatchString` does.

    Raises ConfigError where Go would not compile it, and where this module will not translate it.
    """
    import re

    try:
        return re.compile(translate(pattern))
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigError(f"the regular expression `{pattern}` cannot be used: {error}") from None


def translate(pattern: str) -> str:
    """The same expression for Python's `re`, without any flag. Raises ConfigError as `compile` does."""
    return _Translator(pattern).whole()


class _Piece:
    """A translated part; `repeat` is the product of the bounds of repetitions nested in it."""

    __slots__ = ("repeat", "source")

    def __init__(self, source: str, repeat: int = 1) -> None:
        self.source = source
        self.repeat = repeat


class _Translator:
    __slots__ = ("at", "depth", "flags", "pattern")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0
        self.flags: frozenset[str] = frozenset()

    def refuse(self, what: str) -> NoReturn:
        raise ConfigError(
            f"the regular expression `{self.pattern}` has {what}",
            hint="regular expressions are Go's, as in sops: https://github.com/google/re2/wiki/Syntax",
        )

    def more(self) -> bool:
        return self.at < len(self.pattern)

    def looking_at(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def take(self, missing: str) -> str:
        if not self.more():
            self.refuse(missing)
        self.at += 1
        return self.pattern[self.at - 1]

    # -- structure

    def whole(self) -> str:
        piece = self.alternatives()
        if self.more():
            self.refuse("a `)` without its `(`")
        return piece.source

    def alternatives(self) -> _Piece:
        """Everything up to the end or the `)` that closes this group."""
        branches: list[str] = []
        branch: list[str] = []
        repeat = 1
        while self.more() and not self.looking_at(")"):
            if self.looking_at("|"):
                self.at += 1
                branches.append("".join(branch))
                branch = []
                continue
            piece = self.repeated()
            branch.append(piece.source)
            repeat = max(repeat, piece.repeat)
        branches.append("".join(branch))
        return _Piece("|".join(branches), repeat)

    def repeated(self) -> _Piece:
        if self.looking_at("\\Q"):
            return self.quoted()
        start = self.at
        piece = self.atom()
        if piece is None:  # flags only, `(?i)`
            if self.bounds() is not None:
                self.refuse("a repetition of nothing")
            return _Piece("")
        return self.repetition(piece, start)

    def repetition(self, piece: _Piece, start: int) -> _Piece:
        bounds = self.bounds()
        if bounds is None:
            return piece
        if self.looking_at("?"):
            self.at += 1  # greedy or not changes what is found, not whether
        low, high = bounds
        repeat = piece.repeat
        if low >= 2 or (high or 0) >= 2:
            count = low if high is None else high
            repeat *= max(count, 1) if high != 0 else 0
            if repeat > _MAX_REPEAT:
                self.refuse(f"more than {_MAX_REPEAT} repetitions")
        after = self.at
        if self.bounds() is not None:
            self.refuse(f"one repetition after the other, `{self.pattern[start : self.at]}`")
        self.at = after
        upper = "" if high is None else str(high)
        return _Piece(f"(?:{piece.source}){{{low},{upper}}}", repeat)

    def bounds(self) -> tuple[int, int | None] | None:
        """`*`, `+`, `?`, `{n}`, `{n,}` or `{n,m}`, if one stands here; any other brace is a plain character."""
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.looking_at(sign):
                self.at += 1
                return bounds
        if not self.looking_at("{"):
            return None
        end = self.pattern.find("}", self.at)
        if end < 0:
            return None
        low, comma, high = self.pattern[self.at + 1 : end].partition(",")
        if not _number(low) or (high and not _number(high)):
            return None
        self.at = end + 1
        least = int(low) if len(low) < 9 else _MAX_REPEAT + 1
        most = (int(high) if len(high) < 9 else _MAX_REPEAT + 1) if high else (None if comma else least)
        if least > _MAX_REPEAT or (most is not None and (most > _MAX_REPEAT or most < least)):
            self.refuse(f"a repetition that is not between 0 and {_MAX_REPEAT} in order")
        return least, most

    def atom(self) -> _Piece | None:
        char = self.take("nothing")
        if char == "(":
            return self.group()
        if char == "[":
            return _Piece(self.char_class())
        if char == ".":
            return _Piece("(?s:.)" if "s" in self.flags else r"[^\n]")
        if char == "^":
            return _Piece("(?m:^)" if "m" in self.flags else r"\A")
        if char == "$":
            return _Piece("(?m:$)" if "m" in self.flags else r"\Z")
        if char == "\\":
            return _Piece(self.escape())
        if char in "*+?":
            self.refuse(f"a `{char}` with nothing before it")
        if char == "{":
            self.at -= 1
            if self.bounds() is not None:
                self.refuse("a repetition with nothing before it")
            self.at += 1
        return _Piece(self.literal(ord(char)))

    def group(self) -> _Piece | None:
        """After `(`."""
        before = self.flags
        if self.looking_at("?"):
            self.at += 1
            for start in ("=", "!", "<=", "<!"):
                if self.looking_at(start):
                    self.refuse(f"a lookaround `(?{start}`, which RE2 does not know")
            if self.looking_at("P<") or self.looking_at("<"):
                self.name()
            elif not self.set_flags():
                return None
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.refuse(f"groups nested deeper than {_MAX_DEPTH}")
        piece = self.alternatives()
        if self.take("a `(` without its `)`") != ")":
            self.refuse("a `(` without its `)`")
        self.depth -= 1
        self.flags = before
        piece.source = f"(?:{piece.source})"
        return piece

    def name(self) -> None:
        start = self.pattern.index("<", self.at) + 1
        end = self.pattern.find(">", start)
        name = self.pattern[start:end] if end >= 0 else ""
        if not name or not all(char == "_" or (char.isascii() and char.isalnum()) for char in name):
            self.refuse("a group with a bad name")
        self.at = end + 1

    def set_flags(self) -> bool:
        """After `(?`: True where a group follows (`(?i:...)`), False for `(?i)`."""
        start = self.at
        flags = set(self.flags)
        adding, seen = True, False
        while True:
            char = self.take("a `(?` without its `)`")
            if char in "imsU":
                (flags.add if adding else flags.discard)(char)
                seen = True
            elif char == "-" and adding:
                adding, seen = False, False
            elif char in ":)" and (adding or seen):
                self.flags = frozenset(flags)
                return char == ":"
            else:
                self.refuse(f"`(?{self.pattern[start : self.at]}`, which RE2 does not know")

    # -- characters

    def quoted(self) -> _Piece:
        r"""`\Q...\E`: plain characters; a repetition after it is about the last of them."""
        end = self.pattern.find("\\E", self.at + 2)
        text = self.pattern[self.at + 2 : end if end >= 0 else len(self.pattern)]
        start = self.at
        self.at = end + 2 if end >= 0 else len(self.pattern)
        if not text:
            if self.bounds() is not None:
                self.refuse(r"a repetition after an empty `\Q\E`")
            return _Piece("")
        pieces = [self.literal(ord(char)) for char in text]
        last = self.repetition(_Piece(pieces.pop()), start)
        return _Piece("".join(pieces) + last.source, last.repeat)

    def literal(self, code: int) -> str:
        if "i" not in self.flags:
            return char_source(code)
        return set_source(self.folded([(code, code)]))

    def escape(self) -> str:
        r"""After `\`, outside of a class."""
        char = self.pattern[self.at : self.at + 1]
        if char in ("A", "z", "b", "B"):
            self.at += 1
            return {"A": r"\A", "z": r"\Z", "b": _WORD_BOUNDARY, "B": f"(?!{_WORD_BOUNDARY})"}[char]
        if char == "C":
            self.refuse(r"`\C`, a single byte, which Go does not know")
        ranges = self.perl_class()
        if ranges is not None:
            return set_source(ranges)
        return self.literal(self.escaped_code())

    def perl_class(self) -> Ranges | None:
        r"""`d`, `D`, `s`, `S`, `w`, `W` after a `\`: its characters. `p` and `P` are refused."""
        char = self.pattern[self.at : self.at + 1]
        if char and char in "pP":
            self.refuse(f"`\\{char}`, a Unicode class; write the characters as ranges")
        if not char or char.lower() not in PERL:
            return None
        self.at += 1
        ranges = self.folded(list(PERL[char.lower()]))
        return ranges if char.islower() else all_but(ranges)

    def escaped_code(self) -> int:
        r"""The one character that `\` and what follows stand for."""
        char = self.take("a `\\` at its end")
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "x":
            return self.hexadecimal()
        if char in "01234567":
            end = self.at
            while end < self.at + 2 and self.pattern[end : end + 1] in tuple("01234567"):
                end += 1
            if char != "0" and end == self.at:
                self.refuse(f"a backreference `\\{char}`, which RE2 does not know")
            code = int(char + self.pattern[self.at : end], 8)
            self.at = end
            return code
        if char.isascii() and not char.isalnum():
            return ord(char)
        self.refuse(f"`\\{char}`, which RE2 does not know")

    def hexadecimal(self) -> int:
        if self.looking_at("{"):
            end = self.pattern.find("}", self.at)
            digits = self.pattern[self.at + 1 : end] if end >= 0 else ""
            self.at = end + 1
        else:
            digits = self.pattern[self.at : self.at + 2]
            self.at += 2
            if len(digits) < 2:
                digits = ""
        if not digits or not all(digit in "0123456789abcdefABCDEF" for digit in digits) or int(digits, 16) > LARGEST:
            self.refuse("a `\\x` without a hexadecimal number")
        return int(digits, 16)

    def char_class(self) -> str:
        """After `[`."""
        missing = "a `[` without its `]`"
        without = self.looking_at("^")
        self.at += without
        ranges: Ranges = []
        first = True
        while first or not self.looking_at("]"):
            first = False
            if not self.more():
                self.refuse(missing)
            named = self.posix_class()
            if named is not None:
                ranges += named
                continue
            if self.looking_at("\\"):
                self.at += 1
                perl = self.perl_class()
                if perl is not None:
                    ranges += perl
                    continue
                self.at -= 1
            low = high = self.class_char(missing)
            if self.looking_at("-") and self.pattern[self.at + 1 : self.at + 2] not in ("", "]"):
                self.at += 1
                high = self.class_char(missing)
                if high < low:
                    self.refuse("a range in a class that runs backwards")
            ranges += self.folded([(low, high)])
        self.at += 1
        return set_source(all_but(ranges) if without else ranges)

    def class_char(self, missing: str) -> int:
        char = self.take(missing)
        return self.escaped_code() if char == "\\" else ord(char)

    def posix_class(self) -> Ranges | None:
        if not self.looking_at("[:"):
            return None
        end = self.pattern.find(":]", self.at + 2)
        if end < 0:
            return None
        name = self.pattern[self.at + 2 : end]
        ranges = POSIX.get(name.removeprefix("^"))
        if ranges is None:
            self.refuse(f"`[:{name}:]`, which RE2 does not know")
        self.at = end + 2
        folded = self.folded(list(ranges))
        return all_but(folded) if name.startswith("^") else folded

    def folded(self, ranges: Ranges) -> Ranges:
        """Under `(?i)`: with the other cases of each character."""
        if "i" not in self.flags:
            return ranges
        if any(high > 0x7F for _low, high in ranges):
            self.refuse("`(?i)` with a character outside ASCII; name both cases instead")
        return other_cases(ranges)


def _number(digits: str) -> bool:
    """A repetition count: Go takes no leading zeros."""
    return digits.isascii() and digits.isdigit() and (len(digits) == 1 or digits[0] != "0")
