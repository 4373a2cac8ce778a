"""What git shows of encrypted files: real git, the real driver that `ksecrets init` sets."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo

DEV = "env/dev/secrets.yaml"
TEXT = "# the shop\ndb:\n  password: s3cret\n  port: 5432\n"


@pytest.fixture
def shop(repo: Repo, cli: Cli) -> Repo:
    """One encrypted file with two versions in git, and a third in the working tree."""
    cli("init").ok()
    repo.write(DEV, TEXT)
    cli("-q", "encrypt", "-i", DEV).ok()
    repo.commit("first")
    cli("-q", "set", DEV, "db.password", input="horse").ok()
    repo.commit("second")
    cli("-q", "set", DEV, "db.password", input="battery").ok()
    return repo


def nobody(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody without keys; git knows them by GIT_CONFIG_GLOBAL."""
    empty = tmp_path / "nobody"
    empty.mkdir(exist_ok=True)
    return {"HOME": str(empty), "XDG_CONFIG_HOME": str(empty / ".config")}


def changed(text: str) -> list[str]:
    """The changed lines of a diff, without its headers."""
    return [line for line in text.splitlines() if line.startswith(("+", "-")) and line[:3] not in ("+++", "---")]


def test_git_diff_shows_values(shop: Repo) -> None:
    assert changed(shop.git("diff")) == ["-  password: horse", "+  password: battery"]
    assert changed(shop.git("diff", "HEAD~1")) == ["-  password: s3cret", "+  password: battery"]
    shop.git("add", DEV)
    assert changed(shop.git("diff")) == []
    assert changed(shop.git("diff", "--cached")) == ["-  password: horse", "+  password: battery"]


def test_git_log_and_show(shop: Repo) -> None:
    assert changed(shop.git("log", "-p", "--format=%s", "--", DEV)) == [
        "-  password: s3cret",
        "+  password: horse",
        "+# the shop",
        "+db:",
        "+  password: s3cret",
        "+  port: 5432",
    ]
    assert changed(shop.git("show", "--format=%s", "HEAD")) == ["-  password: s3cret", "+  password: horse"]


def test_from_a_folder_below_and_in_a_worktree(shop: Repo, tmp_path: Path) -> None:
    assert "+  password: battery" in shop.git("-C", str(shop / "env"), "diff")
    shop.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    assert "+  password: horse" in shop.git("-C", str(tmp_path / "side"), "diff", "HEAD~1")


def test_without_the_key_the_encrypted_text_is_shown(shop: Repo, tmp_path: Path) -> None:
    text = shop.git("diff", env=nobody(tmp_path))
    lines = changed(text)
    assert {line[1:].split(":")[0].strip() for line in lines} <= {"password", "lastmodified", "mac"}
    assert all("ENC[" in line for line in lines if "password" in line)
    assert "battery" not in text
    assert "ENC[" in shop.git("log", "-p", env=nobody(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "not encrypted: 1\n",
        "sops: {}\n",
        "a: [\nsops:\n",
        "<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> side\nsops:\n  x: 1\n",
        b"\xff\xfe sops:\x00",
        "",
    ],
)
def test_a_diff_is_never_aborted(shop: Repo, text: str | bytes) -> None:
    shop.write(DEV, text)
    shop.write("other.txt", "")
    shop.git("add", "other.txt")
    shop.git("commit", "-qm", "other", "--", "other.txt")
    shop.write("other.txt", "seen\n")
    done = subprocess.run(["git", "diff"], cwd=shop.path, capture_output=True, check=True)
    assert b"-  password: horse" in done.stdout
    assert b"+seen" in done.stdout  # comes behind env/dev in git's order


def test_what_was_tampered_with_is_shown_as_it_is(shop: Repo) -> None:
    shop.write(DEV, (shop / DEV).read_text().replace("  port:", "  added: ''\n  port:"))
    done = subprocess.run(["git", "diff"], cwd=shop.path, capture_output=True, text=True, check=True)
    assert "+  added: ''" in done.stdout
    assert "battery" not in done.stdout
    assert "tampered with" in done.stderr


def test_a_history_of_somebody_elses_starts_nothing_here(shop: Repo, tmp_path: Path) -> None:
    """security.md rule 2: `git log -p` on a hostile branch is enough to trigger what a driver does."""
    ran = tmp_path / "ran"
    env = {**nobody(tmp_path), "SOPS_AGE_KEY_CMD": f"touch {ran}", "KSECRETS_AGE_KEY_CMD": f"touch {ran}"}
    shop.git("log", "-p", env=env)
    assert not ran.exists()


