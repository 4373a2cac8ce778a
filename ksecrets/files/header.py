"""How the seal begins: what it says of the file as a whole, and who reads it (docs/file-format.md, "The seal")."""

from __future__ import annotations

from ksecrets.envelope.metadata import identity_fields
from ksecrets.values.seal import Seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.envelope.metadata import Metadata
    from ksecrets.files.formats import Format
    from ksecrets.values.cipher import DataKey


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
