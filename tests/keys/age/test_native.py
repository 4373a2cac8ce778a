"""age recipients and identities, without the real age (that is tests/peers/test_age.py)."""

from __future__ import annotations

import binascii
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyrage
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ksecrets.envelope.recipient import Identity, Recipient, Stanza
from ksecrets.errors import ConfigError, Tampered
from ksecrets.keys.age.native import AgeIdentity, parse_identity, parse_recipient, parse_ssh_identity
from tests.keys.contract import KEY, ServiceContract

PUBLIC = "age1494dxhqw8q57gzggrcjdqrdhyr7x2ydmgh3kdcr7n7w3q3kns56s8v5kqs"
OPENSSH = serialization.PrivateFormat.OpenSSH
PEM = serialization.PrivateFormat.TraditionalOpenSSL
NO_PASSPHRASE = serialization.NoEncryption()


def ssh_pair(
    kind: str, private_format: serialization.PrivateFormat = OPENSSH, encryption: Any = NO_PASSPHRASE
) -> tuple[str, bytes]:
    """The line of the public key file (without comment), and the private key file."""
    key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "ssh-ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    elif kind == "ssh-rsa":
        key = rsa.generate_private_key(65537, 2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return public.decode(), key.private_bytes(serialization.Encoding.PEM, private_format, encryption)


@pytest.fixture(scope="module")
def rsa_pairs() -> list[tuple[str, bytes]]:
    return [ssh_pair("ssh-rsa"), ssh_pair("ssh-rsa", PEM)]


class TestX25519(ServiceContract):
    service = "age"

    def pair(self) -> tuple[Recipient, Identity]:
        native = pyrage.x25519.Identity.generate()
        return parse_recipient(str(native.to_public())), parse_identity(str(native), "HERE")

    def secret_of(self, identity: Identity) -> str:
        assert isinstance(identity, AgeIdentity)
        return str(identity._native)


class TestSshEd25519(ServiceContract):
    service = "age"

    def pair(self) -> tuple[Recipient, Identity]:
        public, private = ssh_pair("ssh-ed25519")
        self.private = private
        return parse_recipient(public + " someone@home"), parse_ssh_identity(private, "HERE")

    def secret_of(self, identity: Identity) -> str:
        return self.private.decode().splitlines()[2]


def test_ssh_rsa_in_both_file_formats(rsa_pairs: list[tuple[str, bytes]]) -> None:
    (public, openssh), (hidden, pem) = rsa_pairs
    one, two = parse_ssh_identity(openssh, "one"), parse_ssh_identity(pem, "two")
    assert (one.public, two.public) == (public, None)
    stanzas = [parse_recipient(public).wrap(KEY), parse_recipient(hidden).wrap(KEY[::-1])]
    assert one.unwrap(stanzas) == KEY
    # a PEM file does not say whose it is: it tries the stanzas of its kind, and finds its own
    assert two.unwrap(stanzas) == KEY[::-1]
    assert two.unwrap(stanzas[:1]) is None
    assert two.unwrap([parse_recipient(PUBLIC).wrap(KEY)]) is None


def test_an_ssh_recipient_is_stored_with_its_comment_and_found_without() -> None:
    public, private = ssh_pair("ssh-ed25519")
    recipient = parse_recipient(f"  {public} bob@home \n")
    assert recipient.identity_fields() == {"recipient": f"{public} bob@home"}
    assert recipient.key == public
    stanza = recipient.wrap(KEY)
    renamed = Stanza("age", {"recipient": public + " another comment", "enc": stanza.enc})
    assert parse_ssh_identity(private, "x").unwrap([renamed]) == KEY


def test_only_stanzas_with_the_own_label_are_opened() -> None:
    native = pyrage.x25519.Identity.generate()
    stanza = parse_recipient(str(native.to_public())).wrap(KEY)
    identity = parse_identity(str(native), "x")
    assert identity.unwrap([Stanza("age", {"recipient": PUBLIC, "enc": stanza.enc})]) is None
    with pytest.raises(Tampered, match=r"the data key wrapped for age1\w{8}\.\.\.\w{4} is damaged"):
        identity.unwrap(
            [Stanza("age", {"recipient": identity.public or "", "enc": parse_recipient(PUBLIC).wrap(KEY).enc})]
        )


def test_the_armor_is_that_of_sops() -> None:
    lines = parse_recipient(PUBLIC).wrap(KEY).enc.split("\n")
    assert lines[0] == "-----BEGIN AGE ENCRYPTED FILE-----"
    assert lines[-2:] == ["-----END AGE ENCRYPTED FILE-----", ""]
    assert all(len(line) == 64 for line in lines[1:-3])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one line"),
        ("a\nb", "one line"),
        ("bob", "not an age recipient"),
        (PUBLIC[:-1], "not an age recipient: age1494dxhqw8q57..."),
        (PUBLIC[:-1] + "q", "not an age recipient"),
        (PUBLIC.upper(), "lower case"),
        (PUBLIC[:10].upper() + PUBLIC[10:], "lower case"),
        ("age1pq1" + "q" * 60, "not a post-quantum age recipient: age1pq1qqqqqqqqq... (its checksum is wrong)"),
        ("age1yubikey1qqqqqq", "not a recipient of an age plugin: age1yubikey1qqqq..."),
        ("age1a/b1qqqqqqqq", "no plugin has such a name"),
        ("ssh-ed25519", "ssh public key"),
        ("ssh-ed25519 AAAA", "ssh public key"),
        ("ssh-ed25519 !!!!", "ssh public key"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACBAJ", "cannot use ssh keys of this type: ssh-dss"),
        ("ecdsa-sha2-nistp256 AAAA", "cannot use ssh keys of this type: ecdsa"),
        ("sk-ssh-ed25519@openssh.com AAAA", "cannot use ssh keys of this type: sk-ssh"),
    ],
)
def test_what_is_no_recipient_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_recipient(text)
    assert says in str(caught.value)


