"""The constructions of docs/file-format.md, computed here from the page with cryptography's public modules.

`tests/vectors/crypto.json` holds the results, so that another implementation can check itself, and so that no release
can change what stands in files. Nothing of ksecrets is used to compute what it is compared with.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ksecrets.values import token
from ksecrets.values.cipher import DataKey, SyntheticIVs
from ksecrets.values.residue import Residues, name_of
from tests.pipe import open_, seal

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "crypto.json").read_text(encoding="utf-8")
)
RAW = bytes.fromhex(VECTORS["data_key"])
KEY = DataKey(RAW)


def derived(label: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, b"ksecrets", b"ksecrets/v1/" + label.encode()).derive(RAW)


def keyed(label: str, content: bytes) -> bytes:
    mac = hmac.HMAC(derived(label), hashes.SHA256())
    mac.update(content)
    return mac.finalize()


def lp(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">Q", len(field)) + field for field in fields)


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_the_key_id() -> None:
    assert KEY.kid == b64url(derived("kid")[:16]) == VECTORS["kid"]


@pytest.mark.parametrize("vector", VECTORS["ivs"], ids=lambda vector: f"{vector['type']} {vector['n']}")
def test_synthetic_ivs(vector: dict[str, Any]) -> None:
    aad, kind, content = vector["aad"].encode(), vector["type"], bytes.fromhex(vector["bytes"])
    expected = keyed("iv", lp(b"value", aad, kind.encode(), content, struct.pack(">Q", vector["n"])))
    assert expected.hex() == vector["iv"]
    ivs = SyntheticIVs(KEY)
    assert [ivs.new(aad, kind, content) for _ in range(vector["n"] + 1)][-1] == expected


@pytest.mark.parametrize("vector", VECTORS["tokens"], ids=lambda vector: vector["type"])
def test_tokens(vector: dict[str, Any]) -> None:
    iv, content = bytes.fromhex(vector["iv"]), bytes.fromhex(vector["bytes"])
    sealed = AESGCM(RAW).encrypt(iv, content, vector["aad"].encode())
    data, iv64, tag = (base64.b64encode(part).decode() for part in (sealed[:-16], iv, sealed[-16:]))
    assert f"ENC[AES256_GCM,data:{data},iv:{iv64},tag:{tag},type:{vector['type']}]" == vector["token"]
    read, read_iv, kind = token.read(vector["token"])
    assert KEY.decrypt(read, read_iv, vector["aad"].encode()) == content
    assert kind == vector["type"]
    ours = KEY.encrypt(content, iv, vector["aad"].encode())
    assert token.write(ours[:-16], iv, ours[-16:], kind) == vector["token"]


@pytest.mark.parametrize("vector", VECTORS["residues"], ids=lambda vector: vector["source"][:8])
def test_residues(vector: dict[str, Any]) -> None:
    iv, kind, source = bytes.fromhex(vector["iv"]), vector["type"], vector["source"]
    associated = lp(b"residue", iv, kind.encode())
    nonce = keyed("residue-iv", lp(associated, source.encode()))
    stored = base64.b64encode(nonce + AESGCM(derived("residue")).encrypt(nonce, source.encode(), associated)).decode()
    assert stored == vector["stored"]
    assert name_of(iv) == b64url(iv[:12]) == vector["name"]
    residues = Residues(KEY)
    assert residues.write(iv, kind, source) == stored
    assert residues.read(iv, kind, stored) == source
    # Bound to its token and type, and read strictly.
    assert residues.read(bytes(32), kind, stored) is None
    assert residues.read(iv, "time", stored) is None
    for bad in (
        "",
        "A",
        "AAAA",
        stored[:-4],
        stored + "AAAA",
        stored[:-1],
        " " + stored,
        stored[:40] + "*" + stored[41:],
    ):
        assert residues.read(iv, kind, bad) is None


def groups(fields: list[str]) -> bytes:
    """One group of fields: their number, their lengths, themselves."""
    encoded = [field.encode() for field in fields]
    return struct.pack(f">{len(encoded) + 1}Q", len(encoded), *map(len, encoded)) + b"".join(encoded)


def test_the_seal_record_by_record() -> None:
    """The stream of one file with every record, written down by hand."""
    plaintext, fields = VECTORS["seal"]["plaintext"], VECTORS["seal"]["fields"]
    assert fields[0] == "ksecrets-seal-v1"
    expected = keyed("seal", groups(fields))
    assert expected.hex() == VECTORS["seal"]["seal"]
    sealed = seal_with_key(plaintext)
    mac = re.search(r"^ +mac: (.*)$", sealed, re.MULTILINE)
    assert mac is not None
    assert token.read(mac.group(1))[1] == expected


def test_the_mac_is_the_one_of_sops() -> None:
    values = [bytes.fromhex(value) for value in VECTORS["mac"]["values"]]
    digest = hashlib.sha512(b"".join(values)).hexdigest().upper()
    assert digest == VECTORS["mac"]["mac"]
    sealed = seal_with_key(VECTORS["seal"]["plaintext"])
    found = re.search(r"^ +mac: (.*)$", sealed, re.MULTILINE)
    assert found is not None
    content, iv, kind = token.read(found.group(1))
    assert AESGCM(RAW).decrypt(iv, content, b"2026-01-01T00:00:00Z") == digest.encode()
    assert kind == "str"


def test_the_whole_file() -> None:
    """Byte for byte: what version 1 of the format makes of this plaintext, and reads again."""
    expected = VECTORS["seal"]["file"]
    assert seal_with_key(VECTORS["seal"]["plaintext"]) == expected
    assert open_(expected, require_seal=True).plaintext == VECTORS["seal"]["plaintext"]


def seal_with_key(plaintext: str) -> str:
    assert bytes(range(32)) == RAW  # the key of tests.pipe
    return seal(plaintext).text


def test_a_long_stream_goes_in_groups() -> None:
    """A group ends with the record that brings it to 4096 fields; the seal of a long file is that of its groups."""
    count = 3000
    plaintext = "".join(f"k{number}: v{number}\n" for number in range(count))
    header = VECTORS["seal"]["fields"][: VECTORS["seal"]["fields"].index("D") + 2]
    records = [header, *[["kP:str", f"k{number}", f"v{number}"] for number in range(count)], ["}"], ["d"]]
    stream, group = b"", list[str]()
    for record in records:
        if len(group) >= 4096:
            stream += groups(group)
            group = []
        group += record
    stream += groups(group)
    sealed = seal_with_key(plaintext)
    mac = re.search(r"^ +mac: (.*)$", sealed, re.MULTILINE)
    assert mac is not None
    assert token.read(mac.group(1))[1] == keyed("seal", stream)
