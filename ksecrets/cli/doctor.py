"""doctor: what does not work here, and the commands that repair it."""

from __future__ import annotations

import sys

import ksecrets
from ksecrets.cli import streams
from ksecrets.errors import EXIT_FAILED


def doctor(json: bool) -> int | None:
    """The command `doctor`. Exit code 1 where something is an error; warnings alone are none."""
    from ksecrets.cli.report import as_json
    from ksecrets.helm.clashes import clashes

    session = ksecrets.Session()
    troubles = [*ksecrets.doctor(session=session), *clashes()]
    failed = any(trouble.severity == "error" for trouble in troubles)
    if json:
        streams.write(as_json({"ok": not failed, "troubles": [trouble.to_json() for trouble in troubles]}))
    elif not troubles:
        streams.report("all is well")
    else:
        for trouble in troubles:
            colour = streams.RED if trouble.severity == "error" else streams.YELLOW
            word = f"{trouble.severity}:"
            if streams.has_colour(sys.stdout):
                streams.write(f"\x1b[{colour}m{word}\x1b[0m ")
            else:
                streams.write(f"{word} ")
            streams.report(f"{trouble.message} [{trouble.code}]\n  fix: {trouble.fix}")
    return EXIT_FAILED if failed else None
