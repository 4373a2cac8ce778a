"""exec-env, exec-file: run a command that gets the decrypted values, and leave nothing behind.

The command takes our place: its exit code, its streams and its signals are its own. It does not inherit the variables
that hold or lead to an identity.
"""

from __future__ import annotations

import os

import ksecrets
from ksecrets.cli import streams
from ksecrets.errors import UsageError
from ksecrets.storage.handover import Handover, User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACEHOLDER = "{}"
_FILENAME = "tmp-file"  # sops's


def exec_env(
    file: str,
    command: str | None,
    pristine: bool,
    user: str | None,
    same_process: bool,
    input_type: str | None,
    require_seal: bool,
    after: Sequence[str] | None,
) -> int:
    """The command `exec-env`. `same_process` is there for those who know it from sops: it is always so."""
    argv = _command(file, command, after)
    whom = User(user) if user is not None else None
    session = ksecrets.Session()
    try:
        values = ksecrets.environment(file, input_type=input_type, require_seal=require_seal, session=session)
    finally:
        streams.notes(session)
    environ = {} if pristine else session.child_environment()
    environ.update(whom.environment() if whom is not None else {})
    environ.update(values)
    with Handover() as handover:
        return handover.become(argv, environ, whom)


def exec_file(
    file: str,
    command: str | None,
    no_fifo: bool,
    filename: str | None,
    user: str | None,
    input_type: str | None,
    output_type: str | None,
    require_seal: bool,
    after: Sequence[str] | None,
) -> int:
    """The command `exec-file`."""
    argv = _command(file, command, after)
    if not any(_PLACEHOLDER in word for word in ([argv] if isinstance(argv, str) else argv)):
        raise UsageError("the command has no {}, where the path of the decrypted file belongs")
    if filename is not None and (os.path.basename(filename) != filename or filename in ("", ".", "..")):
        raise UsageError("--filename is a name, not a path")
    whom = User(user) if user is not None else None
    session = ksecrets.Session()
    try:
        content = ksecrets.decrypt(
            file, input_type=input_type, output_type=output_type, require_seal=require_seal, session=session
        ).data
    finally:
        streams.notes(session)
    environ = {**session.child_environment(), **(whom.environment() if whom is not None else {})}
    with Handover() as handover:
        path = _given(handover, content, no_fifo, filename)
        if handover.note is not None:
            streams.message(f"note: {handover.note}")
        return handover.become(_replaced(argv, path), environ, whom)


def _given(handover: Handover, content: bytes, no_fifo: bool, filename: str | None) -> str:
    if no_fifo:
        return handover.file(filename or _FILENAME, content)
    return handover.pipe(filename, content) if filename is not None else handover.give(content)


def _command(file: str, command: str | None, after: Sequence[str] | None) -> str | list[str]:
    """One text for the shell, or the words behind ``--`` for no shell at all."""
    if file == "-":
        raise UsageError("this needs a file: standard input is the command's")
    if after and command is not None:
        raise UsageError("give the command once: as one text, or behind --")
    if after:
        return list(after)
    if not command:
        raise UsageError("the command is missing", hint="as one text for the shell, or as words behind --")
    return command


def _replaced(argv: str | list[str], path: str) -> str | list[str]:
    if isinstance(argv, str):
        return argv.replace(_PLACEHOLDER, path)
    return [word.replace(_PLACEHOLDER, path) for word in argv]
