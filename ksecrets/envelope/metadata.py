"""The `sops` mapping of a file: who reads it, which values are encrypted, when it was written.

`Metadata.from_tree` reads the mapping strictly, `Metadata.to_tree` gives it back as sops's own writer orders
it (sorted keys; stores/stores.go and stores/metadata.go of sops 3.13). A tree is nested dict, list and str:
every scalar is text, `mac_only_encrypted` and `shamir_threshold` too. `envelope.emit` turns a tree into text.

The metadata is not authenticated by sops: treat it as a claim of whoever wrote the file (docs/threat-model.md).
Reading it contacts nobody and needs no key.
"""

from __future__ import annotations

from ksecrets.envelope.recipient import Stanza, context_mapping, context_text
from ksecrets.errors import SyntaxRefused, Tampered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    Tree: TypeAlias = "str | list[Tree] | dict[str, Tree]"

NEEDED, KEPT, OPTIONAL = "needed", "kept", "optional"

SERVICES: dict[str, dict[str, str]] = {
    "age": {"recipient": NEEDED, "enc": NEEDED},
    "azure_kv": {"vault_url": NEEDED, "name": NEEDED, "version": KEPT, "created_at": NEEDED, "enc": NEEDED},
    "gcp_kms": {"resource_id": NEEDED, "created_at": NEEDED, "enc": NEEDED},
    "hc_vault": {
        "vault_address": NEEDED,
        "engine_path": NEEDED,
        "key_name": NEEDED,
        "created_at": NEEDED,
        "enc": NEEDED,
    },
    "hckms": {"key_id": NEEDED, "created_at": NEEDED, "enc": NEEDED},
    "kms": {
        "arn": NEEDED,
        "role": OPTIONAL,
        "context": OPTIONAL,
        "created_at": NEEDED,
        "enc": NEEDED,
        "aws_profile": KEPT,
    },
    "pgp": {"fp": NEEDED, "created_at": NEEDED, "enc": NEEDED},
    "pkcs11": {"uri": NEEDED, "algorithm": OPTIONAL, "created_at": NEEDED, "enc": NEEDED},
    "fortanix": {"endpoint": NEEDED, "key_id": NEEDED, "created_at": NEEDED, "enc": NEEDED},
}
"""Every service and its fields: needed, kept (written even when empty), optional (left out when empty)."""
FOREIGN = ("pkcs11", "fortanix")
"""Services that sops 3.13 does not have. Their stanzas stand in `sops.ksecrets.readers`, where it does not look."""
_SOPS = {service: fields for service, fields in SERVICES.items() if service not in FOREIGN}

SELECTORS = (
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
)
DEFAULT_SELECTOR = ("unencrypted_suffix", "_unencrypted")

EXTENSION_KEY = "ksecrets"
EXTENSION_VERSION = "1"
_SUCCESSION = "succession"
_EXTENSION_KEYS = ("version", "kid", "environment", "path", "format", "residues", "pending", "readers", _SUCCESSION)
_READERS = f"{EXTENSION_KEY}.readers"
_YAML = "yaml"

_PLAIN_KEYS = ("lastmodified", "mac", "version", "mac_only_encrypted", "shamir_threshold")
_KNOWN = frozenset((*_SOPS, *SELECTORS, *_PLAIN_KEYS, "key_groups", EXTENSION_KEY))
_EMPTY = (None, "", "~", "null")
# sops writes these two lists into every group, empty or not (no omitempty in its keygroup struct)
_ALWAYS_IN_GROUP = ("age", "hc_vault")


def identity_fields(stanza: Stanza) -> dict[str, str]:
    """The fields that say who the recipient is: all but `enc` and `created_at`, empty ones left out."""
    return {k: v for k, v in stanza.fields.items() if v and k != "enc" and k != "created_at"}


