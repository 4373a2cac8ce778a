"""Differences as text for people and as data for programs.

What stands in a file may be meant for the terminal and not for the reader: control characters, and those that turn the
direction of text, are always shown as escapes.
"""

from __future__ import annotations

from ksecrets.text.dialect import is_visible, quote
from ksecrets.text.path import format as format_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ksecrets.operations.compare import Change
    from ksecrets.operations.diff import FileDiff

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_COLORS = {"+": "32", "-": "31", "~": "33", "!": "31;1", "": "1", " ": "2"}
_CONTEXT = 2  # lines around a change inside of a value
_STATUS = {"A": "new", "D": "deleted", "U": "in conflict"}


def render(files: Sequence[FileDiff], color: bool = False, redact: bool = False) -> str:
    """The differences as text, a header and its lines for each file; empty where there are none.

    color: with ANSI colours. redact: without values, also where the result has them.
    """
    return "\n".join(["".join(line + "\n" for line in _file(file, color, redact)) for file in files])


def to_json(files: Sequence[FileDiff]) -> list[dict[str, object]]:
    """The differences as data for `json`; `value` keys only where a value is known."""
    return [
        {
            "path": file.path,
            "old_path": file.old_path,
            "status": file.status,
            "environment": file.environment,
            "redacted": file.redacted,
            "notes": list(file.notes),
            "changes": [_change_data(change) for change in file.changes],
        }
        for file in files
    ]


def _change_data(change: Change) -> dict[str, object]:
    data: dict[str, object] = {"kind": change.kind, "path": format_path(change.path), "keys": list(change.path)}
    if change.document is not None:
        data["document"] = change.document
    for name, value, kind in (("old", change.old, change.old_type), ("new", change.new, change.new_type)):
        if value is not None:
            data[name] = {"type": kind, "value": value}
    return data


def _file(file: FileDiff, color: bool, redact: bool) -> Iterator[str]:
    header = visible(file.path)
    if file.old_path is not None:
        header = f"{visible(file.old_path)} → {header}"
    about = [
        _STATUS.get(file.status, ""),
        file.environment or "",
        "values not shown" if file.redacted or redact else "",
    ]
    known = ", ".join(text for text in about if text)
    yield _painted("", header + (f"  ({known})" if known else ""), color)
    for note in file.notes:
        yield _painted("!" if note.startswith(("PLAINTEXT", "NO SEAL")) else " ", f"  ! {visible(note)}", color)
    for change in file.changes:
        yield from _change(change, color, redact)


def _change(change: Change, color: bool, redact: bool) -> Iterator[str]:
    sign = _SIGNS[change.kind]
    where = format_path(change.path)
    if change.document is not None:
        where = f"document {change.document + 1}: {where}"
    old = None if redact else change.old
    new = None if redact else change.new
    head = f"  {sign} {where}"
    if old is None and new is None:
        yield _painted(sign, head, color)
    elif _has_lines(old, change.old_type) or _has_lines(new, change.new_type):
        yield _painted(sign, head + ":", color)
        for line in _line_diff(old or "", new or ""):
            yield _painted(line[0], "      " + line, color)
    else:
        shown = [
            _scalar(text, kind) for text, kind in ((old, change.old_type), (new, change.new_type)) if text is not None
        ]
        if change.kind == "changed" and len(shown) == 1:  # the other one is a token that was not opened
            shown.insert(0 if old is None else 1, "(encrypted)")
        yield _painted(sign, f"{head}: {' → '.join(shown)}", color)


def _has_lines(text: str | None, kind: str | None) -> bool:
    return text is not None and kind == "str" and "\n" in text.rstrip("\n")


def _scalar(text: str, kind: str | None) -> str:
    if kind == "str":
        return quote(text)
    if kind is not None and kind.startswith("!"):
        return f"{visible(kind)} {quote(text)}"
    return visible(text)


def _line_diff(old: str, new: str) -> Iterator[str]:
    """The lines of a value that changed, with a few around them; a blank, `+` or `-` in front of each."""
    from difflib import SequenceMatcher

    mark = old.endswith("\n") != new.endswith("\n")
    before, after = _lines(old, mark), _lines(new, mark)
    groups = SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_CONTEXT)
    for number, group in enumerate(groups):
        if number or group[0][1] > 0:
            yield "  ..."
        for tag, a, b, c, d in group:
            if tag == "equal":
                yield from (f"  {line}" for line in before[a:b])
                continue
            yield from (f"- {line}" for line in before[a:b])
            yield from (f"+ {line}" for line in after[c:d])


def _lines(text: str, mark: bool) -> list[str]:
    lines = [visible(line) for line in text.split("\n")]
    if lines[-1] == "":
        return lines[:-1]
    return [*lines[:-1], lines[-1] + " (no line break at the end)"] if mark else lines


def visible(text: str) -> str:
    """A text on one line as it may go to a terminal: what would not be seen is escaped as in Python."""
    if is_visible(text):
        return text
    return "".join(char if is_visible(char) else char.encode("unicode_escape").decode("ascii") for char in text)


def _painted(sign: str, line: str, color: bool) -> str:
    return f"\x1b[{_COLORS[sign]}m{line}\x1b[0m" if color and sign in _COLORS else line
