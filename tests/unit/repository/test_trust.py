"""ksecrets/repository/trust.py: the record of data keys in the git folder."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ksecrets.errors import KsecretsError
from ksecrets.repository.repository import Repository
from ksecrets.repository.trust import record, recorded

if TYPE_CHECKING:
    from tests.conftest import Repo

KID = "mK0xV3f1TZ2cJq0yQm8b4g"


@pytest.fixture
def git(repo: Repo) -> Repository:
    return Repository(str(repo.path))


PATH = "env/prod/secrets.yaml"


def test_a_kid_is_recorded_once_for_its_file(git: Repository, repo: Repo) -> None:
    assert recorded(git, PATH) == set()
    assert record(git, KID, PATH)
    assert not record(git, KID, PATH)
    assert record(git, "-starts_with-a-dash", PATH)
    assert recorded(git, PATH) == {KID, "-starts_with-a-dash"}
    assert recorded(git, "env/dev/secrets.yaml") == set()
    file = repo / ".git" / "ksecrets" / "trusted-kids"
    assert file.read_text().split("\n")[0] == f"{KID}  # {time.strftime('%Y-%m-%d')} {PATH}"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert repo.git("status", "--porcelain") == ""


def test_a_kid_is_taken_back_for_its_file_only_and_can_come_again(git: Repository) -> None:
    record(git, KID, PATH)
    record(git, KID, "other")
    assert record(git, "second", PATH, instead_of=KID)
    assert recorded(git, PATH) == {"second"}
    assert recorded(git, "other") == {KID}
    record(git, "third", PATH, instead_of="never-recorded")
    assert recorded(git, PATH) == {"second", "third"}
    assert record(git, KID, PATH)
    assert KID in recorded(git, PATH)


def test_a_line_that_the_user_wrote_without_a_file_counts_for_all(git: Repository, repo: Repo) -> None:
    record(git, "second", PATH)
    file = repo / ".git" / "ksecrets" / "trusted-kids"
    file.write_text(f"{KID}\n{file.read_text()}")
    assert recorded(git, PATH) == {KID, "second"}
    assert recorded(git, "other file") == {KID}


def test_a_record_that_was_written_anew_is_read_anew(git: Repository, repo: Repo) -> None:
    record(git, KID, PATH)
    assert recorded(git, PATH) == {KID}
    file = repo / ".git" / "ksecrets" / "trusted-kids"
    file.write_text(f"second  # 2026-01-31 {PATH}\n{file.read_text()}!second\nlast  # 2026-01-31 other\nhalf a li")
    assert recorded(git, PATH) == {KID}
    file.write_text(f"{KID}  # 2026-01-31 other\n")
    assert (recorded(git, PATH), recorded(git, "other")) == (set(), {KID})


def test_worktrees_share_the_record(git: Repository, repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repository(str(tmp_path / "side"))
    record(side, KID, "x")
    assert recorded(git, "x") == recorded(side, "x") == {KID}


def test_a_path_cannot_add_a_line(git: Repository) -> None:
    path = "x\nPLANTED\r\u2028PLANTED2"
    record(git, KID, path)
    assert recorded(git, path) == {KID}
    assert recorded(git, "") == set()
    record(git, "second", os.fsdecode(b"\xff/x y"))
    assert recorded(git, os.fsdecode(b"\xff/x y")) == {"second"}


@pytest.mark.parametrize("kid", ["", "!a", "a b", "a\nb", "#a", "a#", "\x00", "a\u2028"])
def test_what_is_no_kid(git: Repository, kid: str) -> None:
    with pytest.raises(ValueError, match="not a kid"):
        record(git, kid, "x")


def test_a_line_cut_short_counts_for_nothing_and_spoils_nothing(git: Repository, repo: Repo) -> None:
    record(git, KID, "x")
    file = repo / ".git" / "ksecrets" / "trusted-kids"
    file.write_bytes(file.read_bytes() + b"# a comment\n\n" + b"SECO")
    assert recorded(git, "x") == {KID}
    assert record(git, "SECOND", "x")
    assert recorded(git, "x") == {KID, "SECOND"}


def test_many_at_once_lose_nothing(git: Repository, repo: Repo) -> None:
    root = Path(__file__).resolve().parents[3]
    program = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from ksecrets.repository.repository import Repository\n"
        "from ksecrets.repository.trust import record\n"
        f"git = Repository({str(repo.path)!r})\n"
        "for at in range(50): record(git, f'k{at}', 'x'); record(git, f'{sys.argv[1]}-{at}', 'x')\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, str(number)]) for number in range(4)]
    assert [child.wait(60) for child in children] == [0] * 4
    assert len(recorded(git, "x")) == 50 + 4 * 50
    lines = (repo / ".git" / "ksecrets" / "trusted-kids").read_text().splitlines()
    assert len(lines) == 50 + 4 * 50  # the shared ones once each


def test_a_record_that_cannot_be_read_or_written(git: Repository, repo: Repo) -> None:
    (repo / ".git" / "ksecrets" / "trusted-kids").mkdir(parents=True)
    with pytest.raises(KsecretsError, match="the record of trusted data keys: is a directory"):
        recorded(git, "x")
    with pytest.raises(KsecretsError, match="the record of trusted data keys: is a directory"):
        record(git, KID, "x")
