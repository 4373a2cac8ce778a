"""What a command line asks for in place of rules: readers by their keys, a selector, readers to add and to take out.

Rules come first. Where they say who reads a file, an option that says the same is welcome and one that says something
else is refused (docs/adr/0012): otherwise a file would have readers that the next write, `check` and `updatekeys` take
for a mistake. Where no rule is about a file, options hold, then sops's variables (`SOPS_AGE_RECIPIENTS`, ...), then the
file's own metadata.
"""

from __future__ import annotations

from ksecrets import keys
from ksecrets.envelope.metadata import identity_fields
from ksecrets.errors import KsecretsError, RuleViolation, UsageError
from ksecrets.rules import fields
from ksecrets.rules.policy import Policy, Reader, Shares, identity
from ksecrets.rules.selector import choose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.operations.session import Place
    from ksecrets.rules.selector import Selector

    Named: TypeAlias = Mapping[str, Sequence[str]]
    """Texts that name keys, by the service's name in `.ksecrets.yaml`: ``{"age": ["age1..."], "pgp": ["FBC7..."]}``."""
    Groups: TypeAlias = tuple[tuple[Reader, ...], ...]

VARIABLES = {
    "SOPS_AGE_RECIPIENTS": "age",
    "SOPS_PGP_FP": "pgp",
    "SOPS_KMS_ARN": "aws-kms",
    "SOPS_GCP_KMS_IDS": "gcp-kms",
    "SOPS_AZURE_KEYVAULT_URLS": "azure-kv",
    "SOPS_VAULT_URIS": "hc-vault",
    "SOPS_HUAWEICLOUD_KMS_IDS": "hckms",
}
"""sops's variables that name readers, and the service of each; commas stand between several."""


class Asked:
    """Readers and selector that the caller names.

    recipients: their keys, as `Named`. environ: where sops's variables are looked for, if at all. aws_profile, context:
    for AWS KMS. selector: sops's field names and values, of which one may be set. mac_only_encrypted: as in sops.

    Raises ConfigError where two selectors are set or an expression cannot be used.
    """

    __slots__ = ("_aws_profile", "_context", "_environ", "_recipients", "mac_only_encrypted", "selector")

    def __init__(
        self,
        recipients: Named | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        aws_profile: str = "",
        context: Mapping[str, str] | None = None,
        selector: Mapping[str, str | None] | None = None,
        mac_only_encrypted: bool = False,
    ) -> None:
        self._recipients: Named = recipients or {}
        self._environ = environ or {}
        self._aws_profile = aws_profile
        self._context = context or {}
        self.mac_only_encrypted = mac_only_encrypted
        self.selector: Selector | None = None
        if selector is not None and any(selector.values()):
            self.selector = choose(selector)
            self.selector.check()

    def without_variables(self) -> Asked:
        """The same without sops's variables: an encrypted file has readers already."""
        other = Asked(self._recipients, aws_profile=self._aws_profile, context=self._context)
        other.selector, other.mac_only_encrypted = self.selector, self.mac_only_encrypted
        return other

    def readers(self, place: Place) -> tuple[Reader, ...]:
        """The readers that options name, each once, in their order. Raises ConfigError for what is no key."""
        return named_readers(self._recipients, place, aws_profile=self._aws_profile, context=self._context)

    def readers_of_variables(self, place: Place) -> tuple[tuple[Reader, ...], str]:
        """The readers that sops's variables name, and the names of these variables."""
        found = {name: self._environ.get(name, "") for name in VARIABLES}
        named = {VARIABLES[name]: value.split(",") for name, value in found.items() if value.strip(" ,")}
        readers = named_readers(named, place, aws_profile=self._aws_profile, context=self._context)
        return readers, " and ".join(name for name, value in found.items() if value.strip(" ,"))

    def is_met_by(self, metadata: Metadata, place: Place) -> bool:
        """Whether an encrypted file is as the options say."""
        readers = self.readers(place)
        there = identities([reader for group in own_groups(metadata, place) for reader in group])
        return (
            (not readers or identities(readers) == there)
            and (self.selector is None or (self.selector.kind, self.selector.value) == metadata.selector)
            and (metadata.mac_only_encrypted or not self.mac_only_encrypted)
        )

    def agree(self, policy: Policy, place: Place) -> None:
        """Raises RuleViolation where an option says something else than the rules do."""
        readers = self.readers(place)
        if readers and policy.recipients and identities(readers) != identities(policy.recipients):
            raise RuleViolation(
                f"other readers are named than in {policy.source}",
                file=place.path,
                details=[
                    f"named: {', '.join(place.names(readers))}",
                    f"rules: {', '.join(place.names(policy.recipients))}",
                ],
                hint="leave them out, or change the rules",
            )
        if self.selector is not None and self.selector != policy.selector:
            raise RuleViolation(
                f"{policy.source} chooses the values in another way ({policy.selector.kind})",
                file=place.path,
                hint="leave the option out, or change the rules",
            )
        if self.mac_only_encrypted and not policy.mac_only_encrypted:
            raise RuleViolation(
                f"{policy.source} does not say mac_only_encrypted",
                file=place.path,
                hint="leave the option out, or change the rules",
            )


NOTHING = Asked()


