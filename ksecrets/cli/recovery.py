"""recovery add, recovery test: the key in the safe."""

from __future__ import annotations

import sys

import ksecrets
from ksecrets.cli import streams
from ksecrets.cli.people import files, rest, run
from ksecrets.errors import ConfigError, KsecretsError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST = 1 << 16  # characters of a passphrase file


def add(name: str | None, passphrase_file: str | None, svg: str | None, pq: bool) -> int | None:
    """The command `recovery add`. The private key goes to standard output, and as an image to `svg`; nowhere else."""
    qr = _qr(needed=svg is not None)
    passphrase = _passphrase(passphrase_file)

    def deliver(text: str) -> None:
        if svg is not None:
            import io

            from ksecrets.storage import atomic

            image = io.BytesIO()
            qr.make(text, error="m", micro=False).save(image, kind="svg", scale=4, xmldecl=False)
            atomic.create(svg, image.getvalue(), mode=0o600)
        streams.write(text)
        if qr is not None and sys.stdout is not None and sys.stdout.isatty():
            import io

            picture = io.StringIO()
            qr.make(text, error="l", micro=False).terminal(picture, compact=True)
            streams.write(picture.getvalue())

    session = ksecrets.Session()
    done = run(
        session,
        lambda shown: ksecrets.recovery_add(
            name, passphrase=passphrase, deliver=deliver, pq=pq, progress=shown, session=session
        ),
    )
    streams.status(f"{done.name} reads every environment: {files(len(done.files))} re-wrapped, 0 values changed")
    code = rest(done)
    streams.message("next    print the key, delete what holds it here, and try it: ksecrets recovery test FILE")
    return code


def test(file: str) -> int | None:
    """The command `recovery test`. Exit code that of the first file that does not open."""
    session = ksecrets.Session()
    text = streams.read_stdin() if file == "-" else None
    try:
        found = ksecrets.recovery_test(file, text=text, session=session)
    finally:
        streams.notes(session)
    for path in found.plaintext:
        streams.message(f"note: {path}: is plaintext")
    for _, problem in found.failed:
        streams.error(problem)
    total = found.opened + len(found.failed)
    streams.report(f"{found.opened} of {total} files open with this key alone")
    if not total:
        raise KsecretsError("there is no encrypted file to try it on")
    return found.failed[0][1].exit_code if found.failed else None


def _qr(*, needed: bool) -> Any:
    try:
        import segno
    except ImportError:
        if needed:
            raise ConfigError("QR codes need the package segno", hint="pip install 'ksecrets[qr]'") from None
        return None
    return segno


def _passphrase(file: str | None) -> str:
    if file is not None:
        from ksecrets.storage import atomic

        text = streams.read_stdin() if file == "-" else atomic.read(file).text
        return text[:_MOST].removesuffix("\n").removesuffix("\r")
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask for a passphrase at", hint="--passphrase-file FILE")
    from getpass import getpass

    first = getpass("passphrase of the recovery key: ")
    if getpass("the same again: ") != first:
        raise UsageError("the passphrases differ; nothing was done")
    return first
