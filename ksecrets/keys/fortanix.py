"""Fortanix DSM over its REST API: an AES key encrypts and decrypts the data key with GCM.

A key is a UUID at an endpoint: `https://eu.smartkey.io/crypto/v1/keys/UUID`. `enc` is base64 of IV (12 bytes, chosen by
DSM), ciphertext and tag (16 bytes). Encrypting needs the operation ENCRYPT of the key and of the group of the app,
decrypting DECRYPT. sops has no such service: the stanza stands in `sops.ksecrets`, and is lost when sops writes it.

    FORTANIX_API_KEY   the API key of the app

Calls and answers: https://support.fortanix.com/apidocs (session/auth, encrypt, decrypt). Its SDK, `sdkms`, is not
loaded: it takes longer than the call.
"""

from __future__ import annotations

import time
from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64

from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys import web
from ksecrets.keys.remote import RemoteKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ksecrets.keys.remote import Access

SERVICE = "fortanix"
KEY_VARIABLE = "FORTANIX_API_KEY"
_CONTEXT = b"ksecrets/v1/data-key"  # associated data: nothing else that this key encrypted is taken for a data key
_IV, _TAG = 12, 16
_MARGIN = 60  # seconds before its end at which a session is not used any more


class FortanixKey(RemoteKey):
    """An AES key of DSM."""

    service = SERVICE
    title = "Fortanix DSM"

    def __init__(self, fields: Mapping[str, str], access: Access) -> None:
        super().__init__(fields, access)
        endpoint, key_id = self.fields.get("endpoint", ""), self.fields.get("key_id", "")
        try:
            scheme, _, _ = web.parts(endpoint)
        except ServiceFailed as error:
            raise ConfigError(f"not a key of Fortanix DSM: {error.message}") from None
        if scheme != "https" or endpoint.endswith("/") or not _is_uuid(key_id):
            shown = "".join(c if c.isprintable() else "?" for c in f"{endpoint} {key_id}"[:120])
            raise ConfigError(f"not a key of Fortanix DSM: {shown}", hint="https://HOST/crypto/v1/keys/UUID")
        self._id_of_key = key_id
        self.address = endpoint
        """Where it is reached: tests put another in its place."""

    def encrypt(self, secret: bytes, deadline: float) -> str:
        found = self._call("encrypt", {"plain": secret, "tag_len": _TAG * 8}, deadline)
        iv, cipher, tag = (_bytes(found, name) for name in ("iv", "cipher", "tag"))
        if len(iv) != _IV or len(tag) != _TAG or len(cipher) != len(secret) or cipher == secret:
            raise ServiceFailed("what it gave back is not an encrypted data key", reason="answer")
        return b2a_base64(iv + cipher + tag, newline=False).decode("ascii")

    def decrypt(self, enc: str, deadline: float) -> bytes:
        try:
            data = a2b_base64(enc.encode("ascii", "replace"), strict_mode=True)
        except NotBase64:
            data = b""
        if len(data) <= _IV + _TAG:
            raise ServiceFailed("the wrapped data key is damaged", reason="refused")
        parts = {"iv": data[:_IV], "cipher": data[_IV:-_TAG], "tag": data[-_TAG:]}
        return _bytes(self._call("decrypt", parts, deadline), "plain")

    def _call(self, verb: str, values: Mapping[str, bytes | int], deadline: float) -> dict[str, Any]:
        import json

        texts = {name: each if isinstance(each, int) else _base64(each) for name, each in values.items()}
        body = {"key": {"kid": self._id_of_key}, "alg": "AES", "mode": "GCM", "ad": _base64(_CONTEXT), **texts}
        for last in (False, True):
            reply = web.origin(self.address, self.access).ask(
                "POST",
                f"/crypto/v1/{verb}",
                deadline=deadline,
                headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._session(deadline)}"},
                body=json.dumps(body).encode("ascii"),
            )
            if reply.status == 200:
                return reply.json()
            if reply.status != 401 or last:
                break
            self.access.forget(("fortanix", self.address))
        raise _failure(reply, verb)

    def _session(self, deadline: float) -> str:
        name = ("fortanix", self.address)
        token, until = self.access.kept(name, lambda: self._log_in(deadline))
        if time.time() >= until:
            self.access.forget(name)
            token, _ = self.access.kept(name, lambda: self._log_in(deadline))
        return token

    def _log_in(self, deadline: float) -> tuple[str, float]:
        key = self.access.environ.get(KEY_VARIABLE, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            raise ServiceFailed(f"{KEY_VARIABLE} holds no API key", reason="credentials", hint=f"set {KEY_VARIABLE}")
        reply = web.origin(self.address, self.access).ask(
            "POST", "/sys/v1/session/auth", deadline=deadline, headers={"Authorization": f"Basic {key}"}, body=b""
        )
        if reply.status != 200:
            if reply.status in (400, 401, 403):
                raise ServiceFailed(f"the API key of {KEY_VARIABLE} is not taken", reason="credentials")
            raise _failure(reply, "log in")
        found = reply.json()
        token, seconds = found.get("access_token"), found.get("expires_in")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not isinstance(seconds, int):
            raise ServiceFailed("its answer has no session", reason="answer")
        return token, time.time() + max(seconds - _MARGIN, seconds / 2)


def key(fields: Mapping[str, str], access: Access) -> FortanixKey:
    """As `keys.remote` has it: `endpoint` and `key_id`. Raises ConfigError for anything else."""
    return FortanixKey(fields, access)


def _is_uuid(text: str) -> bool:
    groups = text.split("-")
    return [len(each) for each in groups] == [8, 4, 4, 4, 12] and not text.strip("0123456789abcdef-")


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def _bytes(found: dict[str, Any], name: str) -> bytes:
    text = found.get(name)
    try:
        if text and isinstance(text, str):
            return a2b_base64(text.encode("ascii"), strict_mode=True)
    except (NotBase64, UnicodeError):
        pass
    raise ServiceFailed(f"its answer has no {name}", reason="answer")


def _failure(reply: web.Reply, verb: str) -> ServiceFailed:
    # the text itself is not shown: nothing says that it does not repeat what was sent
    said = reply.body[:1000].decode("utf-8", "replace").lower()
    if reply.status < 500 and any(word in said for word in ("disabled", "deactivated", "not active", "destroyed")):
        return ServiceFailed("the key, or the app, is disabled", reason="disabled")
    if reply.status == 401:
        return ServiceFailed("the session is not taken, or has ended", reason="credentials", hint=f"set {KEY_VARIABLE}")
    if reply.status == 403:
        return ServiceFailed(
            f"access denied (the key and the group of the app must allow {verb.upper()})", reason="denied"
        )
    if reply.status == 404:
        return ServiceFailed("there is no such key", reason="missing")
    if reply.status == 400 and verb == "decrypt":
        return ServiceFailed("this key did not wrap the data key, or the wrapped data key is damaged", reason="refused")
    reason = web.reason_of(reply.status)
    what = {"throttled": "too many requests", "unavailable": "it cannot answer now"}.get(
        reason, "it refused the request"
    )
    return ServiceFailed(f"{what} (HTTP {reply.status})", reason=reason)
