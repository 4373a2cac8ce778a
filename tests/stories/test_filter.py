"""Plaintext working copies on real git: plaintext in the working tree, tokens in every object, and a quiet status."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo
from tests.shop import DEV, TEXT, Shop

CHANGED = TEXT.replace("s3cret", "canary")


class Clone(Shop):
    """The shop with plaintext working copies on."""

    def __init__(self, repo: Repo, cli: Cli) -> None:
        super().__init__(repo, cli)
        self.cli("git", "setup", "--filter", "--hooks").ok()
        self.cli("decrypt", "-i", DEV).ok()
        self.repo.git("add", DEV)  # the same blob: git only looks at the file again

    def stored(self, spec: str = f"HEAD:{DEV}") -> str:
        return self.repo.git("cat-file", "blob", spec)

    def opened(self, spec: str = f"HEAD:{DEV}") -> str:
        return self.cli("decrypt", "--require-seal", "-", input=self.stored(spec)).ok().stdout

    def edit(self, text: str) -> None:
        self.repo.write(DEV, text)

    def status(self) -> str:
        return self.repo.git("status", "--porcelain")


@pytest.fixture
def clone(repo: Repo, cli: Cli) -> Clone:
    return Clone(repo, cli)


def objects(repo: Repo) -> bytes:
    """Everything that git keeps of content."""
    return subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"], cwd=repo.path, capture_output=True, check=True
    ).stdout


def test_the_working_tree_is_plaintext_and_git_is_not(clone: Clone) -> None:
    assert clone.text() == TEXT
    assert clone.status() == ""
    clone.edit(CHANGED)
    assert clone.status() == f" M {DEV}\n"
    before = clone.stored()
    clone.repo.commit("changed")
    assert clone.text() == CHANGED
    assert clone.status() == ""
    assert clone.opened() == CHANGED
    changed = [
        a.split(":")[0].strip() for a, b in zip(before.split("\n"), clone.stored().split("\n"), strict=True) if a != b
    ]
    assert [key for key in changed if key not in ("lastmodified", "mac")] == ["password"]
    assert b"canary" not in objects(clone.repo)


def test_touched_files_are_quiet_and_a_way_back_is_the_same_blob(clone: Clone) -> None:
    before = clone.stored()
    os.utime(clone.repo / DEV, (time.time() - 3600, time.time() - 3600))
    assert clone.status() == ""
    clone.edit(CHANGED)
    clone.repo.git("add", DEV)
    clone.edit(TEXT)
    clone.repo.git("add", DEV)
    assert clone.stored(f":{DEV}") == before
    assert clone.status() == ""


def test_diff_shows_plaintext(clone: Clone) -> None:
    clone.edit(CHANGED)
    shown = clone.repo.git("diff")
    assert "-  password: s3cret\n+  password: canary\n" in shown
    assert "ENC[" not in shown


def test_checkout_branches_stash_and_rebase(clone: Clone) -> None:
    git = clone.repo.git
    git("checkout", "--quiet", "-b", "side")
    clone.edit(CHANGED)
    clone.repo.commit("side")
    git("checkout", "--quiet", "main")
    assert clone.text() == TEXT
    assert clone.status() == ""
    clone.edit(TEXT.replace("5432", "5433"))
    git("stash", "--quiet")
    assert (clone.text(), clone.status()) == (TEXT, "")
    git("stash", "pop", "--quiet")
    assert clone.text() == TEXT.replace("5432", "5433")
    assert clone.status() == f" M {DEV}\n"
    git("commit", "--quiet", "--all", "-m", "main")
    git("checkout", "--quiet", "side")
    git("rebase", "--quiet", "main")
    assert clone.text() == CHANGED.replace("5432", "5433")
    assert clone.status() == ""
    assert clone.opened() == clone.text()
    git("checkout", "--quiet", "main")
    git("merge", "--quiet", "side")
    assert clone.text() == CHANGED.replace("5432", "5433")
    assert b"canary" not in objects(clone.repo)


def test_a_merge_of_both_sides_comes_out_as_plaintext(clone: Clone) -> None:
    git = clone.repo.git
    git("checkout", "--quiet", "-b", "side")
    clone.edit(CHANGED)
    clone.repo.commit("side")
    git("checkout", "--quiet", "main")
    clone.edit(TEXT.replace("user: app", "user: me"))
    clone.repo.commit("main")
    git("merge", "--quiet", "-m", "merged", "side")
    assert clone.text() == CHANGED.replace("user: app", "user: me")
    assert clone.status() == ""


def test_a_conflict_holds_no_plaintext_and_resolve_finishes_it(clone: Clone, tmp_path: Path) -> None:
    git = clone.repo.git
    git("checkout", "--quiet", "-b", "side")
    clone.edit(CHANGED)
    clone.repo.commit("side")
    git("checkout", "--quiet", "main")
    clone.edit(TEXT.replace("s3cret", "canary-ours"))
    clone.repo.commit("main")
    assert clone.git("merge", "side").returncode == 1
    assert "canary" not in clone.text()
    refused = clone.git("add", DEV)
    assert (refused.returncode, "holds conflict markers" in refused.stderr) == (128, True)
    clone.resolve(TEXT.replace("s3cret", "decided"), tmp_path)
    assert clone.text() == TEXT.replace("s3cret", "decided")
    git("commit", "--quiet", "-m", "merged")
    assert clone.opened() == TEXT.replace("s3cret", "decided")
    assert clone.status() == ""
    assert b"canary" not in objects(clone.repo)


def test_commit_of_one_file_asks_twice_and_gets_the_same(clone: Clone) -> None:
    """`git commit FILE` writes two indexes, and calls the filter for each."""
    clone.repo.write("env/dev/secrets-new.yaml", TEXT)
    clone.repo.git("add", "env/dev/secrets-new.yaml")
    clone.edit(CHANGED)
    clone.repo.git("commit", "--quiet", "-m", "one", DEV)
    assert clone.status() == "A  env/dev/secrets-new.yaml\n"


@pytest.mark.parametrize(("answers", "whole"), [("y\ny\ny\ny\n", True), ("s\ny\nn\nn\nn\n", False)])
def test_add_p(clone: Clone, answers: str, whole: bool) -> None:
    """git shows and applies lines of the encrypted text: all of them make a file, some of them none."""
    big = TEXT + "".join(f"value{n}: {n}\n" for n in range(30))
    clone.edit(big)
    clone.repo.commit("more values")
    clone.edit(big.replace("s3cret", "canary").replace("value29: 29", "value29: canary"))
    done = subprocess.run(["git", "add", "-p", DEV], cwd=clone.repo.path, input=answers, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "canary" not in done.stdout
    commit = clone.git("commit", "-m", "a part")
    if whole:
        assert commit.returncode == 0, commit.stderr
        assert (clone.status(), clone.opened()) == ("", clone.text())
    else:
        assert commit.returncode != 0
        assert f"{DEV}" in commit.stdout + commit.stderr
        assert "[tampered]" in commit.stdout + commit.stderr
    assert b"canary" not in objects(clone.repo)


def test_worktrees_and_sparse_checkouts(clone: Clone, tmp_path: Path) -> None:
    other = tmp_path / "other"
    clone.repo.git("worktree", "add", "--quiet", "-b", "two", str(other))
    assert (other / DEV).read_text() == TEXT
    (other / DEV).write_text(CHANGED)
    git = ["git", "-C", str(other)]
    subprocess.run([*git, "commit", "--quiet", "-am", "there"], check=True)
    assert subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True).stdout == ""
    assert clone.opened(f"two:{DEV}") == CHANGED
    clone.repo.git("sparse-checkout", "set", "--no-cone", "/*", "!/env/")
    assert not (clone.repo / DEV).exists()
    clone.repo.git("merge", "--quiet", "two")
    clone.repo.git("sparse-checkout", "disable")
    assert (clone.text(), clone.status()) == (CHANGED, "")


def test_without_a_key_everything_stays_encrypted(clone: Clone) -> None:
    """Somebody else's keys, the same clone: checkouts work, and what is untouched stays what it is."""
    text = clone.stored()
    (clone.repo / DEV).unlink()
    done = clone.git("checkout", "--", DEV, env=clone.nobody)
    assert done.returncode == 0, done.stderr
    assert "stay encrypted" in done.stderr
    assert clone.text() == text
    assert clone.git("status", "--porcelain", env=clone.nobody).stdout == ""
    (clone.repo / "other").write_text("1")
    assert clone.git("add", "--all", env=clone.nobody).returncode == 0
    clone.edit(CHANGED)
    refused = clone.git("add", DEV, env=clone.nobody)
    assert (refused.returncode, "no identity opens it" in refused.stderr) == (128, True)
    assert b"canary" not in objects(clone.repo)


