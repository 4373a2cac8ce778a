"""Shamir's secret sharing over GF(256), as sops (and HashiCorp Vault before it) writes it.

A share is one byte of y for each byte of the secret, and one byte of x at the end; x counts from 1. The field is
that of AES (x^8 + x^4 + x^3 + x + 1). The arithmetic has no tables and no branches on secret bytes; Python
promises nothing about timing all the same.
"""

from __future__ import annotations

import os

from ksecrets.errors import Tampered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def split(secret: bytes, parts: int, threshold: int) -> list[bytes]:
    """`parts` shares, each one byte longer than the secret, of which any `threshold` give it back.

    Raises ValueError unless 2 <= threshold <= parts <= 255 and there is a secret.
    Fewer shares than the threshold say nothing about the secret but its length.
    """
    if not secret or not 2 <= threshold <= parts <= 255:
        raise ValueError(f"cannot split into {parts} shares of which {threshold} are needed")
    # one polynomial for each byte, highest coefficient first, the byte itself last
    polynomials = [[*os.urandom(threshold - 1), byte] for byte in secret]
    shares = []
    for x in range(1, parts + 1):
        ys = bytearray()
        for polynomial in polynomials:
            y = 0
            for coefficient in polynomial:
                y = _times(y, x) ^ coefficient
            ys.append(y)
        shares.append(bytes(ys) + bytes([x]))
    return shares


def combine(shares: Sequence[bytes]) -> bytes:
    """The secret from its shares. Too few, or shares of another secret, give other bytes: the MAC of the file tells.

    Raises Tampered for shares of different lengths, two shares with one x, or an x of 0.
    """
    xs = [share[-1] for share in shares]
    if len(shares) < 2 or len({len(share) for share in shares}) != 1 or len(set(xs)) != len(xs) or 0 in xs:
        raise Tampered("the shares of the data key do not belong together")
    # the value at 0 of the Lagrange basis polynomial of each share; minus is plus here
    bases = []
    for x in xs:
        basis = 1
        for other in xs:
            if other != x:
                basis = _times(basis, _times(other, _inverse(other ^ x)))
        bases.append(basis)
    secret = bytearray()
    for ys in zip(*(share[:-1] for share in shares), strict=True):
        byte = 0
        for y, basis in zip(ys, bases, strict=True):
            byte ^= _times(y, basis)
        secret.append(byte)
    return bytes(secret)


def _times(a: int, b: int) -> int:
    product = 0
    for _ in range(8):
        product ^= a & -(b & 1)
        b >>= 1
        a = (a << 1) ^ (0x11B & -(a >> 7))
    return product


def _inverse(a: int) -> int:
    # a ** 254, as a ** 255 is 1 for every element but 0
    result = 1
    for _ in range(254):
        result = _times(result, a)
    return result
