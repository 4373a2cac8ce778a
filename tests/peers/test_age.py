"""Held against the real age, sops and ssh-keygen: they open what we wrap, we open what they wrap."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ksecrets.envelope.emit import flow, metadata_lines
from ksecrets.envelope.metadata import Extension, Metadata
from ksecrets.envelope.wrap import unwrap, wrap, wrap_groups
from ksecrets.keys import prompt
from ksecrets.keys.age import keygen
from ksecrets.keys.age import native as age_service
from ksecrets.keys.identities import Identities
from tests.conftest import Cli
from tests.keys.age.test_plugin import put_toy, texts

KEY = bytes(range(32))


def run(*argv: str | Path, input: bytes = b"", env: dict[str, str] | None = None) -> bytes:
    done = subprocess.run(argv, input=input, env={**os.environ, **(env or {})}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def keys_file(folder: Path, name: str, identity: keygen.NewIdentity) -> Path:
    path = folder / name
    keygen.write_new(str(path), identity)
    return path


def sops_block(encrypted: bytes) -> tuple[Metadata, str]:
    """The metadata of a file that sops wrote, and its text."""
    text = encrypted.decode()
    return Metadata.from_tree(yaml.load(text, Loader=yaml.CBaseLoader)["sops"]), text[text.index("sops:\n") :]


@pytest.fixture
def ssh_keys(tmp_path: Path) -> Callable[..., Path]:
    """`ssh_keys(type, more options)`: the path of a new private key, made by the real ssh-keygen."""
    program = shutil.which("ssh-keygen")
    if program is None:
        pytest.skip("there is no ssh-keygen on the PATH")

    def make(kind: str, *options: str, passphrase: str = "") -> Path:
        path = tmp_path / f"id_{kind}_{len(list(tmp_path.iterdir()))}"
        run(program, "-q", "-t", kind, "-N", passphrase, "-C", "me@home it", "-f", path, *options)
        return path

    return make


# -- age ---------------------------------------------------------------------------------------------------------------


def test_age_opens_what_we_wrap(age: str, tmp_path: Path) -> None:
    identity = keygen.generate()
    (stanza,) = wrap(KEY, [age_service.parse_recipient(identity.public)])
    path = keys_file(tmp_path, "keys.txt", identity)
    assert run(age, "-d", "-i", path, input=stanza.enc.encode()) == KEY


def test_age_keygen_reads_our_keys_and_we_read_its(age_keygen: str, tmp_path: Path) -> None:
    identity = keygen.generate()
    assert run(age_keygen, "-y", keys_file(tmp_path, "ours", identity)).decode().strip() == identity.public
    run(age_keygen, "-o", tmp_path / "theirs")
    keygen.add_to(str(tmp_path / "theirs"), identity)
    public = run(age_keygen, "-y", tmp_path / "theirs").decode().split()
    found = list(Identities.from_environment({"SOPS_AGE_KEY_FILE": str(tmp_path / "theirs")}))
    assert [each.public for each in found] == public
    assert public[1] == identity.public


def test_we_open_what_age_wraps(age: str) -> None:
    identity = keygen.generate()
    armored = run(age, "-a", "-r", identity.public, input=KEY).decode()
    stanza = age_service.Stanza("age", {"recipient": identity.public, "enc": armored})
    assert age_service.parse_identity(identity.secret, "x").unwrap([stanza]) == KEY


def test_post_quantum_both_ways(age: str, age_keygen: str, tmp_path: Path) -> None:
    identity = keygen.generate(pq=True)
    path = keys_file(tmp_path, "ours", identity)
    assert run(age_keygen, "-y", path).decode().strip() == identity.public
    stanza = age_service.parse_recipient(identity.public).wrap(KEY)
    assert run(age, "-d", "-i", path, input=stanza.enc.encode()) == KEY
    run(age_keygen, "-pq", "-o", tmp_path / "theirs")
    (theirs,) = Identities.from_environment({"SOPS_AGE_KEY_FILE": str(tmp_path / "theirs")})
    public = run(age_keygen, "-y", tmp_path / "theirs").decode().strip()
    assert theirs.public == public
    armored = run(age, "-a", "-r", public, input=KEY).decode()
    assert theirs.unwrap([age_service.Stanza("age", {"recipient": public, "enc": armored})]) == KEY


@pytest.mark.parametrize("options", [("ed25519",), ("rsa", "-b", "2048"), ("rsa", "-b", "2048", "-m", "PEM")])
def test_ssh_keys_both_ways(options: tuple[str, ...], age: str, ssh_keys: Callable[..., Path]) -> None:
    path = ssh_keys(*options)
    public = path.with_suffix(".pub").read_text()
    identity = age_service.parse_ssh_identity(path.read_bytes(), "x")
    assert identity.public in (None, age_service.key_of(public))
    stanza = age_service.parse_recipient(public).wrap(KEY)
    assert run(age, "-d", "-i", path, input=stanza.enc.encode()) == KEY
    armored = run(age, "-a", "-R", path.with_suffix(".pub"), input=KEY).decode()
    assert identity.unwrap([age_service.Stanza("age", {"recipient": public.strip(), "enc": armored})]) == KEY


@pytest.mark.parametrize("options", [("ed25519",), ("rsa", "-b", "2048"), ("rsa", "-b", "2048", "-m", "PEM")])
def test_ssh_keys_under_a_passphrase(options: tuple[str, ...], ssh_keys: Callable[..., Path]) -> None:
    path = ssh_keys(*options, passphrase="a passphrase")
    asked = prompt.Prompt({"KSECRETS_PASSPHRASE_CMD": "echo 'a passphrase'", "PATH": os.environ["PATH"]})
    identity = age_service.parse_ssh_identity(path.read_bytes(), "x", asked)
    stanza = age_service.parse_recipient(path.with_suffix(".pub").read_text()).wrap(KEY)
    assert identity.unwrap([stanza]) == KEY


def test_an_identity_file_of_age_under_a_passphrase(age: str, age_keygen: str, tmp_path: Path) -> None:
    """Written by the real age at a terminal of its own, armored and binary."""
    import pty

    identity = keygen.generate()
    plain = keys_file(tmp_path, "plain", identity)
    for name, options in (("binary", ["-p"]), ("armored", ["-p", "-a"])):
        path = tmp_path / name
        child, terminal = pty.fork()
        if child == 0:
            os.execv(age, [age, *options, "-o", str(path), str(plain)])
        for _ in range(2):
            heard = b""
            while b"passphrase" not in heard.lower() or not heard.rstrip().endswith(b":"):
                heard += os.read(terminal, 100)
            os.write(terminal, b"correct horse\n")
        try:
            while os.read(terminal, 100):
                pass
        except OSError:
            pass  # how Linux tells that the other end is closed
        os.close(terminal)
        assert os.waitpid(child, 0)[1] == 0
        environ = {
            "SOPS_AGE_KEY_FILE": str(path),
            "KSECRETS_PASSPHRASE_CMD": "echo correct horse",
            "PATH": os.environ["PATH"],
        }
        assert [each.public for each in Identities.from_environment(environ)] == [identity.public]


def test_plugins_both_ways(age: str, sops: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real age and the real sops start the same plugin as we do."""
    put_toy(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("KSECRETS_AGE_PLUGINS", "toy")
    public, secret = texts(b"a toy key")
    path = tmp_path / "keys"
    path.write_text(secret + "\n")
    stanza = age_service.parse_recipient(public).wrap(KEY)
    assert run(age, "-d", "-i", path, input=stanza.enc.encode()) == KEY
    armored = run(age, "-a", "-r", public, input=KEY).decode()
    theirs = age_service.Stanza("age", {"recipient": public, "enc": armored})
    assert age_service.parse_identity(secret, "x").unwrap([theirs]) == KEY
    file = tmp_path / "a.yaml"
    file.write_text("a: b\n")
    metadata, _ = sops_block(run(sops, "encrypt", "--age", public, file))
    assert len(unwrap(metadata, Identities.from_environment({"SOPS_AGE_KEY_FILE": str(path)}))[0]) == 32


# -- sops --------------------------------------------------------------------------------------------------------------


def test_we_open_what_sops_wraps_and_write_its_block_as_it_does(
    sops: str, tmp_path: Path, ssh_keys: Callable[..., Path]
) -> None:
    ssh = ssh_keys("ed25519")
    one, two = keygen.generate(), keygen.generate()
    recipients = ",".join([one.public, ssh.with_suffix(".pub").read_text().strip(), two.public])
    file = tmp_path / "a.yaml"
    file.write_text("a: b\n")
    regex = "^(da.ta|'string\": Data)$ #x"
    metadata, block = sops_block(run(sops, "encrypt", "--age", recipients, "--encrypted-regex", regex, file))
    assert "\n".join(metadata_lines(metadata.to_tree())) + "\n" == block
    assert metadata.selector == ("encrypted_regex", regex)
    ways = (
        {"SOPS_AGE_KEY": one.secret},
        {"KSECRETS_AGE_KEY": two.secret},
        {"KSECRETS_AGE_SSH_PRIVATE_KEY_FILE": str(ssh)},
    )
    keys = {unwrap(metadata, Identities.from_environment(environ))[0] for environ in ways}
    assert len(keys) == 1
    assert len(keys.pop()) == 32


def test_whole_files_for_post_quantum_keys_both_ways(sops: str, cli: Cli, tmp_path: Path) -> None:
    """sops and we edit one file in turns, each with a post-quantum identity, as a recipient line of 1,959 letters."""
    identity, other = keygen.generate(pq=True), keygen.generate(pq=True)
    environ = {"SOPS_AGE_KEY_FILE": str(keys_file(tmp_path, "keys", identity))}
    (tmp_path / ".sops.yaml").write_text(f"creation_rules: [{{age: '{identity.public},{other.public}'}}]\n")
    text = "a: 1.10 # note\nb: [two]\n"
    ours = tmp_path / "ours.yaml"
    ours.write_text(text)
    cli("encrypt", "-i", ours).ok()
    assert cli("decrypt", ours, env={"KSECRETS_AGE_KEY": other.secret}).ok().stdout == text
    assert yaml.safe_load(run(sops, "decrypt", ours, env=environ)) == {"a": 1.1, "b": ["two"]}
    run(sops, "set", ours, '["a"]', '"new"', env=environ)
    assert cli("get", ours, "a", env=environ).ok().stdout == "new"
    cli("set", ours, "a", input="newer\n", env=environ).ok()
    assert yaml.safe_load(run(sops, "decrypt", ours, env=environ)) == {"a": "newer", "b": ["two"]}


@pytest.mark.parametrize(
    "rule",
    [
        "unencrypted_suffix: _x",
        "encrypted_suffix: yes",
        "unencrypted_regex: '^0x1F'",
        'encrypted_comment_regex: "a\\tb"',
        "encrypted_regex: 'é: 日'",
        "encrypted_regex: '012'",
    ],
)
def test_selectors_are_written_as_sops_writes_them(rule: str, sops: str, tmp_path: Path) -> None:
    config = f"creation_rules: [{{age: {keygen.generate().public}, mac_only_encrypted: true, {rule}}}]\n"
    (tmp_path / ".sops.yaml").write_text(config)
    (tmp_path / "a.yaml").write_text("a: b\n")
    metadata, block = sops_block(run(sops, "--config", tmp_path / ".sops.yaml", "encrypt", tmp_path / "a.yaml"))
    assert metadata.mac_only_encrypted
    assert "\n".join(metadata_lines(metadata.to_tree())) + "\n" == block


@pytest.mark.parametrize("in_flow", [False, True])
def test_sops_opens_what_we_wrap_and_keeps_our_lines(in_flow: bool, sops: str, tmp_path: Path) -> None:
    """Our envelope around values of sops: it decrypts them, and where it writes again, its block is ours again."""
    one, two = keygen.generate(), keygen.generate()
    keys = keys_file(tmp_path, "one", one)
    file = tmp_path / "a.yaml"
    file.write_text("a: b\n")
    encrypted = run(sops, "encrypt", "--age", one.public, file)
    metadata, block = sops_block(encrypted)
    data_key, _ = unwrap(metadata, Identities.from_environment({"SOPS_AGE_KEY_FILE": str(keys)}))
    recipients = [age_service.parse_recipient(each.public) for each in (two, one)]
    ours = metadata.replace(
        groups=(wrap(data_key, recipients),),
        extension=Extension(kid="0123", environment="yes", path="env/it's: x/a.yaml", residues={"-_1e5": "ab=="}),
    )
    lines = metadata_lines(ours.to_tree())
    text = "sops: " + flow(ours.to_tree()) if in_flow else "\n".join(lines)
    file.write_text(encrypted.decode().replace(block, "") + text + "\n")
    environ = {"SOPS_AGE_KEY": two.secret}
    assert run(sops, "decrypt", file, env=environ) == b"a: b\n"
    run(sops, "set", file, '["a"]', '"c"', env=environ)
    again, written = sops_block(file.read_bytes())
    assert again.mac != ours.mac
    # what sops writes is what we had written, but for the extension that it drops and the two lines that must change
    expected = ours.replace(extension=None, lastmodified=again.lastmodified, mac=again.mac)
    assert written == "\n".join(metadata_lines(expected.to_tree())) + "\n"


def key_groups(folder: Path, groups: list[list[keygen.NewIdentity]], threshold: int) -> Path:
    rules: dict[str, Any] = {
        "shamir_threshold": threshold,
        "key_groups": [{"age": [identity.public for identity in group]} for group in groups],
    }
    path = folder / ".sops.yaml"
    path.write_text(yaml.safe_dump({"creation_rules": [rules]}))
    return path


def test_key_groups_both_ways(sops: str, tmp_path: Path) -> None:
    a, b, c, d = (keygen.generate() for _ in range(4))
    config = key_groups(tmp_path, [[a, b], [c], [d]], 2)
    file = tmp_path / "a.yaml"
    file.write_text("a: b\n")
    encrypted = run(sops, "--config", config, "encrypt", file)
    metadata, block = sops_block(encrypted)
    assert (len(metadata.groups), metadata.shamir_threshold) == (3, 2)
    assert "\n".join(metadata_lines(metadata.to_tree())) + "\n" == block
    opened = {
        unwrap(metadata, Identities.from_environment({"SOPS_AGE_KEY": f"{one.secret} {two.secret}"}))[0]
        for one, two in ((a, c), (b, d), (d, c))
    }
    (data_key,) = opened
    groups = [[age_service.parse_recipient(each.public) for each in group] for group in ([a], [b, c], [d])]
    ours = metadata.replace(groups=wrap_groups(data_key, groups, 2))
    file.write_text(encrypted.decode().replace(block, "") + "\n".join(metadata_lines(ours.to_tree())) + "\n")
    for one, two in ((a, c), (b, d), (a, d)):
        environ = {"SOPS_AGE_KEY": f"{one.secret} {two.secret}"}
        assert run(sops, "decrypt", file, env=environ) == b"a: b\n"
