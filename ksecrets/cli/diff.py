"""diff: which words are revisions and which are paths, as git decides it; the rest is an operation."""

from __future__ import annotations

import os
import sys

import ksecrets
from ksecrets.cli import streams
from ksecrets.errors import EXIT_FAILED, KsecretsError, UsageError
from ksecrets.operations.diff import render, to_json
from ksecrets.repository.repository import Repository, top_level

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HINT = "use `--` between revisions and paths: ksecrets diff [REV [REV]] -- [PATH]..."


def diff(
    words: Sequence[str], after: Sequence[str] | None, redact: bool, json: bool, markdown: bool, exit_code: bool
) -> int | None:
    """The command `diff`; between two revisions and redacted, it is for a reviewer, and begins with the findings."""
    revisions, paths = split(words, after, _is_revision)
    session = ksecrets.Session()
    old, new = (*revisions, None, None)[:2]
    report = None
    if markdown and (json or not redact or new is None):
        raise UsageError("--markdown goes with --redact and two revisions", hint="diff --redact BASE..HEAD --markdown")
    try:
        found = ksecrets.diff(old, new, paths, redact=redact, session=session)
        if redact and old is not None and new is not None:
            report = ksecrets.review(old, new, paths, session=session)
    finally:
        streams.notes(session)
    if report is not None:
        streams.write(_review(report, found, json, markdown))
    elif json:
        from ksecrets.cli.report import as_json

        streams.write(as_json(to_json(found)))
    else:
        streams.write(render(found, color=streams.has_colour(sys.stdout), redact=redact))
    return EXIT_FAILED if exit_code and found else None


def _review(report: ksecrets.Report, found: Sequence[ksecrets.FileDiff], json: bool, markdown: bool) -> str:
    if markdown:
        from ksecrets.operations.review.markdown import review

        return review(report, found)
    if json:
        from ksecrets.cli.report import as_json

        return as_json({"check": report.to_json(), "files": to_json(found)})
    from ksecrets.operations import findings

    color = streams.has_colour(sys.stdout)
    first = findings.render(report, color=color) + "\n" if report.findings else ""
    return first + render(found, color=color, redact=True)


def split(
    words: Sequence[str], after: Sequence[str] | None, is_revision: Callable[[str], bool]
) -> tuple[list[str], list[str]]:
    """Revisions (none, one or two) and paths.

    words: what stands before ``--``; after: what stands behind it, None where there is none. Without ``--`` a word is
    a revision as long as it cannot be a file; as for git, what can be both must be told apart. Raises UsageError.
    """
    revisions: list[str] = []
    paths: list[str] = []
    for at, word in enumerate(words):
        is_file = after is None and os.path.lexists(word)
        named = _range(word) if len(revisions) < 2 else []
        if after is None and not (named and all(is_revision(each) for each in named)):
            if not is_file:
                raise UsageError(f"{word!r} is neither a revision nor a file here", hint=_HINT)
            paths = list(words[at:])
            break
        if is_file:
            raise UsageError(f"{word!r} is both a revision and a file here", hint=_HINT)
        revisions += named or [word]
        if len(revisions) > 2:
            raise UsageError("two revisions can be compared, not more", hint=_HINT)
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path!r} is no file here, and revisions come before paths", hint=_HINT)
    return revisions, paths if after is None else list(after)


def _range(word: str) -> list[str]:
    """``A..B`` as two revisions, where an empty one is HEAD; any other word as itself."""
    old, dots, new = word.partition("..")
    if not dots or word in (".", "..") or word.startswith("../") or "/../" in word or word.endswith("/.."):
        return [word]
    if new.startswith("."):
        raise UsageError(f"{word!r}: compare with a merge base by naming it: git merge-base A B")
    return [old or "HEAD", new or "HEAD"]


def _is_revision(word: str) -> bool:
    top = top_level(".")
    if top is None:
        return False
    try:
        Repository(top).resolve(word)
    except KsecretsError:
        return False
    return True
