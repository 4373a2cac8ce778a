"""The one place that binds cryptographic primitives.

Git and Helm start ksecrets for a single small file, and importing the public modules for AES-GCM and HMAC costs more
than all the work on it (16 ms and 3 ms). So the bindings that those modules are made of are taken directly, with the
public modules as the fallback; a test runs both ways and compares them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Hash(Protocol):
        """A running hash, as hashlib gives it."""

        def update(self, data: bytes, /) -> None: ...
        def digest(self) -> bytes: ...
        def hexdigest(self) -> str: ...

    class KeyedHash(Hash, Protocol):
        """A running HMAC; a copy of the keyed state saves the work on the key."""

        def copy(self) -> KeyedHash: ...


try:
    from cryptography.hazmat.bindings._rust import openssl as _openssl

    aes_gcm: Callable[[bytes], Any] = _openssl.aead.AESGCM
except (ImportError, AttributeError):  # pragma: no cover - another layout of the package
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM as aes_gcm

try:
    from _hashlib import compare_digest, hmac_new, openssl_sha512

    def sha512() -> Hash:
        """A new SHA-512."""
        return openssl_sha512()

    def hmac_sha256(key: bytes) -> KeyedHash:
        """A new HMAC-SHA256 under `key`."""
        return hmac_new(key, digestmod="sha256")

except ImportError:  # pragma: no cover - a Python without OpenSSL
    import hashlib
    import hmac as _hmac
    from hmac import compare_digest

    def sha512() -> Hash:
        """A new SHA-512."""
        return hashlib.sha512()

    def hmac_sha256(key: bytes) -> KeyedHash:
        """A new HMAC-SHA256 under `key`."""
        return _hmac.new(key, digestmod=hashlib.sha256)


def hkdf_sha256(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) for one block of output: 32 bytes.

    `cryptography` has it, at the price of an import of 20 ms; one block is two HMACs, and a test compares them.
    """
    extract = hmac_sha256(salt)
    extract.update(key)
    expand = hmac_sha256(extract.digest())
    expand.update(info + b"\x01")
    return expand.digest()


def keyed_hasher(key: bytes, *, many: bool) -> Callable[[bytes], bytes]:
    """A function from a message to its HMAC-SHA256 under `key`.

    many: take the implementation of `cryptography`, which takes 20 ms to import and half the time for a message.
    """
    if many:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.hmac import HMAC

        keyed = HMAC(key, SHA256())

        def hash_many(message: bytes) -> bytes:
            state = keyed.copy()
            state.update(message)
            return state.finalize()

        return hash_many
    state = hmac_sha256(key)

    def hash_one(message: bytes) -> bytes:
        copy = state.copy()
        copy.update(message)
        return copy.digest()

    return hash_one


__all__ = ["aes_gcm", "compare_digest", "hkdf_sha256", "hmac_sha256", "keyed_hasher", "sha512"]
