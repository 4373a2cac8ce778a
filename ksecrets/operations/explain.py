"""What the configuration says about one file, and where it says it; the file need not exist, and no key is needed."""

from __future__ import annotations

from ksecrets.errors import ConfigError
from ksecrets.operations.reading import refuse_vanished_rules
from ksecrets.operations.session import Session
from ksecrets.rules.environment import ALWAYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.rules.policy import Policy


class Explained:
    """path: as given. relative: in the repository. file: the configuration. policy: what holds.

    where: setting -> `file:line`, or None where it is the default of ksecrets, as nobody said anything. unused: what
    stands in a `.sops.yaml` and is for sops only.
    """

    __slots__ = ("file", "path", "policy", "relative", "unused", "where")

    def __init__(self, path: str, relative: str | None, file: str, policy: Policy, unused: Sequence[str] = ()) -> None:
        self.path = path
        self.relative = relative
        self.file = file
        self.policy = policy
        self.unused = tuple(unused)
        lines = policy.origins
        self.where: dict[str, str | None] = {
            name: f"{file}:{lines[name]}" if name in lines else None for name in SETTINGS
        }
        if policy.environment is None:
            self.where["readers"] = policy.source.partition(" ")[0]  # the rule of a `.sops.yaml` as a whole
        if "readers" in lines and ALWAYS in lines:
            self.where["readers"] = f"{file}:{lines['readers']} and {file}:{lines[ALWAYS]}"

    def settings(self) -> dict[str, object]:
        """Every setting with its value, as JSON has it."""
        policy = self.policy
        shares = policy.shares
        return {
            "readers": [
                {"name": reader.name, "kind": reader.kind, "service": reader.service, "fields": dict(reader.fields)}
                for reader in policy.recipients
            ],
            "shares": None
            if shares is None
            else {"need": shares.need, "of": [[reader.name for reader in group] for group in shares.groups]},
            "encrypt": {policy.selector.kind: policy.selector.value},
            "comments": policy.comments,
            "seal": "required" if policy.seal_required else "optional",
            "mac-only-encrypted": policy.mac_only_encrypted,
            "min-readers": policy.min_readers,
            "rotate-after": None if policy.rotate_after is None else f"{policy.rotate_after}d",
            "sops-compatible": policy.sops_compatible,
        }

    def to_json(self) -> dict[str, object]:
        """All of it as data, with stable names."""
        policy = self.policy
        return {
            "path": self.path,
            "repository_path": self.relative,
            "environment": policy.environment,
            "source": policy.source,
            "rule": policy.rule,
            "settings": {
                name: {"value": value, "decided_by": self.where.get(name)} for name, value in self.settings().items()
            },
            "warnings": list(policy.warnings),
            "unused": list(self.unused),
        }


SETTINGS = (
    "readers",
    "shares",
    "encrypt",
    "comments",
    "seal",
    "mac-only-encrypted",
    "min-readers",
    "rotate-after",
    "sops-compatible",
)


def explain(path: str, *, session: Session | None = None) -> Explained:
    """What holds for a file by its path. Raises ConfigError where nothing is said about it, RuleViolation for a link
    that crosses environments."""
    session = session or Session()
    place = session.place(path)
    if place.policy is None or place.policy.environment is None:
        refuse_vanished_rules(place, session)
    if place.rules is None:
        raise ConfigError("no configuration is about this file", file=path, hint="`ksecrets init` writes one")
    if place.policy is None:
        raise ConfigError(
            f"no rule in {_shown(place.rules.file)} is about this file",
            file=path,
            hint="add its path to an environment's `files`",
        )
    unused: list[str] = getattr(place.rules.config, "unused", [])
    return Explained(path, place.relative, _shown(place.rules.file), place.policy, unused)


def _shown(file: str) -> str:
    from ksecrets.rules.load import shown

    return shown(file)