def test_modules_of_the_repository_are_not_imported(shop: Repo) -> None:
    for name in ("yaml.py", "ksecrets.py", "os.py", "sitecustomize.py", "pyrage.py"):
        shop.write(name, "raise SystemExit('taken from the repository')\n")
        shop.write(f"env/{name}", "raise SystemExit('taken from the repository')\n")
    text = shop.git("diff", env={"PYTHONPATH": str(shop.path), "PYTHONSTARTUP": str(shop / "os.py")})
    assert changed(text) == ["-  password: horse", "+  password: battery"]


def test_a_ksecrets_that_is_gone_aborts_nothing(shop: Repo) -> None:
    name = "diff.ksecrets.textconv"
    before = shop.git("config", name).rstrip("\n")
    assert "/__main__.py" in before or "start" in before
    shop.git("config", name, before.replace(".py", "-is-gone.py"))
    assert "ENC[" in shop.git("diff")


def test_no_plaintext_is_kept_by_git(shop: Repo) -> None:
    shop.git("diff")
    shop.git("log", "-p")
    shop.git("gc", "--quiet")
    assert shop.git("for-each-ref", "refs/notes") == ""
    assert shop.git("config", "diff.ksecrets.cachetextconv").strip() == "false"
    raw = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"], cwd=shop.path, capture_output=True, check=True
    ).stdout
    assert b"ENC[" in raw
    for canary in (b"s3cret", b"horse", b"battery"):
        assert canary not in raw


def test_a_clone_needs_one_command(shop: Repo, cli: Cli, tmp_path: Path) -> None:
    shop.git("commit", "-qam", "third")
    shop.git("clone", "--quiet", str(shop.path), str(tmp_path / "clone"))
    clone = tmp_path / "clone"
    git = ["git", "-C", str(clone), "diff", "HEAD~1"]
    assert "ENC[" in subprocess.run(git, capture_output=True, text=True, check=True).stdout
    cli("git", "setup", cwd=clone).ok()
    assert "+  password: battery" in subprocess.run(git, capture_output=True, text=True, check=True).stdout


def test_line_ends_stay_whatever_git_is_told(repo: Repo, cli: Cli, tmp_path: Path) -> None:
    repo.git("config", "core.autocrlf", "true")
    cli("init").ok()
    repo.write(DEV, TEXT.replace("\n", "\r\n"))
    cli("-q", "encrypt", "-i", DEV).ok()
    before = (repo / DEV).read_bytes()
    repo.commit()
    os.unlink(repo / DEV)
    repo.git("checkout", DEV)
    assert (repo / DEV).read_bytes() == before
    assert cli("decrypt", DEV).ok().out == TEXT.replace("\n", "\r\n").encode()


def test_check_in_a_hook_sees_what_git_will_commit(shop: Repo, cli: Cli) -> None:
    """git sets GIT_DIR, GIT_INDEX_FILE and more for a hook, of this repository or of another one."""
    hook = shop / ".git/hooks/pre-commit"
    hook.write_text(f"#!/bin/sh\nexec {shlex.join(cli.program)} check\n")
    hook.chmod(0o755)
    shop.git("commit", "-qam", "in order")
    shop.write("env/dev/secrets-more.yaml", "a: s3cret\n")
    shop.git("add", "--all")
    done = subprocess.run(["git", "commit", "-qm", "plaintext"], cwd=shop.path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "secrets-more.yaml: error: is plaintext, and dev wants it encrypted" in done.stdout + done.stderr
    cli("-q", "encrypt", "-i", "env/dev/secrets-more.yaml").ok()
    shop.git("commit", "-qam", "encrypted")


def test_ksecrets_diff_says_the_same_in_one_process(shop: Repo, cli: Cli, tmp_path: Path) -> None:
    assert cli("diff").ok().stdout == f'{DEV}  (dev)\n  ~ db.password: "horse" → "battery"\n'
    assert cli("diff", "HEAD~1", "HEAD").ok().stdout == f'{DEV}  (dev)\n  ~ db.password: "s3cret" → "horse"\n'
    redacted = f"{DEV}  (dev, values not shown)\n  ~ db.password\n"
    assert cli("diff", "--redact").ok().stdout == redacted
    without = cli("diff", env=nobody(tmp_path)).ok().stdout
    assert without.splitlines()[-1] == "  ~ db.password"
    assert "no identity opens it" in without
    assert cli("diff", "--exit-code").code == 1
    shop.git("checkout", "--quiet", DEV)
    assert cli("diff", "--exit-code").ok().out == b""