def named_readers(
    named: Named, place: Place, *, aws_profile: str = "", context: Mapping[str, str] | None = None
) -> tuple[Reader, ...]:
    """The readers that some texts name, each once. Raises ConfigError for what is no key, or of no service there is."""
    readers: dict[tuple[object, ...], Reader] = {}
    for service, texts in named.items():
        if service not in fields.SERVICES:
            raise UsageError(f"no key service is called {service}", hint="one of " + ", ".join(fields.SERVICES))
        for text in texts:
            if not text.strip():
                continue
            if service == "aws-kms":
                known, found = fields.aws_kms(text.strip(), profile=aws_profile, context=context)
            else:
                known, found = fields.from_url(service, text.strip())
            found = keys.recipient(known, found).identity_fields()
            readers.setdefault(identity(known, found), Reader(place.reader_name(known, found), "person", known, found))
    return tuple(readers.values())


def identities(readers: Sequence[Reader]) -> set[tuple[object, ...]]:
    """The keys of readers, as what makes two of them the same."""
    return {identity(reader.service, reader.fields) for reader in readers}


def own_groups(metadata: Metadata, place: Place) -> Groups:
    """The readers of a file by its own metadata, in its key groups."""
    return tuple(
        tuple(
            Reader(place.reader_name(stanza.service, found), "person", stanza.service, found)
            for stanza in group
            for found in [identity_fields(stanza)]
        )
        for group in metadata.groups
    )


def of_groups(
    groups: Groups, threshold: int, *, source: str, selector: Selector | None, mac_only_encrypted: bool = False
) -> Policy:
    """A policy for readers that come from no rule. threshold: how many groups it takes; 0 for all, as in sops."""
    return Policy(
        environment=None,
        source=source,
        recipients=tuple({identity(r.service, r.fields): r for group in groups for r in group}.values()),
        shares=Shares(threshold or len(groups), groups) if len(groups) > 1 else None,
        selector=selector,
        mac_only_encrypted=mac_only_encrypted,
    )


class Change:
    """Readers to add to one file and to take out of it: `rotate --add-age ... --rm-age ...`."""

    __slots__ = ("_add", "_options", "_remove")

    def __init__(
        self,
        add: Named | None = None,
        remove: Named | None = None,
        *,
        aws_profile: str = "",
        context: Mapping[str, str] | None = None,
    ) -> None:
        self._add: Named = add or {}
        self._remove: Named = remove or {}
        self._options = aws_profile, context

    def __bool__(self) -> bool:
        return any(self._add.values()) or any(self._remove.values())

    def added(self, place: Place) -> tuple[Reader, ...]:
        """The readers to add. Raises ConfigError for what is no key."""
        profile, context = self._options
        return named_readers(self._add, place, aws_profile=profile, context=context)

    def policy(self, metadata: Metadata, place: Place, otherwise: Callable[[], Policy]) -> Policy:
        """By which rules the file is written after the change: those that there are, or the file's own with the change.

        otherwise: gives the policy of the file as it is. As in sops, a new reader joins the first key group, and one is
        taken out of every group; unlike there, one who is in none is an error (a slip would leave somebody in), and so
        is a file or a group that nobody could read.

        Raises RuleViolation where rules name other readers than the change would leave, KsecretsError, ConfigError.
        """
        policy = otherwise()
        profile, context = self._options
        add = self.added(place)
        remove = named_readers(self._remove, place, aws_profile=profile, context=context)
        groups = own_groups(metadata, place)
        there = identities([reader for group in groups for reader in group])
        strangers = [reader.name for reader in remove if identity(reader.service, reader.fields) not in there]
        if strangers:
            raise KsecretsError(
                f"{', '.join(strangers)} cannot be taken out: no such reader",
                file=place.path,
                hint=f"its readers are {', '.join(reader.name for group in groups for reader in group)}",
            )
        first = groups[0] + tuple(r for r in add if identity(r.service, r.fields) not in identities(groups[0]))
        gone = identities(remove)
        left = tuple(
            tuple(r for r in group if identity(r.service, r.fields) not in gone) for group in (first, *groups[1:])
        )
        if not all(left):
            raise KsecretsError(
                "nobody could read it any more" if len(left) == 1 else "a key group would be left without a reader",
                file=place.path,
                hint="add another reader in the same command",
            )
        if place.policy is None:
            return of_groups(
                left,
                metadata.shamir_threshold,
                source=policy.source,
                selector=policy.selector,
                mac_only_encrypted=policy.mac_only_encrypted,
            )
        rules = policy.shares.groups if policy.shares is not None else (policy.recipients,)
        if [identities(group) for group in left] != [identities(group) for group in rules]:
            raise RuleViolation(
                f"who reads this file is for {policy.source} to say, and it names others than this would leave",
                file=place.path,
                details=[
                    f"asked: {', '.join(dict.fromkeys(r.name for group in left for r in group))}",
                    f"rules: {', '.join(place.names(policy.recipients))}",
                ],
                hint=_repair(policy, place),
            )
        return policy


def _repair(policy: Policy, place: Place) -> str:
    if policy.environment is not None:
        return f"`ksecrets grant NAME {policy.environment}`, `ksecrets revoke NAME {policy.environment}`"
    return f"change the rule, then `ksecrets updatekeys {place.path}`: a reader who is gone makes a new data key"
