"""Azure Key Vault and Managed HSM: RSA-OAEP-256, wrapped here with the public key, unwrapped by the vault.

Metadata as sops has it (azkv/keysource.go): `vault_url`, `name`, `version`, `enc` in base64url without padding. A key
without a version in the configuration means its newest one; the version that wrapped is written. Wrapping needs the
permission to get the key (or nothing more than its public half), unwrapping `decrypt`.
"""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64

from ksecrets.envelope.recipient import Stanza, check_length
from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys import web
from ksecrets.keys.remote import RemoteKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ksecrets.keys.remote import Access

SERVICE = "azure_kv"
ALGORITHM = "RSA-OAEP-256"
_API = "?api-version=7.4"
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
_SMALLEST_MODULUS = 2048


class AzureKey(RemoteKey):
    """A key of a vault, in one version or in its newest."""

    service = SERVICE
    title = "Azure Key Vault"

    def __init__(self, fields: Mapping[str, str], access: Access) -> None:
        super().__init__(fields, access)
        url, name = self.fields.get("vault_url", "").rstrip("/"), self.fields.get("name", "")
        version = self.fields.get("version", "")
        scheme, found, host = url.partition("://")
        # name and version become parts of the path of a request
        words = [name, *([version] if version else [])]
        if scheme != "https" or not found or "/" in host or not all(w and _ALLOWED.issuperset(w) for w in words):
            shown = "".join(c if c.isprintable() else "?" for c in f"{url} {name} {version}".strip()[:120])
            raise ConfigError(
                f"not a key of Azure Key Vault: {shown}", hint="https://VAULT.vault.azure.net/keys/NAME/VERSION"
            )
        try:
            web.parts(url)
        except ServiceFailed as error:
            raise ConfigError(f"not a key of Azure Key Vault: {error.message}") from None
        self._vault, self._name, self._version = url, name, version
        self.address = url
        """Where the vault is reached: tests put another in its place."""

    def wrap(self, data_key: bytes) -> Stanza:
        """As Recipient has it; a key without a version becomes its newest one, which the stanza names."""
        check_length(data_key)
        if self._version:
            return super().wrap(data_key)
        version = self._ask(lambda deadline: self._public_key(deadline)[1])
        return AzureKey({**self.fields, "version": version}, self.access).wrap(data_key)

    def encrypt(self, secret: bytes, deadline: float) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        public, _ = self._public_key(deadline)
        sha256 = hashes.SHA256()
        return base64url(public.encrypt(secret, padding.OAEP(padding.MGF1(sha256), sha256, None)))

    def decrypt(self, enc: str, deadline: float) -> bytes:
        wrapped = _bytes(enc)
        if not wrapped:
            raise ServiceFailed("the wrapped data key is damaged: it is no base64url", reason="refused")
        import json

        body = json.dumps({"alg": ALGORITHM, "value": base64url(wrapped)}).encode("ascii")
        version = f"/{self._version}" if self._version else ""
        found = self._call("POST", f"/keys/{self._name}{version}/decrypt", deadline, body)
        secret = _bytes(found.get("value"))
        if secret is None:
            raise ServiceFailed("its answer has no value", reason="answer")
        return secret

    def _public_key(self, deadline: float) -> tuple[Any, str]:
        """The public key and its version; asked for once a process."""
        here = ("azure-key", self._vault, self._name)
        found = self.access.kept((*here, self._version), lambda: self._get_public_key(deadline))
        return self.access.kept((*here, found[1]), lambda: found)

    def _get_public_key(self, deadline: float) -> tuple[Any, str]:
        version = f"/{self._version}" if self._version else ""
        jwk = self._call("GET", f"/keys/{self._name}{version}", deadline).get("key")
        if not isinstance(jwk, dict):
            raise ServiceFailed("its answer has no key", reason="answer")
        kid = str(jwk.get("kid", "")).split("/")
        n, e = _bytes(jwk.get("n")), _bytes(jwk.get("e"))
        # not a proof of anything but a mix-up: who the vault is, TLS says
        right = kid[-3:-1] == ["keys", self._name] and (not self._version or kid[-1] == self._version)
        if not right or not _ALLOWED.issuperset(kid[-1]) or not kid[-1]:
            raise ServiceFailed("it answered with another key than the one that was asked for", reason="wrong-key")
        if jwk.get("kty") not in ("RSA", "RSA-HSM"):
            raise ServiceFailed("only RSA keys can be used", reason="missing", hint="az keyvault key create --kty RSA")
        if n is None or e is None or int.from_bytes(n, "big").bit_length() < _SMALLEST_MODULUS:
            raise ServiceFailed("its public key is damaged, or shorter than 2048 bits", reason="wrong-key")
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

        try:
            return RSAPublicNumbers(int.from_bytes(e, "big"), int.from_bytes(n, "big")).public_key(), kid[-1]
        except ValueError:
            raise ServiceFailed("its public key is damaged", reason="wrong-key") from None

    def _call(self, method: str, path: str, deadline: float, body: bytes | None = None) -> dict[str, Any]:
        from ksecrets.keys.azureauth import authorize, challenged

        origin = web.origin(self.address, self.access)
        for _ in range(2):
            headers = {"Content-Type": "application/json", **authorize(self._vault, self.access, deadline)}
            reply = origin.ask(method, path + _API, deadline=deadline, headers=headers, body=body)
            if reply.status == 200:
                return reply.json()
            # once: the vault says which audience and tenant its tokens are from, or that ours is too old
            if reply.status != 401 or not challenged(self._vault, reply, self.access):
                break
        raise _failure(reply, body is not None)


