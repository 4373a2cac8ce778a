"""Where identities are found, in which order, and how little is read for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives import serialization

from ksecrets.envelope.metadata import Metadata
from ksecrets.envelope.recipient import Stanza
from ksecrets.envelope.wrap import unwrap
from ksecrets.errors import ConfigError, NoIdentity
from ksecrets.keys import keyring
from ksecrets.keys.age import native as age
from ksecrets.keys.age.sources import read_identities
from ksecrets.keys.identities import (
    VARIABLES,
    Identities,
    child_environment,
    config_folder,
    keys_path,
)
from tests.keys.age.test_native import OPENSSH, ssh_pair
from tests.keys.contract import KEY


class Key:
    def __init__(self) -> None:
        native = pyrage.x25519.Identity.generate()
        self.secret, self.public = str(native), str(native.to_public())

    def stanza(self) -> Stanza:
        return age.parse_recipient(self.public).wrap(KEY)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "PATH": os.environ["PATH"]}


def put(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def opened_by(environ: dict[str, str], *stanzas: Stanza) -> str:
    identities = Identities.from_environment(environ)
    metadata = Metadata(lastmodified="2026-11-21T09:52:25Z", mac="m", version="3.13.3", groups=(stanzas,))
    key, identity = unwrap(metadata, identities)
    assert key == KEY
    return identity.where


@pytest.mark.parametrize("name", ["KSECRETS_AGE_KEY", "SOPS_AGE_KEY"])
def test_a_variable_with_keys(environ: dict[str, str], name: str) -> None:
    one, two, three = Key(), Key(), Key()
    environ[name] = f"# mine\r\n{one.secret} {two.secret}\r\n\r\n{three.secret}"
    for key in (one, two, three):
        assert opened_by(environ, key.stanza()) == name


@pytest.mark.parametrize("name", ["KSECRETS_AGE_KEY_FILE", "SOPS_AGE_KEY_FILE"])
def test_a_variable_with_a_file(environ: dict[str, str], home: Path, name: str) -> None:
    one, two = Key(), Key()
    put(home / "my keys", f"\ufeff# created: now\r\n{one.secret}\r\n\r\n  {two.secret}  \r\n")
    for value in (str(home / "my keys"), "~/my keys"):
        environ[name] = value
        assert opened_by(environ, one.stanza()) == f"{name}:2"
        assert opened_by(environ, two.stanza()) == f"{name}:4"


def test_the_file_of_the_user(environ: dict[str, str], home: Path) -> None:
    key = Key()
    put(home / "config/sops/age/keys.txt", key.secret)
    assert opened_by(environ, key.stanza()) == "~/config/sops/age/keys.txt:1"


@pytest.mark.parametrize("prefix", ["KSECRETS_", "SOPS_"])
def test_a_command_is_run_without_a_shell_once_a_recipient(environ: dict[str, str], home: Path, prefix: str) -> None:
    one, two, three = Key(), Key(), Key()
    put(home / "keys" / one.public, one.secret)
    put(home / "keys" / two.public, f"# two\n{two.secret}\n")
    script = put(
        home / "give me.py",
        "import os, sys\n"
        "recipient = os.environ['SOPS_AGE_RECIPIENT']\n"
        f"print(recipient, *sys.argv[1:], file=open({str(home / 'log')!r}, 'a'))\n"
        f"path = {str(home / 'keys')!r} + '/' + recipient\n"
        "print(open(path).read()) if os.path.exists(path) else None\n",
    )
    environ[f"{prefix}AGE_KEY_CMD"] = f"{sys.executable} '{script}' '$HOME;' a\\ b"
    assert opened_by(environ, three.stanza(), two.stanza(), one.stanza()) == f"{prefix}AGE_KEY_CMD:2"
    ran = f"{three.public} $HOME; a b\n{two.public} $HOME; a b\n"
    assert (home / "log").read_text() == ran
    # for a file with ssh recipients alone there is nothing to ask it
    ssh = age.parse_recipient(ssh_pair("ssh-ed25519")[0]).wrap(KEY)
    assert list(Identities.from_environment(environ).for_stanzas([ssh])) == []
    assert (home / "log").read_text() == ran


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("false", "the command failed (exit 1)"),
        ("true", "the command printed no identities"),
        ("", "empty"),
        ("no-such-program-here", "cannot be run: No such file or directory"),
        ("echo 'a", "cannot be run: unbalanced quotes"),
        ("echo hunter2", "SOPS_AGE_KEY_CMD:1: not an age identity"),
    ],
)
def test_commands_that_give_nothing(environ: dict[str, str], command: str, says: str) -> None:
    environ["SOPS_AGE_KEY_CMD"] = command
    identities = Identities.from_environment(environ)
    assert list(identities.for_stanzas([Key().stanza(), Key().stanza()])) == []
    (problem,) = identities.problems
    assert str(problem).startswith("SOPS_AGE_KEY_CMD")
    assert says in str(problem)
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("prefix", ["KSECRETS_", "SOPS_"])
def test_ssh_keys(environ: dict[str, str], home: Path, prefix: str) -> None:
    pairs = [ssh_pair("ssh-ed25519") for _ in range(4)]
    put(home / ".ssh/id_ed25519", pairs[0][1])
    put(home / ".ssh/id_rsa", pairs[1][1])
    put(home / "named", pairs[2][1])
    put(home / "printed", pairs[3][1])
    environ[f"{prefix}AGE_SSH_PRIVATE_KEY_FILE"] = str(home / "named")
    environ[f"{prefix}AGE_SSH_PRIVATE_KEY_CMD"] = f"cat {home}/printed"
    places = (
        "~/.ssh/id_ed25519",
        "~/.ssh/id_rsa",
        f"{prefix}AGE_SSH_PRIVATE_KEY_FILE",
        f"{prefix}AGE_SSH_PRIVATE_KEY_CMD",
    )
    for (public, _), place in zip(pairs, places, strict=True):
        stanza = age.parse_recipient(public + " me@home").wrap(KEY)
        assert opened_by(environ, stanza) == place


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    from ksecrets.keys.age import sources

    seen: list[str] = []
    original = sources._read_file

    def watched(path: str) -> tuple[bytes, int]:
        seen.append(os.path.basename(path))
        return original(path)

    monkeypatch.setattr(sources, "_read_file", watched)
    return seen


def test_nothing_is_read_before_it_is_needed(environ: dict[str, str], home: Path, read: list[str]) -> None:
    keys = {name: Key() for name in ("a.txt", "b.txt", "keys.txt")}
    for name in ("a.txt", "b.txt"):
        put(home / name, keys[name].secret)
    put(home / "config/sops/age/keys.txt", keys["keys.txt"].secret)
    put(home / ".ssh/id_ed25519", ssh_pair("ssh-ed25519")[1])
    environ |= {"KSECRETS_AGE_KEY_FILE": str(home / "a.txt"), "SOPS_AGE_KEY_FILE": str(home / "b.txt")}
    identities = Identities.from_environment(environ)
    assert read == []
    every = [key.stanza() for key in keys.values()]
    assert next(iter(identities.for_stanzas(every))).public == keys["a.txt"].public
    assert read == ["a.txt"]
    assert next(iter(identities.for_stanzas(every[1:]))).public == keys["b.txt"].public
    assert read == ["a.txt", "b.txt"]
    # no ssh recipient in the file: no ssh key is touched; and what was read is not read again
    assert next(iter(identities.for_stanzas(every[2:]))).public == keys["keys.txt"].public
    assert read == ["a.txt", "b.txt", "keys.txt"]
    ssh = age.parse_recipient(ssh_pair("ssh-ed25519")[0]).wrap(KEY)
    assert list(identities.for_stanzas([ssh])) == []
    assert read[3:] == ["id_ed25519", "id_rsa"]  # and nothing that holds no ssh keys


def test_a_key_that_does_not_fit_costs_no_decryption(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    environ["SOPS_AGE_KEY"] = "\n".join(Key().secret for _ in range(5))
    right = Key()
    environ["SOPS_AGE_KEY"] += "\n" + right.secret
    calls = []
    original = pyrage.decrypt
    monkeypatch.setattr(pyrage, "decrypt", lambda *a: calls.append(1) or original(*a))
    assert opened_by(environ, Key().stanza(), right.stanza()) == "SOPS_AGE_KEY"
    assert len(calls) == 1


def test_our_own_names_come_first(environ: dict[str, str]) -> None:
    key = Key()
    environ |= {"SOPS_AGE_KEY": key.secret, "KSECRETS_AGE_KEY": key.secret}
    assert opened_by(environ, key.stanza()) == "KSECRETS_AGE_KEY"


def test_one_bad_line_or_source_stops_nobody(environ: dict[str, str], home: Path) -> None:
    key = Key()
    put(home / "keys", f"hunter2hunter2\n{key.secret}\n{key.public}\n")
    environ |= {
        "KSECRETS_AGE_KEY": "hunter3",
        "KSECRETS_AGE_KEY_FILE": str(home / "missing"),
        "SOPS_AGE_KEY_FILE": str(home / "keys"),
    }
    identities = Identities.from_environment(environ)
    assert [identity.where for identity in identities.for_stanzas([key.stanza()])] == ["SOPS_AGE_KEY_FILE:2"]
    assert [str(problem) for problem in identities.problems] == [
        "KSECRETS_AGE_KEY: not an age identity",
        f"KSECRETS_AGE_KEY_FILE: no such file: {home}/missing",
        "SOPS_AGE_KEY_FILE:1: not an age identity",
        "SOPS_AGE_KEY_FILE:3: this is a recipient (public); an identity starts with AGE-SECRET-KEY-1",
    ]


def test_what_was_tried_is_told_by_name_and_never_by_secret(environ: dict[str, str], home: Path) -> None:
    mine, other, theirs = Key(), Key(), Key()
    environ["KSECRETS_AGE_KEY"] = mine.secret
    put(home / "config/sops/age/keys.txt", other.secret)
    locked_public, locked = ssh_pair("ssh-ed25519", OPENSSH, serialization.BestAvailableEncryption(b"secret"))
    put(home / ".ssh/id_ed25519", locked)
    public = ssh_pair("ssh-ed25519")[0]
    stanzas = (theirs.stanza(), age.parse_recipient(public + " carol@x").wrap(KEY))
    names = {mine.public: "dev-ci", theirs.public: "prod-ci"}
    metadata = Metadata(lastmodified="2026-11-21T09:52:25Z", mac="m", version="3.13.3", groups=(stanzas,))
    with pytest.raises(NoIdentity) as caught:
        unwrap(metadata, Identities.from_environment(environ), name_of=lambda _, fields: names.get(fields["recipient"]))
    short = f"{other.public[:12]}...{other.public[-4:]}"
    assert list(caught.value.details) == [
        "readers: prod-ci, ssh-ed25519 carol@x",
        "tried:   KSECRETS_AGE_KEY (dev-ci), "
        f"~/.ssh/id_ed25519 (ssh-ed25519 ...{locked_public[-8:]}), "
        f"~/config/sops/age/keys.txt:1 ({short})",
    ]
    for key in (mine, other):
        assert key.secret not in str(caught.value)


def test_a_file_that_others_can_read_is_remarked_upon(environ: dict[str, str], home: Path) -> None:
    key = Key()
    path = put(home / "config/sops/age/keys.txt", key.secret, 0o644)
    identities = Identities.from_environment(environ)
    assert len(list(identities.for_stanzas([key.stanza()]))) == 1
    assert identities.notes == [f"{path} can be read by others (mode 0644); chmod 600 it"]
    path.chmod(0o600)
    identities = Identities.from_environment(environ)
    assert len(list(identities)) == 1
    assert identities.notes == []


def test_a_pipe_is_read_and_not_remarked_upon(environ: dict[str, str]) -> None:
    key = Key()
    reading, writing = os.pipe()
    os.write(writing, key.secret.encode())
    os.close(writing)
    environ["SOPS_AGE_KEY_FILE"] = f"/dev/fd/{reading}"
    identities = Identities.from_environment(environ)
    assert [identity.public for identity in identities] == [key.public]
    assert identities.notes == []
    os.close(reading)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"age-encryption.org/v1\n-> scrypt", "keys: has a passphrase, and nobody can be asked"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl", "keys: has a passphrase, and nobody can be asked"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA", "KSECRETS_AGE_SSH_PRIVATE_KEY_FILE"),
        (b"\x00\xff\xfe", "keys:1: not an age identity"),
    ],
)
def test_files_that_are_something_else(content: bytes, says: str) -> None:
    found, (problem,) = read_identities(content, "keys")
    assert found == []
    assert says in str(problem)


def test_folders_that_cannot_be_read_are_problems_and_no_tracebacks(environ: dict[str, str], home: Path) -> None:
    environ["SOPS_AGE_KEY_FILE"] = str(home)
    identities = Identities.from_environment(environ)
    assert list(identities) == []
    assert [str(problem) for problem in identities.problems] == ["SOPS_AGE_KEY_FILE: cannot be read: Is a directory"]


def test_no_home_at_all() -> None:
    identities = Identities.from_environment({})
    assert list(identities.for_stanzas([Key().stanza()])) == []
    assert identities.describe() == []


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {"HOME": "/h"}, "/h/.config"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "/h/.config"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support"),
        ("darwin", {"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x"),
        ("win32", {"AppData": "C:\\a"}, "C:\\a"),
        ("linux", {}, None),
        ("win32", {}, None),
    ],
)
def test_the_configuration_folder_is_that_of_sops(
    platform: str, environ: dict[str, str], folder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert config_folder(environ) == folder
    assert (keys_path(environ) is None) == (folder is None)


# -- the keyring -------------------------------------------------------------------------------------------------------


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A keyring of paper; `asked` in it would be a lookup that must not happen."""
    content: dict[str, str] = {}
    monkeypatch.setattr(keyring, "load", content.get)
    return content


