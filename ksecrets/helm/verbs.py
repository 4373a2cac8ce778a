"""The verbs of helm-secrets that are commands of ksecrets: encrypt, decrypt, edit and view."""

from __future__ import annotations

import os
import sys

from ksecrets.errors import KsecretsError, UsageError
from ksecrets.helm.address import Address
from ksecrets.helm.messages import say_notes
from ksecrets.helm.settings import SOPS
from ksecrets.helm.sources import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.helm.settings import Settings

VERBS = {"decrypt": "decrypt", "edit": "edit", "encrypt": "encrypt", "view": "decrypt"}
"""The verb, and the command of ksecrets that does it."""

_TERRAFORM = "--terraform"


def run(verb: str, argv: Sequence[str], settings: Settings) -> int:
    """Run ``helm secrets VERB ARGV``; returns the exit code where no other program takes our place.

    Most command lines are those of ksecrets, with all of its options. What ksecrets itself has no word for is done
    here: `decrypt --terraform`, a URL, and the backend vals, which resolves references.

    Raises UsageError, and what reading raises.
    """
    words = [word for word in argv if word != _TERRAFORM]
    terraform = len(words) < len(argv)
    reading = VERBS[verb] == "decrypt"
    if terraform and not reading:
        raise UsageError(f"{_TERRAFORM} is for decrypt")
    files = [word for word in words if word == "-" or not word.startswith("-")]
    if not files and not {"--help", "-h"}.intersection(words):
        raise UsageError("the file is missing", hint=f"helm secrets {verb} FILE")
    addresses = [Address(file) for file in files]
    for address in addresses:
        settings.backend_named(address.backend)
    backends = {address.backend or settings.backend for address in addresses}
    if not reading and backends - {SOPS}:
        raise UsageError(f"the backend {min(backends - {SOPS})} cannot {verb}", hint=f"helm secrets {verb}, without -b")
    if not terraform and backends <= {SOPS} and not any(address.is_url or address.key for address in addresses):
        return _ksecrets([VERBS[verb], *(_path(word, addresses) for word in words)])
    if len(files) != 1 or len(words) > 1:
        raise UsageError("one file, and no other option, goes with --terraform, a URL or another backend")
    return _print(addresses[0], settings, terraform=terraform)


def _path(word: str, addresses: Sequence[Address]) -> str:
    """A word for ksecrets: a file without the prefixes of helm-secrets."""
    return next((address.file for address in addresses if address.text == word), word)


def _print(address: Address, settings: Settings, *, terraform: bool) -> int:
    from ksecrets import Session

    session = Session(settings.environ)
    try:
        with Sources(settings, session) as sources:
            found = sources.content(address)
    finally:
        if not settings.quiet:
            say_notes(session)
    if found is None:
        raise KsecretsError("no such file", file=address.file)
    if found.on_disk and (address.backend or settings.backend) == SOPS:
        raise KsecretsError("is not encrypted", file=address.file)
    data = found.data
    if terraform:
        import binascii

        # As the data source `external` of Terraform wants it.
        data = b'{"content_base64":"' + binascii.b2a_base64(data, newline=False) + b'"}'
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return 0


def _ksecrets(argv: list[str]) -> int:
    """Run a command of ours, in our place."""
    from ksecrets.helm.handover import Handover
    from ksecrets.start import command

    with Handover() as handover:
        return handover.become([*command(), *argv], os.environ)
