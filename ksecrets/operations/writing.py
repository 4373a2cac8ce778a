"""The gate that every writing goes through.

A write follows the configuration, never the metadata of the file; it never quietly adds a reader; it uses an old data
key only where that key is known to be ours (docs/threat-model.md); and what it would write has been opened and compared
before anything is replaced.
"""

from __future__ import annotations

import os
import time

from ksecrets.envelope.metadata import Extension, Metadata, identity_fields
from ksecrets.envelope.wrap import wrap_groups
from ksecrets.errors import ConfigError, KsecretsError, RuleViolation
from ksecrets.files.seal import seal_text
from ksecrets.operations.asked import NOTHING, identities, of_groups, own_groups
from ksecrets.operations.known import distrust, identities_of, refuse_lost_seal, remember
from ksecrets.operations.reading import refuse_vanished_rules
from ksecrets.operations.session import CONFIG
from ksecrets.rules.policy import Policy, identity
from ksecrets.rules.selector import Selector
from ksecrets.storage import atomic
from ksecrets.values.cipher import DataKey
from ksecrets.values.succession import prove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.envelope.recipient import Stanza
    from ksecrets.files.formats import Format
    from ksecrets.files.open import Opened
    from ksecrets.operations.asked import Asked
    from ksecrets.operations.session import Place, Session
    from ksecrets.rules.policy import Reader
    from ksecrets.storage.atomic import Source

    Groups = tuple[tuple[Stanza, ...], ...]

SOPS_VERSION = "3.13.3"
"""What new files say in `version`: the version of sops whose format they are in."""


class Encrypted:
    """The result of a write.

    path: as given. text: the encrypted file. changed: it differs from what was there before. written: it was put
    on the disk. values: number of encrypted values. readers: their names, in the order of the rules.
    environment: of the rules, or None. new_key: the file got a new data key.
    """

    __slots__ = ("changed", "environment", "new_key", "path", "readers", "text", "values", "written")

    def __init__(self, path: str, text: str, *, values: int, readers: Sequence[str], environment: str | None) -> None:
        self.path = path
        self.text = text
        self.values = values
        self.readers = list(readers)
        self.environment = environment
        self.changed = True
        self.written = False
        self.new_key = False


def policy_for(place: Place, previous: Opened | None, asked: Asked, session: Session) -> Policy:
    """By which rules a file is to be written: the configuration, what the caller asked for, at last the file itself.

    Raises ConfigError where nothing says who reads the file, RuleViolation where the caller asks for something else
    than the rules say.
    """
    policy = place.policy
    if policy is None or policy.environment is None:
        refuse_vanished_rules(place, session)
    elif session.environ.get(CONFIG):
        session.note(f"{CONFIG} (--config) does not count: {policy.source} rules this file", place.path)
    readers = asked.readers(place)
    by_variables: tuple[Reader, ...] = ()
    variables = ""
    if not readers:
        try:
            by_variables, variables = asked.readers_of_variables(place)
        except KsecretsError:
            if policy is None or not policy.recipients:  # else they do not count, whatever they say
                raise
    if policy is not None:
        asked.agree(policy, place)
        if policy.recipients:
            if by_variables and identities(by_variables) != identities(policy.recipients):
                session.note(f"{variables} does not count: {policy.source} says who reads this file", place.path)
            return policy
        if policy.environment is not None:
            raise ConfigError(f"{policy.source} names no readers", file=place.path)
    # What nobody has said of the selector is to be found in the rule without readers, or in the file.
    metadata = previous.metadata if previous is not None else None
    selector = asked.selector or (policy.selector if policy is not None else None)
    mac_only = asked.mac_only_encrypted or (policy is not None and policy.mac_only_encrypted)
    if metadata is not None:
        if not (readers or by_variables):
            _warn_of_steering(
                previous, place, session, "readers and selector are" if selector is None else "readers are"
            )
        elif selector is None:
            _warn_of_steering(previous, place, session, "the selector is")
        selector = selector or Selector(*metadata.selector)
        mac_only = mac_only or metadata.mac_only_encrypted
    if readers or by_variables:
        source = variables or "the command line"
        session.own_keys += [(reader.service, reader.fields) for reader in readers or by_variables]
        return of_groups((readers or by_variables,), 0, source=source, selector=selector, mac_only_encrypted=mac_only)
    if metadata is not None:
        return of_groups(
            own_groups(metadata, place),
            metadata.shamir_threshold,
            source="the file's own metadata",
            selector=selector,
            mac_only_encrypted=mac_only,
        )
    if policy is not None:
        raise ConfigError(f"{policy.source} names no readers", file=place.path, hint="give --age RECIPIENT")
    if place.rules is not None:
        raise ConfigError(
            f"no rule in {os.path.basename(place.rules.file)} is about this file",
            file=place.path,
            hint="add its path to an environment's `files`, or give --age RECIPIENT",
        )
    misnamed = _misnamed(place)
    raise ConfigError(
        "nothing says who may read this file",
        file=place.path,
        hint=f"{misnamed} is not read: rename it to .sops.yaml, as sops wants it, too"
        if misnamed
        else "run `ksecrets init`, or give --age RECIPIENT",
    )


