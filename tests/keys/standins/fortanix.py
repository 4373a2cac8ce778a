"""Fortanix DSM, as far as data keys need it: a session for an API key, encrypt and decrypt with AES-GCM.

The calls are those that Fortanix's own SDK (PyPI: sdkms) makes, which works with it (tests/keys/test_fortanix.py).
What it does not have: accounts, groups, approval, other algorithms, logs.
"""

from __future__ import annotations

import base64
import os
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

import trustme
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.keys.standins.base import Answer, Asked, Standin

BOTH = frozenset({"ENCRYPT", "DECRYPT"})


class Fortanix(Standin):
    """keys: UUID -> AES key. apps: API key -> operations that its group allows."""

    tls: ClassVar[bool] = True

    def __init__(self, authority: trustme.CA | None) -> None:
        super().__init__(authority)
        self.keys: dict[str, bytes] = {}
        self.disabled: set[str] = set()
        self.apps: dict[str, frozenset[str]] = {}
        self.sessions: dict[str, frozenset[str]] = {}
        self.lifetime = 600
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = lambda content: content

    def add(self) -> str:
        """A new key; its UUID."""
        name = str(uuid.uuid4())
        self.keys[name] = AESGCM.generate_key(256)
        return name

    def answer(self, asked: Asked) -> Answer:
        if asked.method == "POST" and asked.path == "/sys/v1/session/auth":
            return self._log_in(asked.headers.get("authorization", ""))
        if asked.bearer not in self.sessions:
            return _error(401, "Invalid session")
        verb = asked.path.removeprefix("/crypto/v1/")
        if asked.method != "POST" or verb not in ("encrypt", "decrypt"):
            return _error(404, "Not found")
        body = asked.json()
        name = body["key"]["kid"]
        if name not in self.keys:
            return _error(404, "Security object does not exist")
        if verb.upper() not in self.sessions[asked.bearer]:
            return _error(403, "App does not have permission to perform the requested operation")
        if name in self.disabled:
            return _error(400, "Security object is disabled")
        if (body["alg"], body["mode"]) != ("AES", "GCM"):
            return _error(400, "Unsupported mode")
        return self._encrypt(name, body) if verb == "encrypt" else self._decrypt(name, body)

    def _log_in(self, authorization: str) -> Answer:
        app = self.apps.get(authorization.removeprefix("Basic "))
        if app is None or not authorization.startswith("Basic "):
            return _error(401, "Invalid credentials")
        token = base64.urlsafe_b64encode(os.urandom(32)).decode()
        self.sessions[token] = app
        entity = str(uuid.uuid4())
        found = {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token, "entity_id": entity}
        return Answer(200, self.change(found))

    def _encrypt(self, name: str, body: dict[str, Any]) -> Answer:
        assert body["tag_len"] == 128
        iv = os.urandom(12)
        sealed = AESGCM(self.keys[name]).encrypt(iv, _bytes(body["plain"]), _bytes(body.get("ad", "")) or None)
        found = {"kid": name, "cipher": _text(sealed[:-16]), "iv": _text(iv), "tag": _text(sealed[-16:])}
        return Answer(200, self.change(found))

    def _decrypt(self, name: str, body: dict[str, Any]) -> Answer:
        sealed = _bytes(body["cipher"]) + _bytes(body["tag"])
        try:
            plain = AESGCM(self.keys[name]).decrypt(_bytes(body["iv"]), sealed, _bytes(body.get("ad", "")) or None)
        except InvalidTag:
            return _error(400, "Decryption failed")
        return Answer(200, self.change({"kid": name, "plain": _text(plain)}))


class PlainFortanix(Fortanix):
    """Without TLS, for a proxy that reads and changes what goes through it."""

    tls: ClassVar[bool] = False


def _error(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), {"Content-Type": "text/plain"})


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
