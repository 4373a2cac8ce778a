"""Findings and redacted differences as Markdown, for a comment at a pull request.

Names of files, keys and readers come from whoever proposes the change. They stand in code spans, so that they make no
link, no image, no mention and no HTML of somebody else's comment.
"""

from __future__ import annotations

from ksecrets.operations.diffview import visible
from ksecrets.text.path import format as format_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ksecrets.operations.diff import FileDiff
    from ksecrets.operations.findings import Finding, Report

MARK = "<!-- ksecrets -->"
"""The first line of every comment: by it a job finds the one that it wrote before."""

_MOST = 50_000  # characters; a comment on GitHub has at most 65,536
_SIGNS = {"error": "❌", "warning": "⚠️"}
_VERBS = {"added": "added", "removed": "removed", "changed": "changed"}


def findings(report: Report) -> str:
    """A report as a comment."""
    lines = [MARK, "", f"### ksecrets: {_verdict(report)}", "", f"{report.files} files {code(report.scope or '')}", ""]
    lines += _table(report.findings)
    return cut(lines)


def review(report: Report, files: Sequence[FileDiff]) -> str:
    """A report and the differences as a comment: first what matters, then the values."""
    lines = [MARK, "", f"### ksecrets: {_verdict(report)}", ""]
    if report.scope:
        lines += [code(report.scope), ""]
    lines += _table(report.findings)
    if files:
        lines += ["", "#### Values", ""]
        for file in files:
            lines += _file(file)
    else:
        lines += ["", "No encrypted file changed."]
    return cut(lines)


def code(text: str) -> str:
    """Any text as a code span on one line of a table (CommonMark 6.1; GitHub takes `|` as a border even there)."""
    shown = visible(text).replace("|", "\\|")
    longest, run = 0, 0
    for char in shown:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    fence = "`" * (longest + 1)
    pad = " " if shown[:1] in ("`", "") or shown[-1:] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def cut(lines: Sequence[str]) -> str:
    """The lines as text, with the end left out where it would be too long for a comment."""
    size = 0
    for at, line in enumerate(lines):
        size += len(line) + 1
        if size > _MOST:
            return "\n".join([*lines[:at], "", f"*{len(lines) - at} more lines are left out*"]) + "\n"
    return "\n".join(lines) + "\n"


def _verdict(report: Report) -> str:
    errors = sum(finding.severity == "error" for finding in report.findings)
    warnings = len(report.findings) - errors
    parts = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((errors, "error"), (warnings, "warning"))
        if count
    ]
    return ", ".join(parts) or "all in order"


def _table(found: Sequence[Finding]) -> Iterator[str]:
    if not found:
        return
    yield "| | where | what | rule |"
    yield "|---|---|---|---|"
    for finding in found:
        where = finding.file + (f":{finding.line}" if finding.line is not None else "")
        what = code((f"{finding.path}: " if finding.path else "") + finding.message)
        if finding.hint:
            what += "<br>hint: " + code(finding.hint)
        yield f"| {_SIGNS[finding.severity]} | {code(where)} | {what} | `{finding.code}` |"


def _file(file: FileDiff) -> Iterator[str]:
    name = code(file.path) if file.old_path is None else f"{code(file.old_path)} → {code(file.path)}"
    yield f"- {name}" + (f" ({code(file.environment)})" if file.environment else "")
    for note in file.notes:
        yield f"  - {code(note)}"
    for change in file.changes:
        where = format_path(change.path)
        if change.document is not None:
            where = f"document {change.document + 1}: {where}"
        yield f"  - {_VERBS[change.kind]} {code(where)}"
