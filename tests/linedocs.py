"""A generator of dotenv and INI files, for the agreement with sops and for our own round trips."""

from __future__ import annotations

from random import Random

_PIECES = [
    *(
        "a",
        "B",
        "7",
        "x y",
        "é",
        "😀",
        "ключ",
        " ",
        "  ",
        "\t",
        "\\",
        "\\n",
        "\\\\",
        "\\t",
        '\\"',
        '"',
        "'",
        "`",
        '"""',
    ),
    *("#", " # c", ";", " ; c", "=", "==", ":", "$", "${A}", "%(a)s", "[", "]", "{", "}", "ENC[", "\xa0", "\u2028"),
    *("true", "null", "1.10", "0644", "2020-01-01", "hunter2", "p@ss/w+rd=", "http://u:p@h/?a=b&c=d", "-----BEGIN"),
]
_NAMES = ["A", "B_C", "db.host", "db-port", "name", "ключ", "a b", "Key", "x1", "PASSWORD", "token", "user", "a[0]"]
_TEXTS = ["c", " a note", "password=hunter2", " user: bob", " é", "!x", " A = 1", "a\\nb", ";; c #"]
_COMMENTS = ["c", " a note", "", " ", "password=hunter2", " user: bob", "#", " é", "!x", " A = 1", "a\\nb"]


def _value(random: Random, pieces: list[str]) -> str:
    if random.randrange(8) == 0:
        return ""
    text = "".join(random.choice(pieces) for _ in range(random.randrange(1, 6)))
    quote = random.choice(['"', "'", "", "", ""])
    return f"{quote}{text}{quote}"


def dotenv(random: Random, number: int) -> str:
    """One file, with names that no other number has. Not all of them are accepted, most are."""
    newline = "\r\n" if random.randrange(8) == 0 else "\n"
    lines = []
    for entry in range(random.randrange(1, 9)):
        kind = random.randrange(8)
        if kind == 0 and newline == "\n":
            lines.append("")
        elif kind == 1:
            lines.append("#" + random.choice(_COMMENTS))
        else:
            export = random.choice(["export ", "", "", ""])
            suffix = "_unencrypted" if random.randrange(6) == 0 else ""
            name = f"{export}{random.choice(_NAMES)}_{number}_{entry}{suffix}{random.choice(['', '', '', ' '])}"
            lines.append(f"{name}={_value(random, _PIECES)}")
    return newline.join(lines) + newline


def ini(random: Random, number: int) -> str:
    """One file of sections with names that no other number has. Not all of them are accepted, most are."""
    newline = "\r\n" if random.randrange(8) == 0 else "\n"
    lines: list[str] = []
    for section in range(random.randrange(1, 4)):
        readable = random.randrange(8) == 0
        suffix = "_unencrypted" if readable else ""
        _some_comments(random, lines)
        lines.append(f"[{random.choice(_NAMES)}.{number}.{section}{suffix}]")
        for entry in range(random.randrange(0, 6)):
            _some_comments(random, lines)
            suffix = "_unencrypted" if random.randrange(6) == 0 else ""
            equals = random.choice(["=", " = ", " : ", ":", "= ", "\t=\t"])
            margin = random.choice(["  ", "", "", ""])
            name = f"{random.choice(_NAMES)}{entry}{suffix}"
            if random.randrange(8) == 0:
                quote = random.choice(['"', "`", '"""'])
                name = f"{quote}{name}{random.choice(['=', ':', ''])}{quote}"
            lines.append(f"{margin}{name}{equals}{_ini_value(random, newline, readable or bool(suffix))}")
        if random.randrange(2):
            lines.append("")
    return newline.join(lines) + newline


def _ini_value(random: Random, newline: str, readable: bool) -> str:
    # What stays readable sops writes without quotes, and then reads otherwise than it did: nothing to agree with.
    if readable:
        return random.choice(["", "x", "x y", " 1.10 ", "ключ=😀", "p@ss:w/rd", "{[%]}", "x ; c"])
    kind = random.randrange(6)
    behind = random.choice([" ; c", " # user: bob", "  ", "", "", "", "", ""])
    if kind == 0:
        quote = random.choice(['"""', "`"])
        inside = [piece for piece in _PIECES if quote not in piece]
        body = newline.join(_value(random, inside).replace(quote, "") for _ in range(random.randrange(1, 4)))
        return f"{quote}{body}{quote}{behind}"
    ordinary = [piece for piece in _PIECES if not set(piece) & set("#;`\\") and piece != '"""']
    return _value(random, _PIECES if kind == 1 else ordinary) + behind


def _some_comments(random: Random, lines: list[str]) -> None:
    if random.randrange(4) == 0:
        for _ in range(random.randrange(1, 4)):
            lines.append(random.choice([";", "#"]) + random.choice(_TEXTS))
        if random.randrange(6) == 0:
            lines.append("")
