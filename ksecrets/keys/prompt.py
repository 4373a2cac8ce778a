"""Secrets that a person types: asked for at the terminal, or got from a command of the user's, once for each run.

Nobody may be there to answer: git's textconv, Helm in a pipeline. Then nothing waits: it is an error that says how to
do without. A prompt is only ever shown on the controlling terminal, never on standard input or output.

    KSECRETS_PASSPHRASE_CMD   a command that prints the passphrase (no shell; KSECRETS_PASSPHRASE_FOR names the key)
    KSECRETS_PROMPT=never     ask nobody, even where there is a terminal
"""

from __future__ import annotations

import os
import sys

from ksecrets.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

COMMAND_VARIABLE = "KSECRETS_PASSPHRASE_CMD"
FOR_VARIABLE = "KSECRETS_PASSPHRASE_FOR"
PROMPT_VARIABLE = "KSECRETS_PROMPT"
_TRIES = 3


class Prompt:
    """Asks for passphrases on behalf of the identities of one run."""

    __slots__ = ("_environ", "_refused")

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._refused: dict[str, ConfigError] = {}

    @property
    def command(self) -> str:
        """The user's command, or an empty text."""
        return self._environ.get(COMMAND_VARIABLE, "")

    @property
    def never(self) -> bool:
        """Whether nobody may be asked for anything."""
        return self._environ.get(PROMPT_VARIABLE, "") == "never"

    @property
    def terminal(self) -> bool:
        """Whether a person can be asked."""
        return not self.never and _has_terminal()

    def unlock(self, what: str, opens: Callable[[str], T | None]) -> T:
        """What `opens` gives for the right passphrase of `what`; it gives None for a wrong one.

        what: for the prompt and for messages: where the key is. Three tries at a terminal, one for a command, and
        none after it was refused once in this run. Raises ConfigError that names `what`, never a passphrase.
        """
        if what in self._refused:
            raise self._refused[what]
        try:
            return self._from_command(what, opens) if self.command else self._from_terminal(what, opens)
        except ConfigError as error:
            self._refused[what] = error
            raise

    def _from_command(self, what: str, opens: Callable[[str], T | None]) -> T:
        text = run_command(COMMAND_VARIABLE, self.command, {**self._environ, FOR_VARIABLE: what})
        # the line end that a command prints belongs to it, not to the passphrase
        opened = opens(text.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r"))
        if opened is None:
            raise ConfigError(f"{what}: the passphrase of {COMMAND_VARIABLE} does not open it")
        return opened

    def _from_terminal(self, what: str, opens: Callable[[str], T | None]) -> T:
        if not self.terminal:
            why = "asking is turned off" if _has_terminal() else "there is no terminal to ask at"
            raise ConfigError(f"{what}: has a passphrase, and {why} (set {COMMAND_VARIABLE})")
        for attempt in range(_TRIES):
            given = ask_line(f"{'wrong passphrase, again: ' if attempt else ''}passphrase of {what}: ")
            if not given:
                raise ConfigError(f"{what}: has a passphrase, and none was given")
            opened = opens(given)
            if opened is not None:
                return opened
        raise ConfigError(f"{what}: none of {_TRIES} passphrases opens it")

    def __repr__(self) -> str:
        return "<Prompt>"


def run_command(name: str, command: str, environ: Mapping[str, str]) -> bytes:
    """What a command of the user's prints: split into words, no shell. Raises ConfigError that names the variable.

    Its stderr is the user's to see (a prompt, a message); standard input may be the file that we read.
    """
    import shlex
    import subprocess

    try:
        argv = shlex.split(command)
        if not argv:
            raise ConfigError(f"{name}: empty")
        done = subprocess.run(argv, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name}: cannot be run: {getattr(error, 'strerror', None) or 'unbalanced quotes'}") from None
    if done.returncode:
        raise ConfigError(f"{name}: the command failed (exit {done.returncode})")
    return done.stdout


def ask_line(text: str, *, secret: bool = True) -> str:
    """A line typed at the terminal, a secret one without showing it; empty where the person gave up (Ctrl-D)."""
    text = _printable(text)
    try:
        if secret or sys.platform == "win32":
            from getpass import getpass

            return getpass(text)
        with open("/dev/tty", "r+b", buffering=0) as terminal:
            terminal.write(text.encode("utf-8", "replace"))
            return terminal.readline().decode("utf-8", "surrogateescape").removesuffix("\n")
    except EOFError:
        return ""


def show(text: str) -> None:
    """A line for the person, on standard error, safe to print."""
    try:
        sys.stderr.write(_printable(text) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass


def _printable(text: str) -> str:
    # no escape sequences: a path or a plugin could move the cursor and write something else
    return "".join(character if character.isprintable() else "?" for character in text)


def _has_terminal() -> bool:
    if sys.platform == "win32":
        return sys.stdin is not None and sys.stdin.isatty()
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # a job in the background would be stopped when it asks, and wait for ever
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(descriptor)