def test_a_new_file_is_encrypted_by_the_rules_and_others_are_left_alone(clone: Clone) -> None:
    clone.repo.write("env/dev/secrets-new.yaml", CHANGED)
    clone.repo.write("env/dev/values.yaml", "plain: 1\n")
    clone.repo.commit("new")
    assert clone.opened("HEAD:env/dev/secrets-new.yaml") == CHANGED
    assert clone.stored("HEAD:env/dev/values.yaml") == "plain: 1\n"
    assert clone.status() == ""


def test_a_rule_that_comes_later_finds_its_files_filtered(clone: Clone) -> None:
    """Somebody else's change of the configuration: nobody has run the setup again."""
    config = (clone.repo / ".ksecrets.yaml").read_text()
    clone.repo.write(".ksecrets.yaml", config + '  later:\n    files: ["later/*.yaml"]\n    readers: [test]\n')
    clone.repo.write("later/a.yaml", CHANGED)
    clone.repo.git("add", "--all")
    assert "ENC[" in clone.stored(":later/a.yaml")
    assert b"canary" not in objects(clone.repo)
    assert '"code": "filter"' in clone.cli("doctor", "--json").stdout
    clone.cli("env", "add", "more", "--files", "more/*.yaml").ok()
    assert '"code": "filter"' not in clone.cli("doctor", "--json").stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda repo: (repo / ".ksecrets.yaml").unlink(), "no rule says any more who reads it"),
        (lambda repo: repo.write(".ksecrets.yaml", "version: 1\nenvironments: ["), ".ksecrets.yaml"),
        (lambda repo: repo.write(".ksecrets.yaml", "version: 1\nenvironments: {}\n"), "no rule says any more"),
    ],
    ids=["configuration gone", "configuration broken", "environment gone"],
)
def test_a_failure_never_stores_plaintext(clone: Clone, change: object, said: str) -> None:
    change(clone.repo)  # type: ignore[operator]
    clone.edit(CHANGED)
    done = clone.git("add", DEV)
    assert done.returncode == 128
    assert "clean filter 'ksecrets' failed" in done.stderr
    assert b"canary" not in objects(clone.repo)


