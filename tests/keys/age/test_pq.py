"""Post-quantum recipients and identities, without the real age (that is tests/peers/test_age.py)."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hpke

from ksecrets.envelope.recipient import Identity, Recipient, short_recipient
from ksecrets.errors import ConfigError, Tampered
from ksecrets.keys.age import agefile, bech32, keygen, pq
from ksecrets.keys.age.native import parse_identity, parse_recipient
from ksecrets.keys.age.sources import read_identities
from tests.conftest import Cli
from tests.keys.contract import KEY, ServiceContract


class TestHybrid(ServiceContract):
    service = "age"

    def pair(self) -> tuple[Recipient, Identity]:
        public, self.secret = pq.generate()
        return parse_recipient(public), parse_identity(self.secret, "HERE")

    def secret_of(self, identity: Identity) -> str:
        return self.secret


def test_keygen() -> None:
    new = keygen.generate(pq=True)
    assert new.public.startswith("age1pq1")
    assert new.secret.startswith("AGE-SECRET-KEY-PQ-1")
    ((identity,), problems) = read_identities(new.text.encode(), "x")
    assert (identity.public, problems) == (new.public, [])
    assert new.secret not in repr(new)
    assert keygen.generate(pq=True).secret != new.secret


def test_the_command_keygen_pq(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "k"
    done = cli("keygen", "--pq", "-o", path).ok()
    ((identity,), problems) = read_identities(path.read_bytes(), "x")
    assert problems == []
    assert f"(0600): {identity.public}\n" in done.stderr
    assert (identity.public or "").startswith("age1pq1")


def test_a_stanza_of_another_key_under_this_label_is_damage() -> None:
    (public, secret), (other, _) = pq.generate(), pq.generate()
    stanza = parse_recipient(other).wrap(KEY)
    stanza.fields["recipient"] = public
    with pytest.raises(Tampered, match=r"the data key wrapped for age1pq1\w{5}\.\.\.\w{4} is damaged \(no stanza is"):
        parse_identity(secret, "x").unwrap([stanza])


def test_the_file_key_is_bound_to_age_s_label() -> None:
    """The same HPKE message under another info is none: what was sealed for another protocol opens nothing here."""
    public, secret = pq.generate()
    recipient, identity = pq.parse_recipient(public), pq.parse_identity(secret, "x")
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    for info, opens in ((b"age-encryption.org/mlkem768x25519", bytes(16)), (b"", None)):
        sealed = suite.encrypt(bytes(16), recipient._native, info=info)
        stanza = agefile.AgeStanza("mlkem768x25519", (agefile.encode(sealed[:1120]),), sealed[1120:])
        assert identity.file_key([stanza]) == opens


def test_recipients_that_are_none() -> None:
    public, secret = pq.generate()
    data = bech32.decode(public)[1]
    texts = (
        public[:-1],
        bech32.encode("age1pq", data[:-1]),
        bech32.encode("age1pq", b"\xff" * 1216),  # right in length, but no numbers below ML-KEM's modulus
        bech32.encode("age1pq", b""),
    )
    for text in texts:
        with pytest.raises(ConfigError, match="not a post-quantum age recipient: age1pq1"):
            parse_recipient(text)
    with pytest.raises(ConfigError, match="lower case"):
        parse_recipient(public.upper())
    with pytest.raises(ConfigError, match="this is a secret key") as caught:
        parse_recipient(secret)
    assert secret[20:30] not in str(caught.value)
    for text in (secret[:-1], bech32.encode("age-secret-key-pq-", bytes(31)).upper()):
        with pytest.raises(ConfigError, match=r"^k:3: not a post-quantum age identity") as caught:
            parse_identity(text, "k:3")
        assert text[20:30] not in str(caught.value)


def test_a_name_for_people_is_short() -> None:
    assert len(short_recipient("age", {"recipient": pq.generate()[0]})) == 19


def test_without_ml_kem_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    public, secret = pq.generate()
    empty = types.ModuleType("cryptography.hazmat.primitives.hpke")
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.hpke", empty)
    monkeypatch.setattr("cryptography.hazmat.primitives.hpke", empty)
    for attempt in (pq.generate, lambda: parse_recipient(public), lambda: parse_identity(secret, "x")):
        with pytest.raises(ConfigError, match="post-quantum keys need ML-KEM"):
            attempt()
