"""PKCS#11 keys against SoftHSM, a token in software (Debian: softhsm2); skipped where there is none.

SoftHSM 2.6 does RSA-OAEP with SHA-1 only, so that is what most tests here use; with SHA-256 there is another token, in
test_pkcs11_nss.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ksecrets import keys
from ksecrets.envelope.recipient import Identity, Recipient
from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys import pkcs11token
from ksecrets.keys.pkcs11 import MODULE_VARIABLE, PIN_VARIABLE, Pkcs11Key
from ksecrets.keys.pkcs11uri import parse
from ksecrets.keys.remote import Access, RemoteIdentity
from tests.conftest import Cli, Repo, _find_peer
from tests.keys.contract import KEY
from tests.keys.foreign import ForeignContract

PIN = "246810"
WHERE = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


class Hsm:
    """A token with the key pairs `one` and `two` in a folder of its own, for this process and its children."""

    def __init__(self, folder: Path) -> None:
        tool = _find_peer("softhsm2-util")
        self.module = next(path for path in WHERE if os.path.exists(path))
        (folder / "tokens").mkdir()
        config = folder / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        # the library reads it once, when a process first uses it
        os.environ["SOFTHSM2_CONF"] = str(config)
        self.tool = tool
        for label in ("prod eu", "doomed"):
            self.new_token(label)
        for name in ("one", "two"):
            self.new_key("prod eu", name)
        self.new_key("doomed", "one")

    def new_token(self, label: str) -> None:
        words = ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "13579"]
        subprocess.run([self.tool, *words], check=True, capture_output=True)

    def new_key(self, token: str, label: str, bits: int = 2048, **attributes: Any) -> None:
        import pkcs11

        library = pkcs11.lib(self.module)
        library.reinitialize()  # a token that a tool made is seen after this
        with library.get_token(token_label=token).open(rw=True, user_pin=PIN) as session:
            session.generate_keypair(pkcs11.KeyType.RSA, bits, store=True, label=label, **attributes)

    def environ(self, **more: str) -> dict[str, str]:
        given = {**os.environ, MODULE_VARIABLE: self.module, PIN_VARIABLE: PIN, "KSECRETS_KEY_TIMEOUT": "5", **more}
        return {name: value for name, value in given.items() if value}

    def key(self, label: str = "one", token: str = "prod%20eu", algorithm: str = "RSA-OAEP", **more: str) -> Pkcs11Key:
        fields = {"uri": f"pkcs11:token={token};object={label}", "algorithm": algorithm}
        return Pkcs11Key(fields, Access(self.environ(**more)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hsm]:
    before = os.environ.get("SOFTHSM2_CONF")
    yield Hsm(tmp_path_factory.mktemp("hsm"))
    os.environ.pop("SOFTHSM2_CONF")
    if before is not None:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture
def hsm(made: Hsm, monkeypatch: pytest.MonkeyPatch) -> Hsm:
    monkeypatch.setenv(MODULE_VARIABLE, made.module)
    monkeypatch.setenv(PIN_VARIABLE, PIN)
    import pkcs11

    pkcs11.lib(made.module).reinitialize()  # a login holds for the whole process
    return made


class TestPkcs11(ForeignContract):
    service = "pkcs11"

    @pytest.fixture(autouse=True)
    def _token(self, hsm: Hsm) -> None:
        self.hsm = hsm
        self.used = 0

    def pair(self) -> tuple[Recipient, Identity]:
        self.used += 1
        key = self.hsm.key(("one", "two")[self.used % 2])
        return key, RemoteIdentity(key)

    def secret_of(self, identity: Identity) -> str:
        return PIN


def failure(key: Pkcs11Key, enc: str | None = None) -> ServiceFailed:
    with pytest.raises(ServiceFailed) as caught:
        key.wrap(KEY) if enc is None else key.open(enc)
    assert PIN not in str(caught.value)
    return caught.value


def test_wrapping_needs_no_pin(hsm: Hsm) -> None:
    """Whoever only encrypts needs the token, and no right to decrypt."""
    writer = hsm.key(KSECRETS_PKCS11_PIN="", KSECRETS_PROMPT="never")
    enc = writer.wrap(KEY).enc
    error = failure(writer, enc)
    assert (error.reason, error.hint) == ("credentials", "set KSECRETS_PKCS11_PIN")
    assert hsm.key().open(enc) == KEY


def test_a_pin_from_a_command(hsm: Hsm) -> None:
    enc = hsm.key().wrap(KEY).enc
    command = f'sh -c \'test "$KSECRETS_PASSPHRASE_FOR" = "the token prod eu" && echo {PIN}\''
    assert hsm.key(KSECRETS_PKCS11_PIN="", KSECRETS_PASSPHRASE_CMD=command).open(enc) == KEY


def test_a_wrong_pin_is_tried_once_in_a_run(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token locks itself after some wrong PINs: a hundred files must not be a hundred tries."""
    enc = hsm.key(KSECRETS_PKCS11_PIN="").wrap(KEY).enc  # a login would hold for this whole process
    tried: list[str] = []
    opens = pkcs11token.Token._opens
    monkeypatch.setattr(pkcs11token.Token, "_opens", lambda token, pin: tried.append(pin) or opens(token, pin))
    access = Access(hsm.environ(KSECRETS_PKCS11_PIN="999999"))
    for label in ("one", "two", "one"):
        key = Pkcs11Key({"uri": f"pkcs11:token=prod%20eu;object={label}", "algorithm": "RSA-OAEP"}, access)
        error = failure(key, enc)
        assert (error.reason, "KSECRETS_PKCS11_PIN is wrong" in error.message) == ("credentials", True)
        assert "999999" not in str(error)
    assert tried == ["999999"]
    tried.clear()
    key = hsm.key(KSECRETS_PKCS11_PIN="", KSECRETS_PASSPHRASE_CMD="echo 999999")
    assert failure(key, enc).reason == "credentials"
    assert tried == ["999999"]


