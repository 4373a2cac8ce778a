"""The commands as people use them: exact output, on a real git repository."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo

DEV = "env/dev/secrets.yaml"
PROD = "env/prod/secrets.yaml"
TEXT = (
    "# of the shop\r\ndb:\r\n  user: shop\r\n  password: 'horse'  # changed in May\r\n"
    "port: 0644\r\nhost_unencrypted: db.example\r\n"
)


@pytest.fixture
def shop(repo: Repo, cli: Cli) -> Repo:
    """dev for test, prod for test and a machine; one encrypted file in each, committed."""
    cli("init").ok()
    cli("env", "add", "prod", "--machine", "prod-ci").ok()
    repo.write(DEV, TEXT)
    repo.write(PROD, TEXT)
    cli("-q", "encrypt", "-i", DEV, PROD).ok()
    repo.commit()
    return repo


def test_first_day(repo: Repo, cli: Cli, clean_home: Path) -> None:
    done = cli("init").ok()
    assert done.out == b""
    labels = [line.split()[0] for line in done.stderr.splitlines()]
    assert labels == ["key", "config", "git", "git", "warn", "next"]
    assert "~/.config/sops/age/keys.txt (0600): age1" in done.stderr
    assert "AGE-SECRET-KEY" not in done.stderr
    config = (repo / ".ksecrets.yaml").read_bytes()

    again = cli("init").ok()
    assert "found age1" in again.stderr
    assert (repo / ".ksecrets.yaml").read_bytes() == config
    assert len(list(clean_home.rglob("keys.txt"))) == 1

    added = cli("env", "add", "prod", "--machine", "prod-ci").ok()
    assert "AGE-SECRET-KEY-1" in added.stdout
    assert "AGE-SECRET-KEY" not in added.stderr
    for path in (*repo.path.rglob("*"), *clean_home.rglob("*")):
        if path.is_file():
            assert added.stdout.split("\n")[2].encode() not in path.read_bytes()


def test_the_key_of_a_machine_that_nobody_takes_is_not_in_the_configuration(repo: Repo, cli: Cli) -> None:
    cli("init").ok()
    before = (repo / ".ksecrets.yaml").read_bytes()
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*cli.program, "env", "add", "prod", "--machine", "ci"], stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert (repo / ".ksecrets.yaml").read_bytes() == before


def test_there_and_back(shop: Repo, cli: Cli) -> None:
    encrypted = (shop / PROD).read_bytes()
    assert b"horse" not in encrypted
    assert b"0644" not in encrypted
    done = cli("decrypt", PROD).ok()
    assert done.out == TEXT.encode()
    assert done.err == b""

    done = cli("encrypt", "-i", PROD).ok()
    assert done.stderr == f"{PROD}  already encrypted, unchanged\n"
    assert (shop / PROD).read_bytes() == encrypted

    assert cli("decrypt", "-i", PROD).ok().stderr == f"{PROD}  3 values decrypted; it is plaintext now\n"
    assert (shop / PROD).read_bytes() == TEXT.encode()
    assert cli("encrypt", "-i", PROD).ok().stderr == f"{PROD}  3 values for test, prod-ci\n"
    assert (shop / PROD).read_bytes() == encrypted


def test_standard_streams(shop: Repo, cli: Cli) -> None:
    done = cli("encrypt", "--filename-override", PROD, "-", input=TEXT).ok()
    assert b"horse" not in done.out
    assert cli("decrypt", "-", input=done.out).ok().out == TEXT.encode()
    assert cli("get", "-", "db.password", input=done.out).ok().out == b"horse"
    assert cli("info", "-", input=done.out).ok().err == b""
    # Without a name no rule is about standard input.
    done = cli("encrypt", "-", input=TEXT)
    assert (done.code, done.out) == (1, b"")
    assert "nothing says who may read this" in done.stderr


def test_output_files(shop: Repo, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "plain.yaml"
    assert cli("decrypt", PROD, "--output", out).ok().out == b""
    assert out.read_bytes() == TEXT.encode()
    assert out.stat().st_mode & 0o777 == 0o600
    cli("encrypt", "--filename-override", PROD, out, "--output", tmp_path / "enc.yaml").ok()
    assert cli("decrypt", tmp_path / "enc.yaml").ok().out == TEXT.encode()


def test_values(shop: Repo, cli: Cli) -> None:
    assert cli("get", PROD, "db.password").ok().out == b"horse"
    assert cli("get", PROD, '["db"]["password"]').ok().out == b"horse"
    assert cli("decrypt", "--extract", '["db"]["user"]', PROD).ok().out == b"shop"

    done = cli("set", PROD, "db.password", input="a new one\n").ok()
    assert done.stderr == f"{PROD}  set db.password; 3 values for test, prod-ci\n"
    assert cli("decrypt", PROD).ok().out == TEXT.replace("'horse'", "'a new one'").encode()
    added, removed, _ = shop.git("diff", "--numstat", "--no-textconv").split()
    assert added == removed in ("2", "3")  # the value and the MAC, and the date unless it is still the same second

    cli("set", PROD, "db.password", "--value-stdin", input="two\nlines\n").ok()
    assert cli("get", PROD, "db.password").ok().out == b"two\nlines\n"
    (shop / "value").write_bytes(b"from a file\n")
    cli("set", PROD, "db.password", "--value-file", "value").ok()
    assert cli("get", PROD, "db.password").ok().out == b"from a file\n"
    cli("set", PROD, "db.password", "as an argument").ok()
    assert cli("get", PROD, "db.password").ok().out == b"as an argument"
    cli("set", PROD, "db.tries", "3", "--json").ok()
    cli("set", PROD, "db.note", "3").ok()
    plain = cli("decrypt", PROD).ok().stdout
    assert "  tries: 3\r\n" in plain
    assert "  note: '3'\r\n" in plain or '  note: "3"\r\n' in plain
    assert cli("unset", PROD, "db.note").ok().stderr == f"{PROD}  removed db.note; 4 values for test, prod-ci\n"
    assert cli("get", PROD, "db.note").code == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["decrypt", DEV, PROD], "only one file can go to standard output"),
        (["encrypt", DEV, PROD], "only one file can go to standard output"),
        (["decrypt", "-i", "-"], "standard input has no place"),
        (["decrypt", "-i", "--output", "x", DEV], "--output does not go with -i"),
        (["encrypt", "-i", "--filename-override", "x", DEV], "--filename-override does not go with -i"),
        (["encrypt", "--age", ",", DEV], "--age names no recipient"),
        (["set", "-", "a", "b"], "standard input has no place"),
        (["edit", "-"], "standard input has no place"),
        (["set", DEV, "a", "b", "--value-stdin"], "give the value once"),
        (["set", DEV, "a", "{s3cret", "--json"], "the value is not JSON that can be read (line 1, column 2)"),
        (["set", DEV, "a", "NaN", "--json"], "NaN is no JSON"),
        (["completion", "tcsh"], "no completion is known for tcsh"),
    ],
)
def test_mistakes(line: list[str], says: str, shop: Repo, cli: Cli) -> None:
    done = cli(line)
    assert (done.code, done.out) == (2, b"")
    assert says in done.stderr
    assert "s3cret" not in done.stderr
    assert shop.git("status", "--short") == ""


def test_many_files_one_fails(shop: Repo, cli: Cli) -> None:
    done = cli("decrypt", "-i", "none.yaml", DEV, ".ksecrets.yaml", PROD)
    assert done.code == 1
    assert "error: none.yaml: no such file\n" in done.stderr
    assert "error: .ksecrets.yaml: " in done.stderr
    assert done.stderr.endswith("\n2 of 4 files failed\n")
    assert (shop / DEV).read_bytes() == (shop / PROD).read_bytes() == TEXT.encode()


def test_the_first_failure_gives_the_code(shop: Repo, cli: Cli, clean_home: Path) -> None:
    (shop / DEV).write_bytes((shop / DEV).read_bytes().replace(b"user:", b"uzer:"))
    assert cli("decrypt", "-i", DEV, "none.yaml").code == 5
    assert cli("decrypt", "-i", "none.yaml", DEV).code == 1


def test_without_the_key(shop: Repo, cli: Cli, clean_home: Path) -> None:
    (clean_home / ".config/sops/age/keys.txt").unlink()
    done = cli("decrypt", PROD)
    assert (done.code, done.out) == (4, b"")
    assert done.stderr.startswith(f"error: {PROD}: no identity opens it\n  readers: test, prod-ci\n  tried: ")
    assert "\nhint: " in done.stderr
    shown = cli("info", PROD).ok().stdout
    assert "readers      test, prod-ci\n" in shown
    assert "values       3 encrypted\n" in shown


def test_info_as_json(shop: Repo, cli: Cli) -> None:
    found = json.loads(cli("info", "--json", PROD).ok().out)
    assert found["environment"] == found["sealed_environment"] == "prod"
    assert [reader["name"] for reader in found["readers"]] == ["test", "prod-ci"]
    assert (found["values"], found["sealed"]) == (3, True)


def test_tampered(shop: Repo, cli: Cli) -> None:
    (shop / PROD).write_bytes((shop / PROD).read_bytes().replace(b"db.example", b"evil.example"))
    for line in (["decrypt", PROD], ["get", PROD, "port"], ["set", PROD, "port", "1"], ["decrypt", "-i", PROD]):
        done = cli(line)
        assert (done.code, done.out) == (5, b""), line
    done = cli("decrypt", "--ignore-mac", PROD).ok()
    assert "host_unencrypted: evil.example" in done.stdout
    assert "NOT checked" in done.stderr
    assert "NOT checked" in cli("-q", "decrypt", "--ignore-mac", PROD).ok().stderr


def test_seal_is_required_when_asked(shop: Repo, cli: Cli, sops: str, tmp_path: Path) -> None:
    recipient = json.loads(cli("info", "--json", DEV).ok().out)["readers"][0]["fields"]["recipient"]
    file = tmp_path / "theirs.yaml"
    file.write_text("a: b\n")
    subprocess.run([sops, "encrypt", "-i", "--age", recipient, file], check=True)
    assert cli("decrypt", file).ok().out == b"a: b\n"
    assert cli("decrypt", "--require-seal", file).code == 5
    assert cli("decrypt", "--require-seal", "--extract", "a", file).code == 5
    assert cli("get", file, "a", env={"KSECRETS_REQUIRE_SEAL": "1"}).code == 5
    cli("decrypt", "--require-seal", PROD).ok()


def test_edit(shop: Repo, cli: Cli, tmp_path: Path) -> None:
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import sys\npath = sys.argv[1]\ntext = open(path, newline='').read()\n"
        "open(path, 'w', newline='').write(text.replace('horse', 'battery'))\n"
    )
    environ = {"EDITOR": f"{sys.executable} {editor}"}
    assert cli("edit", PROD, env=environ).ok().stderr == f"{PROD}  saved; 3 values for test, prod-ci\n"
    assert cli("decrypt", PROD).ok().out == TEXT.replace("horse", "battery").encode()
    before = (shop / PROD).read_bytes()
    assert cli("edit", PROD, env=environ).ok().stderr == f"{PROD}  unchanged\n"
    done = cli("edit", PROD, env={"EDITOR": "false"})
    assert (done.code, done.stderr) == (1, f"error: {PROD}: the editor failed (exit 1); nothing was written\n")
    done = cli("edit", PROD, env={"EDITOR": 'sh -c \'printf "a: {" > "$0"\''})
    assert done.code == 1
    assert "nothing was written" in done.stderr
    assert (shop / PROD).read_bytes() == before
    cli("edit", "env/dev/secrets-new.yaml", env={"EDITOR": "sh -c 'echo a: b >> \"$0\"'"}).ok()
    assert cli("get", "env/dev/secrets-new.yaml", "a").ok().out == b"b"


def test_git_shows_the_values(shop: Repo, cli: Cli, clean_home: Path) -> None:
    cli("set", PROD, "db.password", input="a new one").ok()
    shown = shop.git("diff")
    assert "-  password: 'horse'  # changed in May" in shown
    assert "+  password: 'a new one'  # changed in May" in shown
    shop.commit()
    assert "a new one" in shop.git("log", "-p", "-1")
    (clean_home / ".config/sops/age/keys.txt").unlink()
    shown = shop.git("log", "-p")
    assert "a new one" not in shown
    assert "ENC[AES256_GCM" in shown


def test_diff(shop: Repo, cli: Cli, clean_home: Path) -> None:
    assert cli("diff", "--exit-code").ok().out == b""
    cli("-q", "set", PROD, "db.password", input="a new one").ok()
    done = cli("diff", "--exit-code")
    assert done.code == 1
    assert done.stdout == f'{PROD}  (prod)\n  ~ db.password: "horse" → "a new one"\n'
    shop.commit()
    assert cli("diff").ok().out == b""
    for line in (["HEAD~1"], ["HEAD~1", "HEAD"], ["HEAD~1..HEAD"], ["HEAD~1.."], ["HEAD~1", "--"], ["HEAD~1", PROD]):
        assert cli("diff", line).ok().out == done.out, line
    assert cli("diff", "HEAD~1", "--", DEV).ok().out == b""
    found = json.loads(cli("diff", "--json", "HEAD~1").ok().out)
    assert found[0]["changes"][0]["new"] == {"type": "str", "value": "a new one"}

    for line in (["--redact"], ["--redact", "--json"]):
        redacted = cli("diff", line, "HEAD~1").ok().stdout
        assert "db.password" in redacted
        assert "horse" not in redacted
        assert "a new one" not in redacted

    (clean_home / ".config/sops/age/keys.txt").unlink()
    without = cli("diff", "HEAD~1").ok().stdout
    assert "~ db.password" in without
    assert "a new one" not in without


def test_diff_tells_revisions_from_paths_as_git_does(shop: Repo, cli: Cli) -> None:
    shop.git("branch", "env")
    done = cli("diff", "env")
    assert (done.code, done.out) == (2, b"")
    assert "'env' is both a revision and a file here" in done.stderr
    cli("diff", "env", "--").ok()
    cli("diff", "--", "env").ok()
    cli("diff", "main", DEV).ok()
    assert "neither a revision nor a file" in cli("diff", "nothing").stderr
    assert "neither a revision nor a file" in cli("diff", "main", "nothing").stderr
    assert "revisions come before paths" in cli("diff", DEV, "main").stderr
    assert cli("diff", "main", "main", "main", "--").code == 2
    assert cli("diff", "nothing", "--").code == 1


def test_check(shop: Repo, cli: Cli, clean_home: Path) -> None:
    done = cli("check").ok()
    assert done.stdout.splitlines()[-1].startswith("2 files, 2 verified: ")
    assert json.loads(cli("check", "--json").ok().out)["verified"] == 2
    (shop / DEV).write_text("password: horse\n")
    for line in (["check"], ["check", DEV], ["check", "env/dev", PROD]):
        done = cli(line)
        assert done.code == 6, line
        assert f"{DEV}: error: " in done.stdout
        assert "[plaintext]" in done.stdout
        assert "horse" not in done.stdout + done.stderr
    cli("check", PROD).ok()
    found = json.loads(cli("check", "--json").out)
    assert found["ok"] is False
    assert [each["code"] for each in found["findings"] if each["severity"] == "error"] == ["plaintext"]
    assert cli("check", "none").code == 1

    shop.git("checkout", "--", DEV)
    (clean_home / ".config/sops/age/keys.txt").unlink()
    assert "2 not verified (no identity opens them)" in cli("check").ok().stdout


def test_seal(shop: Repo, cli: Cli, sops: str, clean_home: Path) -> None:
    keys = str(clean_home / ".config/sops/age/keys.txt")
    subprocess.run(
        [sops, "set", PROD, '["db"]["password"]', '"from sops"'],
        check=True,
        env={**os.environ, "SOPS_AGE_KEY_FILE": keys},
    )
    assert cli("set", PROD, "port", "1").code != 0
    before = (shop / PROD).read_bytes()
    done = cli("seal", PROD)
    assert done.code == 1
    assert "~ db.password" in done.stderr
    assert "from sops" not in done.stderr
    assert "not confirmed; nothing was written" in done.stderr
    assert (shop / PROD).read_bytes() == before
    done = cli("seal", "--yes", PROD).ok()
    assert "~ db.password" in done.stderr
    assert done.stderr.endswith(f"{PROD}  3 values for test, prod-ci\n")
    assert cli("seal", PROD).ok().stderr == f"{PROD}  already sealed, unchanged\n"
    cli("set", PROD, "port", "1").ok()


def test_keygen(cli: Cli, tmp_path: Path, clean_home: Path) -> None:
    done = cli("keygen", "-o", tmp_path / "key").ok()
    assert done.out == b""
    assert "AGE-SECRET-KEY" not in done.stderr
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert cli("keygen", "-o", tmp_path / "key").code == 1


def test_config_schema(cli: Cli) -> None:
    schema = json.loads(cli("config", "schema").ok().out)
    assert schema["title"] == ".ksecrets.yaml"


@pytest.mark.parametrize("line", [["--version"], ["version"], ["version", "-q"], ["-q", "--version"]])
def test_version(line: list[str], cli: Cli) -> None:
    import ksecrets

    assert cli(line).ok().stdout == f"ksecrets {ksecrets.__version__}\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["dec"], {"decrypt"}),
        (["helm", ""], {"install-plugin", "uninstall-plugin", "wrap"}),
        (["decrypt", "--ig"], {"--ignore-mac"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
    ],
)
def test_completion_in_bash(typed: list[str], offered: set[str], cli: Cli, tmp_path: Path) -> None:
    bash = Path("/bin/bash")
    if not bash.exists():
        pytest.skip("there is no bash")
    # The script calls the program by its name.
    program = tmp_path / "bin/ksecrets"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(cli.program)} "$@"\n')
    program.chmod(0o755)
    script = tmp_path / "completion.bash"
    script.write_bytes(cli("completion", "bash").ok().out)
    words = " ".join(f"'{word}'" for word in ["ksecrets", *typed])
    done = subprocess.run(
        [bash, "--norc", "-ec", f"source {script}\nCOMP_WORDS=({words})\nCOMP_CWORD={len(typed)}\n"
         "_ksecrets_completion ksecrets\nprintf '%s\\n' \"${COMPREPLY[@]}\""],
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_of_other_shells(shell: str, cli: Cli) -> None:
    assert f"_KSECRETS_COMPLETE={shell}_complete" in cli("completion", shell).ok().stdout
