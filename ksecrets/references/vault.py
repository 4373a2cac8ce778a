"""Values of HashiCorp Vault or OpenBao, KV version 1 and 2, at VAULT_ADDR and with the user's own login.

``ref+vault://MOUNT/PATH#/KEY``, or the key as the last part of the path. Whether a mount has versions is asked of the
server (sys/internal/ui/mounts), as the `vault` program does it. Logins, namespaces, certificates and the strictness of
paths are those of keys/vaultauth.py: no redirect is followed.
"""

from __future__ import annotations

import time

from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.keys.remote import Access
    from ksecrets.references.expression import Reference
    from ksecrets.references.resolve import References


def vault(references: References, reference: Reference) -> object:
    """The value of a key. Raises KsecretsError, which shows no value and no token."""
    from ksecrets.keys import vaultauth
    from ksecrets.keys.remote import Access
    from ksecrets.references.resolve import at_keys

    address = vaultauth.setting(references.environ, "ADDR").rstrip("/")
    if not address:
        raise KsecretsError("a reference to vault is followed at VAULT_ADDR only, which is not set")
    named = reference.parameters.get("address", address).rstrip("/")
    if named != address:
        raise KsecretsError(f"a reference to vault names {named}, which is not VAULT_ADDR")
    path, keys = reference.path.strip("/"), reference.keys
    if not keys:
        path, _, last = path.rpartition("/")
        keys = (last,)
    if not path or not all(keys) or not vaultauth.is_path(path):
        raise KsecretsError("a reference to vault is no MOUNT/PATH#/KEY")
    version = reference.parameters.get("version", "")
    if not (version.isascii() and version.isdigit()) and version:
        raise KsecretsError("the version in a reference to vault is no number")
    access = references.access
    if reference.parameters.get("namespace"):
        access = Access({**references.environ, "VAULT_NAMESPACE": reference.parameters["namespace"]})
    value = at_keys(_read(access, vaultauth.checked_address(address), path, version), keys, reference)
    if reference.parameters.get("decode", "raw") == "base64" and isinstance(value, str):
        import binascii

        try:
            return binascii.a2b_base64(value).decode()
        except ValueError:
            raise KsecretsError("a value of vault is no base64 of a text") from None
    return value


def _read(access: Access, address: str, path: str, version: str) -> object:
    """The data of a secret."""
    mount, has_versions = "", False
    found = _get(access, address, f"sys/internal/ui/mounts/{path}")
    if found is not None:  # an old server knows neither the question nor versions
        options = found.get("options")
        mount, has_versions = str(found.get("path") or ""), isinstance(options, dict) and options.get("version") == "2"
    if has_versions:
        mount = mount.rstrip("/")
        rest = path[len(mount) :].lstrip("/")
        secret = _get(access, address, f"{mount}/data/{rest}" + (f"?version={version}" if version else ""))
        data = secret.get("data") if secret is not None else None
    else:
        data = _get(access, address, path)
    if not isinstance(data, dict):
        raise KsecretsError(f"vault has no secret {path}")
    return data


def _get(access: Access, address: str, path: str) -> dict[str, object] | None:
    """The `data` of an answer; None where there is nothing."""
    from ksecrets.keys import vaultauth

    deadline = time.monotonic() + access.seconds
    token, _ = vaultauth.token(access, address, deadline)
    reply = vaultauth.ask(access, address, path, None, token, deadline)
    if reply.status == 404:
        return None
    if reply.status != 200:
        raise KsecretsError(f"vault answers {reply.status} for {path.partition('?')[0]}", details=_reasons(reply))
    data = reply.json().get("data")
    return data if isinstance(data, dict) else None


def _reasons(reply: object) -> list[str]:
    from ksecrets.keys import vaultauth, web

    assert isinstance(reply, web.Reply)
    said = vaultauth.said(reply)
    return [said] if said else []
