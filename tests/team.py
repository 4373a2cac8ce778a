"""A team with keys, a configuration and a repository: what the tests of the operations stand on.

Nobody's identity comes from the home folder: `team.session("alice")` is a process of alice's, and of nobody else.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import ksecrets
from ksecrets.files.open import read_metadata
from tests.pipe import Person

if TYPE_CHECKING:
    from pathlib import Path

    from ksecrets.envelope.metadata import Metadata
    from tests.conftest import Repo

DEV = "env/dev/secrets.yaml"
PROD = "env/prod/secrets.yaml"
PLAIN = """\
# how to reach the database
db:
  password: s3cret   # of the app
  port: 1.10
  hosts: [a, b]
"""


@cache
def person(name: str) -> Person:
    """alice, bob, ... : the same key for a whole run of the tests."""
    return Person()


class Team:
    """alice, bob and the machine ci; environments dev (alice, bob) and prod (alice, ci); a fresh repository."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.recipients = {"alice": "person", "bob": "person", "ci": "machine"}
        self.rules()

    def rules(
        self,
        dev: str = "alice, bob",
        prod: str = "alice, ci",
        *,
        more_dev: str = "",
        more_prod: str = "",
        top: str = "",
    ) -> None:
        """Write `.ksecrets.yaml`; `more_*` are further settings of an environment, as flow entries."""
        lines = ["version: 1", *([top] if top else []), "recipients:"]
        lines += [f"  {name}: {{age: {person(name).public}, kind: {kind}}}" for name, kind in self.recipients.items()]
        lines.append("environments:")
        for name, readers, more in (("dev", dev, more_dev), ("prod", prod, more_prod)):
            lines.append(
                f"  {name}: {{files: ['**/{name}/secrets*.yaml'], readers: [{readers}]{more and ', ' + more}}}"
            )
        self.repo.write(".ksecrets.yaml", "\n".join(lines) + "\n")

    def session(self, *names: str, **settings: str) -> ksecrets.Session:
        """A process with the identities of these people only."""
        environ = {"HOME": os.path.join(self.repo.path, "..", "nobody"), "KSECRETS_KEYRING": "0", **settings}
        if names:
            environ["KSECRETS_AGE_KEY"] = "\n".join(person(name).secret for name in names)
        return ksecrets.Session(environ)

    def write(self, path: str, text: str = PLAIN, by: str = "alice") -> str:
        """Encrypt a text at a path; gives the encrypted text."""
        self.repo.write(path, text)
        return ksecrets.encrypt(path, write=True, session=self.session(by)).text

    def read(self, path: str) -> str:
        return (self.repo / path).read_bytes().decode()

    def plain(self, path: str, by: str = "alice") -> str:
        return ksecrets.decrypt(path, session=self.session(by)).text

    def metadata(self, path: str) -> Metadata:
        return read_metadata(self.read(path))

    def kid(self, path: str) -> str:
        extension = self.metadata(path).extension
        assert extension is not None
        return extension.kid

    def remote(self, folder: Path) -> None:
        """Give the repository a remote that has what HEAD has: from now on that is the trusted ref."""
        self.repo.git("init", "--quiet", "--bare", str(folder))
        self.repo.git("remote", "add", "origin", str(folder))
        self.push()

    def push(self) -> None:
        self.repo.git("push", "--quiet", "origin", "HEAD:main")
        self.repo.git("fetch", "--quiet", "origin")

    def forget(self) -> None:
        """As in another clone: nothing was made here."""
        record = self.repo / ".git/ksecrets/trusted-kids"
        if record.exists():
            record.unlink()


def unsealed(text: str) -> str:
    """An encrypted text as sops leaves it when it writes: without our block."""
    lines = text.split("\n")
    start = lines.index("    ksecrets:")
    end = start + 1
    while lines[end].startswith("     "):
        end += 1
    return "\n".join(lines[:start] + lines[end:])
