"""In what a file is not as the rules say, and what would be done about it: from metadata alone, without a key."""

from __future__ import annotations

from ksecrets.envelope.metadata import identity_fields
from ksecrets.operations.known import distrust_kid, kid_of
from ksecrets.operations.writing import same_groups
from ksecrets.rules.policy import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.envelope.metadata import Metadata
    from ksecrets.operations.session import Place, Session
    from ksecrets.rules.policy import Policy


class Outlook:
    """added, removed: readers by name. new_key: why the file needs a new data key, or None. other: further differences.

    readers: all of them by name, as the rules have them.
    """

    __slots__ = ("added", "new_key", "other", "readers", "removed")

    def __init__(self) -> None:
        self.readers: list[str] = []
        self.added: list[str] = []
        self.removed: list[str] = []
        self.new_key: str | None = None
        self.other: list[str] = []

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.added or self.removed or self.new_key or self.other)


def outlook(place: Place, policy: Policy, metadata: Metadata, session: Session, *, whole: bool = True) -> Outlook:
    """What `updatekeys` does with a file of this metadata.

    Whether a data key is ours is judged by the name that the file gives it: opening the file proves the name. Of a file
    without our block only its data key tells, and where no identity opens it this is left open. whole: look at that
    also where the file is to be written anyway; the write does.
    """
    seen = Outlook()
    wanted = {identity(reader.service, reader.fields): reader for reader in policy.recipients}
    there = {identity(stanza.service, identity_fields(stanza)): stanza for stanza in metadata.stanzas}
    seen.readers = place.names(policy.recipients)
    seen.added = place.names(reader for key, reader in wanted.items() if key not in there)
    seen.removed = [
        place.reader_name(stanza.service, identity_fields(stanza)) for key, stanza in there.items() if key not in wanted
    ]
    extension = metadata.extension
    if extension is None:
        seen.other.append("gets a seal")
    elif extension.environment != policy.environment:
        seen.other.append(f"was sealed for {extension.environment or 'no environment'}")
    elif extension.path != place.relative:
        seen.other.append(f"was sealed as {extension.path}")
    if (policy.selector.kind, policy.selector.value) != metadata.selector:
        seen.other.append("other values are encrypted")
    if policy.mac_only_encrypted != metadata.mac_only_encrypted:
        seen.other.append("mac-only-encrypted changes")
    shared = policy.shares is not None or len(metadata.groups) != 1
    if seen.removed:
        seen.new_key = "a reader is taken out"
    elif shared and not same_groups(metadata, policy):
        seen.new_key = "its key groups change"
    elif whole or not seen.needed:
        kid = kid_of(metadata, place, session)
        if kid is not None:
            seen.new_key = distrust_kid(place, session, metadata, kid, set(wanted), thorough=True)
    return seen
