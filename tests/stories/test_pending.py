"""Merges by somebody who has no key (docs/threat-model.md): what comes out, who finishes it, and what strangers try."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo
from tests.shop import DEV, TEXT, Shop


@pytest.fixture
def shop(repo: Repo, cli: Cli) -> Shop:
    return Shop(repo, cli)


MERGED = TEXT.replace("user: app", "user: me").replace("s3cret", "horse")


def merge_without_key(shop: Shop) -> subprocess.CompletedProcess[str]:
    """Two branches that change neighbours, merged by nobody: git stops, the file waits."""
    shop.side(("s3cret", "horse"))
    shop.change(("user: app", "user: me"))
    done = shop.git("merge", "side", env=shop.nobody)
    assert done.returncode == 1
    return done


def committed_without_key(shop: Shop) -> None:
    merge_without_key(shop)
    shop.repo.git("add", DEV)
    shop.repo.git("commit", "--quiet", "-m", "merged without a key", env=shop.nobody)


def ids(shop: Shop) -> dict[str, str]:
    return dict(re.findall(r"(base|ours|theirs): ([0-9a-f]{40})", shop.text()))


def test_it_waits_for_somebody_with_a_key(shop: Shop, sops: str) -> None:
    done = merge_without_key(shop)
    assert f"{DEV}: merged without a key" in done.stderr
    text = shop.text()
    assert "<<<<<<<" not in text
    assert 'mac: ""' in text
    assert ids(shop) == {
        which: shop.repo.git("rev-parse", f":{stage}:{DEV}").strip()
        for stage, which in ((1, "base"), (2, "ours"), (3, "theirs"))
    }
    refused = shop.cli("decrypt", DEV)
    assert (refused.code, "a merge was not finished" in refused.stderr) == (5, True)
    assert shop.cli("set", DEV, "db.user", input="x").code == 5
    key = Path(shop.repo.path.parent / "key")
    key.write_text((Path.home() / ".config/sops/age/keys.txt").read_text())
    by_sops = subprocess.run(
        [sops, "decrypt", DEV], cwd=shop.repo.path, env={"SOPS_AGE_KEY_FILE": str(key)}, capture_output=True, text=True
    )
    assert by_sops.returncode != 0
    assert by_sops.stdout == ""
    shop.resolve()
    assert shop.plaintext() == MERGED
    shop.repo.git("commit", "--quiet", "-m", "merged")
    assert shop.repo.git("status", "--porcelain") == ""
    shop.cli("check").ok()


def test_it_is_committed_through_the_guard_and_check_is_red(shop: Shop) -> None:
    shop.cli("git", "setup", "--hooks").ok()
    committed_without_key(shop)
    for env in ({}, shop.nobody):
        done = shop.cli("check", env=env)
        assert done.code == 6
        assert f"hint: ksecrets resolve {DEV}" in done.stdout
        assert done.stdout.count("[merge-pending]") == done.stdout.count(": error:") == 1
    change = shop.cli("check", "HEAD^1..HEAD", env=shop.nobody)
    assert (change.code, "[merge-pending]" in change.stdout) == (6, True)


@pytest.mark.parametrize("later", [False, True])
def test_whoever_has_the_key_finishes_it_from_the_merge_commit(shop: Shop, later: bool) -> None:
    committed_without_key(shop)
    if later:
        shop.repo.write("other", "1")
        shop.repo.commit("something else")
    shop.resolve()
    assert shop.plaintext() == MERGED
    assert "pending" not in shop.text()
    shop.repo.commit("sealed")
    shop.cli("check").ok()


def test_both_changed_one_value(shop: Shop, tmp_path: Path) -> None:
    shop.side(("s3cret", "theirs"), ("two", "three"))
    shop.change(("s3cret", "ours"), ("5432", "5433"))
    done = shop.git("merge", "side", env=shop.nobody)
    assert f"1 value to decide, by somebody with a key: ksecrets resolve {DEV}" in done.stderr
    between = shop.text().split("<<<<<<< ours\n")[1].split(">>>>>>> theirs")[0].splitlines()
    assert [line.split(":")[0].strip() for line in between] == ["password", "=======", "password"]
    wanted = TEXT.replace("s3cret", "decided").replace("two", "three").replace("5432", "5433")
    shop.resolve(wanted, tmp_path)
    assert shop.plaintext() == wanted


def test_markers_taken_out_by_hand_open_for_nobody(shop: Shop) -> None:
    shop.side(("s3cret", "theirs"))
    shop.change(("s3cret", "ours"))
    shop.git("merge", "side", env=shop.nobody)
    text = re.sub(r"<<<<<<< ours\n(.*\n)=======\n.*\n>>>>>>> theirs\n", r"\1", shop.text())
    shop.repo.write(DEV, text)
    assert shop.cli("decrypt", DEV).code == 5
    shop.repo.git("add", DEV)
    shop.repo.git("commit", "--quiet", "-m", "by hand")
    done = shop.cli("resolve", DEV, env={"EDITOR": "false"})
    assert (done.code, shop.text()) == (1, text)  # the editor was asked, and failed: nothing was decided by the hand


def test_another_data_key_on_one_side_is_left_to_those_with_a_key(shop: Shop) -> None:
    shop.repo.git("checkout", "--quiet", "-b", "side")
    shop.cli("rotate", DEV).ok()
    shop.repo.commit("rotated")
    shop.repo.git("checkout", "--quiet", "main")
    shop.change(("s3cret", "horse"))
    done = shop.git("merge", "side", env=shop.nobody)
    assert "cannot be merged without a key: the data key changed on one side" in done.stderr
    assert "<<<<<<< ours" in shop.text()
    shop.resolve()
    assert shop.plaintext() == TEXT.replace("s3cret", "horse")


def test_a_second_merge_waits_for_the_first(shop: Shop) -> None:
    committed_without_key(shop)
    shop.repo.git("checkout", "--quiet", "-b", "third", "HEAD^1")
    shop.change(("5432", "5433"))
    shop.repo.git("checkout", "--quiet", "main")
    done = shop.git("merge", "third", env=shop.nobody)
    assert "itself a merge that was not finished" in done.stderr
    shop.repo.git("merge", "--abort")
    shop.resolve()
    shop.repo.commit("sealed")
    shop.repo.git("merge", "--quiet", "-m", "third", "third")
    assert shop.plaintext() == MERGED.replace("5432", "5433")


# -- what strangers try ------------------------------------------------------------------------------------------------


def pending(text: str, base: str, ours: str, theirs: str) -> str:
    """An encrypted text as one that waits, for these versions."""
    text = re.sub(r"mac: \S+", 'mac: ""', text)
    entry = f"        pending:\n            base: {base}\n            ours: {ours}\n            theirs: {theirs}\n"
    return re.sub(r"( +version: \"?1\"?\n)", entry + r"\1", text, count=1)


def test_old_versions_do_not_come_back_by_a_claim(shop: Shop) -> None:
    """Replay: a commit that is no merge names an old change, for somebody with a key to make it new again."""
    old = shop.repo.git("rev-parse", f"HEAD:{DEV}").strip()
    shop.change(("s3cret", "horse"))
    now = shop.repo.git("rev-parse", f"HEAD:{DEV}").strip()
    forged = pending(shop.text(), now, now, old)
    assert ids(shop) == {}
    shop.repo.write(DEV, forged)
    shop.repo.commit("an innocent merge")
    done = shop.cli("resolve", DEV)
    assert (done.code, "git knows of no merge of the versions that it names" in done.stderr) == (1, True)
    assert shop.text() == forged


def test_a_real_merge_with_other_names_is_no_proof(shop: Shop) -> None:
    committed_without_key(shop)
    real = ids(shop)
    forged = shop.text().replace(real["ours"], real["base"])
    shop.repo.write(DEV, forged)
    shop.repo.git("commit", "--quiet", "--amend", "--all", "-m", "merged")
    done = shop.cli("resolve", DEV)
    assert (done.code, "git knows of no merge" in done.stderr) == (1, True)


@pytest.mark.parametrize("name", ["--output=ran", "HEAD:other", "../../etc/passwd", "$(touch ran)"])
def test_names_that_are_no_ids_are_never_asked_for(shop: Shop, name: str) -> None:
    committed_without_key(shop)
    forged = shop.text().replace(ids(shop)["base"], f"'{name}'")
    shop.repo.write(DEV, forged)
    assert shop.cli("resolve", DEV).code == 1
    assert not (shop.repo / "ran").exists()


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"password: \S+\n  port: (\S+)", r"password: \1\n  port: \1"),
        (r"  port: \S+\n", ""),
        (r"user: \S+", "user: planted"),
    ],
    ids=["a token at another place", "a value removed", "a plaintext"],
)
def test_a_change_after_the_merge_is_not_sealed(shop: Shop, pattern: str, new: str) -> None:
    committed_without_key(shop)
    changed = re.sub(pattern, new, shop.text())
    assert changed != shop.text()
    shop.repo.write(DEV, changed)
    shop.repo.git("commit", "--quiet", "--amend", "--all", "-m", "merged")
    done = shop.cli("resolve", DEV)
    assert (done.code, "was changed after it was merged without a key" in done.stderr) == (5, True)
    assert shop.text() == changed


def test_a_tampered_side_is_not_laundered(shop: Shop) -> None:
    """A side that nobody could have sealed so: without a key it merges, with one it does not."""
    shop.repo.git("checkout", "--quiet", "-b", "side")
    shop.repo.write(DEV, re.sub(r"  port: \S+\n", "", shop.text()).replace("# the shop", "# the shop, changed"))
    shop.repo.commit("by hand")
    shop.repo.git("checkout", "--quiet", "main")
    shop.change(("s3cret", "horse"))
    assert shop.git("merge", "side", env=shop.nobody).returncode == 1
    assert 'mac: ""' in shop.text()
    done = shop.cli("resolve", DEV)
    assert (done.code, "the MAC does not hold" in done.stderr) == (5, True)


def test_a_sealed_file_does_not_wait(shop: Shop) -> None:
    """`pending` is no part of the seal: beside a MAC it changes nothing, and `check` says that it does not belong."""
    blob = shop.repo.git("rev-parse", f"HEAD:{DEV}").strip()
    mac = re.search(r"mac: (\S+)", shop.text())
    assert mac is not None
    forged = pending(shop.text(), blob, blob, blob).replace('mac: ""', mac[0])
    shop.repo.write(DEV, forged)
    assert shop.plaintext() == TEXT
    done = shop.cli("resolve", DEV)
    assert (done.code, "has no conflict" in done.stderr) == (1, True)
    assert "says that a merge is not finished, and has a MAC [tampered]" in shop.cli("check").stdout


def test_a_rebase_without_a_key_cannot_be_finished_by_others(shop: Shop) -> None:
    """Its commits are no merges: nobody else has the version that was rebased."""
    shop.side(("s3cret", "horse"))
    shop.change(("user: app", "user: me"))
    shop.repo.git("checkout", "--quiet", "side")
    assert shop.git("rebase", "main", env=shop.nobody).returncode == 1
    shop.repo.git("add", DEV)
    shop.repo.git("-c", "core.editor=true", "rebase", "--continue", env=shop.nobody)
    done = shop.cli("resolve", DEV)
    assert (done.code, "a merge can be finished, a rebase cannot" in done.stderr) == (1, True)
