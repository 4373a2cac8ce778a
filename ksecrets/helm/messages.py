"""What we say under Helm: on standard error, since standard output is Helm's."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets import Session
    from ksecrets.errors import KsecretsError


def say_error(error: KsecretsError) -> int:
    """Print it; returns its exit code."""
    say(f"error: {error}")
    return error.exit_code


def say_notes(session: Session) -> None:
    """Print the session's new remarks."""
    for note in session.told():
        say(f"note: {note}")


def say(text: str) -> None:
    """One message; one that nobody takes is lost. No name of a file or a key can steer the terminal."""
    try:
        sys.stderr.write("".join(map(_shown, text)) + "\n")
        sys.stderr.flush()
    except (OSError, AttributeError):  # closed, or there is none
        pass


def _shown(letter: str) -> str:
    return letter if letter.isprintable() or letter in "\n\t" else f"\\x{ord(letter):02x}"
