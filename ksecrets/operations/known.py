"""What git and this clone know of a file: its last encrypted version, whose its data key is, whether it was sealed.

A file in the working tree may come from anybody who can push. What others agreed on is the trusted ref, and what was
made here is this clone's record; a write asks both before it goes on with a data key (docs/threat-model.md).
"""

from __future__ import annotations

import os

from ksecrets.envelope.metadata import Metadata, identity_fields
from ksecrets.errors import (
    ConfigError,
    KsecretsError,
    NoIdentity,
    NotEncrypted,
    RuleViolation,
    ServiceFailed,
    SyntaxRefused,
    Tampered,
)
from ksecrets.files.open import open_text, read_metadata
from ksecrets.operations.asked import NOTHING, identities
from ksecrets.operations.reading import check_environment
from ksecrets.rules.policy import identity
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.files.open import Opened
    from ksecrets.operations.asked import Asked
    from ksecrets.operations.session import Place, Session
    from ksecrets.repository.batch import Batch
    from ksecrets.repository.repository import Repository

    Identities = set[tuple[object, ...]]


def identities_of(metadata: Metadata) -> Identities:
    """The keys of all readers of a file, as what makes two of them the same."""
    return {identity(stanza.service, identity_fields(stanza)) for stanza in metadata.stanzas}


def earlier_version(place: Place, session: Session, asked: Asked = NOTHING) -> Opened | None:
    """The encrypted version of a file that git knows (index, then HEAD), opened; None where there is none to use.

    Its readers must be those of the rules, or where these are silent those that the caller asked for, if any. It is
    what makes `encrypt -i` after `decrypt -i` change only what was changed.
    """
    repository = session.repository(place)
    if repository is None or place.relative is None:
        return None
    seen = None
    for spec in (f":{place.relative}", f"HEAD:{place.relative}"):
        raw = repository.blob(spec)
        if raw is None or raw == seen:
            continue
        seen = raw
        try:
            text = raw.decode("utf-8")
            wanted = _wanted(place, asked)
            if wanted is not None and identities_of(read_metadata(text)) != wanted:
                continue
            opened = open_text(text, data_key_for=session.key_for(place), format=place.format(text), keep_tokens=True)
            check_environment(opened.metadata, place, session)
        except (NotEncrypted, NoIdentity, SyntaxRefused, UnicodeDecodeError):
            continue
        except ServiceFailed as error:
            # whoever may only encrypt cannot open it, and writes a new one
            session.note(f"the version in git is not used: {error.message}", place.path)
            continue
        except Tampered as error:
            session.note(f"the version in git is not used: {error.message}", place.path)
            continue
        return opened
    return None


def _wanted(place: Place, asked: Asked) -> Identities | None:
    if place.policy is not None and place.policy.recipients:
        return identities(place.policy.recipients)
    return identities(asked.readers(place) or asked.readers_of_variables(place)[0]) or None


def distrust(
    place: Place, session: Session, previous: Opened, wanted: Identities, *, thorough: bool = False
) -> str | None:
    """Why the data key of a file must not take up new secrets for the readers `wanted`, or None.

    It is good where the trusted ref has it for this file (or for the one that was moved here), or where this clone made
    it for it; and where nobody else could read it there: a dev reader knows the data keys of dev, and may plant one in
    prod; somebody whose stanza was taken out without a new key still knows the old one. A copy of another file is no
    place for its key either: copies are looked for where the file was moved, or `thorough` (all files are searched).
    """
    kid = previous.data_key.kid
    return distrust_kid(place, session, previous.metadata, kid, wanted, thorough=thorough, text=previous.text)


