"""Vault and OpenBao: a key of the Transit engine, which wraps and unwraps and is never handed out.

What is stored is what sops stores (hcvault/keysource.go): the address of the server, the path of the engine, the name
of the key, and the text that Transit gives for the base64 of the data key. Two calls of the HTTP API, without a
library: `POST /v1/ENGINE/encrypt/NAME` and `.../decrypt/NAME`, so that each can be allowed by itself.

The address comes from the file or the rules; whether a token may be sent there is decided before (operations/trust.py).
`keys/vaultauth.py` has the ways to log in. VAULT_CACERT and VAULT_CAPATH name other certificate authorities.
"""

from __future__ import annotations

import binascii

from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys import vaultauth, web
from ksecrets.keys.remote import RemoteKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.keys.remote import Access

SERVICE = "hc_vault"


class VaultKey(RemoteKey):
    """One key of one Transit engine."""

    service = SERVICE
    title = "Vault"

    def __init__(self, fields: Mapping[str, str], access: Access) -> None:
        """Raises ConfigError for an address that is none, and for paths that could be another call of the API."""
        super().__init__(fields, access)
        self.address = vaultauth.checked_address(self.fields.get("vault_address", ""))
        for name in ("engine_path", "key_name"):
            text = self.fields.get(name, "")
            if not vaultauth.is_path(text) or (name == "key_name" and "/" in text):
                shown = "".join(char if char.isprintable() else "?" for char in text[:60])
                raise ConfigError(
                    f"not a {name} of Vault: {shown or 'empty'}",
                    hint="letters, digits, `_`, `-` and `.` between the `/`, as in transit/prod",
                )

    @property
    def name(self) -> str:
        return f"{self.title} {self.address}/v1/{self.fields['engine_path']}/keys/{self.fields['key_name']}"

    def encrypt(self, secret: bytes, deadline: float) -> str:
        plain = binascii.b2a_base64(secret, newline=False).decode("ascii")
        enc = self._call("encrypt", {"plaintext": plain}, "ciphertext", deadline)
        if not enc.startswith("vault:v") or not enc.isascii() or not enc.isprintable() or " " in enc:
            raise ServiceFailed("its answer is not a ciphertext of Transit", reason="answer")
        return enc

    def decrypt(self, enc: str, deadline: float) -> bytes:
        if not enc.startswith("vault:v") or not enc.isascii() or not enc.isprintable():
            message = "the wrapped data key is damaged: it is not what Transit gives"
            raise ServiceFailed(message, reason="refused")
        try:
            return binascii.a2b_base64(
                self._call("decrypt", {"ciphertext": enc}, "plaintext", deadline), strict_mode=True
            )
        except ValueError:
            raise ServiceFailed("its answer is not base64", reason="answer") from None

    def _call(self, action: str, question: Mapping[str, str], wanted: str, deadline: float) -> str:
        path = f"{self.fields['engine_path']}/{action}/{self.fields['key_name']}"
        token, renewable = vaultauth.token(self.access, self.address, deadline)
        reply = vaultauth.ask(self.access, self.address, path, question, token, deadline)
        valid = reply.status != 403 or vaultauth.is_valid(self.access, self.address, token, deadline)
        if not valid and renewable:
            vaultauth.forget(self.access, self.address)
            token, _ = vaultauth.token(self.access, self.address, deadline)
            reply = vaultauth.ask(self.access, self.address, path, question, token, deadline)
        elif not valid:
            message = "the token is not valid, or has expired"
            raise ServiceFailed(message, reason="credentials", hint="`vault login`, `bao login`")
        if reply.status != 200:
            raise _refused(reply, action)
        data = reply.json().get("data")
        found = data.get(wanted) if isinstance(data, dict) else None
        if not isinstance(found, str) or not found:
            raise ServiceFailed(f"its answer has no {wanted}", reason="answer")
        return found


def key(fields: Mapping[str, str], access: Access) -> VaultKey:
    """The key that the three fields name. Raises ConfigError. Contacts nobody."""
    return VaultKey(fields, access)


def _refused(reply: web.Reply, action: str) -> ServiceFailed:
    """What a status and the words beside it mean (Vault: "HTTP status codes"; builtin/logical/transit)."""
    said = vaultauth.said(reply)
    details = [f"Vault: {said}"] if said else []
    status = reply.status
    if status == 403:
        hint = f"`update` on ENGINE/{action}/KEY is needed (docs/key-services.md)"
        return ServiceFailed("access denied", reason="denied", hint=hint, details=details)
    if status == 404 or "key not found" in said or "unsupported path" in said:
        message = "no such key, or no Transit engine at this path"
        return ServiceFailed(
            message, reason="missing", hint="is the namespace right (VAULT_NAMESPACE)?", details=details
        )
    if "too old" in said or "disallowed by policy" in said:
        return ServiceFailed(
            "the version of the key that wrapped it is no longer allowed", reason="disabled", details=details
        )
    if status == 400 and any(word in said for word in ("ciphertext", "authentication failed", "decrypt", "decode")):
        return ServiceFailed("not wrapped by this key, or damaged", reason="refused", details=details)
    if status == 503 and "sealed" in said:
        return ServiceFailed("Vault is sealed", reason="unavailable", details=details)
    if 300 <= status < 400:
        hint = "name the address that answers itself, not one that points to it"
        return ServiceFailed(f"it sends elsewhere (HTTP {status}), which is not followed", reason="answer", hint=hint)
    reason = "unavailable" if status in (412, 472, 473) else web.reason_of(status)
    return ServiceFailed(f"it answered with HTTP {status}", reason=reason, details=details)
