"""`access` as text: a table for the terminal, and the sentences that stand below it and at the top of the page."""

from __future__ import annotations

from ksecrets.operations.diffview import visible
from ksecrets.operations.people.access import Access, cell_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def table(found: Access) -> str:
    """Readers by environments as lines of text, with a last line that says whether all of it is as configured."""
    head = ["reader", "kind", *(f"{name} ({files(count)})" for name, count in found.environments.items())]
    lines = [head]
    for row in found.rows:
        cells = [cell_text(row.cells.get(name), count) for name, count in found.environments.items()]
        lines.append([row.name, row.kind, *cells])
    lines = [[visible(cell) for cell in line] for line in lines]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    text += ["", *(visible(note) for note in notes(found))]
    return "\n".join(text) + "\n"


def notes(found: Access) -> Iterator[str]:
    """Whether files and configuration agree, and what else is to be known; a sentence each."""
    if found.agrees:
        yield "every file says what the configuration says"
    else:
        yield "files and configuration do not agree: `ksecrets check` names the files, `ksecrets updatekeys` repairs"
    for path in found.plaintext:
        yield f"{path} is plaintext: everybody reads it"
    if found.shallow:
        yield "this clone has only the end of the history: some have read for longer than it says here"


def files(count: int) -> str:
    """A number of files, in words."""
    return "1 file" if count == 1 else f"{count} files"
