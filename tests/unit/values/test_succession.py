"""The proof that a data key follows another one, computed here from docs/file-format.md."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ksecrets.values.cipher import DataKey
from ksecrets.values.succession import holds, prove

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def derived(key: bytes, label: str) -> bytes:
    return HKDF(SHA256(), 32, b"ksecrets", b"ksecrets/v1/" + label.encode()).derive(key)


def test_succession() -> None:
    kids = derived(OLD, "kid")[:16], derived(NEW, "kid")[:16]
    message = b"".join(len(kid).to_bytes(8, "big") + kid for kid in kids)
    proof = hmac.new(derived(OLD, "succession"), message, hashlib.sha256).digest()
    text = urlsafe_b64encode(proof).decode().rstrip("=")
    assert prove(DataKey(OLD), DataKey(NEW)) == text
    assert holds(DataKey(OLD), DataKey(NEW).kid, text)


@pytest.mark.parametrize(
    ("old", "kid", "proof"),
    [
        (NEW, DataKey(NEW).kid, None),  # made without the old key
        (OLD, DataKey(OLD).kid, None),  # of another new key
        (OLD, "", None),
        (OLD, "é" * 22, None),
        (OLD, DataKey(NEW).kid + "==", None),
        (OLD, DataKey(NEW).kid, ""),
        (OLD, DataKey(NEW).kid, "é"),
    ],
)
def test_anything_else_does_not_hold(old: bytes, kid: str, proof: str | None) -> None:
    good = prove(DataKey(OLD), DataKey(NEW))
    assert not holds(DataKey(old), kid, good if proof is None else proof)
