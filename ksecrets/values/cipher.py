"""The data key, and one value in and out of AES-256-GCM.

The IV of a new token is synthetic: a keyed hash of the value and its place, exactly of the size of sops's IV, so that
an unchanged value has an unchanged token even when the old file is not at hand. What this gives away (that a value
returned to an earlier state of the same file) is said in docs/threat-model.md.
"""

from __future__ import annotations

from binascii import b2a_base64

from ksecrets.values.primitives import aes_gcm, hkdf_sha256, hmac_sha256, keyed_hasher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from ksecrets.values.primitives import HmacSha256

KEY_LENGTH: Final = 32
IV_LENGTH: Final = 32
TAG_LENGTH: Final = 16


def length_prefixed(*fields: bytes) -> bytes:
    """LP of docs/file-format.md: every field behind its length as unsigned 64-bit big-endian."""
    return b"".join([part for field in fields for part in (len(field).to_bytes(8, "big"), field)])


class DataKey:
    """The 32-byte key that all values of one file are encrypted under.

    Used directly in AES-256-GCM, as sops does, and through HKDF for everything that sops does not have. Shows nothing
    of itself; comparing two of them means comparing `kid`.
    """

    __slots__ = ("_aead", "_derived", "_key", "_states")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_LENGTH:
            raise ValueError("a data key has 32 bytes")
        self._key = key
        self._aead: Any = None
        self._derived: dict[str, bytes] = {}
        self._states: dict[str, HmacSha256] = {}

    def __repr__(self) -> str:
        return "DataKey(...)"

    def __reduce__(self) -> str:
        raise TypeError("a data key is not to be pickled")

    @classmethod
    def new(cls) -> DataKey:
        """A fresh random data key."""
        import os

        return cls(os.urandom(KEY_LENGTH))

    def wrapped_by(self, wrap: Any) -> Any:
        """What `wrap`, a function from the raw 32 bytes to anything, makes of the key: the only way out of here."""
        return wrap(self._key)

    def encrypt(self, plaintext: bytes, iv: bytes, associated: bytes) -> bytes:
        """AES-256-GCM: the ciphertext with the 16-byte tag behind it."""
        aead = self._aead or self._prepared()
        return aead.encrypt(iv, plaintext, associated)  # type: ignore[no-any-return]

    def decrypt(self, sealed: bytes, iv: bytes, associated: bytes) -> bytes | None:
        """The plaintext, or None where tag, key, IV or associated data do not fit."""
        aead = self._aead or self._prepared()
        try:
            return aead.decrypt(iv, sealed, associated)  # type: ignore[no-any-return]
        except Exception as error:
            from cryptography.exceptions import InvalidTag  # 13 ms, so only where it is needed

            if not isinstance(error, InvalidTag):
                raise
            return None

    def _prepared(self) -> Any:
        # Kept, with its key schedule: making it takes as long as using it.
        self._aead = aes_gcm(self._key)
        return self._aead

    def derive(self, label: str) -> bytes:
        """K(label) of docs/file-format.md: HKDF-SHA256 with salt ``ksecrets`` and info ``ksecrets/v1/`` + label."""
        key = self._derived.get(label)
        if key is None:
            key = self._derived[label] = hkdf_sha256(self._key, b"ksecrets", b"ksecrets/v1/" + label.encode("ascii"))
        return key

    def keyed_hash(self, label: str) -> HmacSha256:
        """A new HMAC-SHA256 under K(label)."""
        state = self._states.get(label)
        if state is None:
            state = self._states[label] = hmac_sha256(self.derive(label))
        return state.copy()

    @property
    def kid(self) -> str:
        """The public name of this key: 16 bytes of K("kid"), base64url without padding."""
        return base64url(self.derive("kid")[:16])


def base64url(data: bytes) -> str:
    """base64url without padding (RFC 4648, section 5)."""
    return b2a_base64(data, newline=False).decode("ascii").rstrip("=").replace("+", "-").replace("/", "_")


_VALUE: Final = length_prefixed(b"value")
_ZERO: Final = length_prefixed(bytes(8))


class SyntheticIVs:
    """The IVs of the new tokens of one file.

    Construction: HMAC-SHA256(K("iv"), LP("value", AAD, type, bytes, u64be(n))), with `n` the lowest number that is
    free for that triple in this file, so that equal items of a list do not show that they are equal.
    """

    __slots__ = ("_hash", "_heads", "_next", "_used")

    def __init__(self, key: DataKey) -> None:
        self._hash = keyed_hasher(key.derive("iv"))
        self._heads: dict[str, bytes] = {}
        self._used: set[bytes] = set()
        self._next: dict[bytes, int] = {}

    def keep(self, iv: bytes) -> None:
        """Take note of the IV of an old token that stays."""
        self._used.add(iv)

    def new(self, associated: bytes, kind: str, content: bytes) -> bytes:
        """The IV for one more value."""
        head = self._heads.get(kind)
        if head is None:
            head = self._heads[kind] = length_prefixed(kind.encode("ascii"))
        place, size = len(associated).to_bytes(8, "big"), len(content).to_bytes(8, "big")
        triple = b"".join((_VALUE, place, associated, head, size, content))
        first = self._hash(triple + _ZERO)
        if first not in self._used:
            self._used.add(first)
            return first
        number = self._next.get(first, 1)
        while (iv := self._hash(triple + length_prefixed(number.to_bytes(8, "big")))) in self._used:
            number += 1
        self._next[first] = number + 1
        self._used.add(iv)
        return iv
