"""The one place that binds cryptographic primitives.

Git and Helm start ksecrets for a single small file, and importing the public modules for AES-GCM and HMAC costs more
than all the work on it (16 ms and 4 ms). So the bindings that those modules are made of are taken directly, with the
public modules as the fallback; a test runs both ways and compares them.

SHA-2 is the interpreter's own: `hashlib` and `hmac` would load a second OpenSSL beside the one
in `cryptography`, for a few hundred bytes; for long texts that pays (`expect_long_texts`). HMAC and HKDF are what their
RFCs make of it, and tests hold them to the vectors of the RFCs and to the standard library (docs/adr/0019).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Hash(Protocol):
        """A running hash, as hashlib gives it."""

        def update(self, data: bytes, /) -> None: ...
        def copy(self) -> Hash: ...
        def digest(self) -> bytes: ...
        def hexdigest(self) -> str: ...

    _sha256: Callable[..., Hash]
    _sha512: Callable[..., Hash]

    def compare_digest(left: bytes, right: bytes, /) -> bool: ...


try:
    from cryptography.hazmat.bindings._rust import openssl as _openssl

    aes_gcm: Callable[[bytes], Any] = _openssl.aead.AESGCM
except (ImportError, AttributeError):  # pragma: no cover - another layout of the package
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM as aes_gcm

if not TYPE_CHECKING:
    try:
        from _operator import _compare_digest as compare_digest

        try:
            from _sha2 import sha256 as _sha256
            from _sha2 import sha512 as _sha512  # Python 3.12
        except ImportError:
            from _sha256 import sha256 as _sha256
            from _sha512 import sha512 as _sha512
    except ImportError:  # pragma: no cover - another Python
        from hashlib import sha256 as _sha256
        from hashlib import sha512 as _sha512
        from hmac import compare_digest

LONG = 300_000
"""Characters of a text from which on `expect_long_texts` is worth its price."""


def expect_long_texts() -> None:
    """Hash with OpenSSL from now on: 4 ms to load, and ten times as fast where the processor knows SHA-256."""
    global _sha256, _sha512
    try:
        from _hashlib import openssl_sha256, openssl_sha512
    except ImportError:  # pragma: no cover - a Python without OpenSSL
        return
    _sha256, _sha512 = openssl_sha256, openssl_sha512


def sha512() -> Hash:
    """A new SHA-512."""
    return _sha512()


class HmacSha256:
    """HMAC-SHA256 (RFC 2104): two running hashes, each begun with the key under one of two masks."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, inner: Hash, outer: Hash) -> None:
        self._inner = inner
        self._outer = outer

    def update(self, data: bytes, /) -> None:
        """Count more of the message."""
        self._inner.update(data)

    def copy(self) -> HmacSha256:
        """The state as it is now."""
        return HmacSha256(self._inner.copy(), self._outer)

    def digest(self) -> bytes:
        """The 32 bytes for the message so far."""
        outer = self._outer.copy()
        outer.update(self._inner.digest())
        return outer.digest()


def hmac_sha256(key: bytes) -> HmacSha256:
    """A new HMAC-SHA256 under `key`."""
    return HmacSha256(*_masked(key))


def keyed_hasher(key: bytes) -> Callable[[bytes], bytes]:
    """A function from a whole message to its HMAC-SHA256 under `key`, for many short ones."""
    inner, outer = _masked(key)

    def keyed_hash(message: bytes) -> bytes:
        first = inner.copy()
        first.update(message)
        second = outer.copy()
        second.update(first.digest())
        return second.digest()

    return keyed_hash


def _masked(key: bytes) -> tuple[Hash, Hash]:
    """The two hashes that an HMAC begins with."""
    if len(key) > 64:  # a block of SHA-256
        key = _sha256(key).digest()
    number = int.from_bytes(key.ljust(64, b"\0"), "big")
    inner, outer = ((number ^ int.from_bytes(mask * 64, "big")).to_bytes(64, "big") for mask in (b"\x36", b"\x5c"))
    return _sha256(inner), _sha256(outer)


def hkdf_sha256(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) for one block of output: 32 bytes.

    `cryptography` has it, at the price of an import of 20 ms; one block is two HMACs.
    """
    extract = hmac_sha256(salt)
    extract.update(key)
    expand = hmac_sha256(extract.digest())
    expand.update(info + b"\x01")
    return expand.digest()


__all__ = [
    "LONG",
    "HmacSha256",
    "aes_gcm",
    "compare_digest",
    "expect_long_texts",
    "hkdf_sha256",
    "hmac_sha256",
    "keyed_hasher",
    "sha512",
]