def _misnamed(place: Place) -> str | None:
    """A `.sops.yml` upwards of a file, which sops warns of and does not read."""
    folder = os.path.dirname(place.real) if place.real is not None else ""
    while folder and not os.path.isfile(os.path.join(folder, ".sops.yml")):
        folder = os.path.dirname(folder) if os.path.dirname(folder) != folder else ""
    return os.path.join(folder, ".sops.yml") if folder else None


def _warn_of_steering(previous: Opened | None, place: Place, session: Session, what: str) -> None:
    if previous is not None and not previous.sealed:
        session.note(f"no rule is at hand: {what} taken from the file, which has no seal", place.path)


def prepare(place: Place, previous: Opened, session: Session, asked: Asked = NOTHING) -> None:
    """Refuse, before anybody works on it, what `seal_file` would refuse whatever the new plaintext is."""
    policy = policy_for(place, previous, asked, session)
    refuse_lost_seal(previous.metadata, place, session)
    refuse_other_readers(previous.metadata, policy, place)


def seal_file(
    place: Place,
    plaintext: str,
    session: Session,
    *,
    previous: Opened | None,
    asked: Asked = NOTHING,
    same_readers: bool = True,
    confirmed: bool = False,
    fresh: bool = False,
    policy: Policy | None = None,
    format: Format | None = None,
) -> Encrypted:
    """Encrypt a plaintext for a place; nothing is written to the disk.

    previous: the encrypted version before, opened and verified with its tokens, or None. asked: what the caller names
    where rules are silent. same_readers: refuse where its readers are not those of the rules (otherwise they are made
    so: `updatekeys`). confirmed: somebody looked at what was done to `previous` since it lost its seal. fresh: a new
    data key in any case (`rotate`). policy: in place of what `policy_for` finds, from a caller who has compared
    it. format: of the plaintext, where it is not that of `previous`, or without one that of the place.
    """
    format = place.laid_out(format or (previous.format if previous is not None else place.format()))
    policy = policy or policy_for(place, previous, asked, session)
    if previous is not None and not confirmed:
        refuse_lost_seal(previous.metadata, place, session)
    try:
        return _sealed(place, plaintext, session, previous, policy, same_readers, fresh, format)
    except KsecretsError as error:
        raise error.at(place.path) from None


