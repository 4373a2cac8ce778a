"""The key services: the only registry of them, one module a service, imported when it is used.

A service is a module here with `recipient(fields) -> Recipient`. Where its identities are found is
`keys.identities`. To add one: its module, its line in `_MODULES`, a subclass of tests/keys/contract.py.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.envelope.recipient import Recipient

# sops's name of the service in the metadata -> what people call it, and our module, or None where there is none yet
_MODULES: dict[str, tuple[str, str | None]] = {
    "age": ("age", "ksecrets.keys.age.native"),
    "kms": ("AWS KMS", None),
    "gcp_kms": ("Google Cloud KMS", None),
    "azure_kv": ("Azure Key Vault", None),
    "hc_vault": ("HashiCorp Vault", None),
    "hckms": ("Huawei Cloud KMS", None),
    "pgp": ("PGP", "ksecrets.keys.pgp"),
}


def recipient(service: str, fields: dict[str, str]) -> Recipient:
    """The recipient that a configuration or a stanza names.

    service: sops's name (`age`, `kms`...); fields: as in the metadata, `enc` and `created_at` may be there and are
    not looked at. Raises ConfigError for a service that does not exist or is not built yet, and for fields that are
    no recipient of it. Contacts nobody.
    """
    known = _MODULES.get(service)
    if known is None:
        raise ConfigError(f"unknown key service: {service}", hint=f"one of {', '.join(_MODULES)}")
    title, module = known
    if module is None:
        raise ConfigError(
            f"this version of ksecrets cannot use {title} yet ({service})",
            hint="use an age recipient, or sops for this file",
        )
    from importlib import import_module

    found: Recipient = import_module(module).recipient(fields)
    return found


def services() -> tuple[str, ...]:
    """The names of the services that can be used."""
    return tuple(name for name, (_, module) in _MODULES.items() if module is not None)
