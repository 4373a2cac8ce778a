"""`access` for people: a table for the terminal, and one HTML page that needs nothing else.

The page loads nothing, runs nothing (its own policy forbids it) and shows every name escaped: names, keys and files
come from a repository that others write to.
"""

from __future__ import annotations

from ksecrets.operations.diffview import visible
from ksecrets.operations.people.access import UNKNOWN, Access, Cell, cell_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_STYLE = """
:root { color-scheme: light dark; --line: #c8ccd2; --good: #1a7f37; --bad: #b42318; --soft: #5c6570; --head: #f3f5f7 }
@media (prefers-color-scheme: dark) {
  :root { --line: #3b424b; --good: #57c273; --bad: #ff8a7a; --soft: #98a2ad; --head: #1d2229 }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { border: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: top }
thead th { background: var(--head) }
tbody th { font-weight: 600 }
small, .none { color: var(--soft) }
.good { color: var(--good) }
.bad { color: var(--bad); font-weight: 600 }
code { overflow-wrap: anywhere; font-size: .85em }
@media print { body { margin: 0; max-width: none; font-size: 11px } thead { display: table-header-group } }
"""


def table(found: Access) -> str:
    """Readers by environments as lines of text, with a last line that says whether all of it is as configured."""
    head = ["reader", "kind", *(f"{name} ({_files(count)})" for name, count in found.environments.items())]
    lines = [head]
    for row in found.rows:
        cells = [cell_text(row.cells.get(name), count) for name, count in found.environments.items()]
        lines.append([row.name, row.kind, *cells])
    lines = [[visible(cell) for cell in line] for line in lines]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    text += ["", *(visible(note) for note in _notes(found))]
    return "\n".join(text) + "\n"


def page(found: Access, *, title: str, made: str) -> str:
    """The HTML page. title: of the repository; made: when, in words."""
    from html import escape

    columns = "".join(
        f"<th scope=col>{escape(visible(name))}<br><small>{_files(count)}</small></th>"
        for name, count in found.environments.items()
    )
    rows = []
    for row in found.rows:
        cells = "".join(
            f"<td class={_look(row.cells.get(name))}>{escape(cell_text(row.cells.get(name), count))}</td>"
            for name, count in found.environments.items()
        )
        kind = f"<span class=bad>{UNKNOWN} key</span>" if row.kind == UNKNOWN else escape(row.kind)
        rows.append(
            f"<tr><th scope=row>{escape(visible(row.name))}<br><small>{kind}</small><br>"
            f"<code>{escape(visible(row.key))}</code></th>{cells}</tr>"
        )
    state = "good" if found.agrees else "bad"
    notes = "".join(f"<p class={state}>{escape(visible(note))}</p>\n" for note in _notes(found))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Who reads what: {escape(visible(title))}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Who reads what: {escape(visible(title))}</h1>
<p><small>From the files themselves, {escape(visible(made))}.
Whoever could read before may still know: ksecrets exposure NAME.</small></p>
{notes}<table>
<thead><tr><th scope=col>reader</th>{columns}</tr></thead>
<tbody>
{chr(10).join(rows)}
</tbody>
</table>
</body>
</html>
"""


def _look(cell: Cell | None) -> str:
    if cell is None or not (cell.reads or cell.wanted):
        return "none"
    return "good" if cell.agrees else "bad"


def _notes(found: Access) -> Iterator[str]:
    if found.agrees:
        yield "every file says what the configuration says"
    else:
        yield "files and configuration do not agree: `ksecrets check` names the files, `ksecrets updatekeys` repairs"
    for path in found.plaintext:
        yield f"{path} is plaintext: everybody reads it"
    if found.shallow:
        yield "this clone has only the end of the history: some have read for longer than it says here"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
