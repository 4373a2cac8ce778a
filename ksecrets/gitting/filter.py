"""The clean and smudge filter: one process for all files of a command of git, by its long-running protocol.

Source of the protocol: gitattributes(5), "Long Running Filter Process", and gitprotocol-common(5): packets of four
hexadecimal digits, the length with them, and content; ``0000`` ends a list. git waits for each answer.

A clean that fails is answered ``error``; since the filter is `required`, git then stores nothing. A smudge never fails:
what cannot be opened stays encrypted, and the checkout goes on.
"""

from __future__ import annotations

import os
import sys

from ksecrets.gitting.local import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from ksecrets.operations.workingcopy import WorkingCopy

_MOST = 65516  # bytes of content in a packet


def main() -> int:
    """Answer git on standard input and output, until it closes them."""
    if os.name == "nt":
        import msvcrt

        for stream in (sys.stdin, sys.stdout):
            msvcrt.setmode(stream.fileno(), os.O_BINARY)  # type: ignore[attr-defined]
    try:
        return _serve(sys.stdin.buffer, sys.stdout.buffer)
    except (BrokenPipeError, EOFError):
        return 0  # git has gone away


def _serve(source: BinaryIO, sink: BinaryIO) -> int:
    from ksecrets.errors import KsecretsError

    if _lines(source)[:1] != ["git-filter-client"]:
        _say("this is a filter for git: gitattributes(5)")
        return 1
    _write(sink, "git-filter-server", "version=2")
    offered = _lines(source)
    _write(sink, *(word for word in ("capability=clean", "capability=smudge") if word in offered))
    files: WorkingCopy | None = None
    while True:
        words = dict(word.partition("=")[::2] for word in _lines(source))
        if not words:
            return 0
        content = _content(source)
        path = words.get("pathname", "")
        answer = None
        try:
            if files is None:
                from ksecrets.operations.workingcopy import WorkingCopy

                files = WorkingCopy(local(os.environ))
            if words.get("command") == "clean":
                answer = files.clean(path, content)
            elif words.get("command") == "smudge":
                answer = files.smudge(path, content)
        except KsecretsError as error:
            _say(f"{path}: {error.message}" + (f"; {error.hint}" if error.hint else ""))
        except Exception as problem:  # a bug must not end the process: git would have no answer for the other files
            _say(f"{path}: {type(problem).__name__}")
        if answer is None and words.get("command") == "smudge":
            answer = content
        if answer is None:
            _write(sink, "status=error")
        else:
            _write(sink, "status=success")
            for at in range(0, len(answer), _MOST):
                _packet(sink, answer[at : at + _MOST])
            sink.write(b"0000")
            sink.write(b"0000")  # the status has not changed
            sink.flush()
        for note in files.told() if files is not None else ():
            _say(note)


def _lines(source: BinaryIO) -> list[str]:
    """A list of words, up to its end; an empty one where git has closed the stream."""
    found = []
    while (packet := _read(source)) is not None:
        found.append(os.fsdecode(packet.removesuffix(b"\n")))
    return found


def _content(source: BinaryIO) -> bytes:
    parts = []
    while (packet := _read(source)) is not None:
        parts.append(packet)
    return b"".join(parts)


def _read(source: BinaryIO) -> bytes | None:
    """The next packet, None for the end of a list or of the stream."""
    head = source.read(4)
    if not head:
        return None
    try:
        length = int(head, 16)
    except ValueError:
        raise EOFError from None
    if length == 0:
        return None
    packet = source.read(length - 4) if length > 4 else b""
    if len(packet) != max(length - 4, 0):
        raise EOFError
    return packet


def _write(sink: BinaryIO, *words: str) -> None:
    """A list of words with its end."""
    for word in words:
        _packet(sink, os.fsencode(word) + b"\n")
    sink.write(b"0000")
    sink.flush()


def _packet(sink: BinaryIO, content: bytes) -> None:
    sink.write(b"%04x" % (len(content) + 4))
    sink.write(content)


def _say(text: str) -> None:
    try:
        sys.stderr.write("ksecrets: " + "".join(c if c.isprintable() else "?" for c in text) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass
