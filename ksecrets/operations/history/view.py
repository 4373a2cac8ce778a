"""Histories as text for people and as data for programs; never with a value or a token.

What a commit says of itself, names of files and keys may be meant for the terminal and not for the reader: control
characters are always shown as escapes.
"""

from __future__ import annotations

from ksecrets.operations.diffview import visible
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
from ksecrets.text.path import format as format_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ksecrets.operations.history.blame import Line
    from ksecrets.operations.history.drift import Drift, Pair
    from ksecrets.operations.history.scan import Leak
    from ksecrets.operations.history.steps import Step
    from ksecrets.operations.history.versions import Where
    from ksecrets.operations.history.walk import Entry, Touched
    from ksecrets.repository.commits import Commit

_SIGNS = {
    ADDED: "+",
    REMOVED: "-",
    CHANGED: "~",
    MOVED: ">",
    REKEYED: "k",
    REENCRYPTED: "k",
    ENCRYPTED: "e",
    DECRYPTED: "!",
}
_COLORS = {"+": "32", "-": "31", "~": "33", ">": "36", "k": "2", "e": "36", "!": "31;1"}
_STATUS = {"A": "new", "D": "deleted"}
_DAY = 86400
_SHORT = 10
_MOST_IDS = 5


def render_entry(entry: Entry, *, every: bool = False, color: bool = False) -> str:
    """One commit with its files. every: also a line for each value of a rotation, which otherwise are counted."""
    commit = entry.commit
    merge = "  (merge)" if len(commit.parents) > 1 else ""
    head = f"{commit.id[:_SHORT]}  {_date(commit.time)}  {visible(commit.author)}  {visible(commit.subject)}{merge}"
    lines = [_painted("1", head, color)]
    for touched in entry.files:
        lines += _file(touched, every, color)
    return "\n".join(lines) + "\n"


def entry_data(entry: Entry) -> dict[str, object]:
    """One commit as data for `json`."""
    return {
        **_commit_data(entry.commit),
        "parents": list(entry.commit.parents),
        "files": [
            {
                "path": touched.path,
                "old_path": touched.old_path,
                "status": touched.status,
                "environment": touched.environment,
                "plaintext": touched.plaintext,
                "notes": list(touched.notes),
                "values": [_step_data(step) for step in touched.steps],
            }
            for touched in entry.files
        ],
    }


def render_blame(lines: Sequence[Line], now: float, *, color: bool = False) -> str:
    """A line a value: commit, date, age, author, path, and what else is to be known. now: seconds since 1970."""
    cells = []
    for line in lines:
        commit = line.commit
        if commit is not None:
            known = [commit.id[:_SHORT], _date(commit.time), age(commit.time, now), visible(commit.author)]
        else:
            known = ["-" * _SHORT, "-", "-", "before this clone's history" if line.committed else "not committed yet"]
        cells.append((known, where_text(line.where), "; ".join(_remarks(line))))
    widths = [max((len(known[column]) for known, _, _ in cells), default=0) for column in range(4)]
    text = []
    for known, where, remarks in cells:
        left = "  ".join(cell.ljust(width) for cell, width in zip(known, widths, strict=True))
        text.append(f"{_painted('2', left, color)}  {where}{f'  ({remarks})' if remarks else ''}")
    return "".join(line + "\n" for line in text)


def line_data(line: Line, now: float) -> dict[str, object]:
    """One line of `blame` as data for `json`."""
    return {
        **_where_data(line.where),
        "type": line.type,
        "encrypted": line.secret,
        "kind": line.kind,
        "committed": line.committed,
        "commit": _commit_data(line.commit) if line.commit is not None else None,
        "age_days": _days(line.commit.time, now) if line.commit is not None else None,
        "unknown_since": [commit.id for commit in line.since],
        "plaintext_in": line.plaintext,
    }


def render_drift(pairs: Sequence[Pair], left: str, right: str, *, color: bool = False) -> str:
    """What drifted, a header and its lines for each pair that did. left, right: what the sides are called."""
    text = []
    for pair in pairs:
        if pair.left is None or pair.right is None:
            there, missing = (pair.left, right) if pair.left is not None else (pair.right, left)
            text.append(
                f"{visible(there or '')}\n  {_painted('33', f'! has no counterpart in {visible(missing)}', color)}\n"
            )
        elif pair.drifts or pair.notes:
            lines = [f"{visible(pair.left)} ↔ {visible(pair.right)}"]
            lines += [f"  ! {visible(note)}" for note in pair.notes]
            lines += [_drift(each, visible(left), visible(right), color) for each in pair.drifts]
            text.append("".join(line + "\n" for line in lines))
    return "\n".join(text) or f"no drift between {visible(left)} and {visible(right)}\n"


def pair_data(pair: Pair) -> dict[str, object]:
    """One pair of files as data for `json`."""
    return {
        "left": pair.left,
        "right": pair.right,
        "notes": list(pair.notes),
        "drifts": [
            {
                "kind": each.kind,
                **_where_data(each.where),
                "left_type": each.left,
                "right_type": each.right,
                "left_encrypted": each.secret[0],
                "right_encrypted": each.secret[1],
            }
            for each in pair.drifts
        ],
    }


def render_leaks(leaks: Sequence[Leak], *, color: bool = False) -> str:
    """What stood in plaintext: for each file its commits, and a line for each value."""
    if not leaks:
        return "no plaintext in history\n"
    lines = []
    for leak in leaks:
        count = "1 commit" if len(leak.commits) == 1 else f"{len(leak.commits)} commits"
        ids = ", ".join(each[:_SHORT] for each in leak.commits[:_MOST_IDS])
        more = ", ..." if len(leak.commits) > _MOST_IDS else ""
        about = f"  ({leak.environment})" if leak.environment else ""
        lines.append(f"{visible(leak.path)}{about}")
        lines.append(_painted(_COLORS["!"], f"  ! PLAINTEXT in {count}: {ids}{more}", color))
        lines += [f"    {where_text(where)}" for where in leak.values]
    lines.append("")
    lines.append("hint: replace these values where they are used; whoever has a copy of the repository has them,")
    lines.append("  and a rewritten history does not take them back")
    return "\n".join(lines) + "\n"


