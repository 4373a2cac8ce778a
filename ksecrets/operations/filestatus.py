"""filestatus: whether a file is encrypted, for scripts; needs no key."""

from __future__ import annotations

from ksecrets.errors import KsecretsError, NotEncrypted, Tampered
from ksecrets.files.open import BOM, read_metadata
from ksecrets.operations.reading import read
from ksecrets.operations.session import Session


def filestatus(
    path: str, *, text: str | None = None, input_type: str | None = None, session: Session | None = None
) -> bool:
    """Whether a file has the metadata of an encrypted one. Says nothing of each value: that is for `check`.

    input_type: its format, where it is not the one that its name says. Raises SyntaxRefused for a text that cannot be
    read, Tampered for metadata without a MAC, of which sops says "not encrypted" though its values are (a merge that is
    not finished, or a file that somebody changed).
    """
    session = session or Session()
    reading = read(path, text, session, input_type)
    place = reading.place
    try:
        try:
            metadata = read_metadata(reading.text, place.format(reading.text))
        except NotEncrypted:
            if place.real is not None:  # what has a name, has a format
                for _ in place.format().scan(reading.text.removeprefix(BOM)):
                    pass  # what is broken is not plaintext: it may be encrypted all the same
            return False
    except KsecretsError as error:
        raise error.at(path) from None
    if not metadata.mac:
        raise Tampered("has metadata without a MAC: neither plaintext nor encrypted", file=path)
    return True
