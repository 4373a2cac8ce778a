"""log, blame, scan, drift and report: what git and the tokens tell without keys."""

from __future__ import annotations

import sys

import ksecrets
from ksecrets.cli import streams
from ksecrets.errors import EXIT_CHECK, EXIT_FAILED
from ksecrets.operations.history.view import (
    entry_data,
    leak_data,
    line_data,
    pair_data,
    render_blame,
    render_drift,
    render_entry,
    render_leaks,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def log(file: str | None, key: str | None, rev: str | None, json: bool) -> int | None:
    """The command `log`. Text goes out commit by commit, so that a pager has something to show at once."""
    session = ksecrets.Session()
    try:
        entries = ksecrets.log(file, key, revision=rev or "HEAD", session=session)
        if json:
            from ksecrets.cli.report import as_json

            streams.write(as_json([entry_data(entry) for entry in entries]))
            return None
        color = streams.has_colour(sys.stdout)
        for number, entry in enumerate(entries):
            streams.write(("\n" if number else "") + render_entry(entry, every=key is not None, color=color))
    finally:
        streams.notes(session)
    return None


def blame(file: str, json: bool) -> int | None:
    """The command `blame`."""
    import time

    session = ksecrets.Session()
    try:
        lines = ksecrets.blame(file, session=session)
    finally:
        streams.notes(session)
    if json:
        from ksecrets.cli.report import as_json

        streams.write(as_json([line_data(line, time.time()) for line in lines]))
    else:
        streams.write(render_blame(lines, time.time(), color=streams.has_colour(sys.stdout)))
    return None


def drift(left: str, right: str, values: bool, json: bool, exit_code: bool) -> int | None:
    """The command `drift`."""
    session = ksecrets.Session()
    try:
        pairs = ksecrets.drift(left, right, values=values, session=session)
    finally:
        streams.notes(session)
    if json:
        from ksecrets.cli.report import as_json

        streams.write(as_json([pair_data(pair) for pair in pairs]))
    else:
        streams.write(render_drift(pairs, left, right, color=streams.has_colour(sys.stdout)))
    drifted = any(pair.drifts or pair.notes or None in (pair.left, pair.right) for pair in pairs)
    return EXIT_FAILED if exit_code and drifted else None


def scan(paths: Sequence[str], json: bool) -> int | None:
    """The command `scan`."""
    session = ksecrets.Session()
    try:
        leaks = ksecrets.scan(paths, session=session)
    finally:
        streams.notes(session)
    if json:
        from ksecrets.cli.report import as_json

        streams.write(as_json([leak_data(leak) for leak in leaks]))
    else:
        streams.write(render_leaks(leaks, color=streams.has_colour(sys.stdout)))
    return EXIT_CHECK if leaks else None


def report(html: str | None, rev: str | None) -> int | None:
    """The command `report`."""
    from ksecrets.errors import UsageError

    if html is None:
        raise UsageError("say where the page goes", hint="ksecrets report --html FILE")
    from ksecrets.operations.history.page import page
    from ksecrets.storage import atomic

    session = ksecrets.Session()
    try:
        text = page(ksecrets.report(revision=rev or "HEAD", session=session))
    finally:
        streams.notes(session)
    if html == "-":
        streams.write(text)
        return None
    for note in atomic.write(html, text):
        streams.message(f"note: {html}: {note}")
    streams.status(f"wrote {html}")
    return None
