"""dotenv and INI files: what people type, with the real git and sops beside it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo
from tests.pipe import alice

ENV = "conf/.env"
INI = "conf/app.ini"
TEXTS = {
    ENV: '# database\nexport DB_USER="app user"\nDB_PASSWORD=s3cret # really\n\nURL=postgres://u:p@h/d?x=1\nEMPTY=\n',
    INI: '; app\n[db]\nuser = "app user"\npassword = s3cret ; really\n\n[web]\ntheme=dark\nmotd = """hello\nyou"""\n',
}
# path in the file, its value, and what git shows of the line
PASSWORD = {ENV: ("DB_PASSWORD", "s3cret # really"), INI: ("db.password", "s3cret")}
CHANGED = {
    ENV: TEXTS[ENV].replace("s3cret # really", "new") + "MORE=x y\n",
    INI: TEXTS[INI].replace("s3cret ; really", "new ; really").replace("theme=dark\n", "theme=dark\n")
    + "\n[new]\nmore = x y\n",
}
ADDED = {ENV: "MORE", INI: "new.more"}

FILES = pytest.mark.parametrize("file", [ENV, INI])


@pytest.fixture
def team(repo: Repo, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """An environment of everything below conf/; alice's key where sops looks."""
    monkeypatch.setenv("SOPS_AGE_KEY", alice().secret)
    repo.write(
        ".ksecrets.yaml",
        f"version: 1\nrecipients:\n  alice: {{age: {alice().public}}}\n"
        'environments:\n  dev: {files: ["conf/**"], readers: [alice]}\n',
    )
    for file, text in TEXTS.items():
        repo.write(file, text)
    cli("encrypt", "-i", ENV, INI).ok()
    repo.commit()
    return repo


def run_sops(sops: str, *words: str, cwd: Path) -> str:
    environment = {**os.environ, "SOPS_DISABLE_VERSION_CHECK": "1"}
    done = subprocess.run([sops, *words], env=environment, cwd=cwd, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@FILES
def test_every_command_works(team: Repo, cli: Cli, sops: str, file: str) -> None:
    key, value = PASSWORD[file]
    assert "s3cret" not in (team / file).read_text()
    assert cli("decrypt", file).ok().stdout == TEXTS[file]
    assert cli("get", file, key).ok().stdout == value
    cli("set", file, key, "new").ok()
    cli("set", file, ADDED[file], "x y").ok()
    assert cli("decrypt", file).ok().stdout == CHANGED[file]
    run_sops(sops, "decrypt", file, cwd=team.path)
    cli("unset", file, ADDED[file]).ok()
    cli("edit", file, env={"EDITOR": "sed -i 's/app user/other/'"}).ok()
    changed = cli("decrypt", file).ok().stdout
    assert '"other"' in changed
    cli("rotate", file).ok()
    cli("updatekeys", file).ok()
    assert cli("decrypt", file).ok().stdout == changed
    assert "encrypted" in cli("info", file).ok().stdout
    assert json.loads(cli("info", "--json", file).ok().stdout)
    assert cli("filestatus", file).ok().stdout == '{"encrypted":true}\n'
    cli("check").ok()
    assert cli("encrypt", "-i", file).ok().stderr.endswith("already encrypted, unchanged\n")
    cli("decrypt", "-i", file).ok()
    assert (team / file).read_bytes().decode() == changed
    assert cli("check").code != 0
    cli("encrypt", "-i", file).ok()
    cli("check").ok()
    # Encrypted again without a change, nothing changes.
    before = (team / file).read_bytes()
    cli("decrypt", "-i", file).ok()
    team.git("add", file)
    cli("encrypt", "-i", file).ok()
    assert cli("decrypt", "-", input=before).ok().stdout == changed


@FILES
def test_git_shows_the_values(team: Repo, cli: Cli, file: str) -> None:
    key, value = PASSWORD[file]
    before = (team / file).read_text()
    cli("set", file, key, "new").ok()
    assert cli("diff").ok().stdout == f'{file}  (dev)\n  ~ {key}: "{value}" → "new"\n'
    assert cli("git", "textconv", file).ok().stdout == cli("decrypt", file).ok().stdout
    changed = [line for line in (team / file).read_text().splitlines() if line not in before.splitlines()]
    names = [line.partition("=")[0].strip().removeprefix("sops_") for line in changed]
    # The value and the MAC, and the date where a second has passed; in INI the residue of the comment behind the value.
    quiet = [name for name in names if "residues" not in name and name != "lastmodified"]
    assert quiet == [key.rpartition(".")[2], "mac"]
    assert cli("diff", "--redact").ok().stdout.count(key) == 1


@FILES
def test_sops_and_we_take_turns(team: Repo, cli: Cli, sops: str, file: str) -> None:
    for turn in range(3):
        place = f'["turn{turn}"]' if file == ENV else f'["web"]["turn{turn}"]'
        run_sops(sops, "set", file, place, f'"{turn}"', cwd=team.path)
        assert cli("check").code != 0  # the seal is gone, and git has a sealed version
        cli("seal", "--yes", file).ok()
        cli("check").ok()
        cli("set", file, f"ours{turn}" if file == ENV else f"web.ours{turn}", str(turn)).ok()
        found = run_sops(sops, "decrypt", file, cwd=team.path)
        lines = {line.replace(" ", "") for line in found.splitlines()}
        assert {f"turn{turn}={turn}", f"ours{turn}={turn}"} <= lines
        ours = cli("decrypt", file).ok().stdout
        assert {line.replace(" ", "") for line in ours.splitlines() if line} - {'user="appuser"', ""} <= lines | {
            line.replace(" ", "") for line in TEXTS[file].splitlines()
        }


@FILES
def test_sops_reads_the_same_values(team: Repo, cli: Cli, sops: str, file: str) -> None:
    key, value = PASSWORD[file]
    place = "".join(f"[{json.dumps(part)}]" for part in key.split("."))
    assert run_sops(sops, "decrypt", "--extract", place, file, cwd=team.path).strip('"\n') == value


@pytest.mark.parametrize(
    ("name", "format"),
    [
        (".env", "dotenv"),
        ("prod.env", "dotenv"),
        (".env.prod", "binary"),
        (".env.local", "binary"),
        ("env", "binary"),
        ("app.ini", "ini"),
        ("app.ini.bak", "binary"),
        ("app.cfg", "binary"),
    ],
)
def test_the_end_of_the_name_says_what_it_is(team: Repo, cli: Cli, sops: str, name: str, format: str) -> None:
    text = "A=1\n"
    (team / name).write_text(text)
    ours = cli("encrypt", "--age", alice().public, name).ok().stdout
    theirs = run_sops(sops, "encrypt", "--age", alice().public, name, cwd=team.path)
    begins = {"dotenv": "A=ENC[", "ini": "A", "binary": "{"}[format]
    assert ours.startswith(begins)
    assert theirs.startswith(begins)
    (team / name).write_text(ours)
    assert run_sops(sops, "decrypt", name, cwd=team.path).replace(" ", "") == text
    assert cli("decrypt", name).ok().stdout == text


def test_a_name_that_says_nothing_with_a_type(team: Repo, cli: Cli, sops: str) -> None:
    (team / ".env.prod").write_text("A=1\n")
    options = ["--input-type", "dotenv", "--output-type", "dotenv"]
    encrypted = cli("encrypt", "--age", alice().public, *options, ".env.prod").ok().stdout
    assert encrypted.startswith("A=ENC[")
    (team / ".env.prod").write_text(encrypted)
    assert run_sops(sops, "decrypt", *options, ".env.prod", cwd=team.path) == "A=1\n"
    assert cli("decrypt", *options, ".env.prod").ok().stdout == "A=1\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.env", "A=1\nB\n", "a.env:2: a line without `=`"),
        ("a.env", 'A="s3cret\nB=x"\n', "a.env:1: a quoted value that goes on in the next line"),
        ("a.ini", "[s]\na = s3cret\\\n", "a.ini:2: a value that ends in a backslash"),
        ("a.ini", "[s]\na = s3cret\na = 1\n", "a.ini:3: the same name twice in a section"),
        ("a.ini", "[s] ; password = s3cret\n", "a.ini:1: a comment behind the header of a section"),
    ],
)
def test_a_refusal_names_the_line_and_nothing_is_written(
    team: Repo, cli: Cli, name: str, text: str, message: str
) -> None:
    team.write(f"conf/{name}", text)
    failed = cli("encrypt", "-i", f"conf/{name}")
    assert failed.code == 1
    assert f"conf/{message}" in failed.stderr
    assert "hint: " in failed.stderr or "twice" in message
    assert "s3cret" not in failed.stderr
    assert (team / "conf" / name).read_text() == text


