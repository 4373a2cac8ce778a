"""age plugins, with a real one: a program of its own that speaks the protocol (toyplugin.py)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ksecrets.envelope.recipient import Identity, Recipient, Stanza
from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.gitting.local import local
from ksecrets.keys.age import bech32
from ksecrets.keys.age.native import parse_identity, parse_recipient
from ksecrets.keys.identities import Identities
from tests.keys.age.test_locked import at_a_terminal
from tests.keys.contract import KEY, ServiceContract

TOY = Path(__file__).with_name("toyplugin.py")


def put_toy(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "age-plugin-toy"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -I {TOY} "$@"\n')
    path.chmod(0o755)


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The toy is installed and wanted. Returns its log."""
    put_toy(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("KSECRETS_AGE_PLUGINS", "other, toy")
    return tmp_path / "log"


def texts(data: bytes) -> tuple[str, str]:
    return bech32.encode("age1toy", data), bech32.encode("age-plugin-toy-", data).upper()


class TestPlugin(ServiceContract):
    service = "age"

    def pair(self) -> tuple[Recipient, Identity]:
        public, self.secret = texts(os.urandom(8).replace(b"a", b"b"))
        return parse_recipient(public), parse_identity(self.secret, "HERE")

    def secret_of(self, identity: Identity) -> str:
        return self.secret


def test_a_repository_starts_no_plugin(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipient is what a pull request can bring: without the user's own word its program is not started."""
    recipient = parse_recipient(texts(b"x")[0])
    for value in ("", "other", "to y", "toyx"):
        monkeypatch.setenv("KSECRETS_AGE_PLUGINS", value)
        with pytest.raises(ConfigError, match="a repository may not start programs") as caught:
            recipient.wrap(KEY)
        assert "KSECRETS_AGE_PLUGINS=toy" in str(caught.value.hint)
    assert not toy.exists()
    monkeypatch.setenv("KSECRETS_AGE_PLUGINS", "toy")
    recipient.wrap(KEY)
    assert toy.read_text() == "recipient-v1\n"


@pytest.mark.parametrize("entry", [".", "", "bin"])
def test_a_program_in_a_relative_folder_is_not_started(
    entry: str, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`PATH=.:...` in a hostile clone that carries a program of the plugin's name."""
    clone = tmp_path / "clone"
    put_toy(clone / entry)
    monkeypatch.chdir(clone)
    stanza = parse_recipient(texts(b"x")[0]).wrap(KEY)
    toy.unlink()
    monkeypatch.setenv("PATH", f"{entry}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ConfigError, match="age-plugin-toy stands in a relative folder of the PATH"):
        parse_recipient(texts(b"x")[0]).wrap(KEY)
    with pytest.raises(ConfigError, match=r"^k:1: age-plugin-toy stands in a relative folder"):
        parse_identity(texts(b"x")[1], "k:1").unwrap([stanza])
    assert not toy.exists()


def test_a_plugin_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    public, secret = texts(b"x")
    stanza = parse_recipient(public).wrap(KEY)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no age-plugin-toy on the PATH"):
        parse_recipient(public).wrap(KEY)
    with pytest.raises(ConfigError, match=r"^k:1: there is no age-plugin-toy on the PATH"):
        parse_identity(secret, "k:1").unwrap([stanza])


def test_textconv_starts_no_plugin(toy: Path) -> None:
    public, secret = texts(b"x")
    stanza = parse_recipient(public).wrap(KEY)
    toy.unlink()
    identities = Identities.from_environment(local({**os.environ, "KSECRETS_AGE_KEY": secret}))
    (identity,) = identities.for_stanzas([stanza])
    with pytest.raises(ConfigError, match="asking is turned off"):
        identity.unwrap([stanza])
    assert not toy.exists()


def test_a_plugin_is_started_for_its_own_recipients_only(toy: Path) -> None:
    identity = parse_identity(texts(b"x")[1], "k")
    others = ["age1" + "q" * 58, bech32.encode("age1other", b"x"), bech32.encode("age1pq", b"x"), "ssh-ed25519 AAAA"]
    assert identity.unwrap([Stanza("age", {"recipient": text, "enc": "x"}) for text in others]) is None
    assert not toy.exists()
    # a key in hardware, whatever its plugin is called
    assert identity.fits(Stanza("age", {"recipient": bech32.encode("age1tag", b"x"), "enc": ""}))


def test_what_a_plugin_says_cannot_move_the_cursor() -> None:
    public, secret = texts(b"fail")
    with pytest.raises(KsecretsError, match=r"age-plugin-toy: .*the toy is broken") as caught:
        parse_recipient(public).wrap(KEY)
    assert "\x1b" not in str(caught.value)
    stanza = parse_recipient(texts(b"x")[0]).wrap(KEY)
    with pytest.raises(KsecretsError, match=r"^k: age-plugin-toy: .*the toy is broken"):
        parse_identity(secret, "k").unwrap([stanza])


def test_a_plugin_asks_at_the_terminal_or_goes_without(toy: Path) -> None:
    public, secret = texts(b"ask me")
    code = (
        "from ksecrets.keys.age.native import parse_identity, parse_recipient\n"
        f"stanza = parse_recipient('{public}').wrap(bytes(range(32)))\n"
        f"print('opened', parse_identity('{secret}', 'k').unwrap([stanza]) == bytes(range(32)))\n"
    )
    said = at_a_terminal(code, dict(os.environ), "PIN of the toy: ", ["1234", "1234"])
    assert "opened True" in said
    assert "1234" not in said
    assert "no PIN" in at_a_terminal(code, dict(os.environ), "PIN of the toy: ", ["0"])
    monkey = {**os.environ, "KSECRETS_PROMPT": "never"}
    assert "no PIN" in at_a_terminal(code, monkey, "PIN of the toy: ", [])


def test_recipients_in_hardware_need_no_program() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    text = bech32.encode("age1tag", point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))
    stanza = parse_recipient(text).wrap(KEY)
    assert stanza.enc.startswith("-----BEGIN AGE ENCRYPTED FILE-----")
    with pytest.raises(ConfigError, match="not a recipient of an age plugin"):
        parse_recipient(text[:-1])