class Extension:
    """What ksecrets adds to the mapping, under `ksecrets`; sops ignores it, and drops it when it writes.

    kid: the public id of the data key. environment, path: under which the file was sealed, or None.
    format: what the plaintext is; it is written where that is not YAML.
    residues: exact sources by token, both as text (security rules, "Residue").
    pending: blob ids of an unfinished merge, by `base`, `ours`, `theirs`; empty for an ordinary file.
    """

    __slots__ = ("environment", "format", "kid", "path", "pending", "residues", "version")

    def __init__(
        self,
        *,
        kid: str,
        environment: str | None = None,
        path: str | None = None,
        format: str = _YAML,
        residues: dict[str, str] | None = None,
        pending: dict[str, str] | None = None,
        version: str = EXTENSION_VERSION,
    ) -> None:
        self.version = version
        self.kid = kid
        self.environment = environment
        self.path = path
        self.format = format
        self.residues = residues or {}
        self.pending = pending or {}

    @classmethod
    def from_tree(cls, tree: object) -> Extension:
        """Raises SyntaxRefused for the block of a newer ksecrets, Tampered for any wrong shape."""
        entries = _mapping(tree, EXTENSION_KEY)
        version = _text(entries.get("version"), "ksecrets.version")
        if version != EXTENSION_VERSION:
            raise SyntaxRefused(
                f"this file was written by a newer ksecrets (extension version {_shown(version)})",
                hint="upgrade ksecrets",
            )
        for key in entries:
            if key not in _EXTENSION_KEYS:
                raise Tampered(f"unknown key in the metadata: sops.ksecrets.{_shown(key)}")
        return cls(
            kid=_text(entries.get("kid"), "ksecrets.kid"),
            environment=_optional(entries, "environment"),
            path=_optional(entries, "path"),
            format=_optional(entries, "format") or _YAML,
            residues=_texts(entries.get("residues", {}), "ksecrets.residues"),
            pending=_texts(entries.get("pending", {}), "ksecrets.pending"),
        )

    def to_tree(self) -> dict[str, Tree]:
        """The block as sops would order it; what is None or empty is left out."""
        tree: dict[str, Tree] = {}
        if self.environment is not None:
            tree["environment"] = self.environment
        if self.format != _YAML:
            tree["format"] = self.format
        tree["kid"] = self.kid
        if self.path is not None:
            tree["path"] = self.path
        if self.pending:
            tree["pending"] = _sorted(self.pending)
        if self.residues:
            tree["residues"] = _sorted(self.residues)
        tree["version"] = self.version
        return tree

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extension) and self.to_tree() == other.to_tree()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Extension {self.kid} {self.environment} {self.path}>"