def leak_data(leak: Leak) -> dict[str, object]:
    """One file with plaintext as data for `json`."""
    return {
        "path": leak.path,
        "environment": leak.environment,
        "commits": list(leak.commits),
        "values": [_where_data(where) for where in leak.values],
    }


def _drift(each: Drift, left: str, right: str, color: bool) -> str:
    if each.kind == "missing":
        sign, code, text = ("<", "36", f"only in {left}") if each.right is None else (">", "35", f"only in {right}")
    elif each.kind == "type":
        sign, code = "~", "33"
        text = f"{visible(each.left or '')} in {left}, {visible(each.right or '')} in {right}"
    elif each.kind == "readable":
        sign, code = "!", "31;1"
        text = f"encrypted in {left if each.secret[0] else right}, readable in {right if each.secret[0] else left}"
    else:
        sign, code, text = "=", "31", "the same secret on both sides"
    return _painted(code, f"  {sign} {where_text(each.where)}  ({text})", color)


def where_text(where: Where) -> str:
    """Where a value stands, as the commands take it."""
    document, path, ordinal = where
    text = visible(format_path(path)) or "."
    again = f" (the {ordinal + 1}th of that name)" if ordinal else ""
    return (f"document {document + 1}: " if document > 0 else "") + text + again


def age(time: int, now: float) -> str:
    """How long ago, in one word."""
    days = _days(time, now)
    if days < 1:
        return "today"
    return f"{days}d" if days < 365 else f"{days // 365}y{days % 365 // 30}m"


def _file(touched: Touched, every: bool, color: bool) -> Iterator[str]:
    name = visible(touched.path)
    if touched.old_path is not None:
        name = f"{visible(touched.old_path)} → {name}"
    known = ", ".join(text for text in (_STATUS.get(touched.status, ""), touched.environment or "") if text)
    yield f"  {name}" + (f"  ({known})" if known else "")
    if touched.plaintext:
        wants = f", and {touched.environment} wants it encrypted" if touched.environment else ""
        yield _painted(_COLORS["!"], f"    ! PLAINTEXT in this commit{wants}", color)
    for note in touched.notes:
        yield f"    ! {visible(note)}"
    for kind, text in (
        (REKEYED, "re-keyed: {} under a new data key; whether they changed cannot be known"),
        (REENCRYPTED, "re-encrypted by sops: {} under the same data key; whether they changed cannot be known"),
        (ENCRYPTED, "encrypted: {} stood in plaintext before; whether they changed cannot be known"),
    ):
        count = sum(step.kind == kind for step in touched.steps)
        if count and not every:
            values = "1 value" if count == 1 else f"{count} values"
            yield _painted(_COLORS[_SIGNS[kind]], f"    {_SIGNS[kind]} {text.format(values)}", color)
    for step in touched.steps:
        if every or step.kind not in (REKEYED, REENCRYPTED, ENCRYPTED):
            yield _painted(_COLORS[_SIGNS[step.kind]], f"    {_SIGNS[step.kind]} {_step(step, every)}", color)


def _step(step: Step, every: bool) -> str:
    text = where_text(step.where)
    remarks = []
    if step.origin is not None:
        file = f"{visible(step.origin_file)} " if step.origin_file is not None else ""
        remarks.append(f"moved from {file}{where_text(step.origin)}")
    elif step.kind == DECRYPTED:
        remarks.append("PLAINTEXT now")
    elif every and step.kind in (REKEYED, REENCRYPTED, ENCRYPTED):
        remarks.append(f"{step.kind}; whether it changed cannot be known")
    elif not step.secret:
        remarks.append("readable")
    if step.old_type is not None and step.type is not None and step.old_type != step.type:
        remarks.append(f"{visible(step.old_type)} → {visible(step.type)}")
    return text + (f"  ({', '.join(remarks)})" if remarks else "")


def _remarks(line: Line) -> list[str]:
    found = []
    if line.since:
        found.append(f"re-keyed {_date(line.since[0].time)}: whether it changed then cannot be known")
    if line.plaintext is not None:
        found.append(f"was PLAINTEXT in {line.plaintext[:_SHORT]}")
    if not line.secret:
        found.append("readable")
    return found


def _step_data(step: Step) -> dict[str, object]:
    data: dict[str, object] = {
        "kind": step.kind,
        **_where_data(step.where),
        "encrypted": step.secret,
        "old_type": step.old_type,
        "type": step.type,
    }
    if step.origin is not None:
        data["origin"] = {"file": step.origin_file, **_where_data(step.origin)}
    return data


def _where_data(where: Where) -> dict[str, object]:
    document, path, ordinal = where
    return {"path": format_path(path), "keys": list(path), "document": document, "ordinal": ordinal}


def _commit_data(commit: Commit) -> dict[str, object]:
    return {
        "id": commit.id,
        "author": commit.author,
        "email": commit.email,
        "time": _time(commit.time),
        "subject": commit.subject,
    }


def _days(time: int, now: float) -> int:
    return max(0, int(now - time) // _DAY)


def _time(seconds: int) -> str:
    import time

    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError):  # a commit may claim any number
        return "?"


def _date(seconds: int) -> str:
    return _time(seconds).partition("T")[0]


def _painted(code: str, line: str, color: bool) -> str:
    return f"\x1b[{code}m{line}\x1b[0m" if color else line
