"""The `sops` mapping of a file: who reads it, which values are encrypted, when it was written.

`Metadata.from_tree` reads the mapping strictly, `Metadata.to_tree` gives it back as sops's own writer orders
it (sorted keys; stores/stores.go and stores/metadata.go of sops 3.13). A tree is nested dict, list and str:
every scalar is text, `mac_only_encrypted` and `shamir_threshold` too. `envelope.emit` turns a tree into text.

The metadata is not authenticated by sops: treat it as a claim of whoever wrote the file (docs/threat-model.md).
Reading it contacts nobody and needs no key.
"""

from __future__ import annotations

from ksecrets.envelope.entries import (
    SOPS,
    bool_of,
    count,
    foreign_of,
    foreign_tree,
    group_tree,
    groups_of,
    in_order,
    mapping,
    shown,
    text_of,
    texts,
    time_of,
)
from ksecrets.errors import SyntaxRefused, Tampered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ksecrets.envelope.entries import Tree as Tree
    from ksecrets.envelope.recipient import Stanza


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
_YAML = "yaml"

_PLAIN_KEYS = ("lastmodified", "mac", "version", "mac_only_encrypted", "shamir_threshold")
_KNOWN = frozenset((*SOPS, *SELECTORS, *_PLAIN_KEYS, "key_groups", EXTENSION_KEY))


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
        entries = mapping(tree, EXTENSION_KEY)
        version = text_of(entries.get("version"), "ksecrets.version")
        if version != EXTENSION_VERSION:
            raise SyntaxRefused(
                f"this file was written by a newer ksecrets (extension version {shown(version)})",
                hint="upgrade ksecrets",
            )
        for key in entries:
            if key not in _EXTENSION_KEYS:
                raise Tampered(f"unknown key in the metadata: sops.ksecrets.{shown(key)}")
        return cls(
            kid=text_of(entries.get("kid"), "ksecrets.kid"),
            environment=_optional(entries, "environment"),
            path=_optional(entries, "path"),
            format=_optional(entries, "format") or _YAML,
            residues=texts(entries.get("residues", {}), "ksecrets.residues"),
            pending=texts(entries.get("pending", {}), "ksecrets.pending"),
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
            tree["pending"] = in_order(self.pending)
        if self.residues:
            tree["residues"] = in_order(self.residues)
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
        entries = mapping(tree, "")
        unknown: list[str] = []
        for key in entries:
            if key not in _KNOWN:
                # sops matches names without regard to case, so `Age:` would be read by it and not by us
                if key.lower() in _KNOWN:
                    raise Tampered(f"metadata entry with a wrong case: sops.{shown(key)}")
                unknown.append(key)
        lastmodified = time_of(entries.get("lastmodified"), "lastmodified")
        chosen = [(kind, text_of(entries[kind], kind)) for kind in SELECTORS if entries.get(kind) not in (None, "")]
        if len(chosen) > 1:
            raise Tampered("more than one selector in the metadata: " + ", ".join(kind for kind, _ in chosen))
        extension = entries.get(EXTENSION_KEY)
        block = None if extension is None else Extension.from_tree(extension)
        return cls(
            lastmodified=lastmodified,
            mac=text_of(entries.get("mac", ""), "mac", empty=True),
            version=text_of(entries.get("version", ""), "version", empty=True),
            groups=groups_of(entries, unknown, foreign_of(extension)),
            selector=chosen[0] if chosen else DEFAULT_SELECTOR,
            mac_only_encrypted=bool_of(entries.get("mac_only_encrypted", "false"), "mac_only_encrypted"),
            shamir_threshold=count(entries.get("shamir_threshold", "0"), "shamir_threshold"),
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
            tree.update(group_tree(self.groups[0]))
        else:
            tree["key_groups"] = [in_order(group_tree(group, listed=True)) for group in self.groups]
        readers = foreign_tree(self.groups)
        if readers and self.extension is None:
            raise ValueError("readers that sops does not know stand in the extension, and there is none")
        if self.extension is not None:
            block = self.extension.to_tree()
            if readers:
                block["readers"] = readers
            if self.succession is not None:
                block[_SUCCESSION] = dict(zip(("from", "proof"), self.succession, strict=True))
            tree[EXTENSION_KEY] = in_order(block)
        return in_order(tree)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metadata) and self.to_tree() == other.to_tree()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        readers = sum(len(group) for group in self.groups)
        return f"<Metadata {self.lastmodified} {readers} recipients>"


def _optional(entries: Mapping[str, object], name: str) -> str | None:
    return text_of(entries[name], f"ksecrets.{name}") if name in entries else None


def _succession(extension: object) -> tuple[str, str] | None:
    value = mapping(extension, EXTENSION_KEY).get(_SUCCESSION)
    if value is None:
        return None
    entries = texts(value, f"{EXTENSION_KEY}.{_SUCCESSION}")
    if sorted(entries) != ["from", "proof"]:
        raise Tampered(f"not `from` and `proof` in the metadata: sops.{EXTENSION_KEY}.{_SUCCESSION}")
    return entries["from"], entries["proof"]