def _sealed(
    place: Place,
    plaintext: str,
    session: Session,
    previous: Opened | None,
    policy: Policy,
    same_readers: bool,
    fresh: bool,
    format: Format,
) -> Encrypted:
    if previous is not None and same_readers:
        refuse_other_readers(previous.metadata, policy, place)
    key: DataKey | None = None
    groups: Groups = ()
    if not fresh:
        key, groups = _reused(place, session, previous, policy, thorough=not same_readers)
    new_key = key is None
    succession = previous.metadata.succession if previous is not None else None
    if key is None:
        key = DataKey.new()
        groups = key.wrapped_by(lambda raw: _wrapped(raw, policy, place, session))
        succession = (previous.data_key.kid, prove(previous.data_key, key)) if previous is not None else None
    before = previous.metadata.lastmodified if previous is not None else ""
    metadata = new_metadata(place, policy, previous, key.kid, groups, succession)
    tokens = previous.tokens if previous is not None and not new_key else None
    unchanged = previous is not None and previous.sealed and not new_key and plaintext == previous.plaintext
    if unchanged and previous is not None and same_groups(previous.metadata, policy):
        same = seal_text(
            plaintext,
            data_key=key,
            metadata=metadata.replace(lastmodified=before),
            format=format,
            comments=policy.comments,
            old_tokens=tokens,
        )
        if same.text == previous.text:
            return written(place, policy, same.text, same.values, changed=False, new_key=False)
    sealed = seal_text(
        plaintext, data_key=key, metadata=metadata, format=format, comments=policy.comments, old_tokens=tokens
    )
    if sealed.sops_refuses:
        if policy.sops_compatible == "require":
            raise RuleViolation(
                "sops could not read this file, and the rules require that it can",
                details=sealed.sops_refuses,
                hint="write these values in another way, or set `sops-compatible: prefer`",
            )
        session.note("sops will not read this file: " + "; ".join(sealed.sops_refuses[:3]), place.path)
    if previous is None or not same_readers:
        # Whoever changes a value has not chosen its readers; `check` says it every time.
        for warning in policy.warnings:
            session.note(warning)
    if not sealed.values and policy.selector.picks_matches:
        kind, value = policy.selector.kind, policy.selector.value
        session.note(f"nothing in it is encrypted: no key or comment matches {kind}: {value}", place.path)
    result = written(place, policy, sealed.text, sealed.values, changed=True, new_key=new_key)
    if new_key:
        remember(place, session, key.kid, previous.data_key.kid if previous is not None else None)
    return result


def new_metadata(
    place: Place,
    policy: Policy,
    previous: Opened | None,
    kid: str,
    groups: Groups,
    succession: tuple[str, str] | None,
) -> Metadata:
    """What is to stand in the block of a file that is written now, without its MAC and its residues."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    before = previous.metadata.lastmodified if previous is not None else ""
    return Metadata(
        lastmodified=max(now, before) if before.endswith("Z") else now,
        mac="",
        version=(previous.metadata.version if previous is not None else "") or SOPS_VERSION,
        groups=groups,
        shamir_threshold=policy.shares.need if policy.shares is not None else 0,
        selector=(policy.selector.kind, policy.selector.value),
        mac_only_encrypted=policy.mac_only_encrypted,
        succession=succession,
        extension=Extension(kid=kid, environment=policy.environment, path=place.relative),
    )


def store(result: Encrypted, session: Session, expected: Source | None) -> Encrypted:
    """Put a changed result on the disk, atomically; `expected` is what was read before, None for a new file."""
    if result.changed:
        if expected is None:
            atomic.create(result.path, result.text)
        else:
            for note in atomic.replace(result.path, result.text, expected=expected):
                session.note(note, result.path)
        result.written = True
    return result


def _reused(
    place: Place, session: Session, previous: Opened | None, policy: Policy, *, thorough: bool
) -> tuple[DataKey | None, Groups]:
    """The data key of the version before with its readers' stanzas, or None where it must not be used again."""
    if previous is None:
        return None, ()
    reason = why_new_key(place, session, previous, policy, thorough=thorough)
    if reason is not None:
        session.note(reason, place.path)
        return None, ()
    if shared(previous.metadata, policy):
        return previous.data_key, previous.metadata.groups
    return previous.data_key, (wrapped_stanzas(place, session, previous, policy),)


