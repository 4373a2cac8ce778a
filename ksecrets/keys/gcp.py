"""Google Cloud KMS over its REST API: the data key is encrypted and decrypted by the service.

Metadata as sops has it (gcpkms/keysource.go): `resource_id`, `enc` in standard base64. Both ways carry CRC32C sums, and
an answer whose sums do not hold is thrown away, as https://cloud.google.com/kms/docs/data-integrity-guidelines asks.
Encrypting needs roles/cloudkms.cryptoKeyEncrypter on the key, decrypting roles/cloudkms.cryptoKeyDecrypter.

    SOPS_GCP_KMS_ENDPOINT         another address, with or without https://
    SOPS_GCP_KMS_UNIVERSE_DOMAIN  another cloud than googleapis.com
"""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64

from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys import web
from ksecrets.keys.crc32c import crc32c
from ksecrets.keys.remote import RemoteKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ksecrets.keys.remote import Access

SERVICE = "gcp_kms"
_PLACES = ("projects", "locations", "keyRings", "cryptoKeys")
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
_TRIES_OF_A_SUM = 2


class GcpKey(RemoteKey):
    """A key of Google Cloud KMS; the service chooses the version."""

    service = SERVICE
    title = "Google Cloud KMS"

    def __init__(self, fields: Mapping[str, str], access: Access) -> None:
        super().__init__(fields, access)
        resource = self.fields.get("resource_id", "")
        words = resource.split("/")
        well_formed = tuple(words[::2]) == _PLACES and len(words) == 8
        # each name becomes a part of the path of a request
        if not well_formed or not all(_ALLOWED.issuperset(word) and word[:1] not in ("", ".") for word in words):
            shown = "".join(c if c.isprintable() else "?" for c in resource[:80])
            raise ConfigError(
                f"not a key of Google Cloud KMS: {shown}",
                hint="projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY",
            )
        self._resource = resource

    def encrypt(self, secret: bytes, deadline: float) -> str:
        def holds(found: dict[str, Any]) -> bytes | None:
            ciphertext = _bytes(found, "ciphertext")
            sound = found.get("verifiedPlaintextCrc32c") is True and _sum(found, "ciphertextCrc32c") == crc32c(
                ciphertext
            )
            return ciphertext if sound else None

        ciphertext = self._call("encrypt", "plaintext", secret, deadline, holds)
        if not ciphertext or secret in ciphertext:
            raise ServiceFailed("what it gave back is not an encrypted data key", reason="answer")
        return b2a_base64(ciphertext, newline=False).decode("ascii")

    def decrypt(self, enc: str, deadline: float) -> bytes:
        try:
            ciphertext = a2b_base64(enc.encode("ascii", "replace"), strict_mode=True)
        except NotBase64:
            raise ServiceFailed("the wrapped data key is damaged: it is no base64", reason="refused") from None

        def holds(found: dict[str, Any]) -> bytes | None:
            plaintext = _bytes(found, "plaintext")
            return plaintext if _sum(found, "plaintextCrc32c") == crc32c(plaintext) else None

        return self._call("decrypt", "ciphertext", ciphertext, deadline, holds)

    def _call(self, verb: str, field: str, data: bytes, deadline: float, holds: Any) -> bytes:
        import json

        body = {field: b2a_base64(data, newline=False).decode("ascii"), f"{field}Crc32c": str(crc32c(data))}
        origin = web.origin(endpoint(self.access.environ), self.access)
        from ksecrets.keys.gcpauth import authorize, forget

        for _ in range(_TRIES_OF_A_SUM):
            headers = {"Content-Type": "application/json", **authorize(self.access, deadline)}
            reply = origin.ask(
                "POST",
                f"/v1/{self._resource}:{verb}",
                deadline=deadline,
                headers=headers,
                body=json.dumps(body).encode("ascii"),
            )
            if reply.status != 200:
                if reply.status == 401:
                    forget(self.access)
                raise _failure(reply, verb)
            found: bytes | None = holds(reply.json())
            if found is not None:
                return found
        raise ServiceFailed("the checksums of its answer do not hold: it was changed on its way", reason="answer")


def key(fields: Mapping[str, str], access: Access) -> GcpKey:
    """As `keys.remote` has it: `resource_id`, in full and without a version. Raises ConfigError for anything else."""
    return GcpKey(fields, access)


def endpoint(environ: Mapping[str, str]) -> str:
    """The address of the service, `scheme://host[:port]`, by the variables of sops."""
    given = environ.get("SOPS_GCP_KMS_ENDPOINT", "").rstrip("/")
    if given:
        return given if "://" in given else f"https://{given}"
    return f"https://cloudkms.{environ.get('SOPS_GCP_KMS_UNIVERSE_DOMAIN') or 'googleapis.com'}"


def _bytes(found: dict[str, Any], name: str) -> bytes:
    try:
        return a2b_base64(found.get(name, "").encode("ascii"), strict_mode=True)
    except (NotBase64, AttributeError, UnicodeError):
        raise ServiceFailed(f"its answer has no {name}", reason="answer") from None


def _sum(found: dict[str, Any], name: str) -> int:
    # an Int64Value is a text in JSON; some servers send a number
    text = str(found.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() else -1


def _failure(reply: web.Reply, verb: str) -> ServiceFailed:
    error = reply.error_json().get("error")
    error = error if isinstance(error, dict) else {}
    status, message = str(error.get("status", "")), str(error.get("message", ""))
    # the message itself is not shown: nothing says that it does not repeat what was sent
    if status == "FAILED_PRECONDITION" or "is not enabled" in message:
        return ServiceFailed(
            "the key is disabled or destroyed", reason="disabled", hint="gcloud kms keys versions list"
        )
    if reply.status == 401:
        return ServiceFailed(
            "the credentials are missing, wrong or expired",
            reason="credentials",
            hint="gcloud auth application-default login",
        )
    if reply.status == 403:
        role = "cryptoKeyEncrypter" if verb == "encrypt" else "cryptoKeyDecrypter"
        return ServiceFailed(
            f"access denied, or there is no such key (to {verb} takes roles/cloudkms.{role} on the key)",
            reason="denied",
            hint="is it the right account and project? `gcloud auth list`",
        )
    if reply.status == 404:
        return ServiceFailed("there is no such key, or it is in another location", reason="missing")
    if reply.status == 400 and verb == "decrypt":
        return ServiceFailed("this key did not wrap the data key, or the wrapped data key is damaged", reason="refused")
    reason = web.reason_of(reply.status)
    said = {"throttled": "too many requests", "unavailable": "it cannot answer now"}.get(
        reason, "it refused the request"
    )
    return ServiceFailed(f"{said} (HTTP {reply.status})", reason=reason)
