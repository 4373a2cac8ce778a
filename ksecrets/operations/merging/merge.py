"""merge: three versions of one encrypted file become one, on what they mean.

All three are opened and verified first: no merge launders a tampering. Who reads the result is merged as well, and a
removal wins. Whose data key it goes on with follows the same rules as any write, and the seal is a new one. What comes
out has been opened again before anybody sees it.

A conflict leaves tokens between the markers, never plaintext: git keeps such files in its objects.
"""

from __future__ import annotations

from ksecrets.envelope.metadata import identity_fields
from ksecrets.errors import ConfigError, RuleViolation
from ksecrets.operations.known import distrust, identities_of, refuse_lost_seal
from ksecrets.operations.merging.conflicted import conflicted_text
from ksecrets.operations.merging.plaintext import conflicts, merge_plaintexts, side
from ksecrets.operations.reading import Reading, is_encrypted, open_file
from ksecrets.operations.session import Place, Session
from ksecrets.operations.writing import seal_file
from ksecrets.rules.policy import Policy, Reader, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.envelope.metadata import Metadata
    from ksecrets.envelope.recipient import Stanza
    from ksecrets.files.open import Opened
    from ksecrets.operations.merging.plaintext import Segments
    from ksecrets.operations.writing import Encrypted

    Identities = set[tuple[object, ...]]


class Merged:
    """The result of a merge.

    text: the encrypted file, with conflict markers around tokens where `conflicts` is not 0. Shows nothing of it.
    """

    __slots__ = ("conflicts", "path", "text")

    def __init__(self, path: str, text: str, conflicts: int) -> None:
        self.path = path
        self.text = text
        self.conflicts = conflicts

    def __repr__(self) -> str:
        return f"<Merged {self.path}, {self.conflicts} conflicts>"


class Versions:
    """Three versions of a file, opened: base is None where there was no file, or one in plaintext.

    segments: the merge of their plaintexts.
    """

    __slots__ = ("base", "ours", "place", "segments", "theirs")

    def __init__(self, place: Place, base: Opened | None, ours: Opened, theirs: Opened, segments: Segments) -> None:
        self.place = place
        self.base = base
        self.ours = ours
        self.theirs = theirs
        self.segments = segments


def merge(path: str, base: str, ours: str, theirs: str, *, session: Session | None = None) -> Merged:
    """Merge two changes of one encrypted file; nothing is written.

    path: the file, by which the rules apply. base, ours, theirs: encrypted texts; base is empty where both sides added
    the file. The configuration is that of the working tree, which a merge in progress may not have brought up to date:
    readers that it does not name are only carried over, never added.

    Raises NoIdentity, NotEncrypted, Tampered and what writing raises: the merge is then to be left to `resolve`.
    """
    session = session or Session()
    versions = open_versions(path, base, ours, theirs, session)
    left = conflicts(versions.segments)
    if left:
        previous = _previous(versions)
        text = conflicted_text(versions.place, versions.segments, base, versions.ours, versions.theirs, previous)
        return Merged(path, text, left)
    return Merged(path, _carried(versions, session).text, 0)


def open_versions(path: str, base: str, ours: str, theirs: str, session: Session) -> Versions:
    """Open and verify the three, and merge their plaintexts."""
    place = session.place(path)
    left, right = (open_file(Reading(place, text, None), session, keep_tokens=True) for text in (ours, theirs))
    for each in (left, right):
        refuse_lost_seal(each.metadata, place, session)
    old, before = _opened_base(place, base, session)
    return Versions(
        place, old, left, right, merge_plaintexts(before, left.plaintext, right.plaintext, left.format.name)
    )


def _opened_base(place: Place, base: str, session: Session) -> tuple[Opened | None, str]:
    """The base and its plaintext: there may have been no file, or a plaintext one."""
    if not base or not is_encrypted(base):
        return None, base
    # Long ago is not today: what was allowed then, a missing seal, decides nothing now.
    opened = open_file(Reading(place, base, None), session, keep_tokens=True, unsealed=True)
    return opened, opened.plaintext


def finish(versions: Versions, plaintext: str, session: Session) -> Encrypted:
    """Seal what was merged for the readers of the configuration: the end of `resolve`, where that is merged, too.

    Where the rules name other readers than a merge of the readers gives, it says so; a reader who was taken out on
    either side does not come back by the other's version of the file.
    """
    place = versions.place
    wanted = merged_identities(versions)
    if place.policy is not None:
        rules = {identity(reader.service, reader.fields) for reader in place.policy.recipients}
        gone = {identity(*each) for each in _removed(versions)} & rules
        if gone:
            names = [name for name, each in _named(place, versions) if each in gone]
            raise RuleViolation(
                f"one side took {', '.join(names)} out, and {place.policy.source} still names them",
                file=place.path,
                hint="merge the configuration first",
            )
        if rules != wanted:
            session.note(f"its readers are now those of {place.policy.source}", place.path)
        previous = _previous(versions)
        same = identities_of(previous.metadata) == rules
        return seal_file(place, plaintext, session, previous=previous, same_readers=same)
    return _carried(versions, session, plaintext)


