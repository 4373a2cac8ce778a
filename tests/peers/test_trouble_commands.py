"""Commands of sops that lose, leak or change something, by the numbers of the threads in getsops/sops about them.

Each test runs the real sops first and says what it does, then ksecrets on the same files. `test_NUMBER_...` is about
https://github.com/getsops/sops/issues/NUMBER.
"""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo, Result
from tests.team import person

A, B, C = (person(name).public for name in ("alice", "bob", "carol"))
FILE = "secrets.yaml"
PLAIN = "password: s3cret\nname: app\n"


class Work:
    """A repository under a `.sops.yaml`, with alice's key, and both programs in it."""

    def __init__(self, repo: Repo, program: str, cli: Cli) -> None:
        self.repo = repo
        self.program = program
        self.cli = cli

    def rules(self, *rules: str) -> None:
        self.repo.write(".sops.yaml", "creation_rules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules))

    def write(self, name: str, text: str) -> None:
        self.repo.write(name, text)

    def read(self, name: str = FILE) -> str:
        return (self.repo / name).read_bytes().decode()

    def sops(self, *words: str, **env: str) -> Result:
        done = subprocess.run(
            [self.program, *words], cwd=self.repo.path, env={**os.environ, **env}, capture_output=True, timeout=60
        )
        return Result(("sops", *words), done.returncode, done.stdout, done.stderr)

    def encrypted(self, text: str = PLAIN, *options: str, name: str = FILE) -> None:
        """A file that sops wrote."""
        self.write(name, text)
        self.sops("encrypt", "-i", *options, name).ok()

    def plain(self, name: str = FILE) -> str:
        return self.cli("decrypt", name).ok().stdout


@pytest.fixture
def work(repo: Repo, sops: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Work:
    monkeypatch.setenv("SOPS_AGE_KEY", person("alice").secret)
    made = Work(repo, sops, cli)
    made.rules(f"age: {A}")
    return made


def as_person(name: str) -> dict[str, str]:
    return {"SOPS_AGE_KEY": person(name).secret}


def token(text: str, key: str = "password") -> str:
    return next(line for line in text.splitlines() if line.startswith(f"{key}:"))


# -- a new secret stays in plaintext -----------------------------------------------------------------------------------


def test_770_set_does_not_follow_the_rules(work: Work) -> None:
    work.rules(f"age: {A}, encrypted_regex: ^password$")
    work.encrypted()
    work.rules(f"age: {A}, encrypted_regex: ^(password|token)$")
    before = work.read()
    work.sops("set", FILE, '["token"]', '"t0ps3cret"').ok()
    assert "t0ps3cret" in work.read()
    work.write(FILE, before)
    work.cli("set", FILE, "token", "t0ps3cret").ok()
    assert "t0ps3cret" not in work.read()


def test_770_edit_does_not_follow_the_rules(work: Work) -> None:
    work.rules(f"age: {A}, encrypted_regex: ^password$")
    work.encrypted()
    work.rules(f"age: {A}, encrypted_regex: ^(password|token)$")
    before = work.read()
    editor = {"EDITOR": "sed -i '1i token: t0ps3cret'"}
    work.sops("edit", FILE, **editor).ok()
    assert "t0ps3cret" in work.read()
    work.write(FILE, before)
    work.cli("edit", FILE, env=editor).ok()
    assert "t0ps3cret" not in work.read()


def test_938_a_selector_that_changed_does_not_reach_old_files(work: Work) -> None:
    work.rules(f"age: {A}, unencrypted_regex: ^(name|password)$")
    work.encrypted()
    work.rules(f"age: {A}, unencrypted_regex: ^name$")
    work.sops("rotate", "-i", FILE).ok()
    assert "s3cret" in work.read()
    work.cli("encrypt", "-i", FILE).ok()
    assert "s3cret" not in work.read()
    assert work.plain() == PLAIN


def test_1153_the_selector_of_a_file_cannot_be_changed(work: Work) -> None:
    (work.repo / ".sops.yaml").unlink()
    work.encrypted(PLAIN, "--age", A, "--encrypted-regex", "^password$")
    editor = {"EDITOR": "sed -i '1i token: t0ps3cret'"}
    before = work.read()
    work.sops("edit", "--encrypted-regex", "password|token", FILE, **editor).ok()
    assert "t0ps3cret" in work.read()
    work.write(FILE, before)
    work.cli("edit", "--encrypted-regex", "password|token", FILE, env=editor).ok()
    assert "t0ps3cret" not in work.read()


def test_1886_a_selector_that_picks_nothing_encrypts_nothing_and_says_nothing(work: Work) -> None:
    work.rules(f"age: {A}, encrypted_regex: ^(data|stringData)$")
    work.write("app.env", "A=s3cret\n")
    done = work.sops("encrypt", "app.env").ok()
    assert ("A=s3cret" in done.stdout, done.stderr) == (True, "")
    said = work.cli("encrypt", "app.env").ok().stderr
    assert "nothing in it is encrypted: no key or comment matches encrypted_regex: ^(data|stringData)$" in said


def test_229_a_secret_that_was_commented_out_is_not_readable(work: Work) -> None:
    work.write(FILE, "# password: s3cret\n" + PLAIN.replace("s3cret", "new"))
    assert "s3cret" not in work.cli("encrypt", FILE).ok().stdout
    assert "s3cret" not in work.sops("encrypt", FILE).ok().stdout


def test_921_remarks_can_be_read_in_the_encrypted_file(work: Work) -> None:
    """#1366, too: sops makes ciphertext of every comment."""
    work.write(FILE, "# Ask ops before you change this.\n" + PLAIN)
    assert "Ask ops" not in work.sops("encrypt", FILE).ok().stdout
    assert "# Ask ops before you change this.\n" in work.cli("encrypt", FILE).ok().stdout


def test_571_plaintext_is_committed(work: Work) -> None:
    (work.repo / ".sops.yaml").unlink()
    work.cli("init").ok()
    work.write("env/dev/secrets.yaml", PLAIN)
    work.repo.git("add", "--all")
    done = work.cli("guard")
    assert (done.code, "s3cret" in done.stdout + done.stderr) == (6, False)


# -- who reads ---------------------------------------------------------------------------------------------------------


def test_365_whoever_was_taken_out_reads_on(work: Work) -> None:
    work.rules(f"age: '{A},{B}'")
    work.encrypted()
    old = work.read()
    work.rules(f"age: {A}")
    work.sops("updatekeys", "-y", FILE).ok()
    assert token(work.read()) == token(old)  # so bob's copy of the data key opens what comes next, too
    work.write(FILE, old)
    work.cli("updatekeys", FILE).ok()
    assert token(work.read()) != token(old)
    assert work.cli("decrypt", FILE, env=as_person("bob")).code == 4


def test_810_a_new_threshold_is_not_seen(work: Work) -> None:
    groups = f"key_groups: [{{age: [{A}]}}, {{age: [{B}]}}, {{age: [{C}]}}]"
    env = {"SOPS_AGE_KEY": "\n".join(person(name).secret for name in ("alice", "bob", "carol"))}
    work.rules(f"shamir_threshold: 2, {groups}")
    work.encrypted()
    work.rules(f"shamir_threshold: 3, {groups}")
    assert "already up to date" in work.sops("updatekeys", "-y", FILE, **env).ok().stderr
    assert "shamir_threshold: 2" in work.read()
    work.cli("updatekeys", FILE, env=env).ok()
    assert "shamir_threshold: 3" in work.read()


def test_901_rotate_does_not_bring_new_readers_and_does_not_say_so(work: Work) -> None:
    work.encrypted()
    work.rules(f"age: '{A},{B}'")
    before = work.read()
    work.sops("rotate", "-i", FILE).ok()
    assert B not in work.read()
    work.write(FILE, before)
    done = work.cli("rotate", FILE)
    assert (done.code, f"ksecrets updatekeys {FILE}" in done.stderr, work.read()) == (1, True, before)


def test_824_a_copied_file_keeps_its_readers(work: Work) -> None:
    work.rules(f"path_regex: ^dev/, age: '{A},{B}'", f"age: {A}")
    work.encrypted(name="dev/s.yaml")
    work.write("prod/s.yaml", work.read("dev/s.yaml"))
    work.sops("set", "prod/s.yaml", '["password"]', '"of prod"').ok()
    assert work.sops("decrypt", "prod/s.yaml", **as_person("bob")).ok().stdout.startswith("password: of prod")
    work.write("prod/s.yaml", work.read("dev/s.yaml"))
    done = work.cli("set", "prod/s.yaml", "password", "of prod")
    assert (done.code, "its readers are not those of .sops.yaml" in done.stderr) == (1, True)
    assert work.read("prod/s.yaml") == work.read("dev/s.yaml")


def test_242_the_configuration_is_looked_for_from_the_working_folder(work: Work) -> None:
    work.write("app/.sops.yaml", f"creation_rules:\n  - age: {B}\n")
    work.write("app/secrets.yaml", PLAIN)
    assert A in work.sops("encrypt", "app/secrets.yaml").ok().stdout
    assert B in work.cli("encrypt", "app/secrets.yaml").ok().stdout


# -- files that are lost or changed ------------------------------------------------------------------------------------


def test_484_a_rotation_without_a_key_leaves_the_file(work: Work) -> None:
    work.encrypted()
    before = work.read()
    assert work.cli("rotate", "-i", FILE, env=as_person("bob")).code == 4
    assert work.read() == before
    assert work.sops("rotate", "-i", FILE, **as_person("bob")).code != 0  # it wrote an empty file once


def test_349_a_rotation_goes_to_the_screen(work: Work) -> None:
    work.encrypted()
    before = work.read()
    assert "ENC[" in work.sops("rotate", FILE).ok().stdout
    assert work.read() == before
    assert work.cli("rotate", FILE).ok().stdout == ""
    assert work.read() != before


def test_1587_every_value_changes_where_one_did(work: Work) -> None:
    """#288, #1480, #1495 and #2008, too: decrypt, change, encrypt."""
    work.encrypted()
    work.cli("encrypt", "-i", FILE).ok()
    work.repo.commit()
    before = work.read()
    for run in (work.sops, work.cli):
        work.write(FILE, before)
        run("decrypt", "-i", FILE).ok()
        work.write(FILE, work.read().replace("app", "shop"))
        run("encrypt", "-i", FILE).ok()
        assert (token(work.read()) == token(before)) == (run is work.cli)
        assert token(work.read(), "name") != token(before, "name")


def test_1828_encrypting_twice(work: Work) -> None:
    work.encrypted()
    assert "already contain such an entry" in " ".join(work.sops("encrypt", "-i", FILE).stderr.split())
    work.cli("encrypt", "-i", FILE).ok()
    once = work.read()
    assert "unchanged" in work.cli("encrypt", "-i", FILE).ok().stderr
    assert work.read() == once


def test_1384_encrypting_a_dotenv_file_twice(work: Work) -> None:
    work.write("app.env", "A=1\n")
    work.cli("encrypt", "-i", "app.env").ok()
    once = work.read("app.env")
    work.cli("encrypt", "-i", "app.env").ok()
    assert (work.read("app.env"), work.plain("app.env")) == (once, "A=1\n")


def test_2093_a_value_that_is_called_sops(work: Work) -> None:
    work.encrypted()
    before = work.read()
    assert work.sops("set", FILE, '["sops"]', '"mine"').code == 203  # its `edit` asks until it is interrupted
    assert work.cli("set", FILE, "sops", "mine").code != 0
    assert work.cli("edit", FILE, env={"EDITOR": "sed -i '1i sops: mine'"}).code != 0
    assert work.read() == before


def test_407_a_nested_value_does_not_replace_its_neighbours(work: Work) -> None:
    """#801 and #297, too."""
    work.encrypted("db:\n  users:\n    root: a\nother: b\n")
    work.cli("set", FILE, '["db"]["roles"]["new"]', '"c"').ok()
    work.cli("set", FILE, '["top"]["deep"]["key"]', '"d"').ok()
    want = "db:\n    users:\n        root: a\n    roles:\n        new: c\nother: b\ntop:\n    deep:\n        key: d\n"
    assert work.plain() == want
    assert work.sops("decrypt", FILE).ok().stdout == want


def test_928_set_makes_a_float_of_a_long_number(work: Work) -> None:
    work.encrypted()
    work.sops("set", FILE, '["id"]', "1234567890123456789").ok()
    assert "id: 1.2345678901234568e+18" in work.sops("decrypt", FILE).ok().stdout
    work.cli("set", FILE, '["id"]', "1234567890123456789").ok()
    assert "id: 1234567890123456789\n" in work.plain()


def test_1068_a_comment_at_the_end_comes_back_encrypted(work: Work) -> None:
    text = "this:\n  is:\n    an: example\n  # comment\n"
    work.encrypted(text)
    assert "#ENC[AES256_GCM" in work.sops("decrypt", FILE).ok().stdout
    work.write(FILE, text)
    work.cli("encrypt", "-i", FILE).ok()
    assert work.plain() == text


def test_1058_a_plaintext_document_in_an_encrypted_stream(work: Work) -> None:
    work.encrypted()
    work.write(FILE, work.read() + "---\nname: added\n")
    assert work.sops("decrypt", FILE).code != 0
    done = work.cli("decrypt", FILE)
    assert (done.code, done.stdout, "a plaintext value where the file's selector wants a token" in done.stderr) == (
        5,
        "",
        True,
    )


def test_1680_a_plaintext_value_among_tokens_is_named(work: Work) -> None:
    work.encrypted()
    work.write(FILE, "added: plain\n" + work.read())
    theirs, ours = work.sops("decrypt", FILE), work.cli("decrypt", FILE)
    assert (theirs.code != 0, FILE in theirs.stderr) == (True, False)
    assert (ours.code, ours.stderr.startswith(f"error: {FILE}:1: added:")) == (5, True)


def test_657_a_readable_key_can_be_renamed(work: Work) -> None:
    """#221, too: sops's MAC has the values, not their names."""
    work.rules(f"age: {A}, encrypted_regex: ^password$")
    work.encrypted()
    work.write(FILE, work.read().replace("name:", "user:"))
    assert "user: app" in work.sops("decrypt", FILE).ok().stdout
    work.write(FILE, PLAIN)
    work.cli("encrypt", "-i", FILE).ok()
    work.write(FILE, work.read().replace("name:", "user:"))
    assert "user: app" in work.sops("decrypt", FILE).ok().stdout
    assert work.cli("decrypt", FILE).code == 5


def test_972_mac_only_encrypted_leaves_the_rest_to_anybody(work: Work) -> None:
    """#1512 and #52: people want it for merges. With a seal, readable values are covered in any case."""
    work.rules(f"age: {A}, encrypted_regex: ^password$, mac_only_encrypted: true")
    work.write(FILE, PLAIN)
    work.cli("encrypt", "-i", FILE).ok()
    work.write(FILE, work.read().replace("app", "evil"))
    assert "name: evil" in work.sops("decrypt", FILE).ok().stdout
    assert work.cli("decrypt", FILE).code == 5


# -- running commands --------------------------------------------------------------------------------------------------


def test_784_values_of_several_lines_in_the_environment(work: Work) -> None:
    """#618, too: `\\n` as two characters stays so, and a line break is one."""
    work.encrypted('A: "one\\ntwo"\nB: one\\ntwo\n')
    script = 'printf "%s|%s" "$A" "$B"'
    assert work.cli("exec-env", FILE, script).ok().stdout == "one\ntwo|one\\ntwo"
    assert work.sops("exec-env", FILE, script).ok().stdout == "one\ntwo|one\\ntwo"


def test_1110_values_that_no_variable_can_hold(work: Work) -> None:
    work.encrypted("a: b\nlist: [1, 2]\n")
    assert "offending key list" in work.sops("exec-env", FILE, "true").stderr
    done = work.cli("exec-env", FILE, "true")
    assert (done.code, "list: several values stand here" in done.stderr) == (1, True)


def test_1003_numbers_and_nulls_in_the_environment(work: Work) -> None:
    text = "MODE: 0644\nVERSION: 1.10\nNONE:\n"
    script = 'printf "%s|%s|%s" "$MODE" "$VERSION" "$NONE"'
    work.encrypted(text)
    assert work.sops("exec-env", FILE, script).ok().stdout == "420|1.1|<nil>"
    work.write(FILE, text)
    work.cli("encrypt", "-i", FILE).ok()
    assert work.cli("exec-env", FILE, script).ok().stdout == "0644|1.10|"


# -- plaintext on the disk ---------------------------------------------------------------------------------------------


def test_1902_others_can_read_what_is_edited(work: Work, tmp_path: Path) -> None:
    work.encrypted()
    seen = tmp_path / "seen"
    editor = {"EDITOR": f'sh -c \'stat -c "%a %n" "$1" >{seen}; echo "more: x" >>"$1"\' sh', "TMPDIR": str(tmp_path)}
    work.sops("edit", FILE, **editor).ok()
    mode, where = seen.read_text().split()
    assert (mode, where.startswith(str(tmp_path))) == ("600", True)  # fixed; and still on the disk
    work.cli("edit", FILE, env=editor).ok()
    mode, where = seen.read_text().split()
    assert (mode, where.startswith(str(tmp_path))) == ("600", not os.path.isdir("/dev/shm"))


def test_624_nothing_is_left_where_nothing_was_changed(work: Work, tmp_path: Path) -> None:
    work.encrypted()
    folder = tmp_path / "temporary"
    folder.mkdir()
    before = work.read()
    done = work.cli("edit", FILE, env={"EDITOR": "true", "TMPDIR": str(folder)}).ok()
    assert ("unchanged" in done.stderr, list(folder.iterdir()), work.read()) == (True, [], before)
    assert work.sops("edit", FILE, EDITOR="true", TMPDIR=str(folder)).code == 200  # and is a failure for scripts


def test_1902_output_is_readable_by_others(work: Work, tmp_path: Path) -> None:
    work.encrypted()
    os.umask(0o022)
    for run, mode in ((work.sops, 0o644), (work.cli, 0o600)):
        out = tmp_path / f"{mode:o}.yaml"
        run("decrypt", "--output", str(out), FILE).ok()
        assert stat.S_IMODE(out.stat().st_mode) == mode


# -- git ---------------------------------------------------------------------------------------------------------------


def test_1968_a_diff_needs_a_key(work: Work) -> None:
    """A textconv that fails ends `git diff` for all files."""
    work.write(".gitattributes", "*.yaml diff=theirs\n")
    work.repo.git("config", "diff.theirs.textconv", f"{work.program} decrypt")
    work.encrypted()
    work.repo.commit()
    work.encrypted(PLAIN.replace("s3cret", "new"))
    env = as_person("bob")
    with pytest.raises(AssertionError, match="exit 128"):
        work.repo.git("diff", env=env)
    assert "ENC[" in work.cli("git", "textconv", FILE, env=env).ok().stdout
    assert FILE in work.cli("diff", "--redact", env=env).ok().stdout


# -- errors that show what they are about ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.env", "CERT='one\ns3cret'\n"),
        ("a.ini", "[a]\nkey = one\ns3cret\n"),
        ("a.yaml", "s3cret\n"),
        ("a.yaml", "key: !!int s3cret\n"),
    ],
)
def test_1198_an_error_shows_a_value(name: str, text: str, work: Work) -> None:
    """It is in the log of the CI job then. (The thread is about another one of these errors, which was repaired.)"""
    work.write(name, text)
    theirs = work.sops("encrypt", name)
    assert (theirs.code, "s3cret" in theirs.stderr) == (2, True)
    ours = work.cli("encrypt", name)
    assert "s3cret" not in ours.stdout + ours.stderr
    assert f"{name}:" in ours.stderr  # an error, or that sops will not read what was encrypted


