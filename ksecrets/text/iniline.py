"""One entry of an INI file: where its name ends, what its value is, and how a value is written.

Source: gopkg.in/ini.v1 1.67, parser.go (`readKeyName`, `readValue`, `readMultilines`) and file.go (`writeToBuffer`),
with the options of sops, stores/ini/store.go.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.node import DOUBLE, PLAIN, SINGLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ksecrets.text.node import Frame, Node

BACKTICK: Final = "`"
TRIPLE: Final = '"""'

SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Go's `unicode.IsSpace` says; Python's `str.isspace` knows more."""

_DELIMITERS = "=:"
_COMMENTS = "#;"
_TOKEN = "ENC[AES256_GCM,"
_IN_QUOTES = "put the value in quotes"


def read_key(text: str, start: int, eol: int, line: int) -> tuple[str, bool, int]:
    """The name of the entry that begins at `start`, whether it is quoted, and where its value may begin.

    eol: the end of the line. line: its number, for the message. Raises SyntaxRefused.
    """
    quote = TRIPLE if text.startswith(TRIPLE, start) and eol - start > 6 else text[start]
    quoted = quote in (DOUBLE, BACKTICK, TRIPLE)
    at = start
    close = -1
    if quoted:
        close = text.find(quote, start + len(quote), eol)
        if close < 0:
            raise SyntaxRefused("a name with a quote that is not closed", line=line)
        at = close + len(quote)
    ends = [end for end in (text.find(mark, at, eol) for mark in _DELIMITERS) if end >= 0]
    if not ends:
        raise SyntaxRefused(
            "a line without `=`",
            line=line,
            hint="a value of several lines stands in triple quotes, indented lines do not belong to the one before",
        )
    delimiter = min(ends)
    if quoted and text[at:delimiter].strip(SPACE):
        raise SyntaxRefused("text behind the quotes of a name", line=line)
    name = (text[start + len(quote) : close] if quoted else text[start:delimiter]).strip(SPACE)
    if not name:
        raise SyntaxRefused("a value without a name", line=line)
    if name == "-" or name[0] in _COMMENTS:
        raise SyntaxRefused("a name that sops turns into a comment", line=line)
    return name, quoted, delimiter + 1


def read_value(text: str, at: int, eol: int, line: int) -> tuple[str, str, int, int, int, int]:
    """The value of the entry whose delimiter ends at `at`, on the line that ends at `eol`.

    Returns the value; its style; start and end of its source, in which the comment behind it lies unless the value is
    empty; where that comment begins, its ``#`` or ``;`` included, or -1; and the end of the last line that the value
    takes up. Raises SyntaxRefused, also for a comment behind a token.
    """
    while at < eol and text[at] in SPACE:
        at += 1
    if at == eol:
        return "", PLAIN, at, at, -1, eol
    quote = TRIPLE if text.startswith(TRIPLE, at) else text[at]
    if quote in (TRIPLE, BACKTICK):
        return _quoted(text, at, eol, line, quote)
    end = at + len(text[at:eol].rstrip(SPACE))
    if text[end - 1] == "\\":
        raise _continued(line)
    marks = [mark for mark in (text.find(sign, at, end) for sign in _COMMENTS) if mark >= 0]
    comment = min(marks, default=-1)
    stop = at + len(text[at:comment].rstrip(SPACE)) if marks else end
    value = text[at:stop]
    style = PLAIN
    if stop - at > 1 and text[at] in (SINGLE, DOUBLE) and text.find(text[at], at + 1) == stop - 1:
        style = text[at]
        value = text[at + 1 : stop - 1]
    return value, style, at, _end(text, value, style, stop, end, comment, line), comment, eol


def _quoted(text: str, at: int, eol: int, line: int, quote: str) -> tuple[str, str, int, int, int, int]:
    start = at + len(quote)
    close = text.find(quote, start)
    if close < 0 or start > len(text):
        raise SyntaxRefused("a value with quotes that are not closed", line=line)
    if close > eol:
        eol = text.find("\n", close)
        if eol < 0:
            eol = len(text)
    while quote == TRIPLE and text.startswith(TRIPLE, close + 1):
        close += 1  # quotes at the end of the value
    stop = close + len(quote)
    end = stop + len(text[stop:eol].rstrip(SPACE))
    comment = -1
    if stop < end:
        comment = stop
        while text[comment] in SPACE:
            comment += 1
        if text.find(quote, stop, end) >= 0 or text[comment] not in _COMMENTS:
            raise SyntaxRefused("text behind the quotes of a value", line=line)
        if text[end - 1] == "\\":
            raise _continued(line)
    value = text[start:close]
    return value, quote, at, _end(text, value, quote, stop, end, comment, line), comment, eol


def _end(text: str, value: str, style: str, stop: int, end: int, comment: int, line: int) -> int:
    """The end of a source: with the comment behind it, unless the value is empty."""
    if comment < 0:
        return stop
    if not value.startswith(_TOKEN):
        return end if value else stop
    # A comment goes with its value, so somebody put this one there: it could close quotes that the value comes back
    # in, and for readers that know no comments behind a value it would be a part of it.
    raise SyntaxRefused("a comment behind an encrypted value", line=line, hint="put it on a line of its own")


def comment_span(text: str, start: int, eol: int) -> tuple[int, int]:
    """The text of a comment that begins at `start` with its sign: without the signs and blanks before it that sops
    takes off, and without white space at the end."""
    end = start + len(text[start:eol].rstrip(SPACE))
    sign = text[start]
    while start < end and text[start] in (sign, " "):
        start += 1
    return start, max(start, end)


def comment(content: str) -> str:
    """The text of an encrypted comment: its further lines are made comments where they are none, as sops does.

    So the token of a value in the place of a comment brings no names and sections.
    """
    first, *more = content.split("\n")
    return "\n".join([first, *[line if line.strip(SPACE)[:1] in ("", *_COMMENTS) else f"; {line}" for line in more]])


# -- writing -----------------------------------------------------------------------------------------------------------


def written(value: str) -> str:
    """A source for a value, as sops writes it; where that would be read as another value, in quotes that keep it.

    Raises SyntaxRefused for a value that none of the styles can hold.
    """
    if "\n" in value or BACKTICK in value:
        first = TRIPLE
    elif "#" in value or ";" in value:
        first = BACKTICK
    else:
        first = DOUBLE if value.strip(SPACE) != value else PLAIN
    for style in (first, PLAIN, DOUBLE, SINGLE, BACKTICK, TRIPLE):
        if fits(style, value):
            return f"{style}{value}{style}"
    raise SyntaxRefused(
        "INI has no way to write this value", hint="it holds backticks and triple quotes, or ends oddly"
    )


def fits(style: str, value: str) -> bool:
    """Whether a value between the quotes of a style is read as that value."""
    source = f"{style}{value}{style}"
    try:
        eol = source.find("\n")
        found = read_value(source, 0, eol if eol >= 0 else len(source), 1)
    except SyntaxRefused:
        return False
    return found[:2] == (value, style) and found[4] < 0 and found[5] == len(source)


def predicted(style: str, kind: str, value: str, indent: str = "", newline: str = "") -> str:
    """The source that a carrier of this style predicts: the value in the same quotes (see `text.carrier.predicted`)."""
    if kind == "bool":
        value = value.lower()
    return f"{style}{value}{style}"


def carried(style: str, frame: Frame, source: str, token: str) -> tuple[str, str, str, str]:
    """How a token stands in the place of a value: in the same quotes (see `text.carrier.carried`)."""
    return f"{style}{token}{style}", style, "", ""


def restored(text: str, carrier: Node, kind: str, content: bytes) -> str:
    """A source for a value of a file without a seal: in the quotes of its token where they hold it.

    Raises SyntaxRefused for bytes that are no text and for a value that INI cannot hold.
    """
    try:
        value = content.decode()
    except UnicodeDecodeError:
        raise SyntaxRefused("the value is no UTF-8") from None
    if kind == "bool":
        value = value.lower()
    style = carrier.style
    return f"{style}{value}{style}" if style != PLAIN and fits(style, value) else written(value)


def keeps_its_meaning(source: str, text: str, carrier: Node) -> bool:
    """Whether a source means the same in the place of its carrier: always, since behind both stands nothing but a
    comment that has no quotes in it."""
    return True


def _continued(line: int) -> SyntaxRefused:
    return SyntaxRefused(
        "a value that ends in a backslash: sops joins the next line to it, others do not", line=line, hint=_IN_QUOTES
    )
