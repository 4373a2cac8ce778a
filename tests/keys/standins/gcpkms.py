"""Google Cloud KMS, as far as data keys need it: encrypt and decrypt of the REST API, version 1.

Follows https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys: checksums are
CRC32C and travel as decimal text, errors have a `status`, a rotated key opens what its older versions wrapped. What it
does not have: IAM (a token stands for its permissions here), quotas, HSM, import jobs, audit logs.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.keys.standins.base import Answer, Asked, Standin

FULL = frozenset({"cloudkms.cryptoKeyVersions.useToEncrypt", "cloudkms.cryptoKeyVersions.useToDecrypt"})
ENCRYPTER = frozenset({"cloudkms.cryptoKeyVersions.useToEncrypt"})
"""The permission behind roles/cloudkms.cryptoKeyEncrypter."""


def crc32c(data: bytes) -> int:
    """CRC-32C, bit by bit (RFC 3720, appendix B.4): written another way than the one under test."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


class GcpKms(Standin):
    """keys: resource id -> its versions, the last one is primary. tokens: access token -> permissions.

    `change` may be set to alter an answer on its way out: a server that lies.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, list[bytes]] = {}
        self.disabled: set[str] = set()
        self.tokens: dict[str, frozenset[str]] = {"x": FULL}
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = lambda content: content
        self.failures: list[Answer] = []
        """Answers for the next requests, whatever they ask: throttling, an outage."""

    def add(self, name: str, *, project: str = "p", location: str = "global", ring: str = "r") -> str:
        """A new key; its resource id."""
        resource = f"projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{name}"
        self.keys[resource] = [AESGCM.generate_key(256)]
        return resource

    def rotate(self, resource: str) -> None:
        self.keys[resource].append(AESGCM.generate_key(256))

    def answer(self, asked: Asked) -> Answer:
        if self.failures:
            return self.failures.pop(0)
        if asked.bearer not in self.tokens:
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        resource, _, verb = asked.path.removeprefix("/v1/").rpartition(":")
        calls = {"encrypt": self._encrypt, "decrypt": self._decrypt}
        if asked.method != "POST" or verb not in calls or not asked.path.startswith("/v1/"):
            return _error(404, "NOT_FOUND", "Method not found.")
        permission = f"cloudkms.cryptoKeyVersions.useTo{verb.capitalize()}"
        if permission not in self.tokens[asked.bearer] or resource not in self.keys:
            # the real one tells neither from the other to somebody without rights
            return _error(
                403,
                "PERMISSION_DENIED",
                f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).",
            )
        if resource in self.disabled:
            return _error(
                400,
                "FAILED_PRECONDITION",
                f"{resource}/cryptoKeyVersions/{len(self.keys[resource])} is not enabled, current state is: DISABLED.",
            )
        return calls[verb](resource, asked.json())

    def _encrypt(self, resource: str, body: dict[str, Any]) -> Answer:
        plaintext = base64.b64decode(body["plaintext"], validate=True)
        given = body.get("plaintextCrc32c")
        if given is not None and int(given) != crc32c(plaintext):
            return _error(400, "INVALID_ARGUMENT", "The checksum in field plaintext_crc32c did not match the data.")
        versions = self.keys[resource]
        number, nonce = len(versions), os.urandom(12)
        ciphertext = bytes([number]) + nonce + AESGCM(versions[-1]).encrypt(nonce, plaintext, None)
        content = {
            "name": f"{resource}/cryptoKeyVersions/{number}",
            "ciphertext": base64.b64encode(ciphertext).decode(),
            "ciphertextCrc32c": str(crc32c(ciphertext)),
            "protectionLevel": "SOFTWARE",
        }
        if given is not None:
            # an answer leaves out what is false
            content["verifiedPlaintextCrc32c"] = True  # type: ignore[assignment]
        return Answer(200, self.change(content))

    def _decrypt(self, resource: str, body: dict[str, Any]) -> Answer:
        ciphertext = base64.b64decode(body["ciphertext"], validate=True)
        given = body.get("ciphertextCrc32c")
        if given is not None and int(given) != crc32c(ciphertext):
            return _error(400, "INVALID_ARGUMENT", "The checksum in field ciphertext_crc32c did not match the data.")
        versions = self.keys[resource]
        number = ciphertext[0] if ciphertext else 0
        try:
            if not 1 <= number <= len(versions):
                raise InvalidTag
            plaintext = AESGCM(versions[number - 1]).decrypt(ciphertext[1:13], ciphertext[13:], None)
        except (InvalidTag, ValueError):
            return _error(
                400, "INVALID_ARGUMENT", "Decryption failed: verify that 'name' refers to the correct CryptoKey."
            )
        content = {
            "plaintext": base64.b64encode(plaintext).decode(),
            "plaintextCrc32c": str(crc32c(plaintext)),
            "usedPrimary": number == len(versions),
            "protectionLevel": "SOFTWARE",
        }
        return Answer(200, self.change(content))


def _error(code: int, status: str, message: str) -> Answer:
    return Answer(code, {"error": {"code": code, "message": message, "status": status}})
