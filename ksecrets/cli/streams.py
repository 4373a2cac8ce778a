"""The three standard streams: data in and out as bytes, everything else on standard error.

What goes to standard error, and reports for people, comes from files that others wrote: control characters in it are
shown as ``\\x1b``, so that no file name and no key can steer the terminal. Data is never changed.
"""

from __future__ import annotations

import os
import sys

from ksecrets.errors import KsecretsError, SyntaxRefused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from ksecrets.operations.session import Session

quiet = False
"""Whether `status` is silent: -q. Set by `main` for each run."""

RED, GREEN, YELLOW, CYAN, BOLD = "31", "32", "33", "36", "1"


def read_stdin(name: str = "-") -> str:
    """All of standard input as text, with every byte kept; `name` is what errors call it. Raises SyntaxRefused."""
    raw = read_stdin_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start
    # Raised out here: the decoder's error holds all the bytes.
    raise SyntaxRefused(f"not UTF-8 text (byte {at})", file=name, line=raw.count(b"\n", 0, at) + 1)


def read_stdin_bytes() -> bytes:
    """All of standard input."""
    if sys.stdin is None:
        raise UsageError("standard input is closed")
    return sys.stdin.buffer.read()


def write(data: str | bytes) -> None:
    """Data to standard output, as it is (text as UTF-8). Raises BrokenPipeError, KsecretsError where it cannot."""
    if sys.stdout is None:
        raise KsecretsError("standard output is closed")
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    try:
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _give_up(sys.stdout)
        raise KsecretsError(f"standard output cannot be written: {os.strerror(error.errno or 0).lower()}") from None


def report(text: str) -> None:
    """Lines for people on standard output, without control characters."""
    write(printable(text) + "\n")


def status(text: str) -> None:
    """A line about what was done, on standard error; -q silences it."""
    if not quiet:
        message(text)


def message(text: str) -> None:
    """A line on standard error, also with -q. Never fails: an error that nobody can read must not hide another."""
    _to_stderr(printable(text))


def asked(question: str) -> bool:
    """Whether somebody at a terminal answers yes; False where there is no terminal."""
    if sys.stdin is None or sys.stderr is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(printable(question))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def notes(session: Session) -> None:
    """The session's remarks, once each, as warnings on standard error."""
    for note in session.told():
        _to_stderr(f"{coloured('note:', YELLOW, sys.stderr)} {printable(note)}")


def error(problem: KsecretsError) -> None:
    """An error as docs/cli.md shows it."""
    text = printable(str(problem))
    head, mark, hint = text.rpartition("\nhint:")
    if mark:
        text = f"{head}\n{coloured('hint:', CYAN, sys.stderr)}{hint}"
    _to_stderr(f"{coloured('error:', RED, sys.stderr)} {text}")


def printable(text: str) -> str:
    """The text with control characters (C0, DEL, C1, except line breaks and tabs) as ``\\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter in "\n\t" or (ord(letter) >= 32 and not 127 <= ord(letter) < 160) else f"\\x{ord(letter):02x}"
        for letter in text
    )


def coloured(text: str, colour: str, stream: IO[Any] | None) -> str:
    """The text in a colour where the stream is a terminal that has some and NO_COLOR is not set."""
    return f"\x1b[{colour}m{text}\x1b[0m" if has_colour(stream) else text


def has_colour(stream: IO[Any] | None) -> bool:
    """Whether colours may go to a stream (no-color.org)."""
    return (
        stream is not None
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
        and os.name == "posix"
        and stream.isatty()
    )


def give_up_output() -> None:
    """After a closed pipe: nothing more is tried on standard output, not even by Python on its way out."""
    if sys.stdout is not None:
        _give_up(sys.stdout)


def _give_up(stream: IO[Any]) -> None:
    # The advice of Python's own documentation (library/signal, "Note on SIGPIPE").
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass


def _to_stderr(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        raw = text.encode("utf-8", "backslashreplace") + b"\n"
        buffer = getattr(sys.stderr, "buffer", None)
        if buffer is None:
            sys.stderr.write(raw.decode("utf-8"))
        else:
            buffer.write(raw)
        sys.stderr.flush()
    except (OSError, ValueError):
        pass
