"""sync: the base branch comes in, for the developer and for a job in CI that works on a stranger's branch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo
from tests.shop import DEV, TEXT, Shop

MERGED = TEXT.replace("user: app", "user: me").replace("s3cret", "horse")


@pytest.fixture
def shop(repo: Repo, cli: Cli, tmp_path: Path) -> Shop:
    """main is pushed to a remote, and has changed there; `feature` is checked out, from before."""
    made = Shop(repo, cli)
    repo.git("init", "--quiet", "--bare", str(tmp_path / "origin"))
    repo.git("remote", "add", "origin", str(tmp_path / "origin"))
    repo.git("checkout", "--quiet", "-b", "feature")
    repo.git("checkout", "--quiet", "main")
    made.change(("s3cret", "horse"))
    repo.write("README", "new")
    repo.commit("docs")
    repo.git("push", "--quiet", "origin", "main")
    repo.git("fetch", "--quiet")
    repo.git("checkout", "--quiet", "feature")
    return made


@pytest.mark.parametrize("driver", [True, False], ids=["driver", "without driver"])
def test_the_base_comes_in(shop: Shop, driver: bool) -> None:
    shop.change(("user: app", "user: me"))
    if not driver:
        shop.without_driver()
    done = shop.cli("sync").ok()
    assert f"{DEV}  merged; 4 values for test" in done.stderr
    assert shop.plaintext() == MERGED
    assert shop.repo.git("log", "-1", "--format=%s").strip() == "Merge origin/main into feature"
    assert shop.repo.git("rev-parse", "HEAD^2") == shop.repo.git("rev-parse", "origin/main")
    assert shop.repo.git("status", "--porcelain") == ""
    assert (shop.repo / "README").exists()
    shop.cli("check").ok()
    assert "nothing to do" in shop.cli("sync").ok().stderr
    assert "<<<" not in shop.text()


def test_it_finishes_what_was_merged_without_a_key(shop: Shop) -> None:
    """The author has no key: merges main and pushes; the job seals it."""
    shop.change(("user: app", "user: me"))
    assert shop.git("merge", "origin/main", env=shop.nobody).returncode == 1
    shop.repo.git("add", DEV)
    shop.repo.git("commit", "--quiet", "-m", "merged without a key", env=shop.nobody)
    done = shop.cli("sync").ok()
    assert f"{DEV}  sealed; 4 values" in done.stderr
    assert shop.plaintext() == MERGED
    assert shop.repo.git("status", "--porcelain") == ""
    shop.cli("check").ok()


def test_it_finishes_that_and_brings_in_what_came_since(shop: Shop) -> None:
    shop.change(("user: app", "user: me"))
    shop.git("merge", "origin/main", env=shop.nobody)
    shop.repo.git("add", DEV)
    shop.repo.git("commit", "--quiet", "-m", "merged without a key", env=shop.nobody)
    shop.repo.git("checkout", "--quiet", "main")
    shop.change(("5432", "5433"))
    shop.repo.git("push", "--quiet", "origin", "main")
    shop.repo.git("checkout", "--quiet", "feature")
    shop.cli("sync").ok()
    assert shop.plaintext() == MERGED.replace("5432", "5433")
    subjects = shop.repo.git("log", "-2", "--first-parent", "--format=%s").splitlines()
    assert subjects == ["Merge origin/main into feature", "Seal what was merged into feature"]


def test_a_value_that_somebody_has_to_decide(shop: Shop) -> None:
    shop.change(("s3cret", "battery"))
    before = shop.repo.git("rev-parse", "HEAD")
    done = shop.cli("sync")
    assert (done.code, "both sides changed the same value" in done.stderr) == (1, True)
    assert "battery" not in done.stderr
    assert shop.repo.git("rev-parse", "HEAD") == before
    assert shop.repo.git("status", "--porcelain") == ""
    assert not (shop.repo / ".git/MERGE_HEAD").exists()


def test_other_conflicts_are_taken_back(shop: Shop) -> None:
    shop.change(("user: app", "user: me"))
    shop.repo.write("README", "mine")
    shop.repo.commit()
    done = shop.cli("sync")
    assert (done.code, "README: conflicts, and is not for ksecrets to merge" in done.stderr) == (1, True)
    assert shop.repo.git("status", "--porcelain") == ""


@pytest.mark.parametrize("state", ["changed", "merging"])
def test_it_wants_a_clean_tree(shop: Shop, state: str) -> None:
    if state == "changed":
        shop.repo.write(".gitattributes", "# mine\n")
        wanted = ".gitattributes: has changes that are not committed"
    else:
        shop.git("merge", "--no-commit", "--no-ff", "origin/main")
        wanted = "git is in the middle of a merge"
    done = shop.cli("sync")
    assert (done.code, wanted in done.stderr) == (1, True)


def test_without_a_remote_the_base_is_named(repo: Repo, cli: Cli) -> None:
    shop = Shop(repo, cli)
    shop.side(("s3cret", "horse"))
    shop.change(("user: app", "user: me"))
    done = shop.cli("sync")
    assert (done.code, "ksecrets sync BASE" in done.stderr) == (1, True)
    shop.cli("sync", "side").ok()
    assert shop.plaintext() == MERGED


def test_an_octopus_is_merged_branch_by_branch(repo: Repo, cli: Cli) -> None:
    """git asks no driver for several branches at once, and refuses where two of them changed one file."""
    shop = Shop(repo, cli)
    shop.side(("s3cret", "horse"), branch="one")
    shop.side(("5432", "5433"), branch="two")
    shop.change(("user: app", "user: me"))
    before = shop.text()
    assert shop.git("merge", "-m", "merged", "one", "two").returncode == 2
    repo.git("reset", "--quiet", "--merge")
    assert shop.text() == before
    shop.cli("sync", "one").ok()
    shop.cli("sync", "two").ok()
    assert shop.plaintext() == MERGED.replace("5432", "5433")
    shop.cli("check").ok()


# -- what a stranger's branch tries ------------------------------------------------------------------------------------


def refused(shop: Shop, code: str) -> None:
    before = shop.repo.git("rev-parse", "HEAD"), shop.text()
    done = shop.cli("sync")
    assert done.code == 6, str(done)
    assert f"[{code}]" in done.stderr
    assert (shop.repo.git("rev-parse", "HEAD"), shop.text()) == before
    assert shop.repo.git("status", "--porcelain") == ""


def test_a_branch_that_adds_a_reader_is_not_sealed_for_them(shop: Shop) -> None:
    """The job has the key, and whoever stands in the configuration of the branch would read what it seals."""
    mallory = shop.cli("keygen", "-o", shop.repo.path.parent / "mallory").ok().stderr.split()[-1]
    assert mallory.startswith("age1")
    config = (shop.repo / ".ksecrets.yaml").read_text()
    config = re.sub(r"(recipients:\n)", rf"\1  mallory: {{age: {mallory}}}\n", config)
    config = re.sub(r"readers: \[test\]", "readers: [test, mallory]", config)
    shop.repo.write(".ksecrets.yaml", config)
    shop.repo.write(DEV, re.sub(r"(?m)^  port: \S+$", r"\g<0> # to make it conflict", shop.text()))
    shop.repo.commit("tidy up")
    refused(shop, "reader-added")
    assert mallory not in shop.text()


def test_an_old_version_does_not_come_back(shop: Shop) -> None:
    """The base has `horse` since; the branch takes main in and puts the file from before in its place."""
    old = shop.text()
    shop.repo.git("merge", "--quiet", "--ff-only", "origin/main")
    shop.repo.write(DEV, old.replace("lastmodified: ", "lastmodified: "))
    stamp = re.search(r'lastmodified: "?(\S+?)"?\n', old)
    assert stamp is not None
    shop.repo.write(DEV, old.replace(stamp[1], "2001-01-01T00:00:00Z"))
    shop.repo.commit("harmless")
    refused(shop, "replay")


def test_a_configuration_that_is_taken_away(shop: Shop) -> None:
    shop.repo.git("rm", "--quiet", ".ksecrets.yaml")
    shop.repo.commit("tidy up")
    refused(shop, "config-vanished")


def test_hand_made_changes_are_not_laundered(shop: Shop) -> None:
    """A line taken out of the encrypted file: the check without a key cannot tell, the merge opens every side."""
    text = re.sub(r"(?m)^  port: \S+\n", "", shop.text())
    shop.repo.write(DEV, text)
    shop.repo.commit("tidy up")
    done = shop.cli("sync")
    assert (done.code, "the MAC does not hold" in done.stderr) == (5, True)
    assert shop.text() == text
    assert shop.repo.git("status", "--porcelain") == ""


def test_attributes_of_the_branch_do_not_merge_by_lines(shop: Shop) -> None:
    """git's `union` takes the lines of both sides, and calls it a clean merge."""
    shop.change(("user: app", "user: me"))
    shop.repo.write(".gitattributes", "*.yaml merge=union filter=evil\n")
    shop.repo.commit("tidy up")
    before = shop.text()
    done = shop.cli("sync")
    assert (done.code, f"{DEV}: git has merged it as text" in done.stderr) == (1, True)
    assert shop.text() == before
    assert shop.repo.git("status", "--porcelain") == ""
    shop.repo.write(".gitattributes", "*.yaml -merge\n")
    shop.repo.commit("tidy up")
    shop.cli("sync").ok()
    assert shop.plaintext() == MERGED
