"""`.sops.yaml` as sops reads it (config/config.go): creation rules, of which the first that matches a path holds.

As in sops: `path_regex` is one of Go's expressions, found anywhere in the path relative to the configuration's
folder; a rule without one matches everything; settings that sops does not know are ignored (with a warning where one
looks like a slip), only the first document counts, and the keys of a rule are looked at when it is used. Unlike sops:
the file is looked for upwards from the secrets file, not from the working folder, and an expression that Go would not
compile is an error wherever it stands (sops takes a bad selector for one that never matches, and leaves values in
plaintext).
"""

from __future__ import annotations

from ksecrets.errors import ConfigError, SyntaxRefused
from ksecrets.rules import SOPS_FILE as FILE
from ksecrets.rules import fields
from ksecrets.rules.policy import Policy, Reader, Shares, identity
from ksecrets.rules.reading import Part, nearest, texts
from ksecrets.rules.selector import KINDS, Selector, choose
from ksecrets.text.tree import Mapping, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from re import Pattern

    from ksecrets.rules.fields import Key


_SETTINGS = (
    "path_regex", "kms", "aws_profile", "age", "pgp", "gcp_kms", "hckms", "azure_keyvault", "hc_vault_transit_uri",
    "key_groups", "shamir_threshold", *KINDS, "mac_only_encrypted",
)  # fmt: skip
# Only a `.ksecrets.yaml` is about more than how a file is encrypted: what stands here beside the rules is sops's own.
_NOT_OURS = {
    "destination_rules": "are for `sops publish`, and ksecrets does not publish",
}

# `stores`: the format of each, and the indent that means the default of sops.
_WIDEST = 64  # spaces; a number from a repository is not to fill the memory
_STORES = {"yaml": ("yaml", 0), "json": ("json", -1), "json_binary": ("binary", -1)}