class Metadata:
    """The metadata of one file.

    lastmodified: RFC 3339, seconds, the exact text (it is the associated data of the MAC).
    mac: the token, or `""` where there is none (a file that no reader accepts, such as a merge in progress).
    version: the version of sops that the file claims to be written by.
    selector: (kind, value), kind is one of `SELECTORS`.
    shamir_threshold: 0 where none is given. groups: key groups in order; one group is the ordinary case.
    extension: our own block, or None for a file at the level of sops.
    succession: the kid of the data key before this one and the proof of it (values/succession.py), or None. It stands
        in our own block; it belongs to the data key, not to one version of the file.
    unknown: names of entries that were read but are not kept when the metadata is written, as with sops.
    """

    __slots__ = (
        "extension",
        "groups",
        "lastmodified",
        "mac",
        "mac_only_encrypted",
        "selector",
        "shamir_threshold",
        "succession",
        "unknown",
        "version",
    )

    def __init__(
        self,
        *,
        lastmodified: str,
        mac: str,
        version: str,
        groups: tuple[tuple[Stanza, ...], ...],
        selector: tuple[str, str] = DEFAULT_SELECTOR,
        mac_only_encrypted: bool = False,
        shamir_threshold: int = 0,
        extension: Extension | None = None,
        succession: tuple[str, str] | None = None,
        unknown: tuple[str, ...] = (),
    ) -> None:
        self.lastmodified = lastmodified
        self.mac = mac
        self.version = version
        self.groups = groups
        self.selector = selector
        self.mac_only_encrypted = mac_only_encrypted
        self.shamir_threshold = shamir_threshold
        self.extension = extension
        self.succession = succession
        self.unknown = unknown

    def replace(self, **changes: Any) -> Metadata:
        """A copy with the named attributes changed."""
        values = {name: getattr(self, name) for name in self.__slots__}
        for name in changes:
            if name not in values:
                raise TypeError(f"no such attribute: {name}")
        values.update(changes)
        return Metadata(**values)

    @property
    def stanzas(self) -> tuple[Stanza, ...]:
        """Every wrapped copy, over all groups, in order."""
        return self.groups[0] if len(self.groups) == 1 else tuple(s for group in self.groups for s in group)

    @classmethod
    def from_tree(cls, tree: object) -> Metadata:
        """Read the mapping under `sops`.

        Raises Tampered (with the name of the entry) for anything that sops would not have written: wrong
        shapes, two selectors, no recipients, flat lists next to key groups. Raises SyntaxRefused for
        an extension that is newer than this program.
        """
        entries = _mapping(tree, "")
        unknown: list[str] = []
        for key in entries:
            if key not in _KNOWN:
                # sops matches names without regard to case, so `Age:` would be read by it and not by us
                if key.lower() in _KNOWN:
                    raise Tampered(f"metadata entry with a wrong case: sops.{_shown(key)}")
                unknown.append(key)
        lastmodified = _time(entries.get("lastmodified"), "lastmodified")
        chosen = [(kind, _text(entries[kind], kind)) for kind in SELECTORS if entries.get(kind) not in (None, "")]
        if len(chosen) > 1:
            raise Tampered("more than one selector in the metadata: " + ", ".join(kind for kind, _ in chosen))
        extension = entries.get(EXTENSION_KEY)
        block = None if extension is None else Extension.from_tree(extension)
        return cls(
            lastmodified=lastmodified,
            mac=_text(entries.get("mac", ""), "mac", empty=True),
            version=_text(entries.get("version", ""), "version", empty=True),
            groups=_groups(entries, unknown, _foreign(extension)),
            selector=chosen[0] if chosen else DEFAULT_SELECTOR,
            mac_only_encrypted=_bool(entries.get("mac_only_encrypted", "false"), "mac_only_encrypted"),
            shamir_threshold=_count(entries.get("shamir_threshold", "0"), "shamir_threshold"),
            extension=block,
            succession=None if extension is None else _succession(extension),
            unknown=tuple(unknown),
        )

    def to_tree(self) -> dict[str, Tree]:
        """The mapping in the order of sops's writer; `Metadata.from_tree` of it gives an equal Metadata.

        Raises ValueError for a reader of `FOREIGN` without an extension to hold it.
        """
        kind, value = self.selector
        tree: dict[str, Tree] = {
            "lastmodified": self.lastmodified,
            "mac": self.mac,
            "version": self.version,
            kind: value,
        }
        if self.mac_only_encrypted:
            tree["mac_only_encrypted"] = "true"
        if self.shamir_threshold:
            tree["shamir_threshold"] = str(self.shamir_threshold)
        if len(self.groups) == 1:
            tree.update(_group_tree(self.groups[0]))
        else:
            groups = [_group_tree(group) for group in self.groups]
            for group in groups:
                for service in _ALWAYS_IN_GROUP:
                    group.setdefault(service, [])
            tree["key_groups"] = [_sorted(group) for group in groups]
        readers = _foreign_tree(self.groups)
        if readers and self.extension is None:
            raise ValueError("readers that sops does not know stand in the extension, and there is none")
        if self.extension is not None:
            block = self.extension.to_tree()
            if readers:
                block["readers"] = readers
            if self.succession is not None:
                block[_SUCCESSION] = dict(zip(("from", "proof"), self.succession, strict=True))
            tree[EXTENSION_KEY] = _sorted(block)
        return _sorted(tree)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metadata) and self.to_tree() == other.to_tree()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        readers = sum(len(group) for group in self.groups)
        return f"<Metadata {self.lastmodified} {readers} recipients>"