def merged_identities(versions: Versions) -> Identities:
    """Who reads the merged file: a reader who was added on one side is in, one who was removed on either is out."""
    base, ours, theirs = (
        identities_of(each.metadata) if each is not None else set()
        for each in (versions.base, versions.ours, versions.theirs)
    )
    return ((ours | theirs) - base) | (ours & theirs)


def _carried(versions: Versions, session: Session, plaintext: str | None = None) -> Encrypted:
    """Seal the clean merge. Where the rules name the very readers, this is a write like any other. Where they do not
    (theirs has a change of the configuration that is not here yet), nobody gets a new stanza: those there are stay,
    under a data key that is trusted, with seals on both sides that prove who put them there.
    """
    place = versions.place
    if plaintext is None:
        plaintext = side(versions.segments, "ours")
    wanted = merged_identities(versions)
    previous = _previous(versions)
    policy = place.policy
    if policy is not None and {identity(r.service, r.fields) for r in policy.recipients} == wanted:
        same = identities_of(previous.metadata) == wanted
        return seal_file(place, plaintext, session, previous=previous, same_readers=same)
    stanzas = {_identity(stanza): stanza for stanza in previous.metadata.stanzas}
    if not (versions.ours.sealed and versions.theirs.sealed) or len(previous.metadata.groups) != 1:
        raise _undecided(place, "readers changed in a file without a seal")
    if set(stanzas) != wanted or not wanted:
        raise _undecided(place, "readers changed, and the data key with them")
    reason = distrust(place, session, previous, wanted)
    if reason is not None:
        raise _undecided(place, f"readers changed, and {reason}")
    if policy is None:
        return seal_file(place, plaintext, session, previous=previous)
    return seal_file(_with_readers(place, policy, stanzas), plaintext, session, previous=previous)


def _previous(versions: Versions) -> Opened:
    """The side whose data key the result goes on with, with the tokens of both where it is the key of both.

    Its stanzas are those of both sides then, so that a reader whom only one has is not lost, and one who was taken out
    without a new key is seen. Where the keys differ, the side that changed it has the newer one; whether that may be
    used is for the rules of writing to say.
    """
    ours, theirs, base = versions.ours, versions.theirs, versions.base
    chosen, other = ours, theirs
    if base is not None and ours.data_key.kid == base.data_key.kid != theirs.data_key.kid:
        chosen, other = theirs, ours
    made = type(chosen)(chosen.text, _metadata(chosen, other), chosen.data_key, chosen.format)
    made.plaintext, made.sealed, made.values, made.tokens = (
        chosen.plaintext,
        chosen.sealed,
        chosen.values,
        chosen.tokens,
    )
    if other.data_key.kid == chosen.data_key.kid:
        made.tokens = {triple: list(tokens) for triple, tokens in chosen.tokens.items()}
        for triple, tokens in other.tokens.items():
            own = made.tokens.setdefault(triple, [])
            known = {token for token, _, _ in own}
            own += [each for each in tokens if each[0] not in known]
    return made


def _metadata(chosen: Opened, other: Opened) -> Metadata:
    metadata = chosen.metadata
    stanzas = list(metadata.stanzas)
    if other.data_key.kid == chosen.data_key.kid and len(metadata.groups) == len(other.metadata.groups) == 1:
        known = {_identity(stanza) for stanza in stanzas}
        stanzas += [stanza for stanza in other.metadata.stanzas if _identity(stanza) not in known]
        metadata = metadata.replace(groups=(tuple(stanzas),))
    times = (metadata.lastmodified, other.metadata.lastmodified)
    if all(time.endswith("Z") for time in times):  # only then their order is that of their texts
        metadata = metadata.replace(lastmodified=max(times))
    return metadata


def _with_readers(place: Place, policy: Policy, stanzas: dict[tuple[object, ...], Stanza]) -> Place:
    """The place, as if its rules named the readers of these stanzas."""
    from copy import copy

    named = {identity(reader.service, reader.fields): reader for reader in policy.recipients}
    readers = [reader for key, reader in named.items() if key in stanzas]
    for key, stanza in stanzas.items():
        if key not in named:
            fields = identity_fields(stanza)
            readers.append(Reader(place.reader_name(stanza.service, fields), "person", stanza.service, fields))
    carried = copy(policy)
    carried.recipients = tuple(readers)
    return Place(place.path, place.real, place.top, place.relative, place.rules, carried)


def _removed(versions: Versions) -> list[tuple[str, dict[str, str]]]:
    """Readers of the base who are missing on one side."""
    if versions.base is None:
        return []
    stay = identities_of(versions.ours.metadata) & identities_of(versions.theirs.metadata)
    return [
        (stanza.service, identity_fields(stanza))
        for stanza in versions.base.metadata.stanzas
        if _identity(stanza) not in stay
    ]


def _named(place: Place, versions: Versions) -> list[tuple[str, tuple[object, ...]]]:
    return [(place.reader_name(*each), identity(*each)) for each in _removed(versions)]


def _identity(stanza: Stanza) -> tuple[object, ...]:
    return identity(stanza.service, identity_fields(stanza))


def _undecided(place: Place, why: str) -> ConfigError:
    return ConfigError(
        f"{why}: this needs the merged configuration",
        file=place.path,
        hint=f"when the configuration is merged: ksecrets resolve {place.path}",
    )