class Flagged:
    """A token whose flags say something else."""

    def __init__(self, real: Any, flags: int) -> None:
        self.real, self.flags = real, flags

    def open(self, **words: Any) -> Any:
        assert not words, "no PIN may be tried"
        return self.real.open()


@pytest.mark.parametrize(("flag", "said"), [("USER_PIN_FINAL_TRY", "would lock"), ("USER_PIN_LOCKED", "is locked")])
def test_no_pin_is_tried_when_it_could_be_the_last(
    flag: str, said: str, hsm: Hsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pkcs11 import TokenFlag

    enc = hsm.key().wrap(KEY).enc
    find = pkcs11token._find
    flags = int(TokenFlag.LOGIN_REQUIRED) | int(TokenFlag[flag])
    monkeypatch.setattr(pkcs11token, "_find", lambda *words: Flagged(find(*words), flags))
    error = failure(hsm.key(), enc)
    assert (error.reason, said in error.message) == ("credentials", True)


def test_each_failure_has_its_reason(hsm: Hsm, tmp_path: Path) -> None:
    enc = hsm.key().wrap(KEY).enc
    assert failure(hsm.key("nobody")).reason == "missing"
    assert failure(hsm.key("nobody"), enc).reason == "missing"
    error = failure(hsm.key(token="nowhere"))
    assert (error.reason, "prod eu" in error.message) == ("missing", True)
    assert failure(hsm.key("two"), enc).reason == "refused"
    library = tmp_path / "library.so"
    library.write_bytes(b"\x7fELF")
    for path in (str(library), "/nonexistent/x.so", "relative.so", ""):
        assert failure(hsm.key(KSECRETS_PKCS11_MODULE=path)).reason == "credentials"


def test_a_token_that_knows_only_sha1_says_what_to_do(hsm: Hsm) -> None:
    """Whoever has a PIN is told before anything is written; who has none is not, and nobody opens the file."""
    key = hsm.key(algorithm="")
    for enc in (None, hsm.key(algorithm="", KSECRETS_PKCS11_PIN="").wrap(KEY).enc):
        error = failure(key, enc)
        assert (error.reason, "RSA-OAEP-256" in error.message) == ("refused", True)
        assert "algorithm: RSA-OAEP" in str(error.hint)


def test_a_wrong_pin_stops_no_write(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = hsm.key(KSECRETS_PKCS11_PIN="111111")
    asked: list[str] = []
    opens = pkcs11token.Token._opens
    monkeypatch.setattr(pkcs11token.Token, "_opens", lambda self, pin: asked.append(pin) or opens(self, pin))
    encs = [writer.wrap(KEY).enc for _ in range(3)]
    assert asked == ["111111"]  # each wrong one counts on the token
    assert hsm.key().open(encs[2]) == KEY


def test_sha256_is_asked_for_by_its_parameters(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    """CKM_RSA_PKCS_OAEP, with SHA-256 for the hash and for MGF1: what SoftHSM 2.6 refuses and others do."""
    from pkcs11 import MGF, Mechanism

    asked: dict[str, Any] = {}

    class Private:
        def decrypt(self, wrapped: bytes, **words: Any) -> bytes:
            asked.update(words, length=len(wrapped))
            return KEY

    key = hsm.key(algorithm="")
    stanza = hsm.key(algorithm="", KSECRETS_PKCS11_PIN="").wrap(KEY)
    assert "algorithm" not in stanza.fields
    monkeypatch.setattr(pkcs11token.Token, "one", lambda *_: Private())
    assert key.open(stanza.enc) == KEY
    assert asked["mechanism"] == Mechanism.RSA_PKCS_OAEP
    assert asked["mechanism_param"] == (Mechanism.SHA256, MGF.SHA256, None)
    assert asked["length"] == 256


def test_a_short_key_is_refused(hsm: Hsm) -> None:
    hsm.new_key("prod eu", "short", 1024)
    assert "2048" in failure(hsm.key("short")).message


def test_two_keys_of_one_name(hsm: Hsm) -> None:
    for number in (b"\x01", b"\x02"):
        hsm.new_key("prod eu", "twin", id=number)
    error = failure(hsm.key("twin"))
    assert (error.reason, "id=%01" in str(error.hint)) == ("missing", True)
    one, two = hsm.key("twin;id=%01"), hsm.key("twin;id=%02")
    enc = one.wrap(KEY).enc
    assert one.open(enc) == KEY
    assert failure(two, enc).reason == "refused"


def test_a_library_that_hangs_is_left_in_time(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    key = hsm.key(KSECRETS_KEY_TIMEOUT="0.5")
    enc = key.wrap(KEY).enc
    assert key.open(enc) == KEY
    monkeypatch.setattr("ksecrets.keys.pkcs11._LEAST", 0.0)
    monkeypatch.setattr(pkcs11token.Token, "one", lambda *_: time.sleep(3))
    began = time.monotonic()
    assert failure(key, enc).reason == "timeout"
    assert time.monotonic() - began < 2


def test_after_a_fork_the_library_is_started_again(hsm: Hsm) -> None:
    """Workers of a tree are forks; PKCS#11 says that a child must initialise anew."""
    key = hsm.key()
    enc = key.wrap(KEY).enc
    assert key.open(enc) == KEY
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if key.open(enc) == KEY else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert key.open(enc) == KEY


def test_the_extra_is_named_where_it_is_missing(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    error = failure(hsm.key())
    assert (error.reason, error.hint) == ("extra", "pip install 'ksecrets[pkcs11]'")


# -- names -------------------------------------------------------------------------------------------------------------


def test_names_of_keys() -> None:
    uri = parse("pkcs11:token=prod%20eu;object=k%3b1;id=%01%ff;type=private")
    assert (uri.token, uri.label, uri.id) == (("prod eu", None), "k;1", b"\x01\xff")
    assert parse("pkcs11:serial=12;id=%aa").token == (None, "12")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "pkcs11:",
        "pkcs11:token=t",
        "pkcs11:object=o",
        "pkcs11:token=t;object=o;object=p",
        "pkcs11:token=;object=o",
        "pkcs11:token=t;object=o;slot-id=1",
        "pkcs11:token=t;object=o?module-path=/tmp/evil.so",
        "pkcs11:token=t;object=o?pin-value=1234",
        "pkcs11:token=t;object=o?pin-source=|sh",
        "pkcs11:token=t;object=\x1b[2J",
        "file:token=t;object=o",
        "pkcs11:token=t;object=" + "o" * 2000,
    ],
)
def test_a_name_cannot_load_a_library_or_give_a_pin(uri: str) -> None:
    """The attack: a file whose URI brings a library of its own, which would run as whoever opens the file."""
    with pytest.raises(ConfigError, match="PKCS#11") as caught:
        keys.recipient("pkcs11", {"uri": uri})
    assert "\x1b" not in str(caught.value)
    assert "1234" not in str(caught.value)
    with pytest.raises(ConfigError, match="algorithm"):
        keys.recipient("pkcs11", {"uri": "pkcs11:token=t;object=o", "algorithm": "RSA1_5"})


# -- whole files -------------------------------------------------------------------------------------------------------

RULES = """\
version: 1
recipients:
  hsm: {{pkcs11: "pkcs11:token=prod%20eu;object=one", algorithm: RSA-OAEP, kind: machine}}
  me: {{age: {age}}}
environments:
  dev: {{files: ["*.yaml"], readers: [hsm, me]}}
  only: {{files: ["only/*.yaml"], readers: [hsm]}}
"""


@pytest.fixture
def rules(hsm: Hsm, cli: Cli, repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A configuration with a token and a person; the person's key file, which is not in the environment."""
    identity = tmp_path / "me.txt"
    done = cli("keygen", "--output", identity).ok()
    public = next(word for word in (done.stderr + identity.read_text()).split() if word.startswith("age1"))
    repo.write(".ksecrets.yaml", RULES.format(age=public))
    repo.git("add", ".ksecrets.yaml")
    repo.git("commit", "-qm", "rules")
    return identity


def test_a_file_for_a_token_and_a_person(rules: Path, cli: Cli, repo: Repo, sops: str) -> None:
    """The token opens it, and so does the person, with ksecrets and with sops, which never sees the token."""
    file = repo.write("s.yaml", "a: 1.10 # note\nb: [two]\n")
    cli("encrypt", "-i", file).ok()
    assert cli("decrypt", file).ok().stdout == "a: 1.10 # note\nb: [two]\n"
    cli("set", file, "b[0]", input="three\n").ok()
    cli("check").ok()
    person = {PIN_VARIABLE: "", "SOPS_AGE_KEY_FILE": str(rules)}
    assert cli("get", file, "b[0]", env=person).ok().stdout == "three"
    read = subprocess.run([sops, "decrypt", file], env={**os.environ, **person}, capture_output=True, check=True)
    assert b"three" in read.stdout


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", '{"a": "hunter2", "b": [1]}\n'),
        ("s.env", "A=hunter2\n"),
        ("s.ini", "[s]\na = hunter2\n"),
        ("s.bin", "hunter2"),
    ],
)
def test_every_format_carries_it_past_sops(name: str, text: str, rules: Path, cli: Cli, repo: Repo, sops: str) -> None:
    """Flattened or not, sops reads past the block, and the token opens the file, to the byte."""
    config = repo / ".ksecrets.yaml"
    config.write_text(config.read_text().replace('"*.yaml"', '"s.*"'))
    repo.git("commit", "-qam", "all formats")
    file = repo.write(name, text)
    cli("encrypt", "-i", file).ok()
    assert "pkcs11:token" in file.read_text()
    assert cli("decrypt", file).ok().stdout == text
    person = {**os.environ, "SOPS_AGE_KEY_FILE": str(rules)}
    read = subprocess.run([sops, "decrypt", file], env=person, capture_output=True, check=True)
    assert b"hunter2" in read.stdout


def test_sops_writes_and_the_token_comes_back(rules: Path, cli: Cli, repo: Repo, sops: str) -> None:
    """sops drops our block and with it the token's copy of the data key: check says so, updatekeys repairs it."""
    file = repo.write("s.yaml", "a: b\n")
    cli("encrypt", "-i", file).ok()
    person = {**os.environ, "SOPS_AGE_KEY_FILE": str(rules)}
    subprocess.run([sops, "set", file, '["a"]', '"new"'], env=person, capture_output=True, check=True)
    assert "pkcs11" not in file.read_text()
    assert cli("get", file, "a").code == 4
    assert "hsm" in cli("check", env=person).stdout + cli("check", env=person).stderr
    cli("updatekeys", file, env=person).ok()
    assert cli("get", file, "a").ok().stdout == "new"


def test_a_file_for_a_token_alone(rules: Path, cli: Cli, repo: Repo) -> None:
    file = repo.write("only/s.yaml", "a: b\n")
    cli("encrypt", "-i", file).ok()
    cli("rotate", file).ok()
    assert cli("get", file, "a").ok().stdout == "b"
    done = cli("get", file, "a", env={PIN_VARIABLE: "999999"})
    assert done.code == 4
    assert "KSECRETS_PKCS11_PIN is wrong" in done.stderr
    assert "only/s.yaml" in done.stderr
    assert "999999" not in done.stderr


def test_a_token_is_asked_only_where_the_users_side_names_it(hsm: Hsm, cli: Cli, repo: Repo) -> None:
    """A configuration that nobody committed is not the user's side; a variable of theirs is."""
    repo.write(".ksecrets.yaml", RULES.format(age="age1494dxhqw8q57gzggrcjdqrdhyr7x2ydmgh3kdcr7n7w3q3kns56s8v5kqs"))
    file = repo.write("s.yaml", "a: b\n")
    done = cli("encrypt", "-i", file)
    assert (done.code, "not asked" in done.stderr) == (1, True)
    assert file.read_text() == "a: b\n"
    mine = {"KSECRETS_TRUSTED_KEYS": "pkcs11:token=prod%20eu;object=one"}
    cli("encrypt", "-i", file, env=mine).ok()
    assert cli("get", file, "a", env=mine).ok().stdout == "b"
    assert cli("get", file, "a").code == 4


@pytest.mark.parametrize("words", [["check"], ["rotate"], ["updatekeys"]])
def test_many_files_ask_for_one_pin(words: list[str], rules: Path, cli: Cli, repo: Repo, tmp_path: Path) -> None:
    """Commands over many files fork, and a library of PKCS#11 does not live through that: with a token they do not."""
    names = [f"only/{number}.yaml" for number in range(30)]
    for name in names:
        repo.write(name, "a: b\n")
    cli("encrypt", "-i", names).ok()
    if words == ["updatekeys"]:
        # the person joins, and each file is opened for it
        path = repo / ".ksecrets.yaml"
        repo.write(".ksecrets.yaml", path.read_text().replace("readers: [hsm]", "readers: [hsm, me]"))
    repo.commit("files")
    asked = tmp_path / "asked"
    command = f"sh -c 'echo x >> {asked}; echo {PIN}'"
    done = cli(words, env={PIN_VARIABLE: "", "KSECRETS_PASSPHRASE_CMD": command}).ok()
    assert "30" in done.stdout + done.stderr
    assert asked.read_text() == "x\n"


def test_the_pin_goes_to_no_child(hsm: Hsm) -> None:
    from ksecrets.keys.identities import child_environment

    assert PIN_VARIABLE not in child_environment(hsm.environ())