def test_ssh_keys_that_lie_about_themselves_are_refused(rsa_pairs: list[tuple[str, bytes]]) -> None:
    public = ssh_pair("ssh-ed25519")[0].split()[1]
    blob = binascii.a2b_base64(public)
    longer = binascii.b2a_base64(blob + b"x", newline=False).decode()
    for text in (f"ssh-rsa {public}", f"ssh-ed25519 {longer}", f"ssh-ed25519 {rsa_pairs[0][0].split()[1]}"):
        with pytest.raises(ConfigError, match="not an ssh public key"):
            parse_recipient(text)


@pytest.mark.parametrize("template", ["{}", "x {} y", "# key\n{}"])
def test_a_secret_key_in_the_place_of_a_recipient_is_named_and_not_shown(template: str) -> None:
    secret = str(pyrage.x25519.Identity.generate())
    for text in (secret, secret.lower()):
        with pytest.raises(ConfigError, match="this is a secret key") as caught:
            parse_recipient(template.format(text))
        assert text[16:24] not in str(caught.value)


def test_a_password_in_the_place_of_a_recipient_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_recipient("hunter2hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("AGE-SECRET-KEY-1QQQQQQQQQQ", "not an age identity (its checksum"),
        ("AGE-SECRET-KEY-PQ-1QQQQQQQQQQ", "not a post-quantum age identity (its checksum"),
        ("AGE-PLUGIN-YUBIKEY-1QQQQQQQQQQ", "not an identity of an age plugin"),
        (PUBLIC, "this is a recipient"),
        ("hunter2hunter2", "not an age identity"),
        ("", "not an age identity"),
    ],
)
def test_what_is_no_identity_is_refused_by_place_and_never_shown(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_identity(text, "keys.txt:3")
    assert str(caught.value).startswith("keys.txt:3: ")
    assert says in str(caught.value)
    assert "QQQQ" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_ssh_identities_that_age_cannot_use() -> None:
    private = ssh_pair("ssh-ed25519")[1]
    lines = private.splitlines(keepends=True)
    for content in (
        b"",
        b"junk",
        ssh_pair("ecdsa")[1],
        lines[0] + lines[-1],
        lines[0] + b"%%%%\n" + lines[-1],
        private[:80],
    ):
        with pytest.raises(ConfigError, match=r"^id: not an ssh-ed25519 or ssh-rsa private key$"):
            parse_ssh_identity(content, "id")
    damaged = b"".join([*lines[:3], b"A" * (len(lines[3]) - 1) + b"\n", *lines[4:]])
    with pytest.raises(ConfigError, match=r"^id: not an ssh private key that age can use"):
        parse_ssh_identity(damaged, "id")


def test_importing_does_not_load_pyrage() -> None:
    loaded = modules_after("import ksecrets.keys.identities, ksecrets.envelope.wrap")
    assert not loaded & {"pyrage", "re", "json", "typing", "subprocess", "dataclasses", "base64"}


def test_an_ordinary_key_loads_nothing_of_the_other_kinds(tmp_path: Path) -> None:
    native = pyrage.x25519.Identity.generate()
    code = (
        "from ksecrets.keys import recipient\nfrom ksecrets.keys.identities import Identities\n"
        f"stanza = recipient('age', {{'recipient': '{native.to_public()}'}}).wrap(bytes(32))\n"
        f"identities = Identities.from_environment({{'HOME': '{tmp_path}', 'KSECRETS_AGE_KEY': '{native}'}})\n"
        "assert next(identities.for_stanzas([stanza])).unwrap([stanza]) == bytes(32)\n"
    )
    loaded = modules_after(code)
    assert "pyrage" in loaded
    assert {name for name in loaded if name.startswith("ksecrets.keys.")} == {
        "ksecrets.keys.age",
        "ksecrets.keys.age.native",
        "ksecrets.keys.age.sources",
        "ksecrets.keys.identities",
        "ksecrets.keys.prompt",
    }
    assert not loaded & {"cryptography", "subprocess", "hashlib", "hmac", "getpass"}


def modules_after(code: str) -> set[str]:
    """What is imported after running this code in a new process."""
    script = f"import sys\nsys.path += {sys.path!r}\n{code}\nprint(*sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-S", "-c", script], cwd=root, capture_output=True, check=True)
    return set(done.stdout.decode().split())
