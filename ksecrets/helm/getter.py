"""The getter: what Helm runs for each `-f secrets://FILE`, once for every file.

Helm calls it as ``... CERT-FILE KEY-FILE CA-FILE URL`` and takes its standard output for the file. Helm 4 prints a Go
struct when it fails, so the reason stands on standard error before that.
"""

from __future__ import annotations

import sys

from ksecrets.errors import KsecretsError, UsageError
from ksecrets.helm.messages import say, say_error, say_notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets import Session

_ARGUMENTS = 4


def main(argv: Sequence[str]) -> int:
    """Print the file that the last argument names; returns the exit code.

    ``secrets://env/prod/secrets.yaml`` is relative to the working folder, ``secrets:///etc/x.yaml`` is absolute, and
    ``secrets://?x.yaml`` may be missing. Nothing is fetched from anywhere, and nothing is printed before all of the
    file was verified.
    """
    from ksecrets import Session

    session = Session()
    try:
        data = _get(argv, session)
    except KsecretsError as error:
        return say_error(error)
    finally:
        say_notes(session)
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        say(f"error: cannot write to Helm: {error.strerror}")
        return 1
    return 0


def _get(argv: Sequence[str], session: Session) -> bytes:
    if len(argv) != _ARGUMENTS:
        raise UsageError(
            "the getter is called by Helm, with a certificate, a key, a CA and a URL",
            hint="helm template -f secrets://FILE",
        )
    from ksecrets.helm.arguments import STDIN, named
    from ksecrets.helm.reading import content, exists

    url = argv[-1]
    file = named(url)
    if file is None or file.file == STDIN:
        raise UsageError(f"{url} does not name a file", hint="secrets://FILE, relative to the working folder")
    if file.optional and not exists(file.file):
        return b""
    return content(file.file, session).data