def distrust_kid(
    place: Place,
    session: Session,
    metadata: Metadata,
    kid: str,
    wanted: Identities,
    *,
    thorough: bool = False,
    text: str | None = None,
) -> str | None:
    """As `distrust`, of a data key by its public name: what a file claims without anybody having opened it.

    text: the file that `metadata` is of; where the trusted ref has the same, nothing is parsed again.
    """
    repository = session.repository(place)
    if repository is None or place.relative is None:
        return None
    was = sealed_path(metadata)
    moved = was if was != place.relative else None
    if (moved is not None or thorough) and place.top is not None:
        for other in repository.files_with(kid):
            if other != place.relative and _kid_on_disk(place.top, other) == kid:
                return f"{other} has the same one"
    ref = session.trusted_ref(place)
    for path in (place.relative, *([moved] if moved is not None else [])):
        trusted = _at(repository, ref, path, text, metadata)
        if trusted is None or kid_of(trusted, place, session) != kid:
            continue
        others = [
            place.reader_name(stanza.service, identity_fields(stanza))
            for stanza in trusted.stanzas
            if identity(stanza.service, identity_fields(stanza)) not in wanted
        ]
        return f"{', '.join(others)} could read it in {ref}" if others else None
    from ksecrets.repository import trust

    if kid in trust.recorded(repository, place.relative):
        return None
    if moved is not None and kid in trust.recorded(repository, moved) and _readers_at(moved, place) <= wanted:
        return None
    return f"its data key is not known from {ref or 'a trusted ref'}, nor was it made here"


def remember(place: Place, session: Session, kid: str, instead_of: str | None) -> None:
    """Record a data key that was made for a file, and that the one before it no longer counts."""
    repository = session.repository(place)
    if repository is not None and place.relative is not None:
        from ksecrets.repository import trust

        trust.record(repository, kid, place.relative, instead_of=instead_of)


def refuse_lost_seal(metadata: Metadata, place: Place, session: Session) -> None:
    """Refuse a write on an unsealed file that is sealed in HEAD or the trusted ref.

    Whatever took the seal off could also have changed what sops's MAC does not see; a write would seal it.
    """
    if metadata.extension is not None:
        return
    ref = lost_seal(place, session)
    if ref is not None:
        raise RuleViolation(
            f"is sealed in {ref} and is not here: sops wrote it, or its seal was removed; nothing was written",
            file=place.path,
            hint=f"ksecrets seal {place.path}",
        )


def lost_seal(place: Place, session: Session, source: Repository | Batch | None = None) -> str | None:
    """The ref (HEAD, or the trusted one) that has a sealed version of this file, or None. source: for many files."""
    source = source or session.repository(place)
    if source is None or place.relative is None:
        return None
    for ref in dict.fromkeys(("HEAD", session.trusted_ref(place))):
        metadata = _at(source, ref, place.relative)
        if metadata is not None and metadata.extension is not None:
            return ref
    return None


def sealed_path(metadata: Metadata) -> str | None:
    """The path under which a file says that it was sealed; None where it says none, or one that cannot be."""
    path = metadata.extension.path if metadata.extension is not None else None
    if path is None or any(part in ("", ".", "..") for part in path.split("/")):
        return None
    return path


def _at(
    source: Repository | Batch, ref: str | None, path: str, text: str | None = None, metadata: Metadata | None = None
) -> Metadata | None:
    """The metadata of a file in a ref, None where there is none; `metadata` where the file is `text` there."""
    raw = source.blob(f"{ref}:{path}") if ref is not None else None
    if raw is None:
        return None
    if text is not None and raw == text.encode("utf-8", "surrogateescape"):
        return metadata
    try:
        return read_metadata(raw.decode("utf-8"))
    except (KsecretsError, UnicodeDecodeError):
        return None


def kid_of(metadata: Metadata, place: Place, session: Session) -> str | None:
    """The name of the data key of a file; where the file does not say it, by opening it; None where that fails."""
    if metadata.extension is not None:
        return metadata.extension.kid
    try:
        return session.key_for(place)(metadata).kid
    except KsecretsError:
        return None


def _kid_on_disk(top: str, path: str) -> str | None:
    file = os.path.join(top, *path.split("/"))
    try:
        metadata = read_metadata(atomic.read(file).text)
    except KsecretsError:
        return None
    return metadata.extension.kid if metadata.extension is not None else None


def _readers_at(path: str, place: Place) -> Identities:
    """Who reads a path by the rules; where they do not say, nobody is known not to."""
    try:
        policy = place.rules.policy(path) if place.rules is not None else None
    except ConfigError:
        policy = None
    if policy is None:
        return {("unknown",)}
    return {identity(reader.service, reader.fields) for reader in policy.recipients}
