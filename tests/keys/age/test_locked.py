"""Identities under a passphrase: who is asked, when, how often, and what is said where nobody can be asked."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ksecrets.envelope.metadata import Metadata
from ksecrets.envelope.recipient import Stanza
from ksecrets.envelope.wrap import unwrap
from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.gitting.local import local
from ksecrets.keys.age import agefile, keygen, locked
from ksecrets.keys.age import native as age
from ksecrets.keys.identities import Identities, child_environment
from ksecrets.keys.prompt import Prompt
from tests.conftest import ROOT
from tests.keys.age.test_native import OPENSSH, PEM, ssh_pair
from tests.keys.contract import KEY

WORD = "correct horse"


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A command that prints the passphrase, and notes for which key it was asked."""
    path = tmp_path / "ask"
    path.write_text(f'#!/bin/sh\necho "$KSECRETS_PASSPHRASE_FOR" >>{tmp_path}/asked\necho "{WORD}"\n')
    path.chmod(0o700)
    return path


@pytest.fixture
def environ(tmp_path: Path, command: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "KSECRETS_PASSPHRASE_CMD": str(command)}


def asked(tmp_path: Path) -> list[str]:
    path = tmp_path / "asked"
    return path.read_text().splitlines() if path.exists() else []


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def locked_file(text: str, *, armored: bool = True) -> bytes:
    """As `age -p` writes it, with a work factor that does not take a second."""

    def wrap(file_key: bytes) -> agefile.AgeStanza:
        salt = os.urandom(16)
        key = hashlib.scrypt(WORD.encode(), salt=b"age-encryption.org/v1/scrypt" + salt, n=1 << 10, r=8, p=1, dklen=32)
        body = ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None)
        return agefile.AgeStanza("scrypt", (agefile.encode(salt), "10"), body)

    packed = agefile.pack(text.encode(), wrap)
    return packed.encode() if armored else agefile.dearmor(packed)


def opened(environ: dict[str, str], *stanzas: Stanza) -> str:
    metadata = Metadata(lastmodified="2026-11-21T09:52:25Z", mac="m", version="3.13.3", groups=(stanzas,))
    key, identity = unwrap(metadata, Identities.from_environment(environ))
    assert key == KEY
    return identity.where


def locked_ssh(kind: str, form: serialization.PrivateFormat = OPENSSH) -> tuple[str, bytes]:
    return ssh_pair(kind, form, serialization.BestAvailableEncryption(WORD.encode()))


@pytest.fixture(scope="module")
def identity() -> keygen.NewIdentity:
    return keygen.generate()


@pytest.fixture(scope="module")
def binary(identity: keygen.NewIdentity) -> bytes:
    return locked_file(identity.text, armored=False)


@pytest.mark.parametrize("form", ["binary", "armored", "armored after a blank line", "in the variable"])
def test_a_locked_identity_file(
    form: str, environ: dict[str, str], identity: keygen.NewIdentity, binary: bytes, tmp_path: Path
) -> None:
    content = binary if form == "binary" else locked_file(identity.text)
    if form == "in the variable":
        environ["SOPS_AGE_KEY"] = content.decode()
    else:
        path = put(tmp_path / "k", b"\n" + content if "blank" in form else content)
        environ["SOPS_AGE_KEY_FILE"] = str(path)
    where = opened(environ, age.parse_recipient(identity.public).wrap(KEY))
    assert where in ("SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE:3")
    assert asked(tmp_path) == [where.removesuffix(":3")]


@pytest.mark.parametrize(
    ("kind", "form"), [("ssh-ed25519", OPENSSH), ("ssh-rsa", OPENSSH), ("ssh-rsa", PEM)], ids=lambda each: str(each)
)
def test_locked_ssh_keys(kind: str, form: serialization.PrivateFormat, environ: dict[str, str], tmp_path: Path) -> None:
    public, private = locked_ssh(kind, form)
    put(tmp_path / ".ssh/id_rsa", private)
    stanza = age.parse_recipient(public).wrap(KEY)
    assert opened(environ, stanza) == "~/.ssh/id_rsa"
    assert asked(tmp_path) == ["~/.ssh/id_rsa"]


def test_nobody_is_asked_for_a_key_that_is_not_needed(
    environ: dict[str, str], identity: keygen.NewIdentity, binary: bytes, tmp_path: Path
) -> None:
    mine, other = keygen.generate(), ssh_pair("ssh-ed25519")[0]
    environ["KSECRETS_AGE_KEY"] = mine.secret
    environ["SOPS_AGE_KEY_FILE"] = str(put(tmp_path / "k", binary))
    public, private = locked_ssh("ssh-ed25519")
    put(tmp_path / ".ssh/id_ed25519", private)
    stanzas = [age.parse_recipient(text).wrap(KEY) for text in (mine.public, identity.public, public)]
    assert opened(environ, *stanzas) == "KSECRETS_AGE_KEY"
    # an ssh key tells whose it is without its passphrase, and a file of age identities holds no ssh key
    with pytest.raises(KsecretsError, match="no identity opens it"):
        opened(environ, age.parse_recipient(other).wrap(KEY))
    assert asked(tmp_path) == []


def test_a_key_is_asked_for_once_in_a_run(environ: dict[str, str], binary: bytes, tmp_path: Path) -> None:
    public, private = locked_ssh("ssh-ed25519")
    put(tmp_path / ".ssh/id_ed25519", private)
    environ["SOPS_AGE_KEY_FILE"] = str(put(tmp_path / "k", binary))
    identities = Identities.from_environment(environ)
    for _ in range(2):
        stanza = age.parse_recipient(public).wrap(KEY)
        assert [each.unwrap([stanza]) for each in identities.for_stanzas([stanza])] == [KEY]
        assert len(list(identities)) == 2
    assert sorted(asked(tmp_path)) == ["SOPS_AGE_KEY_FILE", "~/.ssh/id_ed25519"]


