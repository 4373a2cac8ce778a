"""The data keys of many files, asked for side by side before the files are opened one by one.

A key service takes its 50 milliseconds for each file; a thousand files would wait a minute for what it could answer
in four seconds. Only keys that no identity at hand opens are asked for, only what may be asked (operations/trust.py),
only what may be enough (of several key groups as many as are missing), and each data key once. What fails here is the
file's own error when its turn comes: the same one, without another question, unless the reason may have passed by then.
"""

from __future__ import annotations

from ksecrets.envelope.opening import Opening
from ksecrets.errors import KsecretsError, ServiceFailed
from ksecrets.files.open import read_metadata
from ksecrets.keys import LOCAL
from ksecrets.operations.reading import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.operations.session import Place, Session

# The fields by which sops's metadata names a key on a network; what has none of them needs no second look.
_MARKS = ("arn:", "vault_address", "resource_id", "vault_url", "key_id")


def open_ahead(paths: Sequence[str], session: Session) -> None:
    """Ask for the data keys of these files that only a key service can open; the session has them from then on.

    Nothing is read where the rules around the first file know no key service.
    """
    if not _knows_services(paths, session):
        return
    wanted: list[tuple[Metadata, Opening, Place]] = []
    for path in paths:
        try:
            reading = read(path, None, session)
            if not any(mark in reading.text for mark in _MARKS):
                continue
            metadata = read_metadata(reading.text, reading.place.format(reading.text))
            if not session.has_key(metadata):
                opening = _to_ask(metadata, reading.place, session)
                if opening is not None:
                    wanted.append((metadata, opening, reading.place))
        except (KsecretsError, OSError):
            continue  # said when it is this file's turn
    if not wanted:
        return
    from ksecrets.envelope.opening import ask_all
    from ksecrets.envelope.wrap import why_not

    ask_all([opening for _, opening, _ in wanted])
    for metadata, opening, place in wanted:
        if not opening.complete:
            if not any(isinstance(each, ServiceFailed) and each.again for each in opening.failures):
                name_of = place.rules.name_of if place.rules is not None else None
                session.keep_failure(metadata, why_not(metadata, opening, (), (), name_of))
            continue
        try:
            session.keep_key(metadata, opening.result()[0])
        except KsecretsError as error:
            session.keep_failure(metadata, error)


def _knows_services(paths: Sequence[str], session: Session) -> bool:
    try:
        rules = session.place(paths[0]).rules if len(paths) > 1 else None
    except KsecretsError:
        return True
    recipients = getattr(rules.config, "recipients", None) if rules is not None else None
    # sops's rules are read one by one, as they are used
    return rules is not None and (recipients is None or any(each.service not in LOCAL for each in recipients.values()))


def _to_ask(metadata: Metadata, place: Place, session: Session) -> Opening | None:
    """The opening of a file with what is to be asked for it; None where that is nothing, or cannot be enough."""
    if all(stanza.service in LOCAL for stanza in metadata.stanzas):
        return None
    opening = Opening(metadata)
    if opening.at_hand(session.identities):
        session.keep_key(metadata, opening.result()[0])
        return None
    return opening if opening.prepare(session.remote_keys(place)) else None
