"""Merges of encrypted files on real git: with the driver, without it and then `resolve`, with a key and without."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
import yaml

import ksecrets
from tests.conftest import Cli, Repo
from tests.merges import LONG, edited, git_merge, merged_meaning, rounds, values
from tests.shop import DEV, TEXT, Shop


@pytest.fixture
def shop(repo: Repo, cli: Cli) -> Shop:
    return Shop(repo, cli)


def everything(repo: Repo) -> bytes:
    """All objects of git, and all files, also those of git itself."""
    found = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"], cwd=repo.path, capture_output=True, check=True
    ).stdout
    for folder, _, names in os.walk(repo.path):
        for name in names:
            found += (Path(folder) / name).read_bytes()
    return found


PAIRS = [
    pytest.param([("5432", "5433")], [("two", "three")], id="different values"),
    pytest.param([("user: app", "user: me")], [("s3cret", "horse")], id="neighbours"),
    pytest.param([("  port", "  host: h\n  port")], [("key:", "new: 1\nkey:")], id="both add"),
    pytest.param([("  user: app\n", "")], [("s3cret", "horse")], id="one removed beside one changed"),
    pytest.param([("# the shop", "# our shop")], [("app", "me")], id="a comment and a value"),
    pytest.param([("s3cret", "horse")], [("s3cret", "horse")], id="the same on both sides"),
]


@pytest.mark.parametrize("driver", [True, False], ids=["driver", "without driver, then resolve"])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_merge(shop: Shop, ours: list[tuple[str, str]], theirs: list[tuple[str, str]], driver: bool) -> None:
    shop.side(*theirs)
    shop.change(*ours)
    expected = TEXT
    for old, new in dict.fromkeys((*ours, *theirs)):
        expected = expected.replace(old, new)
    if driver:
        shop.repo.git("merge", "--quiet", "-m", "merged", "side")
    else:
        shop.without_driver()
        # Two encryptions of the same change can be equal: then git has nothing to merge.
        if shop.git("merge", "-m", "merged", "side").returncode != 0:
            shop.resolve()
            shop.repo.git("commit", "--quiet", "-m", "merged")
    assert shop.plaintext() == expected
    assert shop.repo.git("status", "--porcelain") == ""
    shop.cli("check").ok()


@pytest.mark.parametrize("driver", [True, False])
def test_a_conflict_shows_no_plaintext(shop: Shop, tmp_path: Path, driver: bool) -> None:
    """security.md rule 9: grep a canary through everything that git has, rerere too."""
    shop.repo.git("config", "rerere.enabled", "true")
    shop.side(("s3cret", "canary-theirs"), ("two", "three"))
    shop.change(("s3cret", "canary-ours"), ("5432", "5433"))
    if not driver:
        shop.without_driver()
    done = shop.git("merge", "side")
    assert done.returncode == 1
    assert shop.repo.git("ls-files", "-u").count(DEV) == 3
    if driver:
        assert f"1 value to decide: ksecrets resolve {DEV}" in done.stderr
        inside = shop.text().split("<<<<<<< ours\n")[1].split(">>>>>>> theirs")[0]
        assert [line.split(":")[0].strip() for line in inside.splitlines()] == ["password", "=======", "password"]
    assert b"canary" not in everything(shop.repo)
    wanted = TEXT.replace("s3cret", "decided").replace("two", "three").replace("5432", "5433")
    seen = shop.resolve(wanted, tmp_path)
    assert "<<<<<<< ours\n  password: canary-ours\n||||||| base\n  password: s3cret\n=======\n" in seen
    assert shop.plaintext() == wanted
    shop.repo.git("commit", "--quiet", "-m", "merged")
    raw = everything(shop.repo)
    assert b"canary" not in raw
    assert b"decided" not in raw.replace(b"to decide", b"")


def test_markers_that_were_added_or_committed_are_resolved_as_well(shop: Shop) -> None:
    shop.side(("s3cret", "horse"))
    shop.change(("user: app", "user: me"))
    shop.without_driver()
    assert shop.git("merge", "side").returncode == 1
    shop.repo.git("add", DEV)
    merged = TEXT.replace("s3cret", "horse").replace("user: app", "user: me")
    before = shop.text()
    shop.resolve()
    assert shop.plaintext() == merged
    shop.repo.write(DEV, before)
    shop.repo.git("commit", "--quiet", "--all", "-m", "with markers in it")
    shop.resolve()
    assert shop.plaintext() == merged


def test_resolve_without_a_conflict_says_so(shop: Shop) -> None:
    done = shop.cli("resolve", DEV)
    assert (done.code, "has no conflict" in done.stderr) == (1, True)


def test_a_file_that_one_side_removed(shop: Shop) -> None:
    shop.repo.git("checkout", "--quiet", "-b", "side")
    shop.repo.git("rm", "--quiet", DEV)
    shop.repo.git("commit", "--quiet", "-m", "removed")
    shop.repo.git("checkout", "--quiet", "main")
    shop.change(("s3cret", "horse"))
    assert shop.git("merge", "side").returncode == 1
    done = shop.cli("resolve", DEV)
    assert (done.code, "one side changed it, the other removed it" in done.stderr) == (1, True)


def test_a_marker_that_is_left_is_not_sealed(shop: Shop, tmp_path: Path) -> None:
    shop.side(("s3cret", "horse"))
    shop.change(("s3cret", "battery"))
    shop.git("merge", "side")
    before = shop.text()
    done = shop.cli("resolve", DEV, env={"EDITOR": "true"})
    assert (done.code, f"{DEV}:4: a conflict marker is left" in done.stderr) == (1, True)
    assert shop.text() == before


def finished(shop: Shop, driver: bool, *words: str) -> None:
    """A command of git; without the driver it stops, `resolve` merges, and it goes on."""
    if driver:
        shop.repo.git(*words)
        return
    assert shop.git(*words).returncode != 0
    shop.resolve()
    if words[0] != "stash":
        shop.repo.git("-c", "core.editor=true", words[0], "--continue")


@pytest.fixture(params=[True, False], ids=["driver", "without driver, then resolve"])
def driver(request: pytest.FixtureRequest, shop: Shop) -> bool:
    if not request.param:
        shop.without_driver()
    return bool(request.param)


def test_rebase(shop: Shop, driver: bool) -> None:
    shop.side(("s3cret", "horse"))
    shop.change(("user: app", "user: me"))
    shop.repo.git("checkout", "--quiet", "side")
    finished(shop, driver, "rebase", "--quiet", "main")
    assert shop.plaintext() == TEXT.replace("s3cret", "horse").replace("user: app", "user: me")
    assert shop.repo.git("rev-list", "--count", "main..side").strip() == "1"


def test_cherry_pick_and_revert(shop: Shop, driver: bool) -> None:
    picked = shop.side(("s3cret", "horse"))
    shop.change(("user: app", "user: me"))
    finished(shop, driver, "cherry-pick", picked)
    assert shop.plaintext() == TEXT.replace("s3cret", "horse").replace("user: app", "user: me")
    finished(shop, driver, "revert", "--no-edit", "HEAD~1")
    assert shop.plaintext() == TEXT.replace("s3cret", "horse")


def test_stash(shop: Shop, driver: bool) -> None:
    shop.write(TEXT.replace("s3cret", "horse"))
    shop.repo.git("stash", "--quiet")
    shop.change(("user: app", "user: me"))
    finished(shop, driver, "stash", "pop", "--quiet")
    assert shop.plaintext() == TEXT.replace("s3cret", "horse").replace("user: app", "user: me")


def test_octopus(shop: Shop) -> None:
    """git asks no driver in an octopus merge: of one file it refuses it, and the branches are merged one by one."""
    shop.side(("s3cret", "horse"), branch="one")
    shop.side(("5432", "5433"), branch="two")
    shop.change(("user: app", "user: me"))
    before = shop.text()
    assert shop.git("merge", "-m", "merged", "one", "two").returncode == 2
    shop.repo.git("reset", "--quiet", "--merge")
    assert shop.text() == before
    for branch in ("one", "two"):
        shop.repo.git("merge", "--quiet", "-m", "merged", branch)
    expected = TEXT.replace("s3cret", "horse").replace("user: app", "user: me").replace("5432", "5433")
    assert shop.plaintext() == expected


def test_criss_cross(shop: Shop) -> None:
    """git makes up a base of two, which conflict: it must still be a file that opens."""
    shop.side(("s3cret", "horse"))
    shop.change(("s3cret", "battery"))
    for branch, other in (("one", "side"), ("two", "side")):
        shop.repo.git("checkout", "--quiet", "-b", branch, "main")
        shop.git("merge", "--no-commit", other)
        shop.repo.git("checkout", "--ours", DEV)
        shop.write(TEXT.replace("s3cret", branch))
        shop.repo.commit(f"merged into {branch}")
    done = shop.git("merge", "one")
    assert done.returncode == 1
    assert "not merged" not in done.stderr
    assert shop.text().count("<<<<<<< ours") == 1


def test_a_driver_that_is_gone_leaves_a_conflict(shop: Shop) -> None:
    shop.side(("s3cret", "horse"))
    shop.change(("5432", "5433"))
    name = "merge.ksecrets.driver"
    shop.repo.git("config", name, shop.repo.git("config", name).rstrip("\n").replace(".py", "-is-gone.py"))
    assert shop.git("merge", "side").returncode == 1
    shop.resolve()
    assert shop.plaintext() == TEXT.replace("s3cret", "horse").replace("5432", "5433")


def test_a_path_that_a_shell_would_run(shop: Shop) -> None:
    """A file name from anybody's branch reaches the driver's command line."""
    path = "env/dev/secrets $(touch ran)'`touch ran`;%O.yaml"
    shop.repo.write(path, TEXT)
    shop.cli("-q", "encrypt", "-i", path).ok()
    shop.repo.commit()
    shop.repo.git("checkout", "--quiet", "-b", "side")
    shop.cli("-q", "set", path, "db.user", input="me").ok()
    shop.repo.commit()
    shop.repo.git("checkout", "--quiet", "main")
    shop.cli("-q", "set", path, "db.password", input="horse").ok()
    shop.repo.commit()
    shop.repo.git("merge", "--quiet", "-m", "merged", "side")
    assert shop.cli("get", path, "db.user").ok().stdout == "me"
    assert not (shop.repo / "ran").exists()


def test_modules_of_the_repository_are_not_imported(shop: Shop) -> None:
    for name in ("yaml.py", "ksecrets.py", "sitecustomize.py", "pyrage.py", "difflib.py"):
        shop.repo.write(name, "raise SystemExit('taken from the repository')\n")
    shop.repo.commit()
    shop.side(("s3cret", "horse"))
    shop.change(("app", "me"))
    done = shop.git("merge", "-m", "merged", "side", env={"PYTHONPATH": str(shop.repo.path)})
    assert (done.returncode, "taken from" in done.stderr) == (0, False)


def test_random_branches(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Real branches, merged by the driver; the same by `resolve` after a merge without it."""
    session = ksecrets.Session()
    git_can = too_close = 0

    def commit(text: str, branch: str, start: str) -> None:
        shop.repo.git("checkout", "--quiet", "-B", branch, start)
        shop.repo.write(DEV, text)
        ksecrets.encrypt(DEV, write=True, session=session)
        shop.repo.git("commit", "--quiet", "--all", "-m", branch)

    def nobody_is_asked(plaintext: str, problem: str | None) -> str:
        raise AssertionError("a conflict was left")

    for seed in rounds(3):
        dice = random.Random(1_000_000 + seed)
        base = values(dice)
        touched: set[tuple[str, str]] = set()
        ours, theirs = edited(base, dice, "ours", touched), edited(base, dice, "theirs", touched)
        commit(base.text, "base", "main")
        commit(ours.text, "ours", "base")
        commit(theirs.text, "theirs", "base")
        shop.repo.git("checkout", "--quiet", "-B", "merged", "ours")
        shop.repo.git("merge", "--quiet", "-m", "merged", "theirs")
        by_driver = ksecrets.decrypt(DEV, require_seal=True, session=session).text
        shop.repo.git("checkout", "--quiet", "-B", "merged", "ours")
        assert shop.git("-c", "merge.ksecrets.driver=false", "merge", "theirs").returncode == 1
        ksecrets.resolve(DEV, nobody_is_asked, session=session)
        shop.repo.git("commit", "--quiet", "-m", "resolved")
        assert ksecrets.decrypt(DEV, require_seal=True, session=session).text == by_driver, seed
        by_git = git_merge(tmp_path, base.text, ours.text, theirs.text)
        assert by_git in (None, by_driver), seed
        git_can += by_git is not None
        too_close += by_git is None
        found = yaml.safe_load(by_driver)
        assert {(s, k) for s, of in found.items() for k in of} == set(merged_meaning(base, ours, theirs)), seed
    if LONG:
        with capsys.disabled():
            print(
                f"\n{git_can + too_close} merges on real branches by driver and by resolve: {git_can} as git's of the "
            )
            print(f"plaintext, {too_close} where git finds lines too close")