def is_rfc3339(text: str) -> bool:
    """Whether the text is a time as sops writes it: seconds, no fraction, `Z` or an offset."""
    if len(text) not in (20, 25) or not text.isascii() or text[4::3][:5] != "--T::":
        return False
    zone = text[19:]
    if zone != "Z" and not (zone[0] in "+-" and zone[3:4] == ":" and (zone[1:3] + zone[4:6]).isdigit()):
        return False
    numbers = text[0:4], text[5:7], text[8:10], text[11:13], text[14:16], text[17:19]
    if not "".join(numbers).isdigit():
        return False
    _, month, day, hour, minute, second = map(int, numbers)
    return 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60


def _groups(
    entries: Mapping[str, object], unknown: list[str], foreign: dict[int, tuple[Stanza, ...]]
) -> tuple[tuple[Stanza, ...], ...]:
    flat = _group(entries, "", unknown)
    listed = entries.get("key_groups")
    groups: tuple[tuple[Stanza, ...], ...] = ()
    if listed not in _EMPTY:
        if not isinstance(listed, list):
            raise Tampered("not a list in the metadata: sops.key_groups")
        for number, group in enumerate(listed):
            name = f"key_groups[{number}]"
            stanzas = _group(_mapping(group, name), name + ".", unknown) + foreign.pop(number, ())
            if not stanzas:
                raise Tampered(f"a key group without recipients in the metadata: sops.{name}")
            groups += (stanzas,)
    if flat and groups:
        raise Tampered("recipients both in key_groups and outside of it in the metadata")
    if not groups:
        flat += foreign.pop(0, ())
    if foreign:
        raise Tampered(f"a reader of a key group that does not exist in the metadata: sops.{_READERS}")
    if not flat and not groups:
        raise Tampered("no recipients in the metadata")
    return groups or (flat,)


def _foreign(extension: object) -> dict[int, tuple[Stanza, ...]]:
    """The stanzas of services that sops does not have, by the number of their key group."""
    listed = _mapping(extension, EXTENSION_KEY).get("readers", []) if extension is not None else []
    if not isinstance(listed, list):
        raise Tampered(f"not a list in the metadata: sops.{_READERS}")
    found: dict[int, tuple[Stanza, ...]] = {}
    for number, each in enumerate(listed):
        name = f"{_READERS}[{number}]"
        entry = dict(_mapping(each, name))
        service = _text(entry.pop("service", None), f"{name}.service")
        group = _count(entry.pop("group", "0"), f"{name}.group")
        if service not in FOREIGN:
            raise Tampered(f"a service that does not belong here in the metadata: sops.{name}")
        unknown: list[str] = []
        stanza = _stanza(service, SERVICES[service], entry, name + ".", unknown)
        if unknown:
            raise Tampered(f"unknown key in the metadata: sops.{_shown(unknown[0])}")
        found[group] = (*found.get(group, ()), stanza)
    return found


def _foreign_tree(groups: tuple[tuple[Stanza, ...], ...]) -> list[Tree]:
    listed: list[Tree] = []
    for number, group in enumerate(groups):
        for stanza in group:
            if stanza.service in FOREIGN:
                where = {"group": str(number)} if len(groups) > 1 else {}
                listed.append(_sorted({**where, "service": stanza.service, **stanza.fields}))
    return listed


def _group(entries: Mapping[str, object], prefix: str, unknown: list[str]) -> tuple[Stanza, ...]:
    if prefix:
        unknown.extend(prefix + key for key in entries if key not in _SOPS)
    stanzas: list[Stanza] = []
    for service, spec in _SOPS.items():
        listed = entries.get(service)
        if listed is None or listed in _EMPTY:
            continue
        name = prefix + service
        if not isinstance(listed, list):
            raise Tampered(f"not a list in the metadata: sops.{name}")
        for number, entry in enumerate(listed):
            stanzas.append(_stanza(service, spec, _mapping(entry, f"{name}[{number}]"), f"{name}[{number}].", unknown))
    return tuple(stanzas)


