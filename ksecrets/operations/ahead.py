"""The data keys of many files, asked for side by side before the files are opened one by one.

A key service takes its 50 milliseconds for each file; a thousand files would wait a minute for what it could answer
in four seconds. Only keys that no identity at hand opens are asked for, only what may be asked (operations/trust.py),
and each data key once. What fails here is no error yet: it is the file's own when its turn comes, without another
question where the service cannot be reached at all.
"""

from __future__ import annotations

from ksecrets.envelope.wrap import unwrap
from ksecrets.errors import KsecretsError
from ksecrets.files.open import read_metadata
from ksecrets.keys import LOCAL
from ksecrets.operations.reading import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.envelope.recipient import Identity
    from ksecrets.operations.session import Place, Session

# The fields by which sops's metadata names a key on a network; what has none of them needs no second look.
_MARKS = ("arn:", "vault_address", "resource_id", "vault_url", "key_id")


def open_ahead(paths: Sequence[str], session: Session) -> None:
    """Ask for the data keys of these files that only a key service can open; the session has them from then on.

    Nothing is read where the rules around the first file know no key service.
    """
    if not _knows_services(paths, session):
        return
    wanted: list[tuple[Metadata, list[Identity]]] = []
    for path in paths:
        try:
            reading = read(path, None, session)
            if not any(mark in reading.text for mark in _MARKS):
                continue
            metadata = read_metadata(reading.text)
            if not session.has_key(metadata):
                asked = _to_ask(metadata, reading.place, session)
                if asked:
                    wanted.append((metadata, asked))
        except (KsecretsError, OSError):
            continue  # said when it is this file's turn
    if not wanted:
        return
    from ksecrets.envelope.parallel import each

    for (metadata, _), found in zip(wanted, each(_open, wanted), strict=True):
        if isinstance(found, bytes):
            session.keep_key(metadata, found)
        elif not isinstance(found, KsecretsError):
            raise found


def _knows_services(paths: Sequence[str], session: Session) -> bool:
    try:
        rules = session.place(paths[0]).rules if len(paths) > 1 else None
    except KsecretsError:
        return True
    recipients = getattr(rules.config, "recipients", None) if rules is not None else None
    # sops's rules are read one by one, as they are used
    return rules is not None and (recipients is None or any(each.service not in LOCAL for each in recipients.values()))


def _open(wanted: tuple[Metadata, list[Identity]]) -> bytes:
    return unwrap(wanted[0], wanted[1])[0]


def _to_ask(metadata: Metadata, place: Place, session: Session) -> list[Identity]:
    """The remote keys to ask for a file; none where it has none, or where what is at hand opens it."""
    if len(metadata.groups) != 1 or all(stanza.service in LOCAL for stanza in metadata.stanzas):
        return []
    for identity in session.identities.for_stanzas(metadata.stanzas):
        try:
            found = identity.unwrap(metadata.stanzas)
        except KsecretsError:
            continue
        if found is not None:
            session.keep_key(metadata, found)
            return []
    return list(session.remote_keys(place).for_stanzas(metadata.stanzas))