def test_the_keyring_is_left_alone_unless_the_user_asked(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(public: str) -> str:
        raise AssertionError("nobody asked for the keyring")

    monkeypatch.setattr(keyring, "load", refuse)
    assert list(Identities.from_environment(environ).for_stanzas([Key().stanza()])) == []


def test_the_keyring_by_variable(environ: dict[str, str], ring: dict[str, str]) -> None:
    key = Key()
    ring[key.public] = key.secret
    environ["KSECRETS_KEYRING"] = "1"
    assert opened_by(environ, Key().stanza(), key.stanza()) == "keyring"


def test_the_keyring_by_marker(environ: dict[str, str], home: Path, ring: dict[str, str]) -> None:
    key, lost = Key(), Key()
    ring[key.public] = key.secret
    put(home / "config/ksecrets/keyring.txt", f"{lost.public}\n{key.public}\n")
    assert opened_by(environ, key.stanza()) == "keyring"
    identities = Identities.from_environment(environ)
    assert list(identities.for_stanzas([lost.stanza()])) == []
    assert "lost the key" in identities.describe()[0]
    environ["KSECRETS_KEYRING"] = "0"
    with pytest.raises(NoIdentity):
        opened_by(environ, key.stanza())


def test_a_keyring_that_fails_is_a_problem_of_that_source(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(public: str) -> str:
        raise ConfigError("the keyring of this system refused (Locked)")

    monkeypatch.setattr(keyring, "load", locked)
    environ["KSECRETS_KEYRING"] = "1"
    identities = Identities.from_environment(environ)
    assert list(identities.for_stanzas([Key().stanza()])) == []
    assert identities.describe() == ["keyring: the keyring of this system refused (Locked)"]


def test_children_get_no_identity() -> None:
    environ = dict.fromkeys(VARIABLES, "secret") | {
        "PATH": "/bin",
        "KSECRETS_REQUIRE_SEAL": "1",
        "SOPS_AGE_RECIPIENTS": "r",
    }
    assert child_environment(environ) == {"PATH": "/bin", "KSECRETS_REQUIRE_SEAL": "1", "SOPS_AGE_RECIPIENTS": "r"}
    assert {"KSECRETS_AGE_KEY", "SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"} <= VARIABLES


def test_the_user_says_what_else_no_child_gets() -> None:
    clouds = {"AWS_PROFILE": "p", "AWS_SECRET_ACCESS_KEY": "s", "VAULT_TOKEN": "t", "VAULT_ADDR": "a"}
    assert child_environment(clouds) == clouds
    for hide, left in (
        ("VAULT_TOKEN AWS_SECRET_ACCESS_KEY", {"AWS_PROFILE", "VAULT_ADDR"}),
        ("AWS_* VAULT_TOKEN", {"VAULT_ADDR"}),
        ("* AWS", set(clouds)),
    ):
        environ = {**clouds, "KSECRETS_HIDE": hide, "KSECRETS_AGE_KEY": "k"}
        assert set(child_environment(environ)) == left | {"KSECRETS_HIDE"}
