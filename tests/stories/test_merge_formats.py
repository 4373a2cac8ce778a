"""Merges of encrypted JSON, dotenv, INI and text: by the driver, and by `resolve` after a merge without it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo

FILES = {
    "env/dev/a.json": '{\n  "user": "app",\n  "password": "old",\n  "port": 1\n}\n',
    "env/dev/b.env": "# the shop\nUSER=app\nPASSWORD=old\nPORT=1\n",
    "env/dev/c.ini": "[db]\nuser = app\npassword = old\n; where\nport = 1\n\n[mail]\nuser = app2\n",
    "env/dev/d.txt.bin": "app: [not yaml\n\n\nmiddle\n\n\nold\n",
}


@pytest.fixture
def repository(repo: Repo, cli: Cli) -> Repo:
    cli("init", "--files", "env/dev/*").ok()
    write(repo, cli, FILES)
    return repo


def write(repo: Repo, cli: Cli, files: dict[str, str]) -> None:
    for path, text in files.items():
        repo.write(path, text)
        cli("-q", "encrypt", "-i", path).ok()
    repo.commit()


def replaced(old: str, new: str) -> dict[str, str]:
    return {path: text.replace(old, new, 1) for path, text in FILES.items()}


def branches(repo: Repo, cli: Cli, theirs: dict[str, str], ours: dict[str, str]) -> None:
    repo.git("checkout", "--quiet", "-b", "side")
    write(repo, cli, theirs)
    repo.git("checkout", "--quiet", "main")
    write(repo, cli, ours)


def merged(repo: Repo) -> int:
    return subprocess.run(["git", "merge", "-m", "merged", "side"], cwd=repo.path, capture_output=True).returncode


@pytest.mark.parametrize("driver", [True, False], ids=["driver", "without driver, then resolve"])
def test_neighbours_merge(repository: Repo, cli: Cli, driver: bool) -> None:
    branches(repository, cli, replaced("old", "horse"), replaced("app", "me"))
    if not driver:
        repository.git("config", "--remove-section", "merge.ksecrets")
    assert merged(repository) == (0 if driver else 1)
    for path, text in FILES.items():
        if not driver:
            cli("resolve", path, env={"EDITOR": "false"}).ok()
        wanted = text.replace("app", "me", 1).replace("old", "horse", 1)
        assert cli("decrypt", "--require-seal", path).ok().stdout == wanted
    if not driver:
        repository.git("commit", "--quiet", "-m", "merged")
    cli("check").ok()


def test_without_a_key_it_is_left_to_those_who_have_one(repository: Repo, cli: Cli, tmp_path: Path) -> None:
    branches(repository, cli, replaced("old", "horse"), replaced("app", "me"))
    env = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    env |= {"GIT_CONFIG_GLOBAL": os.path.join(os.environ["HOME"], ".gitconfig")}
    done = subprocess.run(["git", "merge", "side"], cwd=repository.path, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("cannot be merged without a key: it is not YAML") == len(FILES)
    for path, text in FILES.items():
        cli("resolve", path, env={"EDITOR": "false"}).ok()
        assert cli("decrypt", path).ok().stdout == text.replace("app", "me", 1).replace("old", "horse", 1)


def test_a_conflict_is_at_its_entry_and_holds_no_plaintext(repository: Repo, cli: Cli, tmp_path: Path) -> None:
    branches(repository, cli, replaced("old", "canary-theirs"), replaced("old", "canary-ours"))
    assert merged(repository) == 1
    seen, editor = tmp_path / "seen", tmp_path / "editor.sh"
    editor.write_text(f'#!/bin/sh\ncat "$1" > {seen}\nsed -i \'/^<<<<<<</d;/^|||||||/,/^>>>>>>>/d\' "$1"\n')
    editor.chmod(0o755)
    for path, text in FILES.items():
        assert "canary" not in (repository / path).read_text()
        cli("resolve", path, env={"EDITOR": str(editor)}).ok()
        assert seen.read_text().count("<<<<<<<") == 1
        assert cli("decrypt", path).ok().stdout == text.replace("old", "canary-ours", 1)
    repository.git("commit", "--quiet", "-m", "merged")
    cli("check").ok()
