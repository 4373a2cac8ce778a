"""Promise 5: nothing in plaintext on a disk, seen by the kernel, for what git calls and what people type."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo
from tests.trace import CANARY, assert_no_disk, assert_nowhere, traced

FILE = "env/dev/secrets.yaml"


@pytest.fixture
def own_temporary(tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that hold everything such a run could leave behind."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return [tmp_path / "tmp", clean_home]


@pytest.fixture
def shop(repo: Repo, cli: Cli, own_temporary: list[Path]) -> Repo:
    """A repository whose one secret has changed since the last commit; the canary stands on no disk."""
    cli("init").ok()
    repo.write(FILE, "db:\n  user: shop\n  password: old\n")
    cli("-q", "encrypt", "-i", FILE).ok()
    repo.commit()
    cli("-q", "set", FILE, "db.password", input=CANARY.encode()).ok()
    repo.commit()
    cli("-q", "set", FILE, "db.user", input=f"{CANARY}-user".encode()).ok()
    own_temporary.append(repo.path)
    assert_nowhere(*own_temporary)
    return repo


@pytest.mark.parametrize("words", ["diff", "log -p", "show", "diff --stat -p HEAD~1"])
def test_git_shows_values_and_writes_none(
    shop: Repo, strace: str, tmp_path: Path, own_temporary: list[Path], words: str
) -> None:
    out, seen = traced(strace, tmp_path, ["git", "-C", str(shop.path), *words.split()])
    assert CANARY in out
    assert_no_disk(seen)
    assert_nowhere(*own_temporary)


def test_edit_shows_values_in_memory_only(
    shop: Repo, cli: Cli, strace: str, tmp_path: Path, own_temporary: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The editor is a program that rewrites the file, as editors do; what it writes to must be memory."""
    # The word is put together in the editor, so that it stands in no argv.
    monkeypatch.setenv(
        "EDITOR", "sh -c " + shlex.quote('sed -i "s/^db:/new: $(printf %s-5e1f0c7a canary)-edit\\ndb:/" "$1"') + " sh"
    )
    _, seen = traced(strace, tmp_path, [*cli.program, "edit", FILE])
    written = [target for call, target in seen if "write" in call]
    assert written
    for target in written:
        assert target.startswith(("/run/user/", "/dev/shm/", "pipe:[", "/memfd:")), target
    assert cli("get", FILE, "new").ok().stdout.startswith(f"{CANARY}-edit")
    assert_nowhere(*own_temporary)


@pytest.mark.parametrize("words", [["get", FILE, "db.password"], ["decrypt", FILE], ["diff"], ["check"]])
def test_commands_print_and_write_nothing(
    shop: Repo, cli: Cli, strace: str, tmp_path: Path, own_temporary: list[Path], words: list[str]
) -> None:
    _, seen = traced(strace, tmp_path, [*cli.program, *words])
    assert_no_disk(seen)
    assert_nowhere(*own_temporary)
