"""Options that name readers and a selector, for `encrypt`, `edit` and `rotate`: from words to what operations take."""

from __future__ import annotations

from ksecrets.errors import UsageError
from ksecrets.operations.asked import Asked, Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SERVICES = {
    "age": "age",
    "pgp": "pgp",
    "kms": "aws-kms",
    "gcp_kms": "gcp-kms",
    "azure_kv": "azure-kv",
    "hc_vault_transit": "hc-vault",
    "hckms": "hckms",
}
"""The options of sops that name keys, by their key here, and the service of each."""
SELECTORS = tuple(
    f"{verb}_{what}" for verb in ("encrypted", "unencrypted") for what in ("regex", "suffix", "comment_regex")
)


def asked(environ: Mapping[str, str], options: Mapping[str, Any]) -> Asked:
    """What the options of `encrypt` and `edit` ask for. options: by their keys, as the table has them."""
    return Asked(
        _named({key: options[key] for key in SERVICES}),
        environ=environ,
        aws_profile=options["aws_profile"] or "",
        context=_context(options["encryption_context"]),
        selector={kind: options[kind] for kind in SELECTORS},
        mac_only_encrypted=options["mac_only_encrypted"],
    )


def change(options: Mapping[str, Any]) -> Change:
    """What the options ``--add-*`` and ``--rm-*`` of `rotate` ask for. options: as for `asked`."""
    return Change(
        _named({key: options["add_" + key] for key in SERVICES}),
        _named({key: options["rm_" + key] for key in SERVICES}),
        aws_profile=options["aws_profile"] or "",
        context=_context(options["encryption_context"]),
    )


def _named(options: Mapping[str, str | None]) -> dict[str, list[str]]:
    named = {}
    for key, text in options.items():
        if text is None:
            continue
        words = [word.strip() for word in text.split(",") if word.strip()]
        if not words:
            raise UsageError(f"--{key.replace('_', '-')} names no recipient")
        named[SERVICES[key]] = words
    return named


def _context(text: str | None) -> dict[str, str]:
    """``a:b,c:d``, as sops has it (kms/keysource.go, `ParseKMSContext`)."""
    pairs: dict[str, str] = {}
    for pair in (text or "").split(","):
        if not pair.strip():
            continue
        name, colon, value = pair.partition(":")
        if not colon or not name.strip():
            raise UsageError("--encryption-context takes pairs: NAME:VALUE,NAME:VALUE")
        pairs[name.strip()] = value.strip()
    return pairs
