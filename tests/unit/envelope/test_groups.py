"""Shamir's secret sharing: any threshold of the shares gives the secret, fewer do not."""

from __future__ import annotations

import itertools
import os

import pytest

from ksecrets.envelope.groups import _inverse, _times, combine, split
from ksecrets.errors import Tampered


def test_the_field_is_that_of_aes() -> None:
    # FIPS 197, section 4.2
    assert _times(0x57, 0x83) == 0xC1
    assert _times(0x57, 0x13) == 0xFE
    assert all(_times(a, _inverse(a)) == 1 for a in range(1, 256))


@pytest.mark.parametrize(("parts", "threshold"), [(2, 2), (3, 2), (3, 3), (5, 3)])
def test_any_threshold_of_the_shares_gives_the_secret(parts: int, threshold: int) -> None:
    secret = os.urandom(32)
    shares = split(secret, parts, threshold)
    assert [share[-1] for share in shares] == list(range(1, parts + 1))
    assert all(len(share) == 33 for share in shares)
    for number in range(threshold, parts + 1):
        for chosen in itertools.combinations(shares, number):
            assert combine(chosen) == secret
            assert combine(chosen[::-1]) == secret


def test_fewer_shares_give_something_else() -> None:
    secret = os.urandom(32)
    assert combine(split(secret, 3, 3)[:2]) != secret


@pytest.mark.parametrize(("parts", "threshold"), [(2, 1), (2, 3), (256, 2), (1, 1)])
def test_splits_that_make_no_sense(parts: int, threshold: int) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        split(b"x" * 32, parts, threshold)


def test_shares_that_do_not_belong_together() -> None:
    one, two = split(b"x" * 32, 2, 2)
    for shares in ([one], [one, one], [one, two[1:]], [one, two[:-1] + b"\0"]):
        with pytest.raises(Tampered):
            combine(shares)
