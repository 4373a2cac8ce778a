"""The `.sops.yaml` that means the same as a `.ksecrets.yaml`, and what cannot be said there.

sops takes the first rule whose expression is found in the path (config/config.go); here an environment has rules, and a
file two of them name is refused. So every rule of an environment becomes a rule of its own, of the paths that rule and
environment have in common, and stands before the one of the environment.
"""

from __future__ import annotations

from ksecrets.rules import SOPS_FILE
from ksecrets.rules.patterns import common, folded, is_ascii, regex, rows
from ksecrets.rules.policy import NOT_IN_SOPS
from ksecrets.rules.selector import DEFAULT_KIND, DEFAULT_VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.rules.config import Config
    from ksecrets.rules.policy import Policy, Reader


class Exported:
    """text: the `.sops.yaml`, with `lost` as comments at its top. lost: what cannot be said there, a sentence each."""

    __slots__ = ("lost", "text")

    def __init__(self, text: str, lost: Sequence[str]) -> None:
        self.text = text
        self.lost = list(lost)


def to_sops(config: Config) -> Exported:
    """Write a configuration for sops. Raises ConfigError where a rule or pattern cannot be said at all."""
    config.check()
    lost: dict[str, list[str]] = {}
    lines: list[str] = []
    for name, environment in config.environments.items():
        covered = rows(environment.globs)
        for rule in environment.rules:
            where = f"{name}, {rule.name.rpartition('.')[2]}"
            both = common(covered, rows(rule.globs))
            if both:
                lines += _rule(where, regex(both), environment.policy_of(rule, config.file, config.sops_compatible))
            else:
                lines.append(f"  # {where}: its files are none of the environment's")
        policy = environment.policy_of(None, config.file, config.sops_compatible)
        lines += _rule(name, folded(environment.globs), policy)
        policies = [policy, *(environment.policy_of(r, config.file, config.sops_compatible) for r in environment.rules)]
        _note(lost, name, policies)
        globs = [*environment.globs, *(glob for rule in environment.rules for glob in rule.globs)]
        if not is_ascii(rows(globs)):
            lost.setdefault("`?` and `[...]` stand for one byte of a path; for sops, for one character", []).append(
                name
            )
    said = _said(config, lost)
    head = [
        f"# {SOPS_FILE}, written by `ksecrets config export --sops` from {config.file}: change that, and export again."
    ]
    if said:
        head += ["#", "# What cannot be said here:", *(f"# - {sentence}" for sentence in said)]
    body = ["creation_rules:", *lines] if lines else ["creation_rules: []"]
    return Exported("\n".join([*head, *body]) + "\n", said)


def _rule(title: str, expression: str, policy: Policy) -> list[str]:
    lines = [f"  # {title}", f"  - path_regex: {_scalar(expression)}"]
    selector = policy.selector
    if (selector.kind, selector.value) != (DEFAULT_KIND, DEFAULT_VALUE):
        lines.append(f"    {selector.kind}: {_scalar(selector.value)}")
    if policy.mac_only_encrypted:
        lines.append("    mac_only_encrypted: true")
    groups: Sequence[Sequence[Reader]] = (policy.recipients,)
    if policy.shares is not None:
        groups = policy.shares.groups
        lines.append(f"    shamir_threshold: {policy.shares.need}")
    groups = [known for group in groups if (known := [each for each in group if each.service not in NOT_IN_SOPS])]
    lines.append("    key_groups:" if groups else "    key_groups: []")
    for group in groups:
        first = True
        for service, key in _LISTS:
            readers = [reader for reader in group if reader.service == service]
            if not readers:
                continue
            lines.append(f"      {'-' if first else ' '} {key}:")
            first = False
            for reader in readers:
                lines += _reader(reader)
    return lines


_LISTS = (
    ("age", "age"),
    ("pgp", "pgp"),
    ("kms", "kms"),
    ("gcp_kms", "gcp_kms"),
    ("azure_kv", "azure_keyvault"),
    ("hc_vault", "hc_vault"),
    ("hckms", "hckms"),
)
"""sops's service in metadata, and its list in a key group of `.sops.yaml`."""


def _reader(reader: Reader) -> list[str]:
    fields = reader.fields
    kind = "" if reader.kind == "person" else f" ({reader.kind})"
    name = f"  # {reader.name}{kind}"
    if reader.service == "age":
        return [f"          - {_scalar(fields['recipient'])}{name}"]
    if reader.service == "pgp":
        return [f"          - {_scalar(fields['fp'])}{name}"]
    if reader.service == "hc_vault":
        url = f"{fields['vault_address']}/v1/{fields['engine_path']}/keys/{fields['key_name']}"
        return [f"          - {_scalar(url)}{name}"]
    entries = {_NAMES.get(field, field): value for field, value in fields.items() if field != "context"}
    lines = [f"{key}: {_scalar(value)}" for key, value in entries.items()]
    lines[0] += name
    if fields.get("context"):
        lines.append("context:")
        import json

        lines += [f"  {_scalar(key)}: {_scalar(value)}" for key, value in json.loads(fields["context"]).items()]
    return [f"          {'-' if number == 0 else ' '} {line}" for number, line in enumerate(lines)]


_NAMES = {"vault_url": "vaultUrl", "name": "key"}


def _note(lost: dict[str, list[str]], name: str, policies: Sequence[Policy]) -> None:
    """What of an environment is lost; `policies` are its own and those of its rules."""

    def note(sentence: str, holds: bool) -> None:
        if holds:
            lost.setdefault(sentence, []).append(name)

    note("`seal: required`: sops writes no seal, and asks for none", any(each.seal_required for each in policies))
    for least in dict.fromkeys(each.min_readers for each in policies if each.min_readers > 1):
        note(f"`min-readers: {least}`", True)
    for days in dict.fromkeys(each.rotate_after for each in policies if each.rotate_after):
        note(f"`rotate-after: {days}d`", True)
    readable = any(each.comments != "encrypt" and not each.selector.by_comment for each in policies)
    note("`comments`: sops encrypts every comment, prose too", readable)
    unknown = [each.name for policy in policies for each in policy.recipients if each.service in NOT_IN_SOPS]
    note(f"readers whose services sops does not have: {', '.join(dict.fromkeys(unknown))}", bool(unknown))
    note("`sops-compatible: require`", any(each.sops_compatible == "require" for each in policies))


def _said(config: Config, lost: dict[str, list[str]]) -> list[str]:
    everywhere = list(config.environments)
    said = [sentence if names == everywhere else f"{sentence} ({', '.join(names)})" for sentence, names in lost.items()]
    if config.environments:
        said.append(
            "environments: that a file belongs to one of them, may not be moved to another, and must be encrypted"
        )
    if config.recipients:
        said.append("names and kinds of readers, and groups: they stand in comments, and sops shows keys")
    if config.pending:
        said.append(f"`pending`: {', '.join(config.pending)}")
    return said


def _scalar(text: str) -> str:
    """A text as a YAML scalar that every reader takes for just that text."""
    if text and text.isascii() and all(char.isalnum() or char in "_-" for char in text) and text[0].isalpha():
        return text if text.lower() not in _WORDS else f"'{text}'"
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    import json

    return json.dumps(text)


_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
