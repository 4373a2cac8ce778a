"""`access` as one HTML page that needs nothing else: to be sent, printed, and kept with the papers of an audit.

It loads nothing and runs nothing (its own policy forbids it), and shows every name escaped: names, keys and files come
from a repository that others write to. What a colour says is said by a sign and a word, too.
"""

from __future__ import annotations

from ksecrets.operations.diffview import visible
from ksecrets.operations.people.access import UNKNOWN, Access, Cell, Row, day
from ksecrets.operations.people.accesstable import files, notes

_STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --card: #fff; --ink: #1b2127; --soft: #5d6771; --line: #dde1e5; --head: #f2f4f5;
  --good: #14713a; --good-back: #e7f4ec; --part: #8a5300; --bad: #b3261e; --bad-back: #fcebe9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181c; --card: #1a1f24; --ink: #e7eaed; --soft: #9aa5af; --line: #323a42; --head: #20262c;
    --good: #62c98a; --good-back: #17301f; --part: #e0ad52; --bad: #ff8f84; --bad-back: #3a1c1a;
  }
}
* { box-sizing: border-box }
html { font-size: 15px }
body {
  margin: 0 auto; max-width: 76rem; padding: 2.5rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums;
}
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -.01em; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 1.05rem; margin: 2.5rem 0 .6rem }
p, ul { margin: .3rem 0 0 }
small, .soft { color: var(--soft); font-size: .85rem; font-weight: 400 }
.state {
  border-left: 4px solid var(--good); background: var(--good-back); border-radius: 0 8px 8px 0;
  margin: 1.5rem 0; padding: .7rem 1rem; overflow-wrap: anywhere;
}
.state.bad { border-color: var(--bad); background: var(--bad-back) }
.state b { color: var(--good) }
.state.bad b { color: var(--bad) }
.state ul { padding-left: 1.2rem }
.figures { display: flex; flex-wrap: wrap; gap: .4rem 2.5rem; margin: 0 0 1.5rem; padding: 0; list-style: none }
.figures b { font-size: 1.35rem; font-weight: 600; margin-right: .3rem }
.frame { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card) }
table { border-collapse: separate; border-spacing: 0; width: 100% }
th, td { padding: .55rem .9rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
tr > * + * { border-left: 1px solid var(--line) }
tbody:last-child tr:last-child > * { border-bottom: 0 }
thead th { background: var(--head); font-weight: 600; white-space: nowrap }
.matrix tr > :first-child { position: sticky; left: 0; background: var(--card); min-width: 11rem }
.matrix thead tr > :first-child, .matrix tr.kind > :first-child { background: var(--head) }
tr.kind th { padding-block: .3rem; font-size: .8rem; letter-spacing: .03em; color: var(--soft); font-weight: 600 }
tbody th { font-weight: 600; overflow-wrap: anywhere }
td { white-space: nowrap }
td small { display: block }
.sign { display: inline-block; width: 1.25em }
.all .sign { color: var(--good) }
.part .sign { color: var(--part) }
.none { color: var(--soft) }
.flag {
  display: table; margin: .25rem 0 0; padding: 0 .5em; border-radius: 1em; font-size: .8rem;
  color: var(--bad); background: var(--bad-back); border: 1px solid currentColor; font-weight: 600;
}
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; margin: .6rem .2rem 0; padding: 0; list-style: none }
.keys td { white-space: normal }
code { font: .85em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere }
footer { margin-top: 2.5rem }
@media print {
  @page { size: A4 landscape; margin: 12mm }
  :root {
    color-scheme: light;
    --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #999; --head: #fff;
    --good: #000; --good-back: #fff; --part: #000; --bad: #000; --bad-back: #fff;
  }
  html { font-size: 10.5px }
  body { max-width: none; padding: 0 }
  .frame { overflow: visible; border-radius: 0 }
  .matrix tr > :first-child { position: static }
  .state { border: 1px solid #000; border-radius: 0 }
  .state.bad { border-width: 2px }
  thead { display: table-header-group }
  tr, .state { break-inside: avoid }
  h2 { break-after: avoid }
}
"""

_KINDS = (("person", "People"), ("machine", "Machines"), ("recovery", "Recovery"), (UNKNOWN, "Not configured"))
_ALL, _PART, _NONE = "●", "◐", "–"


def page(found: Access, *, title: str, made: str) -> str:
    """The HTML page. title: of the repository; made: when, in words."""
    first, *more = notes(found)
    listed = "".join(f"<li>{_shown(note)}</li>" for note in more)
    state = f"<b>{_sentence(first[0].upper() + first[1:])}</b>" + (f"<ul>{listed}</ul>" if listed else "")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Who reads what: {_shown(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Who reads what: {_shown(title)}</h1>
<p class="soft">From the files themselves, against the configuration, {_shown(made)}</p>
</header>
<section class="state {"good" if found.agrees else "bad"}">{state}</section>
{_figures(found)}
<div class="frame">
{_matrix(found)}
</div>
<ul class="legend soft">
<li>{_ALL} every file of the environment</li><li>{_PART} some of them</li><li>{_NONE} none</li>
<li>since: without a break, by git</li>
</ul>
<h2>Keys</h2>
<div class="frame">
{_keys(found)}
</div>
<footer class="soft">This is who can open the files as they are. Whoever could before may still know what was in them:
<code>ksecrets exposure NAME</code> lists it.</footer>
</body>
</html>
"""


def _figures(found: Access) -> str:
    strangers = sum(row.kind == UNKNOWN for row in found.rows)
    readers = len(found.rows) - strangers
    total = sum(found.environments.values())
    figures = [
        (readers, "reader" if readers == 1 else "readers"),
        (len(found.environments), "environment" if len(found.environments) == 1 else "environments"),
        (total, "encrypted file" if total == 1 else "encrypted files"),
    ]
    figures += [(strangers, "key not configured" if strangers == 1 else "keys not configured")] if strangers else []
    items = "".join(f"<li><b>{count}</b>{word}</li>" for count, word in figures)
    return f'<ul class="figures">{items}</ul>'


def _matrix(found: Access) -> str:
    columns = "".join(
        f'<th scope="col">{_shown(name)}<br><small>{files(count)}</small></th>'
        for name, count in found.environments.items()
    )
    bodies = []
    for kind, heading in _KINDS:
        rows = [row for row in found.rows if row.kind == kind]
        if rows:
            span = 1 + len(found.environments)
            head = f'<tr class="kind"><th colspan="{span}" scope="rowgroup">{heading} ({len(rows)})</th></tr>'
            bodies.append("<tbody>\n" + "\n".join([head, *(_row(row, found) for row in rows)]) + "\n</tbody>")
    return (
        f'<table class="matrix">\n<thead><tr><th scope="col">Reader</th>{columns}</tr></thead>\n'
        + "\n".join(bodies)
        + "\n</table>"
    )


def _row(row: Row, found: Access) -> str:
    cells = "".join(_cell(row.cells.get(name), count) for name, count in found.environments.items())
    return f'<tr><th scope="row">{_shown(row.name)}</th>{cells}</tr>'


def _cell(cell: Cell | None, count: int) -> str:
    """How many of the files somebody reads, since when, and what does not agree."""
    if cell is None or not (cell.reads or cell.wanted):
        if cell is not None and not count:
            return '<td class="none">configured</td>'
        return f'<td class="none">{_NONE}</td>'
    look, sign, text = "part", _PART, f"{cell.reads} of {count}"
    if cell.reads == count:
        look, sign, text = "all", _ALL, "all"
    elif not cell.reads:
        look, sign, text = "none", _NONE, "none"
    when = f"since {day(cell.since)}" if cell.since else "not committed yet" if cell.reads else ""
    flags = "".join(
        f'<b class="flag">{number} {word}</b>'
        for number, word in ((cell.missing, "missing"), (cell.extra, "not configured"))
        if number
    )
    small = f"<small>{when}</small>" if when else ""
    return f'<td class="{look}"><span class="sign">{sign}</span>{text}{small}{flags}</td>'


def _keys(found: Access) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_shown(row.name)}</th><td>{_shown(row.kind)}</td>'
        f"<td><code>{_shown(row.key)}</code></td></tr>\n"
        for row in found.rows
    )
    head = '<tr><th scope="col">Reader</th><th scope="col">Kind</th><th scope="col">Public key</th></tr>'
    return f'<table class="keys">\n<thead>{head}</thead>\n<tbody>\n{rows}</tbody>\n</table>'


def _sentence(text: str) -> str:
    """A sentence of our own, in which commands stand between backquotes."""
    parts = text.split("`")
    return "".join(f"<code>{_shown(part)}</code>" if at % 2 else _shown(part) for at, part in enumerate(parts))


def _shown(text: str) -> str:
    from html import escape

    return escape(visible(text))