def key(fields: Mapping[str, str], access: Access) -> AzureKey:
    """As `keys.remote` has it: `vault_url`, `name` and perhaps `version`. Raises ConfigError for anything else."""
    return AzureKey(fields, access)


def base64url(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return b2a_base64(data, newline=False).decode("ascii").rstrip("=").replace("+", "-").replace("/", "_")


def _bytes(text: object) -> bytes | None:
    """The inverse, strictly; None for anything else."""
    if not isinstance(text, str) or not text.isascii() or "+" in text or "/" in text or "=" in text:
        return None
    try:
        return a2b_base64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), strict_mode=True)
    except NotBase64:
        return None


def _failure(reply: web.Reply, unwrapping: bool) -> ServiceFailed:
    error = reply.error_json().get("error")
    error = error if isinstance(error, dict) else {}
    inner = error.get("innererror")
    cause = str(inner.get("code", "")) if isinstance(inner, dict) else ""
    # the message itself is not shown: nothing says that it does not repeat what was sent
    if cause == "KeyDisabled" or " disabled key" in str(error.get("message", "")):
        return ServiceFailed("the key, or this version of it, is disabled or expired", reason="disabled")
    if reply.status == 401:
        return ServiceFailed("the credentials are not taken, or expired", reason="credentials", hint="az login")
    if reply.status == 403:
        need = "decrypt" if unwrapping else "get"
        where = (
            "the network rules of the vault"
            if cause in ("ForbiddenByFirewall", "ForbiddenByConnection")
            else f"it takes the permission {need}"
        )
        return ServiceFailed(f"access denied ({where})", reason="denied", hint="az role assignment list --scope VAULT")
    if reply.status == 404:
        return ServiceFailed("there is no such key, or no such version of it", reason="missing")
    if reply.status == 400 and unwrapping:
        return ServiceFailed("this key did not wrap the data key, or the wrapped data key is damaged", reason="refused")
    reason = web.reason_of(reply.status)
    said = {"throttled": "too many requests", "unavailable": "it cannot answer now"}.get(
        reason, "it refused the request"
    )
    return ServiceFailed(f"{said} (HTTP {reply.status})", reason=reason)
