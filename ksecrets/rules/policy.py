"""What the configuration says about one file: who reads it, which values are encrypted, and how strictly."""

from __future__ import annotations

from ksecrets.rules.selector import Selector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    Kind = Literal["person", "machine", "recovery"]
    Comments = Literal["auto", "keep", "encrypt"]
    Compatible = Literal["prefer", "require"]


NOT_IN_SOPS = ("pkcs11", "fortanix")
"""Key services that sops does not have (`envelope.entries.FOREIGN`)."""


class Reader:
    """Somebody who can read: a name (from the configuration, else the key itself), and one key.

    service: the list of sops's metadata that the key belongs in: age, kms, gcp_kms, azure_kv, hc_vault, hckms, pgp; or
        one that sops does not have (`NOT_IN_SOPS`).
    fields: what identifies the key there, by sops's names (docs/file-format.md). `context` of AWS KMS is the JSON
        text of a mapping with sorted keys, since every field is a text.
    """

    __slots__ = ("fields", "kind", "name", "service")

    def __init__(self, name: str, kind: Kind, service: str, fields: Mapping[str, str]) -> None:
        self.name = name
        self.kind: Kind = kind
        self.service = service
        self.fields = dict(fields)

    def same_key(self, service: str, fields: Mapping[str, str]) -> bool:
        """Whether these fields, which may hold more (`enc`, `created_at`), name this reader's key."""
        return identity(service, fields) == identity(self.service, self.fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Reader):
            return NotImplemented
        return (self.name, self.kind, self.service, self.fields) == (
            other.name,
            other.kind,
            other.service,
            other.fields,
        )

    def __hash__(self) -> int:
        return hash((self.name, self.service))

    def __repr__(self) -> str:
        return f"Reader({self.name!r}, {self.kind!r}, {self.service!r}, {self.fields!r})"


def identity(service: str, fields: Mapping[str, str]) -> tuple[object, ...]:
    """What makes two entries of metadata the same key: all fields but those that change at every wrap.

    Of an SSH public key only the type and the key count, not the remark after them; empty fields count as absent. A
    version of an Azure key is no reader of its own: where the configuration names none, the newest is written, and
    whoever may use one may use the others.
    """
    if service == "age":
        recipient = fields.get("recipient", "")
        parts = recipient.split()
        return (service, *parts[:2])
    if service == "azure_kv":
        return (service, fields.get("vault_url", "").rstrip("/"), fields.get("name", ""))
    kept = sorted((name, value) for name, value in fields.items() if value and name not in ("enc", "created_at"))
    return (service, *kept)


class Shares:
    """Shamir groups: the data key needs `need` of these groups, each opened by any one of its readers."""

    __slots__ = ("groups", "need")

    def __init__(self, need: int, groups: tuple[tuple[Reader, ...], ...]) -> None:
        self.need = need
        self.groups = groups


class Policy:
    """All that the rules say about one file.

    environment: its name, or None under `.sops.yaml`.
    source: where it comes from, for messages (`.ksecrets.yaml:12 environments.prod-eu`).
    rule: the rule inside the environment that applied, for messages, or None.
    recipients: every reader, without doubles, in the configuration's order; of all groups where there are shares.
    shares: Shamir groups, or None.
    comments: `auto` encrypts comments that look like assignments, `keep` none, `encrypt` all.
    sops_compatible: `require` refuses what sops could not read.
    min_readers: fewer readers than this are a warning, never a refusal (`warnings`). remarks: further warnings, about
    what stands in the configuration and means nothing.
    rotate_after: days after which the data key should be replaced, or None.
    origins: setting, by its name in the configuration -> the line that decided it; without those that nobody set.
    """

    __slots__ = (
        "comments",
        "environment",
        "mac_only_encrypted",
        "min_readers",
        "origins",
        "recipients",
        "remarks",
        "rotate_after",
        "rule",
        "seal_required",
        "selector",
        "shares",
        "sops_compatible",
        "source",
    )

    def __init__(
        self,
        *,
        environment: str | None,
        source: str,
        rule: str | None = None,
        recipients: tuple[Reader, ...] = (),
        shares: Shares | None = None,
        selector: Selector | None = None,
        mac_only_encrypted: bool = False,
        comments: Comments = "auto",
        seal_required: bool = False,
        sops_compatible: Compatible = "prefer",
        min_readers: int = 1,
        rotate_after: int | None = None,
        origins: Mapping[str, int] | None = None,
        remarks: tuple[str, ...] = (),
    ) -> None:
        self.environment = environment
        self.source = source
        self.rule = rule
        self.recipients = recipients
        self.shares = shares
        self.selector = Selector() if selector is None else selector
        self.mac_only_encrypted = mac_only_encrypted
        self.comments: Comments = comments
        self.seal_required = seal_required
        self.sops_compatible: Compatible = sops_compatible
        self.min_readers = min_readers
        self.rotate_after = rotate_after
        self.origins: Mapping[str, int] = origins or {}
        self.remarks = remarks

    @property
    def sops_opens(self) -> bool:
        """Whether sops can ask enough of the readers: it does not know the services of `NOT_IN_SOPS`."""
        groups = self.shares.groups if self.shares is not None else (self.recipients,)
        known = [group for group in groups if any(reader.service not in NOT_IN_SOPS for reader in group)]
        return len(known) >= (self.shares.need if self.shares is not None else 1) or not self.recipients

    @property
    def classical(self) -> tuple[Reader, ...]:
        """The readers whose keys a quantum computer could break, where others have post-quantum keys: what is recorded
        of git today could be opened with the weakest of them. Empty where all readers are of one kind."""
        weak = tuple(reader for reader in self.recipients if not _is_post_quantum(reader))
        return weak if len(weak) < len(self.recipients) else ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What `check` and a first write should say about this policy; never a reason to refuse."""
        if not self.sops_opens:
            unknown = ", ".join(reader.name for reader in self.recipients if reader.service in NOT_IN_SOPS)
            return (*self._few, f"sops opens no file of {self.environment or self.source}: it does not know {unknown}")
        return self._few

    @property
    def _few(self) -> tuple[str, ...]:
        if self.shares is not None or len(self.recipients) >= self.min_readers:
            return self.remarks
        count = len(self.recipients)
        readers = "one reader" if count == 1 else f"{count} readers"
        where = self.environment or self.source
        return (f"{where} has {readers}, min-readers asks for {self.min_readers}", *self.remarks)


def _is_post_quantum(reader: Reader) -> bool:
    return reader.service == "age" and reader.fields.get("recipient", "").startswith("age1pq1")
