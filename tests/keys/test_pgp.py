"""PGP through the real gpg, in a folder of its own; skipped where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ksecrets import keys
from ksecrets.envelope.metadata import Metadata
from ksecrets.envelope.recipient import Identity, Recipient, Stanza
from ksecrets.envelope.wrap import unwrap
from ksecrets.errors import ConfigError, KsecretsError, NoIdentity
from ksecrets.keys.identities import Identities
from ksecrets.keys.pgp import PgpIdentity
from ksecrets.keys.prompt import Prompt
from tests.conftest import _find_peer
from tests.keys.contract import KEY, ServiceContract


@pytest.fixture(scope="module")
def gpg_home() -> Iterator[Path]:
    """A GNUPGHOME (short, for its sockets); its agent ends with it."""
    _find_peer("gpg")
    folder = Path(tempfile.mkdtemp(prefix="kg"))
    yield folder
    subprocess.run(["gpgconf", "--homedir", folder, "--kill", "all"], check=False)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def fingerprints(gpg_home: Path) -> list[str]:
    """Two keys with their private halves, made by gpg."""
    return [new_key(gpg_home, name) for name in ("one", "two")]


@pytest.fixture
def gnupg(gpg_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GNUPGHOME", str(gpg_home))
    return gpg_home


def new_key(home: Path, name: str, passphrase: str = "") -> str:
    words = ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase]
    subprocess.run([*words, "--quick-gen-key", f"{name} <{name}@example.org>", "default", "default"], check=True)
    listing = subprocess.run([*words, "--with-colons", "--list-keys", name], capture_output=True, check=True)
    return next(line.split(":")[9] for line in listing.stdout.decode().splitlines() if line.startswith("fpr:"))


class TestPgp(ServiceContract):
    service = "pgp"

    @pytest.fixture(autouse=True)
    def _keys(self, gnupg: Path, fingerprints: list[str]) -> None:
        self.fingerprints = fingerprints
        self.used = 0

    def pair(self) -> tuple[Recipient, Identity]:
        fingerprint = self.fingerprints[self.used % 2]
        self.used += 1
        environ = {**os.environ}
        return keys.recipient("pgp", {"fp": fingerprint}), _Only(fingerprint, environ)

    def secret_of(self, identity: Identity) -> str:
        return "no secret of PGP ever comes here"


class _Only(PgpIdentity):
    """A gpg that has one of the keys: the contract's pairs share a real one."""

    __slots__ = ("fingerprint",)

    def __init__(self, fingerprint: str, environ: dict[str, str]) -> None:
        super().__init__(environ, Prompt({"KSECRETS_PROMPT": "never"}))
        self.fingerprint = fingerprint

    def _owns(self, fingerprint: str) -> bool:
        return fingerprint == self.fingerprint and super()._owns(fingerprint)


def metadata_of(*stanzas: Stanza) -> Metadata:
    return Metadata(lastmodified="2026-11-21T09:52:25Z", mac="m", version="3.13.3", groups=(stanzas,))


def test_identities_find_gpg(gnupg: Path, fingerprints: list[str]) -> None:
    stanza = keys.recipient("pgp", {"fp": fingerprints[0]}).wrap(KEY)
    key, identity = unwrap(metadata_of(stanza), Identities.from_environment(os.environ))
    assert (key, identity.where, identity.public) == (KEY, "gpg", None)


def test_what_was_tried_names_gpg(gnupg: Path, fingerprints: list[str]) -> None:
    stanza = keys.recipient("pgp", {"fp": fingerprints[0]}).wrap(KEY)
    for other in ("0" * 40, "--version", "../x", "", "ABC"):
        fields = {**stanza.fields, "fp": other}
        with pytest.raises(NoIdentity) as caught:
            unwrap(metadata_of(Stanza("pgp", fields)), Identities.from_environment(os.environ))
        assert "tried:   gpg (PGP)" in str(list(caught.value.details))


@pytest.mark.parametrize("fingerprint", ["", "DEADBEEF", "0123456789ABCDEF", "x" * 40, "--" + "0" * 38, "0" * 39])
def test_only_full_fingerprints_are_recipients(fingerprint: str) -> None:
    with pytest.raises(ConfigError, match="not a full PGP fingerprint"):
        keys.recipient("pgp", {"fp": fingerprint})


def test_a_key_that_gpg_does_not_have(gnupg: Path) -> None:
    with pytest.raises(KsecretsError, match=f"gpg cannot encrypt for {'0' * 40}: "):
        keys.recipient("pgp", {"fp": "0" * 40}).wrap(KEY)


def test_without_gpg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no gpg on the PATH"):
        keys.recipient("pgp", {"fp": "0" * 40}).wrap(KEY)
    monkeypatch.setenv("PATH", "")
    (tmp_path / "gpg").write_text("#!/bin/sh\n")
    (tmp_path / "gpg").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="gpg stands in a relative folder of the PATH"):
        keys.recipient("pgp", {"fp": "0" * 40}).wrap(KEY)


def test_gpg_is_the_one_that_is_named_and_sees_no_other_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "my-gpg"
    fake.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/argv\nenv >{tmp_path}/env\necho "gpg: \033[2Jno" >&2\nexit 2\n')
    fake.chmod(0o755)
    monkeypatch.setenv("SOPS_GPG_EXEC", str(fake))
    monkeypatch.setenv("SOPS_AGE_KEY", "AGE-SECRET-KEY-1X")
    monkeypatch.setenv("KSECRETS_PROMPT", "never")
    with pytest.raises(KsecretsError, match="cannot encrypt") as caught:
        keys.recipient("pgp", {"fp": "0" * 40}).wrap(KEY)
    assert "\033" not in str(caught.value)
    argv = (tmp_path / "argv").read_text()
    assert argv.startswith("--batch --quiet --no-tty --pinentry-mode error ")
    assert argv.rstrip().endswith("--recipient " + "0" * 40)
    assert "AGE-SECRET" not in (tmp_path / "env").read_text()


def test_a_passphrase_is_not_waited_for(gnupg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint = new_key(gnupg, "three", "a passphrase")
    stanza = keys.recipient("pgp", {"fp": fingerprint}).wrap(KEY)
    subprocess.run(["gpgconf", "--homedir", gnupg, "--kill", "gpg-agent"], check=False)
    monkeypatch.setenv("KSECRETS_PROMPT", "never")
    with pytest.raises(KsecretsError, match="gpg cannot decrypt for"):
        unwrap(metadata_of(stanza), Identities.from_environment(os.environ))