def test_what_sops_will_not_read_is_said(team: Repo, cli: Cli) -> None:
    team.write("conf/w.env", b"A=1\r\n\r\nB=2\r\n")
    done = cli("encrypt", "-i", "conf/w.env").ok()
    assert "sops will not read this file: line 2: an empty line with white space or a carriage return" in done.stderr
    assert cli("decrypt", "conf/w.env").ok().out == b"A=1\r\n\r\nB=2\r\n"


def test_get_finds_a_name_behind_export_and_a_section(team: Repo, cli: Cli) -> None:
    assert cli("get", ENV, "DB_USER").ok().stdout == '"app user"'
    failed = cli("get", ENV, "DB")
    assert failed.code == 1
    assert "there is no such value" in failed.stderr
    assert cli("get", INI, "web").ok().stdout == 'theme=dark\nmotd = """hello\nyou"""\n'


def test_check_goes_by_comments_as_sops_does(team: Repo, cli: Cli) -> None:
    """In INI the comment of an entry counts for the next one."""
    rules = (team / ".ksecrets.yaml").read_text()
    team.write(".ksecrets.yaml", rules.replace("readers:", "encrypt: {comment-regex: enc}, readers:"))
    team.write("conf/c.ini", "[s]\n; enc\na = one\nb = two\nc = three\n")
    cli("encrypt", "-i", "conf/c.ini").ok()
    text = (team / "conf/c.ini").read_text()
    assert "a = one\nb = ENC[" in text
    assert "c = three\n" in text
    cli("check", "conf/c.ini").ok()
    without_key = cli("check", "conf/c.ini", env={"SOPS_AGE_KEY": ""})
    assert "[plaintext" not in without_key.stdout
    assert "c.ini" not in without_key.stdout, without_key.stdout


def test_a_file_that_git_gave_other_line_ends_is_refused(team: Repo, cli: Cli) -> None:
    converted = (team / ENV).read_bytes().replace(b"\n", b"\r\n")
    (team / ENV).write_bytes(converted)
    failed = cli("decrypt", ENV)
    assert failed.code != 0
    assert failed.out == b""
    # INI has no line ends in its values.
    (team / INI).write_bytes((team / INI).read_bytes().replace(b"\n", b"\r\n"))
    cli("decrypt", INI).ok()