def _stanza(service: str, spec: dict[str, str], entry: Mapping[str, object], prefix: str, unknown: list[str]) -> Stanza:
    unknown.extend(prefix + key for key in entry if key not in spec)
    fields: dict[str, str] = {}
    for field, kind in spec.items():
        name = prefix + field
        value = entry.get(field)
        if field == "context":
            value = "" if value in _EMPTY else context_text(_context(value, name))
        elif field == "created_at":
            value = _time(value, name)
        text = _text("" if value is None else value, name, empty=kind != NEEDED)
        if text or kind == KEPT:
            fields[field] = text
    return Stanza(service, fields)


def _group_tree(stanzas: Iterable[Stanza]) -> dict[str, Tree]:
    tree: dict[str, Tree] = {}
    for stanza in stanzas:
        if stanza.service in FOREIGN:
            continue
        entry: dict[str, Tree] = {}
        for field, kind in SERVICES[stanza.service].items():
            value = stanza.fields.get(field, "")
            if field == "context" and value:
                entry[field] = _sorted(dict(context_mapping(value)))
            elif value or kind != OPTIONAL:
                entry[field] = value
        listed = tree.setdefault(stanza.service, [])
        assert isinstance(listed, list)
        listed.append(_sorted(entry))
    return tree


def _sorted(tree: Mapping[str, Tree]) -> dict[str, Tree]:
    return {key: tree[key] for key in sorted(tree)}


def _mapping(tree: object, name: str) -> dict[str, object]:
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise Tampered(f"not a mapping in the metadata: {_full(name)}")
    return tree


def _text(value: object, name: str, *, empty: bool = False) -> str:
    if value is None:
        raise Tampered(f"missing in the metadata: {_full(name)}")
    if not isinstance(value, str):
        raise Tampered(f"not a text in the metadata: {_full(name)}")
    if not value and not empty:
        raise Tampered(f"empty in the metadata: {_full(name)}")
    return value


def _optional(entries: Mapping[str, object], name: str) -> str | None:
    return _text(entries[name], f"ksecrets.{name}") if name in entries else None


def _succession(extension: object) -> tuple[str, str] | None:
    value = _mapping(extension, EXTENSION_KEY).get(_SUCCESSION)
    if value is None:
        return None
    entries = _texts(value, f"{EXTENSION_KEY}.{_SUCCESSION}")
    if sorted(entries) != ["from", "proof"]:
        raise Tampered(f"not `from` and `proof` in the metadata: sops.{EXTENSION_KEY}.{_SUCCESSION}")
    return entries["from"], entries["proof"]


def _texts(value: object, name: str) -> dict[str, str]:
    return {key: _text(text, f"{name}.{_shown(key)}") for key, text in _mapping(value, name).items()}


def _context(value: object, name: str) -> dict[str, str]:
    return {k: _text(v, f"{name}.{_shown(k)}", empty=True) for k, v in _mapping(value, name).items()}


def _time(value: object, name: str) -> str:
    text = _text(value, name)
    if not is_rfc3339(text):
        raise Tampered(f"not a time as RFC 3339 has it in the metadata: {_full(name)}")
    return text


def _bool(value: object, name: str) -> bool:
    if value in ("true", "True", "TRUE"):
        return True
    if value in ("false", "False", "FALSE", ""):
        return False
    raise Tampered(f"neither true nor false in the metadata: {_full(name)}")


def _count(value: object, name: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 4:
        return int(value)
    raise Tampered(f"not a small number in the metadata: {_full(name)}")


def _full(name: str) -> str:
    return f"sops.{name}" if name else "sops"


def _shown(name: str) -> str:
    # names come from the file: printable and short, so that a message cannot carry terminal controls
    text = "".join(c if c.isprintable() else "?" for c in name)
    return text if len(text) <= 40 else text[:40] + "..."
