"""A repository with one encrypted file on main, and branches that change it: the stage of the stories about merging."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cli, Repo

DEV = "env/dev/secrets.yaml"
TEXT = "# the shop\ndb:\n  user: app\n  password: s3cret\n  port: 5432\nkey: |\n  one\n  two\n"


class Shop:
    """`side` changes the file on a branch of its own, `change` where we are. `nobody`: the environment of no key."""

    def __init__(self, repo: Repo, cli: Cli, text: str = TEXT) -> None:
        self.repo = repo
        self.cli = cli
        cli("init").ok()
        self.write(text)
        repo.commit("base")
        home = repo.path.parent / "nobody"
        home.mkdir()
        self.nobody = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "GIT_CONFIG_GLOBAL": os.environ["HOME"] + "/.gitconfig",
        }

    def write(self, plaintext: str) -> None:
        self.repo.write(DEV, plaintext)
        self.cli("-q", "encrypt", "-i", DEV).ok()

    def change(self, *replaced: tuple[str, str]) -> str:
        text = self.plaintext()
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        self.write(text)
        return self.repo.commit()

    def side(self, *replaced: tuple[str, str], branch: str = "side") -> str:
        self.repo.git("checkout", "--quiet", "-b", branch)
        commit = self.change(*replaced)
        self.repo.git("checkout", "--quiet", "main")
        return commit

    def plaintext(self) -> str:
        return self.cli("decrypt", "--require-seal", DEV).ok().stdout

    def text(self) -> str:
        return (self.repo / DEV).read_text()

    def without_driver(self) -> None:
        self.repo.git("config", "--remove-section", "merge.ksecrets")

    def git(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *words], cwd=self.repo.path, capture_output=True, text=True, env={**os.environ, **(env or {})}
        )

    def resolve(self, decided: str | None = None, tmp_path: Path | None = None) -> str:
        """Runs `resolve`; gives what the editor saw. Without `decided`, an editor is a failure."""
        if decided is None:
            self.cli("resolve", DEV, env={"EDITOR": "false"}).ok()
            return ""
        assert tmp_path is not None
        seen, new, editor = tmp_path / "seen", tmp_path / "new", tmp_path / "editor.sh"
        new.write_text(decided)
        editor.write_text(f'#!/bin/sh\ncat "$1" >> {seen}\ncat {new} > "$1"\n')
        editor.chmod(0o755)
        self.cli("resolve", DEV, env={"EDITOR": str(editor)}).ok()
        return seen.read_text()