def test_a_program_that_is_gone_stores_nothing(clone: Clone) -> None:
    name = "filter.ksecrets.process"
    command = clone.repo.git("config", name).rstrip("\n")
    clone.repo.git("config", name, command.replace("__main__.py", "gone.py"))
    clone.edit(CHANGED)
    done = clone.git("add", DEV)
    assert done.returncode == 128
    assert "git setup --filter" in done.stderr
    assert b"canary" not in objects(clone.repo)
    assert "[filter]" in clone.cli("doctor").stdout + clone.cli("doctor").stderr
    clone.cli("git", "setup").ok()
    clone.repo.commit("changed")
    assert clone.opened() == CHANGED


@pytest.mark.parametrize("lost", ["config", "attributes"])
def test_doctor_knows_half_a_filter(clone: Clone, lost: str) -> None:
    assert "filter" not in clone.cli("doctor").stdout
    if lost == "config":
        clone.repo.git("config", "--remove-section", "filter.ksecrets")
    else:
        clone.repo.write(".git/info/attributes", "")
    done = clone.cli("doctor", "--json")
    assert (done.code, '"code": "filter"' in done.stdout) == (1, True)
    clone.cli("git", "setup").ok()
    assert '"code": "filter"' not in clone.cli("doctor", "--json").stdout


def test_what_looks_encrypted_is_looked_at(clone: Clone) -> None:
    """security.md rule 11: clean decides by the configuration, not by the file's own look."""
    half = re.sub(r"password: \S+", "password: canary", clone.stored())
    clone.edit(half)
    done = clone.git("add", DEV)
    assert (done.returncode, f"{DEV}" in done.stderr, "plaintext where the rules" in done.stderr) == (128, True, True)
    clone.edit(CHANGED + "sops: {}\n")
    assert clone.git("add", DEV).returncode == 128
    clone.edit(clone.stored())
    clone.repo.git("add", DEV)
    assert clone.status() == ""
    assert b"canary" not in objects(clone.repo)


def test_a_tampered_version_is_checked_out_as_it_is(clone: Clone) -> None:
    clone.cli("git", "setup", "--no-filter").ok()
    clone.edit(re.sub(r"(?m)^  port: \S+\n", "", clone.stored()))
    clone.repo.git("commit", "--quiet", "--no-verify", "--all", "-m", "by a stranger")
    clone.cli("git", "setup", "--filter").ok()
    (clone.repo / DEV).unlink()
    done = clone.git("checkout", "--", DEV)
    assert (done.returncode, "stays encrypted: the MAC does not hold" in done.stderr) == (0, True)
    assert clone.text() == clone.stored()


def test_off_again(clone: Clone) -> None:
    clone.cli("git", "setup", "--no-filter").ok()
    assert "filter" not in (clone.repo / ".git/info/attributes").read_text()
    clone.cli("encrypt", "-i", DEV).ok()
    clone.repo.git("add", DEV)
    assert clone.status() == ""
    assert clone.text() == clone.stored()


def test_a_thousand_files_in_one_process(clone: Clone) -> None:
    for number in range(1000):
        clone.repo.write(f"env/dev/many/{number % 10}/dev/secrets{number}.yaml", f"a: canary{number}\nb: 2\n")
    began = time.monotonic()
    trace = clone.repo.path.parent / "trace"
    clone.repo.git("add", "--all", env={"GIT_TRACE": str(trace)})
    added = time.monotonic() - began
    assert len(re.findall(r"git filter", trace.read_text())) <= 4  # the start of one process, as git spells it
    clone.repo.git("commit", "--quiet", "--no-verify", "-m", "many")
    for path in clone.repo.path.glob("env/dev/many/*/dev/*.yaml"):
        path.unlink()
    clone.repo.git("checkout", "--", "env")
    assert (clone.repo / "env/dev/many/7/dev/secrets7.yaml").read_text() == "a: canary7\nb: 2\n"
    assert clone.status() == ""
    assert b"canary" not in objects(clone.repo)
    assert added < 60