# What the Go decoder takes for a bool field.
_TRUE = frozenset(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"))
_FALSE = frozenset(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"))


class SopsConfig:
    """A parsed `.sops.yaml`: `rules` in order, or None where it has no `creation_rules`.

    unused: what stands in it and is not for ksecrets, one sentence each with its line. indents: by the name of a
    format, the spaces a level where lines are written anew (`stores`); without those that are as sops has them.
    """

    __slots__ = ("file", "indents", "rules", "unused")

    def __init__(
        self,
        file: str,
        rules: list[SopsRule] | None,
        unused: list[str] | None = None,
        indents: dict[str, int] | None = None,
    ) -> None:
        self.file = file
        self.rules = rules
        self.unused = unused or []
        self.indents = indents or {}

    def policy(self, path: str) -> Policy | None:
        """What holds for a file (path relative to the configuration's folder, parts joined by `/`), None where no
        rule matches. Its recipients may be none at all, as in sops; a write must refuse that. Raises ConfigError."""
        for rule in self.rules or ():
            if rule.matches(path):
                return rule.policy()
        return None


class SopsRule:
    """One creation rule."""

    __slots__ = ("_part", "_pattern", "_regex", "_threshold", "mac_only_encrypted", "selector")

    def __init__(self, part: Part) -> None:
        self._part = part
        self._regex: Pattern[str] | None = None
        self._pattern = _scalar(part, "path_regex")
        try:
            self.selector: Selector = choose({kind: _scalar(part, kind) for kind in KINDS})
        except ConfigError as error:
            raise part.error(error.message) from None
        self.mac_only_encrypted = _flag(part, "mac_only_encrypted")
        self._threshold = _number(part, "shamir_threshold")

    def matches(self, path: str) -> bool:
        """Whether this rule is about a path. Raises ConfigError where its expression cannot be used."""
        if not self._pattern:
            return True
        if self._regex is None:
            from ksecrets.rules import re2

            try:
                self._regex = re2.compile(self._pattern)
            except ConfigError as error:
                raise self._part.error(error.message, "path_regex", hint=error.hint) from None
        return self._regex.search(path) is not None

    def policy(self) -> Policy:
        """What the rule says. Raises ConfigError where one of its keys is malformed."""
        part = self._part
        groups = self._groups()
        shares = None
        if len(groups) > 1:
            need = self._threshold or len(groups)
            if need > len(groups):
                raise part.error(f"there are {len(groups)} groups", "shamir_threshold")
            if need < 2:
                raise part.error("a secret that any one group opens needs no groups: at least 2", "shamir_threshold")
            shares = Shares(need, tuple(groups))
        try:
            self.selector.check()
        except ConfigError as error:
            raise part.error(error.message, self.selector.kind, hint=error.hint) from None
        return Policy(
            environment=None,
            source=f"{part.file}:{part.line} {part.path}",
            recipients=_unique([reader for group in groups for reader in group]),
            shares=shares,
            selector=self.selector,
            mac_only_encrypted=self.mac_only_encrypted,
            remarks=self._slips(),
        )

    def _slips(self) -> tuple[str, ...]:
        """Settings that look like a known one that is spelled otherwise. sops takes no notice of them: a rule with
        `path_regexp` is one for every file."""
        part = self._part
        found = []
        for key in part.tree:
            known = nearest(key, _SETTINGS) if key not in _SETTINGS else None
            if known is not None:
                found.append(f"{part.file}:{part.line_of(key)} {part.path}.{key} is no setting of sops: {known}")
        return tuple(found)

    def _groups(self) -> list[tuple[Reader, ...]]:
        part = self._part
        groups = part.tree.get("key_groups")
        if groups is not None and not isinstance(groups, Sequence):
            raise part.error("a list of groups is expected here", "key_groups")
        if groups:
            return [_group(_group_part(part, groups, index)) for index in range(len(groups))]
        profile = _scalar(part, "aws_profile")
        keys = _keys(part, "age", fields.age) + _keys(part, "pgp", fields.pgp)
        keys += _keys(part, "kms", lambda arn: fields.aws_kms(arn, profile=profile))
        keys += _keys(part, "gcp_kms", fields.gcp_kms) + _keys(part, "hckms", fields.hckms)
        keys += _keys(part, "azure_keyvault", fields.azure_kv) + _keys(part, "hc_vault_transit_uri", fields.hc_vault)
        return [_unique(keys)]


def parse(text: str, file: str = FILE) -> SopsConfig:
    """A `.sops.yaml`. Raises ConfigError, with the line, where sops would not load it, and for bad selectors."""
    from ksecrets.text.libyaml import events
    from ksecrets.text.tree import Builder

    builder = Builder(aliases=True)
    try:
        for event in events(text.removeprefix("\ufeff")):
            if builder.feed(event):
                break
    except SyntaxRefused as error:
        raise ConfigError(error.message, file=file, line=error.line) from None
    tree = builder.result
    top = Part(Mapping(1) if tree is None else tree, file, "", 1)
    unused = [f"{file}:{top.line_of(key)} `{key}` {why}" for key, why in _NOT_OURS.items() if top.tree.get(key)]
    indents = _indents(top)
    rules = top.tree.get("creation_rules")
    if rules is None:
        return SopsConfig(file, None, unused, indents)
    if not isinstance(rules, Sequence):
        raise top.error("a list of rules is expected here", "creation_rules")
    made = []
    for index, (rule, line) in enumerate(zip(rules, rules.lines, strict=True)):
        made.append(SopsRule(Part(Mapping(line) if rule is None else rule, file, f"creation_rules[{index}]", line)))
    return SopsConfig(file, made, unused, indents)


def _indents(top: Part) -> dict[str, int]:
    """`stores`: sops indents YAML by 4 where there is 0 or nothing, and JSON by a tab where there is -1 or nothing."""
    stores = top.part("stores")
    found = {}
    for store, (name, default) in _STORES.items():
        part = stores.part(store)
        indent = _number(part, "indent", default=default, least=default)
        if indent > _WIDEST:
            raise part.error("that is no indentation for people", "indent")
        if indent != default:
            found[name] = indent
    return found


def _group_part(part: Part, groups: Sequence, index: int, key: str = "key_groups") -> Part:
    line = groups.lines[index]
    group = groups[index]
    return Part(Mapping(line) if group is None else group, part.file, f"{part.path}.{key}[{index}]", line)


def _group(part: Part) -> tuple[Reader, ...]:
    """A key group: the groups merged into it first (sops, `extractMasterKeys`)."""
    keys: list[Reader] = []
    merged = part.tree.get("merge")
    if merged is not None:
        if not isinstance(merged, Sequence):
            raise part.error("a list of groups is expected here", "merge")
        for index in range(len(merged)):
            keys += _group(_group_part(part, merged, index, "merge"))
    keys += _keys(part, "age", fields.age) + _keys(part, "pgp", fields.pgp)
    keys += _objects(part, "kms", _kms_object)
    keys += _objects(part, "gcp_kms", lambda item: fields.gcp_kms(_required(item, "resource_id")))
    keys += _objects(part, "hckms", lambda item: fields.hckms(_required(item, "key_id")))
    keys += _objects(part, "azure_keyvault", _azure_object)
    keys += _keys(part, "hc_vault", fields.hc_vault)
    return _unique(keys)


def _kms_object(item: Part) -> Key:
    context = item.part("context")
    pairs = {key: _scalar(context, key) for key in context.tree}
    return fields.aws_kms(_required(item, "arn"), _scalar(item, "role"), _scalar(item, "aws_profile"), pairs)


def _azure_object(item: Part) -> Key:
    return "azure_kv", {
        "vault_url": _required(item, "vaultUrl"),
        "name": _required(item, "key"),
        "version": _scalar(item, "version"),
    }


def _keys(part: Part, key: str, make: Callable[[str], Key]) -> list[Reader]:
    """The keys of one service: a text with commas, or a list of texts (each of which may have commas, too)."""
    value = part.tree.get(key)
    if value is None:
        return []
    if isinstance(value, Scalar):
        found = [(str(value), part.line_of(key))]
    elif isinstance(value, Sequence):
        found = texts(value, part, key)
    else:
        raise part.error("a text or a list of texts is expected here", key)
    readers = []
    for text, line in found:
        for one in text.split(","):
            if one.strip():
                readers.append(_reader(part, key, line, lambda one=one: make(one.strip())))  # type: ignore[misc]
    return readers


def _objects(part: Part, key: str, make: Callable[[Part], Key]) -> list[Reader]:
    value = part.tree.get(key)
    if value is None:
        return []
    if not isinstance(value, Sequence):
        raise part.error("a list is expected here", key)
    items = [_group_part(part, value, index, key) for index in range(len(value))]
    return [_reader(part, key, item.line, lambda item=item: make(item)) for item in items]  # type: ignore[misc]


def _reader(part: Part, key: str, line: int, make: Callable[[], Key]) -> Reader:
    try:
        service, found = make()
    except ConfigError as error:
        raise error if error.file else part.error(error.message, key, line=line, hint=error.hint) from None
    # Nobody has a name in this configuration: the first field is the one that people would recognise.
    return Reader(next(iter(found.values())), "person", service, found)


def _unique(readers: list[Reader]) -> tuple[Reader, ...]:
    return tuple({identity(reader.service, reader.fields): reader for reader in reversed(readers)}.values())[::-1]


def _scalar(part: Part, key: str) -> str:
    """A text, empty where it is missing or null, as Go's zero value."""
    value = part.tree.get(key)
    if value is None:
        return ""
    if not isinstance(value, Scalar):
        raise part.error("a text is expected here", key)
    return str(value)


def _required(part: Part, key: str) -> str:
    value = _scalar(part, key)
    if not value:
        raise part.error(f"`{key}` is missing")
    return value


def _flag(part: Part, key: str) -> bool:
    value = part.tree.get(key)
    if value is None:
        return False
    if not isinstance(value, Scalar) or not value.plain or value not in _TRUE | _FALSE:
        raise part.error("`true` or `false` is expected here", key)
    return value in _TRUE


def _number(part: Part, key: str, *, default: int = 0, least: int = 0) -> int:
    value = part.tree.get(key)
    if value is None:
        return default
    digits = value.removeprefix("-") if isinstance(value, Scalar) and value.plain else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10) or int(str(value)) < least:
        raise part.error("a number is expected here", key)
    return int(str(value))