def why_new_key(
    place: Place, session: Session, previous: Opened, policy: Policy, *, thorough: bool = False
) -> str | None:
    """The remark that says why the data key of a version must not be used again, or None. thorough: see `distrust`."""
    metadata = previous.metadata
    wanted = identities(policy.recipients)
    if not identities_of(metadata) <= wanted:
        return "a reader was taken out: the file gets a new data key"
    if shared(metadata, policy) and not same_groups(metadata, policy):
        # Shares of two splits do not fit together, and an old share may be all that somebody lacked.
        return "its key groups change: the file gets a new data key"
    reason = distrust(place, session, previous, wanted, thorough=thorough)
    return f"the file gets a new data key: {reason}" if reason is not None else None


def shared(metadata: Metadata, policy: Policy) -> bool:
    """Whether a data key is, or is to be, split among several key groups."""
    return policy.shares is not None or len(metadata.groups) != 1


def wrapped_stanzas(place: Place, session: Session, previous: Opened, policy: Policy) -> tuple[Stanza, ...]:
    """The stanzas of one key group for the readers of a policy: those that are there, and new ones for the others."""
    there = {identity(stanza.service, identity_fields(stanza)): stanza for stanza in previous.metadata.groups[0]}
    stanzas: list[Stanza] = []
    for reader in policy.recipients:
        stanza = there.get(identity(reader.service, reader.fields))
        if stanza is None:
            recipient = session.recipient(place, reader.service, reader.fields)
            stanza = previous.data_key.wrapped_by(recipient.wrap)
        stanzas.append(stanza)
    return tuple(stanzas)


def _wrapped(raw: bytes, policy: Policy, place: Place, session: Session) -> Groups:
    """A data key wrapped for the readers of a policy: for each, or as one share for each group."""
    groups = policy.shares.groups if policy.shares is not None else (policy.recipients,)
    recipients = [[session.recipient(place, reader.service, reader.fields) for reader in group] for group in groups]
    return wrap_groups(raw, recipients, policy.shares.need if policy.shares is not None else 1)


def same_groups(metadata: Metadata, policy: Policy) -> bool:
    """Whether the readers of a file are those of a policy, and in the same key groups; their order does not count."""
    groups = policy.shares.groups if policy.shares is not None else (policy.recipients,)
    need = policy.shares.need if policy.shares is not None else 0
    there = [{identity(stanza.service, identity_fields(stanza)) for stanza in group} for group in metadata.groups]
    # A threshold beside one group means nothing, and none beside several means all of them, as in sops.
    has = (metadata.shamir_threshold or len(there)) if len(there) > 1 else 0
    return has == need and there == [identities(group) for group in groups]


def refuse_other_readers(metadata: Metadata, policy: Policy, place: Place) -> None:
    """Raises RuleViolation where the readers of a file are not those of the rules."""
    if same_groups(metadata, policy):
        return
    there = [
        place.reader_name(stanza.service, identity_fields(stanza)) for group in metadata.groups for stanza in group
    ]
    raise RuleViolation(
        f"its readers are not those of {policy.source}, so nothing was written",
        file=place.path,
        details=[
            f"file:  {', '.join(there)}{_needed(len(metadata.groups), metadata.shamir_threshold)}",
            f"rules: {', '.join(place.names(policy.recipients))}"
            + (_needed(len(policy.shares.groups), policy.shares.need) if policy.shares is not None else ""),
        ],
        hint=f"ksecrets updatekeys {place.path}"
        if place.policy is not None and place.policy.recipients
        else f"`ksecrets rotate --add-age ... --rm-age ... {place.path}` changes them",
    )


def _needed(groups: int, threshold: int) -> str:
    return f" ({threshold or groups} of {groups} groups)" if groups > 1 else ""


def written(place: Place, policy: Policy, text: str, values: int, *, changed: bool, new_key: bool) -> Encrypted:
    """The report of one encrypted text."""
    result = Encrypted(
        place.path,
        text,
        values=values,
        readers=place.names(policy.recipients),
        environment=policy.environment,
    )
    result.changed = changed
    result.new_key = new_key
    return result
