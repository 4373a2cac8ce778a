"""The key services: the only registry of them, one module a service, imported when it is used.

A service whose keys are at hand (`age`, `pgp`) is a module with `recipient(fields) -> Recipient`; where its identities
are found is `keys.identities`. A service on the network is a module with `key(fields, access) -> RemoteKey`, as
`keys.remote` describes. To add one: its module, its line below, a subclass of the contract in tests/keys/.
"""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ksecrets.envelope.recipient import Recipient
    from ksecrets.keys.remote import Access, RemoteKey

# sops's name of the service in the metadata -> our module
_MODULES = {
    "age": "ksecrets.keys.age.native",
    "kms": "ksecrets.keys.aws",
    "gcp_kms": "ksecrets.keys.gcp",
    "azure_kv": "ksecrets.keys.azure",
    "hc_vault": "ksecrets.keys.vault",
    "pgp": "ksecrets.keys.pgp",
    "pkcs11": "ksecrets.keys.pkcs11",
    "fortanix": "ksecrets.keys.fortanix",
}
# What sops has and we do not: its readers are kept and shown, and a file opens by the others.
_UNSUPPORTED = {"hckms": "Huawei Cloud KMS"}
LOCAL = frozenset(("age", "pgp"))
"""The services whose keys the user has; all others are asked over a network, or through a library of somebody else."""


def recipient(service: str, fields: dict[str, str], access: Access | None = None) -> Recipient:
    """The recipient that a configuration or a stanza names.

    service: sops's name (`age`, `kms`...); fields: as in the metadata, `enc` and `created_at` may be there and are
    not looked at. access: how a remote service is reached; by the process's environment without it. Raises ConfigError
    for a service that does not exist or is not supported, and for fields that are no recipient of it. Contacts nobody.
    """
    found = remote_key(service, fields, access)
    if found is not None:
        return found
    local: Recipient = _module(service)(fields)
    return local


def remote_key(service: str, fields: dict[str, str], access: Access | None = None) -> RemoteKey | None:
    """The key of a remote service, None for those whose keys are at hand. Raises ConfigError as `recipient`."""
    if service in LOCAL:
        return None
    make = _module(service)
    if access is None:
        from ksecrets.keys.remote import Access

        access = Access(os.environ)
    found: RemoteKey = make(fields, access)
    return found


def _module(service: str) -> Callable[..., Any]:
    title = _UNSUPPORTED.get(service)
    if title is not None:
        raise ConfigError(
            f"{title} ({service}) is not supported by ksecrets",
            hint="the file opens by its other readers; to write it, take this one out of the rules, or use sops",
        )
    module = _MODULES.get(service)
    if module is None:
        raise ConfigError(f"unknown key service: {service}", hint=f"one of {', '.join(_MODULES)}")
    from importlib import import_module

    make: Callable[..., Any] = getattr(import_module(module), "recipient" if service in LOCAL else "key")
    return make


def services() -> tuple[str, ...]:
    """The names of the services that can be used."""
    return tuple(_MODULES)
