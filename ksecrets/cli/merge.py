"""resolve and sync: the merges that git could not finish."""

from __future__ import annotations

import sys
from contextlib import ExitStack

import ksecrets
from ksecrets.cli import streams
from ksecrets.cli.editor import Editor
from ksecrets.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def resolve(file: str) -> int | None:
    """The command `resolve`."""
    if file == "-":
        raise UsageError("this needs a file, standard input has no merge to finish")
    session = ksecrets.Session()
    opened: list[Editor] = []

    with ExitStack() as stack:

        def edit(plaintext: str, problem: str | None) -> str:
            if not opened:  # most merges need none
                opened.append(stack.enter_context(Editor(file)))
            return opened[0](plaintext, problem)

        try:
            done = ksecrets.resolve(file, edit, session=session)
        finally:
            streams.notes(session)
    values = "1 value" if done.values == 1 else f"{done.values} values"
    streams.status(f"{file}  resolved; {values} for {', '.join(done.readers)}")
    return None


def sync(base: str | None, allow: Sequence[str]) -> int | None:
    """The command `sync`. Where there is no terminal, nobody is asked: what has to be decided is an error."""
    session = ksecrets.Session()
    with ExitStack() as stack:
        opened: dict[str, Editor] = {}

        def edit(path: str, plaintext: str, problem: str | None) -> str:
            if path not in opened:
                opened[path] = stack.enter_context(Editor(path))
            return opened[path](plaintext, problem)

        try:
            done = ksecrets.sync(base, editor=edit if sys.stdin.isatty() else None, allow=allow, session=session)
        finally:
            streams.notes(session)
    for word, files in (("sealed", done.finished), ("merged", done.merged)):
        for each in files:
            values = "1 value" if each.values == 1 else f"{each.values} values"
            streams.status(f"{each.path}  {word}; {values} for {', '.join(each.readers)}")
    streams.status(f"{done.base} is in: {', '.join(each[:12] for each in done.commits) or 'nothing to do'}")
    return None
