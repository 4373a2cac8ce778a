"""The getter: what Helm runs for each `-f secrets://FILE`, once for every file.

Helm calls it as ``... CERT-FILE KEY-FILE CA-FILE URL`` and takes its standard output for the file. Helm 4 prints a Go
struct when it fails, so the reason stands on standard error before that.
"""

from __future__ import annotations

import os
import sys

from ksecrets.errors import KsecretsError, UsageError
from ksecrets.helm.address import STDIN, Address
from ksecrets.helm.messages import say, say_error, say_notes
from ksecrets.helm.settings import Settings
from ksecrets.helm.sources import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets import Session

_ARGUMENTS = 4


def main(argv: Sequence[str]) -> int:
    """Print the file that the last argument names; returns the exit code.

    address.py has the forms: ``secrets://env/prod/secrets.yaml`` is relative to the working folder,
    ``secrets:///etc/x.yaml`` is absolute, and ``secrets://?x.yaml`` may be missing. Nothing is printed before all of
    the file was verified.
    """
    from ksecrets import Session

    session = Session()
    settings = Settings(os.environ)
    try:
        data = _get(argv, settings, session)
    except KsecretsError as error:
        return say_error(error)
    finally:
        if not settings.quiet:
            say_notes(session)
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        say(f"error: cannot write to Helm: {error.strerror}")
        return 1
    return 0


def _get(argv: Sequence[str], settings: Settings, session: Session) -> bytes:
    if len(argv) != _ARGUMENTS:
        raise UsageError(
            "the getter is called by Helm, with a certificate, a key, a CA and a URL",
            hint="helm template -f secrets://FILE",
        )
    url = argv[-1]
    address = Address(url)
    if not address.marked or not (address.file or address.literal) or address.file == STDIN:
        raise UsageError(f"{url} does not name a file", hint="secrets://FILE, relative to the working folder")
    # Whether Helm wants a values file or one of --set-file it does not say. A name does.
    is_yaml = address.file.endswith((".yaml", ".yml"))
    with Sources(settings, session) as sources:
        found = sources.content(address, is_yaml=is_yaml)
    return b"" if found is None else found.data