def test_a_wrong_passphrase_is_said_once_and_shows_nothing(
    environ: dict[str, str], binary: bytes, identity: keygen.NewIdentity, tmp_path: Path
) -> None:
    for content in (binary, locked_ssh("ssh-ed25519")[1]):
        environ["KSECRETS_PASSPHRASE_CMD"] = "echo hunter2"
        prompt = Prompt(environ)
        for _ in range(2):
            with pytest.raises(ConfigError) as caught:
                (locked.open_ssh if b"OPENSSH" in content else locked.open_file)(content, "k", prompt)
            assert str(caught.value) == "k: the passphrase of KSECRETS_PASSPHRASE_CMD does not open it"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("false", "KSECRETS_PASSPHRASE_CMD: the command failed (exit 1)"),
        ("/no/such", "KSECRETS_PASSPHRASE_CMD: cannot be run: No such file or directory"),
        ("a 'b", "KSECRETS_PASSPHRASE_CMD: cannot be run: unbalanced quotes"),
        (" ", "KSECRETS_PASSPHRASE_CMD: empty"),
    ],
)
def test_a_command_that_gives_nothing(text: str, says: str, environ: dict[str, str]) -> None:
    environ["KSECRETS_PASSPHRASE_CMD"] = text
    with pytest.raises(ConfigError) as caught:
        Prompt(environ).unlock("k", lambda given: given)
    assert str(caught.value) == says


def test_what_is_no_passphrase_file_is_said_to_be_none(environ: dict[str, str], identity: keygen.NewIdentity) -> None:
    for_a_key = bytes(pyrage.encrypt(b"x", [pyrage.x25519.Recipient.from_str(identity.public)]))
    for content in (for_a_key, b"age-encryption.org/v1\n-> scrypt", b"-----BEGIN AGE ENCRYPTED FILE-----\n!"):
        with pytest.raises(ConfigError, match=r"^k: "):
            locked.open_file(content, "k", Prompt(environ))


def test_textconv_and_children_ask_nobody(environ: dict[str, str]) -> None:
    assert "KSECRETS_PASSPHRASE_CMD" not in child_environment(environ)
    kept = local(environ)
    assert "KSECRETS_PASSPHRASE_CMD" not in kept
    assert kept["KSECRETS_PROMPT"] == "never"
    assert not Prompt(kept).terminal


def test_without_a_terminal_it_is_a_clear_error(environ: dict[str, str], binary: bytes, tmp_path: Path) -> None:
    """In a session of its own, as Helm in a pipeline is: it neither waits nor reads standard input."""
    del environ["KSECRETS_PASSPHRASE_CMD"]
    environ["SOPS_AGE_KEY_FILE"] = str(put(tmp_path / "k", binary))
    assert without_a_terminal(environ) == (
        "SOPS_AGE_KEY_FILE: has a passphrase, and there is no terminal to ask at (set KSECRETS_PASSPHRASE_CMD)"
    )
    environ["KSECRETS_PROMPT"] = "never"
    assert "asking is turned off (set KSECRETS_PASSPHRASE_CMD)" in at_a_terminal(_READ, environ, "x", [])


def test_at_a_terminal(environ: dict[str, str], binary: bytes, identity: keygen.NewIdentity, tmp_path: Path) -> None:
    del environ["KSECRETS_PASSPHRASE_CMD"]
    environ["SOPS_AGE_KEY_FILE"] = str(put(tmp_path / "k", binary))
    question = "passphrase of SOPS_AGE_KEY_FILE: "
    said = at_a_terminal(_READ, environ, question, ["hunter2", WORD])
    assert said.count(question) == 2
    assert "wrong passphrase, again: " + question in said
    assert identity.public in said
    assert WORD not in said  # it is not echoed
    assert "hunter2" not in said
    assert "none was given" in at_a_terminal(_READ, environ, question, [""])
    assert "none of 3 passphrases opens it" in at_a_terminal(_READ, environ, question, ["a", "b", "c"])


_READ = (
    "import os\nfrom ksecrets.keys.identities import Identities\n"
    "found = Identities.from_environment(os.environ)\n"
    "print(*(each.public for each in found), *(each.message for each in found.problems))\n"
)


def without_a_terminal(environ: dict[str, str]) -> str:
    """What a program in a session of its own says that reads the identities of `environ`."""
    done = subprocess.run(
        [sys.executable, "-c", _READ],
        env={**environ, "PYTHONPATH": str(ROOT)},
        input=b"",
        capture_output=True,
        start_new_session=True,
        timeout=60,
        check=True,
    )
    return done.stdout.decode().strip()


def at_a_terminal(code: str, environ: dict[str, str], question: str, answers: list[str]) -> str:
    """All that this code shows at a new terminal, where each `question` gets the next answer."""
    import pty

    argv = [sys.executable, "-c", code]
    child, descriptor = pty.fork()
    if child == 0:
        os.execve(argv[0], argv, {**environ, "PYTHONPATH": str(ROOT)})
    heard = ""
    try:
        for count, answer in enumerate(answers, 1):
            while heard.count(question) < count:
                heard += os.read(descriptor, 1000).decode()
            os.write(descriptor, answer.encode() + b"\n")
        while chunk := os.read(descriptor, 1000):
            heard += chunk.decode()
    except OSError:
        pass  # how Linux tells that the other end is closed
    finally:
        os.close(descriptor)
        os.kill(child, signal.SIGTERM)  # it has ended, unless the test failed; it is not waited for before
        os.waitpid(child, 0)
    return heard
