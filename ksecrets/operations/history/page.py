"""The report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

Its own policy forbids it to load or to run anything. Every text of the repository (names of files, keys and people,
messages of commits) is escaped, control characters and marks that turn the direction of writing are shown as escapes.
Light and dark follow the reader's system, and it can be printed.
"""

from __future__ import annotations

import time
from html import escape

from ksecrets.operations.diffview import visible
from ksecrets.operations.history.chart import PALETTE, chart
from ksecrets.operations.history.pagestyle import style
from ksecrets.operations.history.report import OTHER, changed_at, path_of
from ksecrets.operations.history.steps import (
    ADDED,
    CHANGED,
    DECRYPTED,
    ENCRYPTED,
    MOVED,
    REENCRYPTED,
    REKEYED,
    REMOVED,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.operations.history.report import File, Report
    from ksecrets.operations.history.walk import Entry, Touched

_DAY = 86400
_AGES = ((30, "under 30 days"), (90, "30 to 90 days"), (180, "90 to 180 days"), (365, "180 days to a year"))
_OLDER = "over a year"
_UNKNOWN = "unknown"
_MOMENTS = 25  # commits that are shown at once; the others are folded away
_MOST = 2000  # commits in the page at all
_OLDEST = 12
_DRIFTS = 200
_WORDS = {
    ADDED: ("added", "+"),
    CHANGED: ("changed", "~"),
    REMOVED: ("removed", "−"),
    MOVED: ("moved", "→"),
    REKEYED: ("new data key", "↻"),
    REENCRYPTED: ("re-encrypted", "↻"),
    ENCRYPTED: ("encrypted", "●"),
    DECRYPTED: ("plaintext now", "!"),
}


def page(found: Report) -> str:
    """The whole page. It holds names, dates and counts, never a value."""
    colors = {name: number % PALETTE for number, name in enumerate(found.environments)}
    body = [_header(found), _cards(found), *_notes(found)]
    body += [_timeline(found, colors), _ages(found, colors), _due(found, colors), _drifts(found)]
    body += [_moments(found, colors), "<footer>Made by ksecrets report from git and the tokens, without a key. "]
    body += ["What a file says of its data key and its seal is proved by ksecrets check.</footer>"]
    title = escape(visible(f"Secrets of {found.name}"))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style()}</style>
