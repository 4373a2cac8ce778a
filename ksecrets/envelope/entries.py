"""The entries of the `sops` mapping, read strictly: readers in their lists and groups, texts, times, numbers.

What is not as sops or ksecrets writes it raises Tampered, with the name of the entry and never with its value: the
mapping is a claim of whoever wrote the file.
"""

from __future__ import annotations

from ksecrets.envelope.recipient import Stanza, context_mapping, context_text
from ksecrets.errors import Tampered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

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
SOPS = {service: fields for service, fields in SERVICES.items() if service not in FOREIGN}

_EMPTY = (None, "", "~", "null")
_READERS = "ksecrets.readers"
# sops writes these two lists into every group, empty or not (no omitempty in its keygroup struct)
_ALWAYS_IN_GROUP = ("age", "hc_vault")


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


def groups_of(
    entries: Mapping[str, object], unknown: list[str], foreign: dict[int, tuple[Stanza, ...]]
) -> tuple[tuple[Stanza, ...], ...]:
    """The key groups of a mapping, with the readers that stand elsewhere (`foreign_of`); flat lists are one group.

    unknown: gets the names of entries that nobody knows.
    """
    flat = _group(entries, "", unknown)
    listed = entries.get("key_groups")
    groups: tuple[tuple[Stanza, ...], ...] = ()
    if listed not in _EMPTY:
        if not isinstance(listed, list):
            raise Tampered("not a list in the metadata: sops.key_groups")
        for number, group in enumerate(listed):
            name = f"key_groups[{number}]"
            stanzas = _group(mapping(group, name), name + ".", unknown) + foreign.pop(number, ())
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


def foreign_of(extension: object) -> dict[int, tuple[Stanza, ...]]:
    """The stanzas of services that sops does not have, by the number of their key group."""
    listed = mapping(extension, "ksecrets").get("readers", []) if extension is not None else []
    if not isinstance(listed, list):
        raise Tampered(f"not a list in the metadata: sops.{_READERS}")
    found: dict[int, tuple[Stanza, ...]] = {}
    for number, each in enumerate(listed):
        name = f"{_READERS}[{number}]"
        entry = dict(mapping(each, name))
        service = text_of(entry.pop("service", None), f"{name}.service")
        group = count(entry.pop("group", "0"), f"{name}.group")
        if service not in FOREIGN:
            raise Tampered(f"a service that does not belong here in the metadata: sops.{name}")
        unknown: list[str] = []
        stanza = _stanza(service, SERVICES[service], entry, name + ".", unknown)
        if unknown:
            raise Tampered(f"unknown key in the metadata: sops.{shown(unknown[0])}")
        found[group] = (*found.get(group, ()), stanza)
    return found


def foreign_tree(groups: tuple[tuple[Stanza, ...], ...]) -> list[Tree]:
    """The readers that sops does not have, as the list that our own block holds."""
    listed: list[Tree] = []
    for number, group in enumerate(groups):
        for stanza in group:
            if stanza.service in FOREIGN:
                where = {"group": str(number)} if len(groups) > 1 else {}
                listed.append(in_order({**where, "service": stanza.service, **stanza.fields}))
    return listed


def _group(entries: Mapping[str, object], prefix: str, unknown: list[str]) -> tuple[Stanza, ...]:
    if prefix:
        unknown.extend(prefix + key for key in entries if key not in SOPS)
    stanzas: list[Stanza] = []
    for service, spec in SOPS.items():
        listed = entries.get(service)
        if listed is None or listed in _EMPTY:
            continue
        name = prefix + service
        if not isinstance(listed, list):
            raise Tampered(f"not a list in the metadata: sops.{name}")
        for number, entry in enumerate(listed):
            stanzas.append(_stanza(service, spec, mapping(entry, f"{name}[{number}]"), f"{name}[{number}].", unknown))
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
            value = time_of(value, name)
        text = text_of("" if value is None else value, name, empty=kind != NEEDED)
        if text or kind == KEPT:
            fields[field] = text
    return Stanza(service, fields)


def group_tree(stanzas: Iterable[Stanza], *, listed: bool = False) -> dict[str, Tree]:
    """The readers of a group in the lists of their services. listed: the group is one of `key_groups`."""
    tree: dict[str, Tree] = {service: [] for service in (_ALWAYS_IN_GROUP if listed else ())}
    for stanza in stanzas:
        if stanza.service in FOREIGN:
            continue
        entry: dict[str, Tree] = {}
        for field, kind in SERVICES[stanza.service].items():
            value = stanza.fields.get(field, "")
            if field == "context" and value:
                entry[field] = in_order(dict(context_mapping(value)))
            elif value or kind != OPTIONAL:
                entry[field] = value
        entries = tree.setdefault(stanza.service, [])
        assert isinstance(entries, list)
        entries.append(in_order(entry))
    return tree


def in_order(tree: Mapping[str, Tree]) -> dict[str, Tree]:
    """The mapping with its keys sorted, as sops writes it."""
    return {key: tree[key] for key in sorted(tree)}


def mapping(tree: object, name: str) -> dict[str, object]:
    """A mapping whose keys are texts; name: of the entry, below `sops`."""
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise Tampered(f"not a mapping in the metadata: {_full(name)}")
    return tree


def text_of(value: object, name: str, *, empty: bool = False) -> str:
    """A text; empty: whether it may be so."""
    if value is None:
        raise Tampered(f"missing in the metadata: {_full(name)}")
    if not isinstance(value, str):
        raise Tampered(f"not a text in the metadata: {_full(name)}")
    if not value and not empty:
        raise Tampered(f"empty in the metadata: {_full(name)}")
    return value


def texts(value: object, name: str) -> dict[str, str]:
    """A mapping of texts."""
    return {key: text_of(text, f"{name}.{shown(key)}") for key, text in mapping(value, name).items()}


def _context(value: object, name: str) -> dict[str, str]:
    return {k: text_of(v, f"{name}.{shown(k)}", empty=True) for k, v in mapping(value, name).items()}


def time_of(value: object, name: str) -> str:
    """A time as RFC 3339 has it, as the exact text."""
    text = text_of(value, name)
    if not is_rfc3339(text):
        raise Tampered(f"not a time as RFC 3339 has it in the metadata: {_full(name)}")
    return text


def bool_of(value: object, name: str) -> bool:
    """A truth, as go-yaml reads it."""
    if value in ("true", "True", "TRUE"):
        return True
    if value in ("false", "False", "FALSE", ""):
        return False
    raise Tampered(f"neither true nor false in the metadata: {_full(name)}")


def count(value: object, name: str) -> int:
    """A number below 1,000."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 4:
        return int(value)
    raise Tampered(f"not a small number in the metadata: {_full(name)}")


def _full(name: str) -> str:
    return f"sops.{name}" if name else "sops"


def shown(name: str) -> str:
    """A name from the file, printable and short, so that a message cannot carry terminal controls."""
    text = "".join(c if c.isprintable() else "?" for c in name)
    return text if len(text) <= 40 else text[:40] + "..."
