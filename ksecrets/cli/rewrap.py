"""updatekeys and rotate: a line for each file, a bar on a terminal, one report at the end."""

from __future__ import annotations

import ksecrets
from ksecrets.cli import asked, streams
from ksecrets.cli.progress import Progress
from ksecrets.cli.values import same_type
from ksecrets.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ksecrets.operations.rewrap.result import FileResult, TreeReport

_SHOWN = 50  # lines about files that are in order or were written; beyond, only what is not gets a line


def updatekeys(
    files: Sequence[str],
    env: str | None,
    changed_since: str | None,
    input_type: str | None,
    dry_run: bool,
    yes: bool,
    json: bool,
) -> int | None:
    """The command `updatekeys`. `yes` is there for those who know it from sops."""
    _refuse_stdin(files)
    return _run(
        lambda session, progress: ksecrets.updatekeys_all(
            files,
            env=env,
            changed_since=changed_since,
            input_type=input_type,
            dry_run=dry_run,
            progress=progress,
            session=session,
        ),
        json,
        "readers are those of the rules, unchanged",
    )


def rotate(
    files: Sequence[str],
    in_place: bool,
    env: str | None,
    changed_since: str | None,
    older_than: str | None,
    due: bool,
    input_type: str | None,
    output_type: str | None,
    dry_run: bool,
    json: bool,
    **options: Any,
) -> int | None:
    """The command `rotate`. `in_place` is there for those who know it from sops: files are always changed in place.

    options: those that change readers.
    """
    _refuse_stdin(files)
    change = asked.change(options)
    input_type = same_type(input_type, output_type)
    return _run(
        lambda session, progress: ksecrets.rotate(
            files,
            env=env,
            changed_since=changed_since,
            older_than=older_than,
            due=due,
            change=change,
            input_type=input_type,
            dry_run=dry_run,
            progress=progress,
            session=session,
        ),
        json,
        "its data key is young enough",
    )


def _refuse_stdin(files: Sequence[str]) -> None:
    if "-" in files:
        raise UsageError("standard input has no place to write to")


def _run(
    work: Callable[[ksecrets.Session, Callable[[int, int], None] | None], TreeReport], json: bool, unchanged: str
) -> int:
    session = ksecrets.Session()
    try:
        with Progress() as shown:
            report = work(session, shown)
    finally:
        streams.notes(session)
    if json:
        from ksecrets.cli.report import as_json

        streams.write(as_json(report.to_json()))
    else:
        _say(report, unchanged)
    return report.exit_code


def _say(report: TreeReport, unchanged: str) -> None:
    many = len(report.files) > _SHOWN
    for result in report.files:
        if result.status in ("changed", "planned"):
            if not many or report.dry_run:
                # What a dry run finds is its data; what was done is said beside it.
                (streams.report if report.dry_run else streams.status)(_line(result))
        elif result.status == "unchanged" and not many:
            streams.status(f"{result.path}  {unchanged}")
    for result in report.of("failed"):
        if result.error is not None:
            streams.error(result.error)
    if len(report.files) == 1 and not report.left:
        return
    parts = [
        f"{len(found)} {word}"
        for status, word in (
            ("changed", "changed"),
            ("planned", "to change"),
            ("unchanged", "unchanged"),
            ("plaintext", "not encrypted"),
            ("failed", "failed"),
        )
        if (found := report.of(status))  # type: ignore[arg-type]
    ]
    if report.left:
        parts.append(f"{report.left} left (run it again to go on)")
    (streams.message if report.of("failed") or report.left else streams.status)(", ".join(parts) or "no files")


def _line(result: FileResult) -> str:
    values = f"{result.values} value{'' if result.values == 1 else 's'} " if result.values else ""
    changes = [f"+{name}" for name in result.added] + [f"-{name}" for name in result.removed] + result.other
    if result.new_key:
        changes.append("new data key" + (f": {result.reason}" if result.reason else ""))
    return f"{result.path}  {values}for {', '.join(result.readers)}" + (f"  ({'; '.join(changes)})" if changes else "")