</head>
<body>
<main>
{chr(10).join(body)}
</main>
</body>
</html>
"""


def _header(found: Report) -> str:
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(found.now))
    return (
        f"<header><h1>Secrets of {_text(found.name)}</h1>"
        f'<p class="soft">At commit <code>{found.revision[:10]}</code>, {made}. No value is in this page.</p></header>'
    )


def _cards(found: Report) -> str:
    encrypted = [file for file in found.files if file.encrypted]
    secrets = [line for file in encrypted for line in file.secrets]
    recent = sum(found.now - entry.commit.time < 90 * _DAY for entry in found.moments)
    ages = [age for age in map(changed_at, secrets) if age is not None]
    days = [days for days in (file.due(found.now) for file in encrypted) if days is not None]
    late = sum(each < 0 for each in days)
    plain = sum(not file.encrypted and file.problem is None for file in found.files)
    differ = sum(len(lines) for _, _, lines in found.drifts)
    cards = [
        _card(len(secrets), f"secret{_s(len(secrets))} in {len(encrypted)} file{_s(len(encrypted))}"),
        _card(recent, f"commit{_s(recent)} in 90 days"),
        _card(_age(found.now - min(ages)) if ages else "–", "the oldest secret"),
        _card(late, f"data key{_s(late)} overdue", "bad" if late else "good" if days else ""),
        _card(differ, f"difference{_s(differ)} between environments", "warn" if differ else "good"),
    ]
    if plain:
        cards.append(_card(plain, f"file{_s(plain)} in plaintext", "bad"))
    return f'<div class="cards">{"".join(cards)}</div>'


def _card(number: object, words: str, look: str = "") -> str:
    return f'<div class="card {look}"><b>{_text(str(number))}</b><span class="soft">{_text(words)}</span></div>'


def _notes(found: Report) -> list[str]:
    notes = [f'<p class="note">{_text(note)}</p>' for note in found.notes]
    for file in found.files:
        if not file.encrypted or file.problem is not None:
            why = file.problem or f"is plaintext, and {file.environment} wants it encrypted"
            notes.append(f'<p class="note bad">{_path(file.path)} {_text(why)}</p>')
    return notes


def _timeline(found: Report, colors: dict[str, int]) -> str:
    if not found.moments:
        return _section("Changes over time", "", '<p class="soft">No commit has changed a file of secrets.</p>')
    counts = [
        (entry.commit.time, touched.environment or OTHER, max(len(touched.steps), 1))
        for entry in found.moments
        for touched in entry.files
    ]
    names = [*found.environments, *sorted({name for _, name, _ in counts} - set(found.environments))]
    return _section("Changes over time", _legend(names, colors), chart(counts, names, colors, found.now))


def _legend(names: Sequence[str], colors: dict[str, int]) -> str:
    return f'<div class="legend">{"".join(f"<span>{_environment(name, colors)}</span>" for name in names)}</div>'


def _environment(name: str, colors: dict[str, int]) -> str:
    color = colors.get(name, PALETTE - 1)
    return f'<span class="dot" style="background: var(--c{color})"></span>{_text(name)}'


def _ages(found: Report, colors: dict[str, int]) -> str:
    heads = [words for _, words in _AGES] + [_OLDER]
    table: dict[str, dict[str, int]] = {name: dict.fromkeys([*heads, _UNKNOWN], 0) for name in found.environments}
    oldest: list[tuple[int, File, str]] = []
    for file in found.files:
        for line in file.secrets:
            at = changed_at(line)
            table[file.environment][_bucket(at, found.now)] += 1
            if at is not None:
                oldest.append((at, file, path_of(line)))
    if any(row[_UNKNOWN] for row in table.values()):
        heads.append(_UNKNOWN)
    most = max((count for row in table.values() for count in row.values()), default=0)
    rows = "".join(
        f"<tr><th scope=row>{_environment(name, colors)}</th>"
        + "".join(f"<td>{_heat(row[head], most)}</td>" for head in heads)
        + "</tr>"
        for name, row in table.items()
        if any(row.values())
    )
    if not rows:
        return _section("Secrets by age", "", '<p class="soft">There is no secret yet.</p>')
    head = "".join(f"<th scope=col>{_text(each)}</th>" for each in heads)
    shown = sorted(oldest, key=lambda each: (each[0], each[1].path, each[2]))[:_OLDEST]
    old = "".join(
        f'<tr><td class="number">{_text(_age(found.now - at))}</td><td>{_environment(file.environment, colors)}</td>'
        f"<td>{_path(path)}</td><td>{_path(file.path)}</td></tr>"
        for at, file, path in shown
    )
    return _section(
        "Secrets by age",
        '<span class="soft small">since the last real change of each value</span>',
        f'<div class="scroll"><table class="heat"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        f"<details><summary>The {len(shown)} oldest</summary>"
        f'<div class="scroll"><table><thead><tr><th class="number">age</th><th>environment</th><th>value</th>'
        f"<th>file</th></tr></thead><tbody>{old}</tbody></table></div></details>",
    )


def _heat(count: int, most: int) -> str:
    if not count:
        return "<span>·</span>"
    return f'<span class="some" style="--share: {0.14 + 0.5 * count / most:.2f}">{count}</span>'


def _bucket(at: int | None, now: float) -> str:
    if at is None:
        return _UNKNOWN
    return next((words for days, words in _AGES if now - at < days * _DAY), _OLDER)


def _due(found: Report, colors: dict[str, int]) -> str:
    known = [(days, file) for file in found.files if (days := file.due(found.now)) is not None]
    if not known:
        text = "No environment says <code>rotate-after</code>, so nothing is due."
        return _section("Rotation", "", f'<p class="soft">{text}</p>')
    rows = []
    for days, file in sorted(known, key=lambda each: (each[0], each[1].path)):
        look, words = (
            ("bad", f"{-days} days late") if days < 0 else ("warn" if days < 14 else "good", f"in {days} days")
        )
        since = time.strftime("%Y-%m-%d", time.gmtime(file.key_since))
        rows.append(
            f'<tr><td><span class="tag {look}">{words}</span></td><td>{_environment(file.environment, colors)}</td>'
            f'<td>{_path(file.path)}</td><td class="soft">{since}, every {file.rotate_after} days</td></tr>'
        )
    late = sum(days < 0 for days, _ in known)
    said = (
        f'<span class="tag bad">{late} overdue</span>' if late else '<span class="tag good">nothing is overdue</span>'
    )
    head = "<tr><th>due</th><th>environment</th><th>file</th><th>data key since</th></tr>"
    hint = '<p class="soft small hint">To replace them: <code>ksecrets rotate --due</code></p>' if late else ""
    table = f'<div class="scroll"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>{hint}'
    return _section("Rotation", said, table)


def _drifts(found: Report) -> str:
    if not found.drifts:
        return ""
    parts = []
    for left, right, lines in found.drifts:
        count = f"{len(lines)} difference{_s(len(lines))}"
        state = f'<span class="tag warn">{count}</span>' if lines else '<span class="tag good">alike</span>'
        rows = "".join(f"<tr><td>{_path(file)}</td><td>{_text(what)}</td></tr>" for file, what in lines[:_DRIFTS])
        table = f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>' if rows else ""
        title = f"<b>{_text(left)}</b> → <b>{_text(right)}</b> &nbsp;{state}"
        parts.append(f"<details {'open' if 0 < len(lines) <= 12 else ''}><summary>{title}</summary>{table}</details>")
    what = '<span class="soft small">keys that one side lacks, and other types, in the working tree</span>'
    return _section("Drift", what, "".join(parts))


def _moments(found: Report, colors: dict[str, int]) -> str:
    first = "".join(_moment(entry, colors) for entry in found.moments[:_MOMENTS])
    rest = "".join(_moment(entry, colors) for entry in found.moments[_MOMENTS:_MOST])
    if not first:
        return ""
    count = f"{len(found.moments)} commit{_s(len(found.moments))}"
    if len(found.moments) > _MOST:
        count += f", the last {_MOST} are here; ksecrets log has them all"
    folded = f"<details><summary>Older ones</summary><ol>{rest}</ol></details>" if rest else ""
    return _section("What changed", f'<span class="soft small">{count}</span>', f"<ol>{first}</ol>{folded}")


def _moment(entry: Entry, colors: dict[str, int]) -> str:
    commit = entry.commit
    day = time.strftime("%Y-%m-%d", time.gmtime(commit.time))
    merge = ' <span class="tag">merge</span>' if len(commit.parents) > 1 else ""
    files = "".join(_touched(touched, colors) for touched in entry.files)
    return (
        f'<li class="moment"><div class="soft">{day}<br><code>{commit.id[:10]}</code></div><div>'
        f"<div>{_text(commit.subject) or '<em>no message</em>'}{merge}</div>"
        f'<div class="who">{_text(commit.author)}</div><div class="what">{files}</div></div></li>'
    )


def _touched(touched: Touched, colors: dict[str, int]) -> str:
    kinds: dict[str, list[str]] = {}
    for step in touched.steps:
        kinds.setdefault(step.kind, []).append(path_of(step))
    parts = [f"<span>{_environment(touched.environment or OTHER, colors)}</span>{_path(touched.path)}"]
    if touched.status in "AD":
        parts.append(f'<span class="tag">{"new file" if touched.status == "A" else "deleted"}</span>')
    if touched.old_path is not None:
        parts.append(f'<span class="soft small">was {_path(touched.old_path)}</span>')
    if touched.plaintext:
        parts.append('<span class="tag bad">plaintext</span>')
    for kind, paths in kinds.items():
        words, sign = _WORDS[kind]
        look = kind if kind in (ADDED, CHANGED, REMOVED) else ""
        if kind in (REKEYED, REENCRYPTED, ENCRYPTED) or len(paths) > 8:
            what = f"{len(paths)} value{_s(len(paths))} {words}"
        else:
            what = ", ".join(_path(path) for path in paths)
        parts.append(f'<span title="{words}"><span class="sign {look}">{sign}</span>{what}</span>')
    parts += [f'<span class="soft small">{_text(note)}</span>' for note in touched.notes]
    return f'<div class="file">{"".join(parts)}</div>'


def _section(title: str, beside: str, content: str) -> str:
    return f'<section><div class="head"><h2>{title}</h2>{beside}</div>{content}</section>'


def _text(text: str) -> str:
    """A text of the repository, for the page."""
    return f"<bdi>{escape(visible(text))}</bdi>" if not text.isascii() else escape(visible(text))


def _path(text: str) -> str:
    return f'<span class="path">{_text(text)}</span>' if text else ""


def _age(seconds: float) -> str:
    days = max(int(seconds // _DAY), 0)
    if days < 60:
        return f"{days} day{_s(days)}"
    return f"{days // 30} months" if days < 730 else f"{days // 365} years"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
