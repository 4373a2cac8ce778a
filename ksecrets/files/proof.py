"""MAC and seal of one file: how they begin, how they are compared, how they are written (docs/file-format.md).

A proof is begun from the metadata, gets all that has a meaning while the text is walked, and is then compared with what
the metadata holds, or becomes a part of it.
"""

from __future__ import annotations

from ksecrets.envelope.metadata import identity_fields
from ksecrets.errors import Tampered
from ksecrets.values import token as tokens
from ksecrets.values.cipher import TAG_LENGTH
from ksecrets.values.primitives import compare_digest
from ksecrets.values.seal import Seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.envelope.metadata import Metadata, Tree
    from ksecrets.files.formats import Format
    from ksecrets.files.open import Opened
    from ksecrets.values.cipher import DataKey
    from ksecrets.values.mac import Mac


def begin(data_key: DataKey, metadata: Metadata, format: Format) -> Seal:
    """A seal that has counted the header and the readers, and waits for the documents."""
    extension = metadata.extension
    seal = Seal(data_key)
    seal.header(
        (
            format.name,
            data_key.kid,
            (extension.environment or "") if extension else "",
            (extension.path or "") if extension else "",
            metadata.lastmodified,
            *metadata.selector,
            "true" if metadata.mac_only_encrypted else "false",
            str(metadata.shamir_threshold),
        )
    )
    seal.recipients(_readers(metadata))
    return seal


def expected(opened: Opened, *, require_seal: bool, ignore_mac: bool) -> Seal | None:
    """The seal to count the documents of a file in; None where it has none, or nothing is to be compared.

    Raises Tampered where a seal is required and missing, or where it was made under another data key.
    """
    extension = opened.metadata.extension
    if extension is None:
        if require_seal:
            raise Tampered(
                "the file carries no seal, and one is required here",
                hint="it was last written by sops, or its seal was removed; compare it with git history, "
                "then seal it with `ksecrets seal FILE`",
            )
        return None
    if extension.kid != opened.data_key.kid:
        raise Tampered("the data key is not the one that the file was sealed with (kid differs)")
    return None if ignore_mac else begin(opened.data_key, opened.metadata, opened.format)


def verify(opened: Opened, mac: Mac, seal: Seal | None, *, ignore_mac: bool) -> None:
    """Compare MAC and seal with what was read, and note the outcome. Raises Tampered where one does not hold."""
    metadata = opened.metadata
    if ignore_mac:
        opened.verified = False
        return
    if not metadata.mac:
        raise Tampered(
            "the file has no MAC: a merge was not finished, or it was removed",
            hint="finish it with `ksecrets resolve FILE`, which starts again from the versions that git merged",
        )
    try:
        sealed, iv, _ = tokens.read(metadata.mac)
    except ValueError as error:
        raise Tampered(f"the MAC is {error}") from None
    there = opened.data_key.decrypt(sealed, iv, metadata.lastmodified.encode())
    if there is None:
        raise Tampered("the MAC cannot be decrypted: it, `lastmodified` or the data key was changed")
    if not compare_digest(there, mac.hexdigest().encode()):
        raise Tampered(
            "the MAC does not hold: a value was changed, added, moved or removed without the key",
            hint="compare the file with its last good version: `git log -p` shows it",
        )
    if seal is None:
        return
    if not compare_digest(iv, seal.digest()):
        raise Tampered(
            "the seal does not hold: keys, structure, types, readers or metadata were changed without the key",
            hint="compare the file with its last good version in git; "
            "if the change is right, make it there and encrypt again",
        )
    opened.sealed = True


def finished(
    metadata: Metadata, data_key: DataKey, format: Format, mac: Mac, seal: Seal, residues: dict[str, str]
) -> Mapping[str, Tree]:
    """The metadata as it goes into the file: with residues, MAC and seal in it."""
    extension = metadata.extension
    assert extension is not None
    sealed_extension = type(extension)(
        kid=data_key.kid,
        environment=extension.environment,
        path=extension.path,
        format=format.name,
        residues=residues,
    )
    digest = seal.digest()
    sealed = data_key.encrypt(mac.hexdigest().encode(), digest, metadata.lastmodified.encode())
    token = tokens.write(sealed[:-TAG_LENGTH], digest, sealed[-TAG_LENGTH:], "str")
    return metadata.replace(mac=token, extension=sealed_extension).to_tree()


def _readers(metadata: Metadata) -> list[list[tuple[str, ...]]]:
    """The readers as the seal counts them: service and identity fields, without `enc` and `created_at`."""
    groups = []
    for group in metadata.groups:
        identities = []
        for stanza in group:
            fields = sorted(identity_fields(stanza).items())
            identities.append((stanza.service, *[part for field in fields for part in field]))
        groups.append(identities)
    return groups
