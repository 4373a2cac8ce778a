"""Azure Key Vault and the token endpoint of Entra ID, as far as data keys need them, under their real host names.

Key Vault: get a key, encrypt and decrypt (wrapkey and unwrapkey are the same operation with RSA), versions, and the
challenge with which it answers a request without a token (https://learn.microsoft.com/rest/api/keyvault/keys).
Entra ID: instance discovery, the OpenID configuration and the client-credentials grant with a secret or an assertion.
Programs reach both through `base.Proxy`, so what they compare host names with is the real thing. What is not here:
HSM, soft delete, network rules, logs, and RBAC beyond a set of permissions for each client.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import parse_qs

import trustme
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.keys.standins.base import Answer, Asked, Standin

VAULT = "standin.vault.azure.net"
AUTHORITY = "login.microsoftonline.com"
TENANT = "11111111-2222-3333-4444-555555555555"

READER = frozenset({"get"})
CRYPTO_USER = frozenset({"get", "encrypt", "decrypt", "wrapkey", "unwrapkey"})
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class EntraId(Standin):
    """clients: client id -> (secret or assertion, permissions). Its tokens name the client."""

    tls: ClassVar[bool] = True
    names: ClassVar[tuple[str, ...]] = (AUTHORITY, "login.microsoft.com")

    def __init__(self, authority: trustme.CA) -> None:
        super().__init__(authority)
        self.clients: dict[str, tuple[str, frozenset[str]]] = {}
        self.issued: dict[str, frozenset[str]] = {}
        self.lifetime = 3600

    def answer(self, asked: Asked) -> Answer:
        base = f"https://{AUTHORITY}/{TENANT}"
        if asked.path == "/common/discovery/instance":
            names = [AUTHORITY, "login.windows.net", "login.microsoft.com", "sts.windows.net"]
            host = {"preferred_network": AUTHORITY, "preferred_cache": "login.windows.net", "aliases": names}
            known = {
                "api-version": "1.1",
                "tenant_discovery_endpoint": f"{base}/v2.0/.well-known/openid-configuration",
                "metadata": [host],
            }
            return Answer(200, known)
        if asked.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            where = {"authorization_endpoint": f"{base}/oauth2/v2.0/authorize", "issuer": f"{base}/v2.0"}
            return Answer(200, {**where, "token_endpoint": f"{base}/oauth2/v2.0/token"})
        if asked.method == "POST" and asked.path == f"/{TENANT}/oauth2/v2.0/token":
            return self._token({name: values[0] for name, values in parse_qs(asked.body.decode()).items()})
        return Answer(404, {"error": "not_found"})

    def _token(self, form: dict[str, str]) -> Answer:
        proof, permissions = self.clients.get(form.get("client_id", ""), ("", frozenset()))
        if not proof or proof not in (form.get("client_secret"), form.get("client_assertion")):
            text = "AADSTS7000215: Invalid client secret provided."
            return Answer(401, {"error": "invalid_client", "error_description": text, "error_codes": [7000215]})
        if form.get("grant_type") != "client_credentials" or "https://vault.azure.net/.default" not in form["scope"]:
            return Answer(400, {"error": "invalid_scope", "error_description": "AADSTS70011: invalid scope."})
        token = f"eyJ.{base64.urlsafe_b64encode(os.urandom(24)).decode()}.sig"
        self.issued[token] = permissions
        return Answer(200, {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token})


_made: list[rsa.RSAPrivateKey] = []
_ENOUGH = 8


def _private_key() -> rsa.RSAPrivateKey:
    """One of a few, in turn: making a key takes longer than all that is done with it here."""
    _made.append(rsa.generate_private_key(65537, 2048) if len(_made) < _ENOUGH else _made.pop(0))
    return _made[-1]


class KeyVault(Standin):
    """keys: name -> version -> private key, the last one is the newest. `change` alters an answer on its way out."""

    tls: ClassVar[bool] = True
    names: ClassVar[tuple[str, ...]] = (VAULT,)
    host = VAULT
    resource = "https://vault.azure.net"
    """The audience that its challenge names."""

    def __init__(self, authority: trustme.CA | None, entra: EntraId) -> None:
        super().__init__(authority)
        self.entra = entra
        self.keys: dict[str, dict[str, rsa.RSAPrivateKey]] = {}
        self.disabled: set[str] = set()
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = lambda content: content
        self.failures: list[Answer] = []

    def add(self, name: str) -> str:
        """A new key, or a new version of it; the version."""
        version = os.urandom(16).hex()
        self.keys.setdefault(name, {})[version] = _private_key()
        return version

    def answer(self, asked: Asked) -> Answer:
        if self.failures:
            return self.failures.pop(0)
        if asked.bearer not in self.entra.issued:
            challenge = f'Bearer authorization="https://{AUTHORITY}/{TENANT}", resource="{self.resource}"'
            text = "AKV10000: Request is missing a Bearer or PoP token."
            return _error(401, "Unauthorized", text, {"WWW-Authenticate": challenge})
        if not asked.query.startswith("api-version="):
            return _error(400, "BadParameter", "api-version was not specified.")
        parts = asked.path.strip("/").split("/")
        if len(parts) < 2 or parts[0] != "keys":
            return _error(404, "NotFound", "No method matches route.")
        name, verb = parts[1], parts[-1] if asked.method == "POST" else "get"
        version = parts[2] if len(parts) > 2 and parts[2] != verb else ""
        if verb not in self.entra.issued[asked.bearer]:
            action = "read" if verb == "get" else verb + "/action"
            text = f"Caller is not authorized to perform action 'Microsoft.KeyVault/vaults/keys/{action}' on resource."
            return _error(403, "Forbidden", text, inner="ForbiddenByRbac")
        versions = self.keys.get(name, {})
        version = version or (list(versions)[-1] if versions else "")
        if version not in versions:
            return _error(404, "KeyNotFound", f"A key with (name/id) {name}/{version} was not found in this key vault.")
        if version in self.disabled:
            text = f"Operation {verb} is not allowed on a disabled key."
            return _error(403, "Forbidden", text, inner="KeyDisabled")
        try:
            return Answer(200, self.change(self._done(verb, name, version, asked.json())))
        except ValueError:
            return _error(400, "BadParameter", "The parameter is incorrect.")

    def _done(self, verb: str, name: str, version: str, body: dict[str, Any]) -> dict[str, Any]:
        key = self.keys[name][version]
        kid = f"https://{self.host}/keys/{name}/{version}"
        if verb == "get":
            numbers = key.public_key().public_numbers()
            operations = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
            n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
            e = numbers.e.to_bytes(3, "big")
            public = {"kid": kid, "kty": "RSA", "key_ops": operations, "n": b64url(n), "e": b64url(e)}
            now = int(time.time())
            return {"key": public, "attributes": {"enabled": True, "created": now, "updated": now}}
        value = base64.urlsafe_b64decode(body["value"] + "==")
        assert body["alg"] == "RSA-OAEP-256", "the only algorithm that sops and ksecrets ask for"
        if verb in ("encrypt", "wrapkey"):
            return {"kid": kid, "value": b64url(key.public_key().encrypt(value, OAEP))}
        return {"kid": kid, "value": b64url(key.decrypt(value, OAEP))}


class PlainKeyVault(KeyVault):
    """Without TLS, for a proxy that reads and changes what goes through it."""

    tls: ClassVar[bool] = False


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _error(
    status: int, code: str, message: str, headers: dict[str, str] | None = None, *, inner: str | None = None
) -> Answer:
    error: dict[str, Any] = {"code": code, "message": message}
    if inner is not None:
        error["innererror"] = {"code": inner}
    return Answer(status, {"error": error}, headers or {})
