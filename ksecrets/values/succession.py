"""Succession: whoever replaced a data key knew the one before it.

`HMAC-SHA256(K_old("succession"), LP(old kid, new kid))`, with the kids as 16 bytes each. It tells a rotation from a
file that somebody without any key put in its place. It says no more than that: a former reader knew the old key, too,
so a proof never makes a data key trusted (docs/file-format.md).
"""

from __future__ import annotations

from ksecrets.values.cipher import base64url, length_prefixed
from ksecrets.values.primitives import compare_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.values.cipher import DataKey


def prove(old: DataKey, new: DataKey) -> str:
    """The proof that `new` took the place of `old`: 32 bytes as base64url without padding."""
    return _proof(old, new.derive("kid")[:16])


def holds(old: DataKey, new_kid: str, proof: str) -> bool:
    """Whether `proof` was made by somebody who had `old`, for the data key with the public name `new_kid`.

    Needs the old data key only; both texts may come from anybody, and are wrong where they are malformed.
    """
    from binascii import Error, a2b_base64

    try:
        named = a2b_base64(new_kid.replace("-", "+").replace("_", "/") + "==")
    except (Error, ValueError):
        return False
    if len(named) != 16 or base64url(named) != new_kid or not proof.isascii():
        return False
    return compare_digest(_proof(old, named).encode(), proof.encode())


def _proof(old: DataKey, new_kid: bytes) -> str:
    proof = old.keyed_hash("succession")
    proof.update(length_prefixed(old.derive("kid")[:16], new_kid))
    return base64url(proof.digest())
