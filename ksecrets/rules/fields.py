"""Recipients as people write them -> the service and the fields that sops's metadata has for them.

Both configurations end here: `.ksecrets.yaml` (one mapping a recipient, `{aws-kms: ARN, role: ...}`) and `.sops.yaml`
(lists of texts or mappings for each service). Only the form is looked at; whether a key is real is for the key
service to say when it wraps.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError
from ksecrets.text.tree import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Key = tuple[str, dict[str, str]]  # service, fields

SERVICES = {
    "age": "age",
    "aws-kms": "kms",
    "gcp-kms": "gcp_kms",
    "azure-kv": "azure_kv",
    "hc-vault": "hc_vault",
    "hckms": "hckms",
    "pgp": "pgp",
    "pkcs11": "pkcs11",
    "fortanix": "fortanix",
}
"""The names of key services in `.ksecrets.yaml`, and sops's lists for them."""


def age(recipient: str) -> Key:
    """An age recipient: `age1...` (plugins and post-quantum ones, too) or an SSH public key."""
    recipient = recipient.strip()
    if "PRIVATE KEY" in recipient or recipient.upper().startswith(("AGE-SECRET-KEY-", "AGE-PLUGIN-")):
        raise ConfigError(
            "a private key stands where a public one belongs",
            hint="whoever could read this file has that key: make a new one, and use its public half (`age1...`)",
        )
    words = recipient.split()
    if recipient.startswith("ssh-"):
        well_formed = len(words) >= 2 and "\n" not in recipient
    else:
        well_formed = len(words) == 1 and recipient.startswith("age1") and recipient.isascii() and recipient.isalnum()
        well_formed = well_formed or (recipient.startswith("age1") and _bech32_like(recipient))
    if not well_formed:
        raise ConfigError(
            f"{short(recipient)} is no age recipient",
            hint="an age recipient begins with `age1`, `ssh-ed25519` or `ssh-rsa`",
        )
    return "age", {"recipient": recipient}


def _bech32_like(recipient: str) -> bool:
    """The name of a plugin may hold `+`, `-`, `.` and `_` (age, plugin/encode.go)."""
    return all(char.isascii() and (char.isalnum() or char in "+-._") for char in recipient)


def aws_kms(arn: str, role: str = "", profile: str = "", context: Mapping[str, str] | None = None) -> Key:
    """An ARN, with the role after a `+` as sops has it, or given apart."""
    arn = arn.replace(" ", "")
    at = arn.find("+arn:")
    if at > 0:
        arn, role = arn[:at], role or arn[at + 1 :]
    fields = {"arn": arn}
    if role:
        fields["role"] = role
    if context:
        import json

        fields["context"] = json.dumps(dict(context), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if profile:
        fields["aws_profile"] = profile
    return "kms", fields


def gcp_kms(resource: str) -> Key:
    return "gcp_kms", {"resource_id": resource.replace(" ", "")}


def azure_kv(url: str) -> Key:
    """`https://VAULT/keys/NAME/VERSION`; the version may be missing and is then asked for when wrapping."""
    scheme, _, rest = url.strip().partition("://")
    parts = rest.split("/")
    if scheme != "https" or len(parts) not in (3, 4) or parts[1] != "keys" or not parts[0] or not parts[2]:
        raise ConfigError(f"{short(url, 80)} is no Azure key", hint="https://VAULT.vault.azure.net/keys/NAME/VERSION")
    return "azure_kv", {
        "vault_url": f"https://{parts[0]}",
        "name": parts[2],
        "version": parts[3] if len(parts) == 4 else "",
    }


def hc_vault(url: str) -> Key:
    """`https://HOST/v1/ENGINE/keys/NAME`, as in sops (hcvault/keysource.go)."""
    scheme, _, rest = url.strip().partition("://")
    host, _, path = rest.partition("/")
    parts = path.strip("/").split("/")
    version = parts[0]
    well_formed = scheme in ("https", "http") and host and len(parts) >= 4 and all(parts)
    if not well_formed or version[:1] != "v" or not version[1:].isdigit():
        raise ConfigError(
            f"{short(url, 80)} is no Vault key", hint="https://vault.example.com:8200/v1/transit/keys/NAME"
        )
    return "hc_vault", {
        "vault_address": f"{scheme}://{host}",
        "engine_path": "/".join(parts[1:-2]),
        "key_name": parts[-1],
    }


def hckms(key_id: str) -> Key:
    key_id = key_id.strip()
    if ":" not in key_id:
        raise ConfigError(f"{short(key_id, 80)} is no Huawei Cloud key", hint="REGION:KEY-UUID")
    return "hckms", {"key_id": key_id}


def pgp(fingerprint: str) -> Key:
    return "pgp", {"fp": fingerprint.replace(" ", "")}


def pkcs11(uri: str, algorithm: str = "") -> Key:
    """A URI (RFC 7512) of a token and a key. algorithm: `RSA-OAEP` for a token that knows SHA-1 only."""
    uri = uri.strip()
    if not uri.startswith("pkcs11:") or "?" in uri:
        raise ConfigError(f"{short(uri, 80)} is no PKCS#11 key", hint="pkcs11:token=TOKEN;object=LABEL")
    if algorithm not in ("", "RSA-OAEP-256", "RSA-OAEP"):
        raise ConfigError(f"{short(algorithm)} is no algorithm for a PKCS#11 key", hint="RSA-OAEP-256 or RSA-OAEP")
    return "pkcs11", {"uri": uri, **({"algorithm": algorithm} if algorithm == "RSA-OAEP" else {})}


def fortanix(url: str) -> Key:
    """`https://HOST/crypto/v1/keys/UUID`, as the API has it."""
    endpoint, found, key = url.strip().rstrip("/").partition("/crypto/v1/keys/")
    if not endpoint.startswith("https://") or not found or "/" in endpoint[8:] or "/" in key or not key:
        raise ConfigError(f"{short(url, 80)} is no Fortanix key", hint="https://HOST/crypto/v1/keys/UUID")
    return "fortanix", {"endpoint": endpoint, "key_id": key.lower()}


def from_url(service: str, text: str) -> Key:
    """The key that one text names, by the service's name in `.ksecrets.yaml`. Raises ConfigError."""
    makers = {
        "age": age,
        "aws-kms": aws_kms,
        "gcp-kms": gcp_kms,
        "azure-kv": azure_kv,
        "hc-vault": hc_vault,
        "hckms": hckms,
        "pgp": pgp,
        "pkcs11": pkcs11,
        "fortanix": fortanix,
    }
    return makers[service](text)  # type: ignore[operator, no-any-return]
