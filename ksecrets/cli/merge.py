"""resolve: the merges that git could not finish."""

from __future__ import annotations

from contextlib import ExitStack

import ksecrets
from ksecrets.cli import streams
from ksecrets.cli.editor import Editor
from ksecrets.errors import UsageError


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
