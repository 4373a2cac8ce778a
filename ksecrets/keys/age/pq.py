"""Post-quantum age: `age1pq1...` recipients and `AGE-SECRET-KEY-PQ-1...` identities (stanza mlkem768x25519).

What is wrapped today stands in git history for ever, and may be opened by a machine that is built in twenty years;
ML-KEM-768 together with X25519 holds as long as one of the two does. From C2SP's age specification: HPKE (RFC 9180)
with the KEM MLKEM768-X25519 (0x647a), HKDF-SHA256 and ChaCha20-Poly1305. Every primitive is `cryptography`'s.

A file is only as strong as its weakest reader: one reader with X25519, ssh or PGP, and that key is what is broken.
"""

from __future__ import annotations

import os

from ksecrets.envelope.recipient import check_length
from ksecrets.errors import ConfigError
from ksecrets.keys.age import agefile, bech32
from ksecrets.keys.age.native import AgeIdentity, AgeRecipient, Damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PREFIX = "age1pq"
IDENTITY_PREFIX = "age-secret-key-pq-"
_TYPE = "mlkem768x25519"
_INFO = b"age-encryption.org/mlkem768x25519"
_SEED = 32
_MLKEM_PUBLIC, _MLKEM_CIPHERTEXT = 1184, 1088
_X25519 = 32
_ENCAPSULATED = _MLKEM_CIPHERTEXT + _X25519
_WRAPPED = agefile.FILE_KEY_LENGTH + 16


class HybridRecipient(AgeRecipient):
    """Whoever holds the private half of an `age1pq1...`."""

    __slots__ = ()

    def _seal(self, data_key: bytes) -> str:
        def wrap(file_key: bytes) -> agefile.AgeStanza:
            sealed = _suite().encrypt(file_key, self._native, info=_INFO)
            encapsulated, body = sealed[:_ENCAPSULATED], sealed[_ENCAPSULATED:]
            return agefile.AgeStanza(_TYPE, (agefile.encode(encapsulated),), body)

        return agefile.pack(check_length(data_key), wrap)


class HybridIdentity(AgeIdentity):
    """An `AGE-SECRET-KEY-PQ-1...`."""

    __slots__ = ()

    def _open(self, enc: str) -> bytes:
        try:
            return agefile.unpack(enc, self.file_key)
        except agefile.Malformed as error:
            raise Damaged(str(error)) from None

    def file_key(self, stanzas: list[agefile.AgeStanza]) -> bytes | None:
        """The file key from the stanza for this identity, or None. Raises Malformed for one that nobody wrote so."""
        from cryptography.exceptions import InvalidTag

        for stanza in stanzas:
            if stanza.type != _TYPE:
                continue
            if len(stanza.args) != 1:
                raise agefile.Malformed("a post-quantum stanza has one argument")
            encapsulated = agefile.decode(stanza.args[0])
            if len(encapsulated) != _ENCAPSULATED or len(stanza.body) != _WRAPPED:
                raise agefile.Malformed("a post-quantum stanza has a wrong length")
            if not _contributes(encapsulated[_MLKEM_CIPHERTEXT:]):
                raise agefile.Malformed("the X25519 share of a post-quantum stanza is of low order")
            try:
                return bytes(_suite().decrypt(encapsulated + stanza.body, self._native, info=_INFO))
            except (InvalidTag, ValueError):
                continue  # ML-KEM rejects implicitly: another's stanza and a damaged one look the same
        return None


def parse_recipient(text: str) -> HybridRecipient:
    """An `age1pq1...`. Raises ConfigError that says what is wrong."""
    try:
        prefix, data = bech32.decode(text)
        if prefix != PREFIX or len(data) != _MLKEM_PUBLIC + _X25519:
            raise ValueError("its length is wrong")
        return HybridRecipient(text, _public(data))
    except ValueError as error:
        raise ConfigError(
            f"not a post-quantum age recipient: {text[:16]}... ({error})", hint="take it whole: it has 1959 characters"
        ) from None


def parse_identity(text: str, where: str) -> HybridIdentity:
    """An `AGE-SECRET-KEY-PQ-1...`. Raises ConfigError that names `where`, never the text."""
    try:
        prefix, seed = bech32.decode(text)
        if prefix != IDENTITY_PREFIX or len(seed) != _SEED:
            raise ValueError
    except ValueError:
        raise ConfigError(f"{where}: not a post-quantum age identity (its checksum or length is wrong)") from None
    native, public = _expand(seed)
    return HybridIdentity(native, where=where, kind=PREFIX, public=public)


def generate() -> tuple[str, str]:
    """A new identity from the system's random numbers: (recipient, identity), both as text."""
    seed = os.urandom(_SEED)
    return _expand(seed)[1], bech32.encode(IDENTITY_PREFIX, seed).upper()


def _expand(seed: bytes) -> tuple[Any, str]:
    """The private key that a seed stands for (SHAKE256: ML-KEM's seed, then X25519's scalar), and its recipient."""
    from hashlib import shake_256

    hpke = _hpke()
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    both = shake_256(seed).digest(64 + _X25519)
    lattice = MLKEM768PrivateKey.from_seed_bytes(both[:64])
    curve = X25519PrivateKey.from_private_bytes(both[64:])
    public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    return hpke.MLKEM768X25519PrivateKey(lattice, curve), bech32.encode(PREFIX, public)


def _public(data: bytes) -> Any:
    hpke = _hpke()
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    return hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(data[:_MLKEM_PUBLIC]),
        X25519PublicKey.from_public_bytes(data[_MLKEM_PUBLIC:]),
    )


def _contributes(share: bytes) -> bool:
    """Whether an X25519 share gives a secret at all: every private key makes zero of one of low order."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:
        return False
    return True


def _suite() -> Any:
    hpke = _hpke()
    return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


def _hpke() -> Any:
    try:
        from cryptography.hazmat.primitives import hpke
        from cryptography.hazmat.primitives.asymmetric import mlkem  # noqa: F401
    except (ImportError, AttributeError):
        hpke = None  # type: ignore[assignment]
    if hpke is None or not hasattr(hpke, "MLKEM768X25519PrivateKey") or not _supported():
        raise ConfigError(
            "post-quantum keys need ML-KEM, which the `cryptography` of this Python was built without",
            hint="its wheels from PyPI have it, from version 48 on",
        )
    return hpke


def _supported() -> bool:
    from cryptography.hazmat.backends.openssl.backend import backend

    return bool(backend.mlkem_supported())
