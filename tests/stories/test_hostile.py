"""What somebody who can push, and has no key, puts into a repository: `check BASE..HEAD` reports it, or it is refused.

Attacks that other stories name: tests/stories/test_review.py (readers, rules, planted keys, copies, links),
test_pending.py and test_sync.py (merges), test_history.py (blobs in history), tests/unit/files/test_tamper.py (tokens).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo
from tests.shop import DEV, TEXT, Shop

TWO = "env/dev/secrets-two.yaml"


@pytest.fixture
def shop(repo: Repo, cli: Cli) -> Shop:
    """A second file beside the first, in the same environment; `attack` is checked out."""
    made = Shop(repo, cli)
    repo.write(TWO, TEXT.replace("s3cret", "another"))
    cli("-q", "encrypt", "-i", TWO).ok()
    repo.commit("two files")
    repo.git("checkout", "--quiet", "-b", "attack")
    return made


def judged(shop: Shop, **env: str) -> set[tuple[str, str]]:
    """Commits what stands there; gives the errors of `check main..HEAD`, without a key: (code, file)."""
    shop.repo.commit("innocent")
    done = shop.cli("check", "--json", "main..HEAD", env={**shop.nobody, **env})
    found = {
        (each["code"], each["file"]) for each in json.loads(done.stdout)["findings"] if each["severity"] == "error"
    }
    assert (done.code == 6) == bool(found)
    return found


def value(text: str, key: str) -> str:
    return re.findall(rf"(?m)^ *{key}: (\S+)$", text)[0]


def test_two_files_of_one_environment_are_swapped(shop: Shop) -> None:
    one, two = shop.text(), (shop.repo / TWO).read_text()
    shop.repo.write(DEV, two)
    shop.repo.write(TWO, one)
    assert {("path", DEV), ("path", TWO)} <= judged(shop)


def test_a_token_of_last_week_is_put_back(shop: Shop) -> None:
    """Replay of one value: the token is real, and opens; the seal is of another text."""
    old = value(shop.text(), "password")
    shop.change(("s3cret", "new"))
    shop.repo.git("branch", "--force", "main")
    shop.repo.write(DEV, shop.text().replace(value(shop.text(), "password"), old))
    done = shop.cli("decrypt", DEV)
    assert (done.code, done.out) == (5, b"")
    assert shop.cli("set", DEV, "db.user", input="x").code == 5
    assert "[tampered]" in shop.cli("check").stdout
    shop.repo.commit("innocent")
    shown = shop.cli("diff", "--redact", "main..HEAD", env=shop.nobody).ok().stdout
    assert "db.password" in shown


def test_a_token_of_another_place_is_put_in(shop: Shop) -> None:
    shop.repo.write(DEV, shop.text().replace(value(shop.text(), "user"), value(shop.text(), "password")))
    done = shop.cli("get", DEV, "db.user")
    assert (done.code, done.out) == (5, b"")


def test_a_whole_old_file_under_a_new_date(shop: Shop) -> None:
    """The date is part of what the MAC is bound to: an old file cannot be made new without the key."""
    old = shop.text()
    shop.change(("s3cret", "new"))
    shop.repo.git("branch", "--force", "main")
    shop.repo.write(DEV, re.sub(r'lastmodified: "[^"]+"', 'lastmodified: "2999-01-01T00:00:00Z"', old))
    done = shop.cli("decrypt", DEV)
    assert (done.code, done.out) == (5, b"")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../outside", "../../.git/config", "secrets-two.yaml"])
def test_a_link_in_the_place_of_a_file(shop: Shop, target: str) -> None:
    outside = shop.repo.path.parent / "outside"
    outside.write_text("mine\n")
    (shop.repo / DEV).unlink()
    os.symlink(target, shop.repo / DEV)
    found = judged(shop)
    before = (shop.repo / TWO).read_bytes(), (shop.repo / ".git/config").read_bytes()
    if target != "secrets-two.yaml":  # which is a file of the same readers
        assert ("symlink", DEV) in found
    done = shop.cli("edit", DEV, env={"EDITOR": "sh -c 'echo x: 1 > \"$1\"' --"})
    if target == "secrets-two.yaml":
        return
    assert done.code != 0
    assert outside.read_text() == "mine\n"
    assert ((shop.repo / TWO).read_bytes(), (shop.repo / ".git/config").read_bytes()) == before


def test_a_merge_with_a_link_writes_through_nothing(shop: Shop) -> None:
    """One side changes the file, the other makes a link of it: a conflict for git, nothing for `resolve` and `sync`."""
    outside = shop.repo.path.parent / "outside"
    outside.write_text("mine\n")
    (shop.repo / DEV).unlink()
    os.symlink("../../../outside", shop.repo / DEV)
    shop.repo.commit("innocent")
    shop.repo.git("checkout", "--quiet", "main")
    shop.change(("s3cret", "new"))
    before = shop.repo.git("rev-parse", "HEAD")
    assert shop.cli("sync", "attack").code != 0
    assert shop.repo.git("rev-parse", "HEAD") == before
    assert shop.repo.git("status", "--porcelain") == ""
    shop.git("merge", "attack")
    assert shop.cli("resolve", DEV, env={"EDITOR": "true"}).code != 0
    assert outside.read_text() == "mine\n"


NAMES = [
    "env/dev/secrets $(touch ran) `touch ran`;touch ran|touch ran.yaml",
    "env/dev/secrets%O%A'\"\\.yaml",
    "env/dev/secrets\nfake: line.yaml",
    "env/dev/secrets -rf --output=ran.yaml",
    "env/dev/secrets:(top,glob)*.yaml",
]


@pytest.mark.parametrize("name", NAMES)
def test_file_names_are_names(shop: Shop, name: str) -> None:
    """Through check, the merge driver without a key, sync and the filter."""
    shop.cli("git", "setup", "--filter").ok()
    shop.repo.write(name, TEXT)
    shop.repo.commit("a file")
    assert "s3cret" not in shop.repo.git("show", f"HEAD:{name}")
    shop.repo.git("checkout", "--quiet", "-b", "other")
    shop.repo.write(name, TEXT.replace("s3cret", "horse"))
    shop.repo.commit("other")
    shop.repo.git("checkout", "--quiet", "attack")
    shop.repo.write(name, TEXT.replace("user: app", "user: me"))
    shop.repo.commit("here")
    shop.cli("sync", "other").ok()
    shop.repo.git("checkout", "HEAD", "--", ".")
    (shop.repo / name).unlink()
    shop.repo.git("checkout", "--", ".")
    assert (shop.repo / name).read_text() == TEXT.replace("s3cret", "horse").replace("user: app", "user: me")
    shop.cli("check", "main..HEAD").ok()
    shop.cli("report", "--html", shop.repo.path.parent / "page.html").ok()
    assert not (shop.repo / "ran").exists()


def test_a_gigantic_file_is_a_finding_and_ends_soon(shop: Shop) -> None:
    with open(shop.repo / DEV, "r+b") as file:
        file.seek((1 << 26) + 1)
        file.write(b"\n")
    found = judged(shop)
    assert ("not-yaml", DEV) in found
    assert shop.git("log", "-p", "-1", "--stat").returncode == 0
    shop.cli("report", "--html", shop.repo.path.parent / "page.html").ok()


def test_a_gigantic_side_of_a_merge_is_left(shop: Shop) -> None:
    with open(shop.repo / DEV, "r+b") as file:
        file.seek((1 << 26) + 1)
        file.write(b"\n")
    shop.repo.commit("innocent")
    shop.repo.git("checkout", "--quiet", "main")
    shop.change(("s3cret", "new"))
    text = shop.text()
    done = shop.git("merge", "attack")
    assert (done.returncode, "not merged" in done.stderr) == (1, True)
    shop.repo.git("merge", "--abort")
    assert shop.text() == text


@pytest.mark.parametrize(
    "packets",
    [b"", b"garbage", b"0000", b"ffff", b"0016git-filter-client\n0000" + b"zzzz", b"-004", b"0001"],
)
def test_the_filter_ends_where_nobody_speaks_its_protocol(shop: Shop, packets: bytes) -> None:
    done = subprocess.run(
        [*shop.cli.program, "git", "filter"], cwd=shop.repo.path, input=packets, capture_output=True, timeout=30
    )
    assert done.returncode in (0, 1)
    assert b"Traceback" not in done.stderr


def test_the_filter_answers_for_every_file(shop: Shop) -> None:
    """A path that leads out, a command that nobody knows, bytes that are no text: an answer each, and it goes on."""

    def packet(text: bytes) -> bytes:
        return b"%04x%s" % (len(text) + 4, text)

    def request(command: str, path: str, content: bytes) -> bytes:
        head = packet(f"command={command}\n".encode()) + packet(f"pathname={path}\n".encode()) + b"0000"
        return head + packet(content) + b"0000"

    hello = packet(b"git-filter-client\n") + packet(b"version=2\n") + b"0000"
    hello += packet(b"capability=clean\n") + packet(b"capability=smudge\n") + b"0000"
    asked = [
        request("clean", "../outside.yaml", b"a: 1\n"),
        request("destroy", DEV, b"x"),
        request("clean", DEV, b"\xff\xfe"),
        request("smudge", DEV, b"\xff sops \xfe"),
        request("clean", DEV, TEXT.replace("s3cret", "new").encode()),
    ]
    done = subprocess.run(
        [*shop.cli.program, "git", "filter"],
        cwd=shop.repo.path,
        input=hello + b"".join(asked),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0
    answers = re.findall(rb"status=(\w+)", done.stdout)
    assert answers[1:] == [b"error", b"error", b"success", b"success"]
    assert b"\xff sops \xfe" in done.stdout
    assert b"ENC[AES256_GCM" in done.stdout
    assert b"new" not in done.stdout.replace(b"new-", b"")
    assert Path(shop.repo / DEV).read_text() != TEXT
