"""Wrapping a data key for its readers, and opening it again with whatever identity is at hand.

Nothing here knows a key service: recipients and identities come from `ksecrets.keys`.
"""

from __future__ import annotations

from ksecrets.envelope.metadata import identity_fields
from ksecrets.envelope.opening import Opening, ask_all
from ksecrets.envelope.recipient import DATA_KEY_LENGTH, short_recipient
from ksecrets.errors import EXIT_NO_KEY, KsecretsError, NoIdentity, ServiceFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.envelope.recipient import Identity, Recipient, Stanza

    NameOf: TypeAlias = Callable[[str, dict[str, str]], str | None]


def wrap(data_key: bytes, recipients: Iterable[Recipient]) -> tuple[Stanza, ...]:
    """One stanza for each recipient, in their order: the one key group of an ordinary file.

    data_key: 32 bytes. Services on a network are asked side by side. Raises ValueError for another length or no
    recipients, KsecretsError when a service fails; then nothing was wrapped that could be used. Wrapping is randomised:
    keep the stanzas of readers that stay.
    """
    if len(data_key) != DATA_KEY_LENGTH:
        raise ValueError(f"a data key has {DATA_KEY_LENGTH} bytes, not {len(data_key)}")
    stanzas = _wrapped([(data_key, recipient) for recipient in recipients])
    if not stanzas:
        raise ValueError("no recipients")
    return stanzas


def wrap_groups(
    data_key: bytes, groups: Sequence[Iterable[Recipient]], threshold: int
) -> tuple[tuple[Stanza, ...], ...]:
    """Several key groups: each gets a Shamir share, and readers of `threshold` groups together open the file.

    threshold: at least 2, at most the number of groups. One group alone is wrapped as `wrap` does.
    """
    if len(groups) == 1:
        return (wrap(data_key, groups[0]),)
    from ksecrets.envelope.groups import split

    if len(data_key) != DATA_KEY_LENGTH:
        raise ValueError(f"a data key has {DATA_KEY_LENGTH} bytes, not {len(data_key)}")
    shares = split(data_key, len(groups), threshold)
    listed = [list(group) for group in groups]
    if not all(listed):
        raise ValueError("a key group without recipients")
    pairs = [(share, recipient) for share, group in zip(shares, listed, strict=True) for recipient in group]
    stanzas = iter(_wrapped(pairs))
    return tuple(tuple(next(stanzas) for _ in group) for group in listed)


def _wrapped(pairs: Sequence[tuple[bytes, Recipient]]) -> tuple[Stanza, ...]:
    """A stanza for each pair of a secret and a recipient, in their order; local ones first, as they are free."""
    made: dict[int, Stanza] = {}
    remote: list[int] = []
    for number, (secret, recipient) in enumerate(pairs):
        if getattr(recipient, "remote", False):
            remote.append(number)
        else:
            made[number] = recipient.wrap(secret)
    if remote:
        from ksecrets.envelope.parallel import each

        for number, found in zip(remote, each(lambda at: pairs[at][1].wrap(pairs[at][0]), remote), strict=True):
            if isinstance(found, Exception):
                raise found
            made[number] = found
    return tuple(made[number] for number in range(len(pairs)))


def unwrap(
    metadata: Metadata,
    identities: Iterable[Identity],
    *,
    remote: Iterable[Identity] = (),
    name_of: NameOf | None = None,
) -> tuple[bytes, Identity]:
    """The data key of a file (32 bytes) and the identity that opened it (with key groups: the last one needed).

    identities: those at hand, tried in order. remote: those that are asked over a network, only where the ones at hand
    do not open enough. An object with `for_stanzas(stanzas)` is asked for the fitting ones only, and one with
    `describe(name_of)` for what was tried (`ksecrets.keys.identities.Identities`, `ksecrets.keys.remote.RemoteKeys`);
    the `hint` of such a `remote` says how its keys come to be asked.
    name_of: gives the name of a recipient for messages, from its service and identity fields, or None.

    Raises NoIdentity with `readers:` and `tried:`; Tampered where a stanza is for an identity at hand and damaged;
    ServiceFailed where it was for a key service to open it. One failure stops nobody: the others are still tried, and
    the error names each. The key is not authenticated before the MAC of the file holds.
    """
    opening = Opening(metadata)
    if opening.at_hand(identities):
        return opening.result()
    if opening.prepare(remote):
        ask_all([opening])
    if opening.complete:
        return opening.result()
    raise why_not(metadata, opening, identities, remote, name_of)


def why_not(
    metadata: Metadata,
    opening: Opening,
    identities: Iterable[Identity],
    remote: Iterable[Identity] = (),
    name_of: NameOf | None = None,
) -> KsecretsError:
    """The error for a file that is not open, after all was tried; as `unwrap` has it."""
    if opening.failures:
        return _all(opening.failures)
    message = "no identity opens it"
    if len(metadata.groups) > 1:
        message = f"{opening.possible} of {opening.needed} key groups can be opened"
    return _no_identity(metadata, identities, remote, name_of, message)


def _all(failures: list[KsecretsError]) -> KsecretsError:
    """The first failure, which says most; the further ones below it.

    Where each is a service that does not let us in, its exit code is that of NoIdentity: this user is no reader.
    """
    first, *others = failures
    messages = dict.fromkeys(other.message for other in others if other.message != first.message)
    first.details += tuple(f"and: {message}" for message in messages)
    if all(isinstance(each, ServiceFailed) and each.reason in ("credentials", "denied", "extra") for each in failures):
        first.exit_code = EXIT_NO_KEY
    return first


def _no_identity(
    metadata: Metadata,
    identities: Iterable[Identity],
    remote: Iterable[Identity],
    name_of: NameOf | None,
    message: str,
) -> NoIdentity:
    readers = [reader_name(stanza.service, identity_fields(stanza), name_of) for stanza in metadata.stanzas]
    tried: list[str] = []
    for source in (identities, remote):
        describe = getattr(source, "describe", None)
        tried += describe(name_of) if describe is not None else [identity.where for identity in source]
    error = NoIdentity(
        message,
        details=[
            "readers: " + ", ".join(dict.fromkeys(readers)),
            "tried:   " + (", ".join(tried) or "nothing, no identity was found"),
        ],
        hint=getattr(remote, "hint", None) or "use the identity of one of the readers"
        if tried
        else "set KSECRETS_AGE_KEY or KSECRETS_AGE_KEY_FILE, or make a key with `ksecrets keygen` and ask a reader",
    )
    error.found_any = bool(tried)
    return error


def reader_name(service: str, fields: dict[str, str], name_of: NameOf | None = None) -> str:
    """How a recipient is called in messages: its name, or else what identifies it, shortened."""
    name = name_of(service, fields) if name_of is not None else None
    return name or short_recipient(service, fields)
