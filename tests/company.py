"""A company: five people, two machines, three environments, and sops beside us at every step.

After each step sops decrypts every file with each key, and may do so with exactly the keys that should open it.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.conftest import Cli, Repo, Result
from tests.team import person

DEV = ("env/dev/secrets.yaml", "shop/dev/secrets.yaml")
TEST = ("env/test/secrets.yaml",)
PROD = ("env/prod/secrets.yaml", "shop/prod/secrets.yaml")
FILES = (*DEV, *TEST, *PROD)
PEOPLE = ("alice", "bob", "carol", "dave", "erin")
MACHINES = ("test-ci", "prod-ci")
TEXT = "db:\n  password: s3cret-of-{path}\n  user: shop  # of the app\nport: 1.10\n"
CONFIG = """\
# Who reads what at the company.
version: 1
recipients:
  alice:   {{age: {alice}}}      # runs the platform
  bob:     {{age: {bob}}}
  test-ci: {{age: {test_ci}, kind: machine}}
  prod-ci: {{age: {prod_ci}, kind: machine}}
groups:
  platform: [alice, bob]        # on call
environments:
  dev:
    files: ["*/dev/secrets*.yaml"]
    readers: [platform]         # everybody, in the end
  test:
    files: ["*/test/secrets*.yaml"]
    readers:
      - platform
      - test-ci                 # the nightly run
  prod:
    files: ["*/prod/secrets*.yaml"]
    readers: [alice, prod-ci]
    seal: required
# the end
"""


class Company:
    """A repository with three environments; everybody works at a machine of their own, with one key."""

    def __init__(self, repo: Repo, cli: Cli, sops: str, folder: Path) -> None:
        self.repo = repo
        self.cli = cli
        self.sops = sops
        self.folder = folder
        keys = {name.replace("-", "_"): person(name).public for name in (*PEOPLE, *MACHINES)}
        repo.write(".ksecrets.yaml", CONFIG.format(**keys))
        for path in FILES:
            repo.write(path, TEXT.format(path=path))
        self("alice", "encrypt", "-i", *FILES).ok()
        repo.commit()

    def environ(self, who: str) -> dict[str, str]:
        home = self.folder / who
        home.mkdir(exist_ok=True)
        env = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "CI": "1", "KSECRETS_KEYRING": "0"}
        if who in (*PEOPLE, *MACHINES):
            env["SOPS_AGE_KEY"] = person(who).secret
        return env

    def __call__(self, who: str, *words: str, input: str = "") -> Result:
        return self.cli(*words, input=input, env=self.environ(who))

    def reads(self, dev: str, test: str, prod: str) -> None:
        """sops opens every file with exactly these keys, and gives what was put into it."""
        expected = {**dict.fromkeys(DEV, dev), **dict.fromkeys(TEST, test), **dict.fromkeys(PROD, prod)}
        for path, names in expected.items():
            text = (self.repo / path).read_text()
            assert "s3cret" not in text
            there = {name for name in (*PEOPLE, *MACHINES) if person(name).public in text}
            assert there == set(names.split()), path
            for name in (*PEOPLE, *MACHINES):
                done = subprocess.run(
                    [self.sops, "decrypt", path],
                    cwd=self.repo.path,
                    env={**os.environ, **self.environ(name)},
                    capture_output=True,
                    text=True,
                )
                if name in there:
                    assert done.returncode == 0, done.stderr
                    assert f"s3cret-of-{path}" in done.stdout
                else:
                    assert done.returncode != 0, f"{name} opens {path}"

    def fingerprint(self, who: str) -> str:
        """What somebody reads from their own terminal, and says on the telephone."""
        said = re.search(r"SHA256:\S{43}", self(who, "request", "dev", "--name", f"{who}-x").ok().stderr)
        assert said is not None
        self.repo.git("checkout", "--quiet", ".ksecrets.yaml")
        return said[0]

    @property
    def config(self) -> str:
        return (self.repo / ".ksecrets.yaml").read_text()

    def text(self, path: str) -> str:
        return (self.repo / path).read_text()
