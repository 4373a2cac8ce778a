"""Our own reader of age files, held by the vectors of C2SP, and our own writer, held by pyrage's reader and by ours."""

from __future__ import annotations

import binascii
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.keys.age import agefile, bech32, pq
from ksecrets.keys.age.agefile import AgeStanza, Malformed

VECTORS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parents[2] / "vectors/age.json").read_text())["vectors"]


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_vectors(name: str) -> None:
    """Each is read, or refused for the reason that it was made for."""
    vector = VECTORS[name]
    data = binascii.a2b_base64(vector["file"])
    if vector.get("compressed") == "zlib":
        data = zlib.decompress(data)
    identities = [pq.parse_identity(text, name) for text in vector.get("identities", [])]

    def unwrap(stanzas: list[AgeStanza]) -> bytes | None:
        if not identities:
            return bytes.fromhex(vector["file_key"])
        return next((key for each in identities if (key := each.file_key(stanzas)) is not None), None)

    outcome, plaintext = "success", b""
    try:
        if vector.get("armored") == "yes":
            plaintext = agefile.unpack(data.decode("utf-8", "surrogateescape"), unwrap)
        else:
            plaintext = agefile.unpack_binary(data, unwrap)
    except Malformed as error:
        outcome = error.kind
    assert outcome == vector["expect"]
    if outcome == "success":
        import hashlib

        assert hashlib.sha256(plaintext).hexdigest() == vector["payload"]


def test_there_are_vectors_of_every_outcome() -> None:
    outcomes = {vector["expect"] for vector in VECTORS.values()}
    kinds = {"success", "no match", "HMAC failure", "header failure", "payload failure", "armor failure"}
    assert outcomes == kinds
    assert len(VECTORS) > 80


def test_what_is_packed_is_unpacked_and_in_sops_s_lines() -> None:
    kept: list[bytes] = []

    def wrap(file_key: bytes) -> AgeStanza:
        kept.append(file_key)
        return AgeStanza("test", ("one", "2"), b"x" * body)

    for body in (0, 1, 47, 48, 49, 96):
        text = agefile.pack(b"secret", wrap)
        lines = text.split("\n")
        assert (lines[0], lines[-2:]) == (
            "-----BEGIN AGE ENCRYPTED FILE-----",
            ["-----END AGE ENCRYPTED FILE-----", ""],
        )
        assert all(len(line) == 64 for line in lines[1:-3])

        def unwrap(stanzas: list[AgeStanza], body: int = body) -> bytes:
            (stanza,) = stanzas
            assert (stanza.type, stanza.args, stanza.body) == ("test", ("one", "2"), b"x" * body)
            return kept[-1]

        assert agefile.unpack(text, unwrap) == b"secret"
    assert len(set(kept)) == 6


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_junk_is_malformed_and_nothing_else(junk: bytes) -> None:
    for data in (junk, b"age-encryption.org/v1\n" + junk, b"age-encryption.org/v1\n-> x\n\n--- " + junk):
        with pytest.raises(Malformed):
            agefile.unpack_binary(data, lambda _: None)
    with pytest.raises(Malformed):
        agefile.unpack(junk.decode("latin-1"), lambda _: None)


def test_every_flipped_bit_is_noticed() -> None:
    public, secret = pq.generate()
    identity = pq.parse_identity(secret, "x")
    data = agefile.dearmor(pq.parse_recipient(public).wrap(bytes(32)).enc)
    assert agefile.unpack_binary(data, identity.file_key) == bytes(32)
    for at in [*range(60), *range(60, len(data) - 130, 97), *range(len(data) - 130, len(data))]:
        damaged = data[:at] + bytes([data[at] ^ 1 << at % 7]) + data[at + 1 :]
        with pytest.raises(Malformed):
            agefile.unpack_binary(damaged, identity.file_key)
        with pytest.raises(Malformed):
            agefile.unpack_binary(data[:at], identity.file_key)


@given(st.binary(max_size=90), st.sampled_from(["age1pq", "age-secret-key-pq-", "x"]))
def test_bech32_round_trips(data: bytes, prefix: str) -> None:
    text = bech32.encode(prefix, data)
    assert bech32.decode(text) == bech32.decode(text.upper()) == (prefix, data)
    at = int.from_bytes(os.urandom(2), "big") % (len(text) - len(prefix) - 1) + len(prefix) + 1
    wrong = text[:at] + ("q" if text[at] != "q" else "p") + text[at + 1 :]
    with pytest.raises(ValueError, match="checksum"):
        bech32.decode(wrong)


# from BIP 173
@pytest.mark.parametrize(
    "text",
    [
        "A12UEL5L",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j",
    ],
)
def test_bech32_reads_what_is_valid(text: str) -> None:
    prefix, data = bech32.decode(text)
    assert bech32.encode(prefix, data) == text.lower()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cut short"),
        ("pzry9x0s0muk", "cut short"),
        ("1pzry9x0s0muk", "cut short"),
        ("x1b4n0q5v", "a character is wrong"),
        ("li1dgmt3", "cut short"),
        ("A1G7SGD8", "checksum"),
        ("a12UEL5L", "mixes"),
        ("age1pqé1qqqqqqqq", "cut short"),
    ],
)
def test_bech32_refuses_what_is_not(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        bech32.decode(text)
