"""check, guard and info: what can be said of files without showing a value."""

from __future__ import annotations

import sys

import ksecrets
from ksecrets.cli import streams
from ksecrets.cli.progress import Progress
from ksecrets.errors import EXIT_CHECK, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.operations.findings import Report
    from ksecrets.operations.info import Info

STDIN = "-"


def check(paths: Sequence[str], json: bool, sarif: bool, markdown: bool, allow: Sequence[str]) -> int | None:
    """The command `check`: the report goes to standard output, whatever it says."""
    from ksecrets.operations.review.span import span

    session = ksecrets.Session()
    change = span(paths[0]) if paths else None
    if allow and change is None:
        raise UsageError("--allow is about a change", hint="ksecrets check BASE..HEAD --allow CODE")
    try:
        if change is None:
            with Progress() as shown:
                report = ksecrets.check(paths, progress=shown, session=session)
        else:
            report = ksecrets.review(
                change.base, change.head, paths[1:], merge_base=change.merge_base, allow=allow, session=session
            )
    finally:
        streams.notes(session)
    streams.write(_written(report, json, sarif, markdown))
    return None if report.ok else EXIT_CHECK


def guard() -> int | None:
    """The command `guard`: silent where nothing is wrong; what it finds goes to standard error, as git shows that."""
    from ksecrets.operations.findings import render

    session = ksecrets.Session()
    report = ksecrets.guard(session=session)
    if report.ok:
        return None
    streams.message(render(report, color=streams.has_colour(sys.stderr)).rstrip("\n"))
    return EXIT_CHECK


def _written(report: Report, json: bool, sarif: bool, markdown: bool) -> str:
    if json + sarif + markdown > 1:
        raise UsageError("one of --json, --sarif and --markdown")
    if json:
        return as_json(report.to_json())
    if sarif:
        from ksecrets.operations.review.sarif import to_sarif

        return as_json(to_sarif(report))
    if markdown:
        from ksecrets.operations.review.markdown import findings

        return findings(report)
    from ksecrets.operations.findings import render

    return render(report, color=streams.has_colour(sys.stdout))


def info(file: str, json: bool, input_type: str | None) -> int | None:
    """The command `info`."""
    session = ksecrets.Session()
    text = streams.read_stdin() if file == STDIN else None
    try:
        found = ksecrets.info(file, text=text, input_type=input_type, session=session)
    finally:
        streams.notes(session)
    if json:
        streams.write(as_json(_info_data(found)))
    else:
        width = max(len(label) for label, _ in _info_lines(found))
        streams.report("\n".join(f"{label:<{width}}  {text}" for label, text in _info_lines(found)))
    return None


def as_json(data: object) -> str:
    """JSON for people and programs: indented, in the order of the data, ASCII only, so safe for a terminal."""
    import json

    return json.dumps(data, indent=2) + "\n"


def _info_data(found: Info) -> dict[str, object]:
    return {
        "path": found.path,
        "environment": found.environment,
        "rule": found.rule,
        "readers": [
            {"name": reader.name, "service": reader.service, "fields": dict(reader.fields)} for reader in found.readers
        ],
        "threshold": found.threshold,
        "values": found.values,
        "sealed": found.sealed,
        "sealed_environment": found.sealed_environment,
        "sealed_path": found.sealed_path,
        "selector": dict([found.selector]),
        "lastmodified": found.lastmodified,
        "kid": found.kid,
        "version": found.version,
    }


def _info_lines(found: Info) -> list[tuple[str, str]]:
    sealed = "no: it was written by sops, or changed by it last"
    if found.sealed:
        sealed = "says so; `ksecrets check` proves it"
        if found.sealed_environment:
            sealed += f" (environment {found.sealed_environment})"
    lines = [
        ("file", found.path),
        ("environment", found.environment or "none"),
        ("rule", found.rule or "none is about this file"),
        ("readers", ", ".join(reader.name for reader in found.readers) or "none"),
        ("values", f"{found.values} encrypted"),
        ("sealed", sealed),
        ("selector", f"{found.selector[0]}: {found.selector[1]}"),
        ("changed", found.lastmodified),
    ]
    if found.threshold:
        lines.insert(4, ("shares", f"{found.threshold} of the key groups are needed"))
    if found.sealed_path:
        lines.insert(-2, ("sealed as", found.sealed_path))
    return lines