# -- another format ----------------------------------------------------------------------------------------------------


def test_1831_comments_of_a_template(work: Work) -> None:
    """Its name says nothing, so sops writes JSON, which has no comments."""
    text = "# where it runs\nHOST=a\n"
    work.encrypted(text, "--input-type", "dotenv", name=".env.example")
    back = ("--input-type", "json", "--output-type", "dotenv", ".env.example")
    assert work.sops("decrypt", *back).ok().stdout == "HOST=a\n"
    work.write(".env.example", text)
    work.cli("encrypt", "-i", "--input-type", "dotenv", ".env.example").ok()
    assert work.plain(".env.example") == text


def test_350_all_documents_but_the_first_are_dropped(work: Work) -> None:
    work.encrypted("a: 1\n---\nb: 2\n")
    assert work.sops("decrypt", "--output-type", "json", FILE).ok().stdout == '{\n\t"a": 1\n}\n'
    done = work.cli("decrypt", "--output-type", "json", FILE)
    assert (done.code, done.stdout, "several documents" in done.stderr) == (1, "", True)


# -- a file that cannot be read any more -------------------------------------------------------------------------------


def test_2223_documents_with_metadata_of_their_own(work: Work) -> None:
    """Two encrypted files put behind each other: neither program can open that, and a key is not what is missing."""
    work.encrypted("a: 1\n")
    other = work.read()
    work.encrypted("b: 2\n")
    work.write(FILE, other + "---\n" + work.read())
    assert work.sops("decrypt", "--ignore-mac", FILE).code == 25
    for words in (["decrypt", FILE], ["decrypt", "--ignore-mac", FILE], ["check", FILE]):
        done = work.cli(*words)
        assert done.code in (5, 6)
        assert done.stdout == "" or words[0] == "check"
