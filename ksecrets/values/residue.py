"""The residue: the original source of a value where the value alone does not give it back.

``1.10`` is the float 1.1 to sops, and folded text can be folded in many ways. The exact source is kept, encrypted, in
the metadata block, and is bound to its token. It is used only under a valid seal (docs/threat-model.md).

A = LP("residue", token IV, type); N = HMAC-SHA256(K("residue-iv"), LP(A, source));
stored: base64(N || AES-256-GCM(K("residue"), N, source, A)), under the name base64url(token IV[:12]).
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

from ksecrets.values.cipher import IV_LENGTH, TAG_LENGTH, DataKey, base64url, length_prefixed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_START: Final = length_prefixed(b"residue") + IV_LENGTH.to_bytes(8, "big")


class Residues:
    """Writes and reads the residues of one file under its data key."""

    __slots__ = ("_cipher", "_ends", "_key")

    def __init__(self, key: DataKey) -> None:
        self._key = key
        self._cipher = DataKey(key.derive("residue"))
        self._ends: dict[str, bytes] = {}

    def write(self, token_iv: bytes, kind: str, source: str) -> str:
        """A source as it is stored."""
        associated = self._associated(token_iv, kind)
        content = source.encode("utf-8")
        state = self._key.keyed_hash("residue-iv")
        state.update(length_prefixed(associated, content))
        nonce = state.digest()
        return b2a_base64(nonce + self._cipher.encrypt(content, nonce, associated), newline=False).decode("ascii")

    def read(self, token_iv: bytes, kind: str, stored: str) -> str | None:
        """The source again, or None where the residue does not belong to this token or was changed."""
        try:
            raw = a2b_base64(stored, strict_mode=True)
        except (Error, ValueError):
            return None
        if len(raw) < IV_LENGTH + TAG_LENGTH:
            return None
        content = self._cipher.decrypt(raw[IV_LENGTH:], raw[:IV_LENGTH], self._associated(token_iv, kind))
        if content is None:
            return None
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def _associated(self, token_iv: bytes, kind: str) -> bytes:
        """A of the construction. Only a few types are ever seen: their fields are made once."""
        end = self._ends.get(kind)
        if end is None:
            end = self._ends[kind] = length_prefixed(kind.encode("ascii"))
        return _START + token_iv + end


def name_of(token_iv: bytes) -> str:
    """Under which name the residue of a token is stored."""
    return base64url(token_iv[:12])
