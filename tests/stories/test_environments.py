"""Environments with keys of their own: people, a machine, and everything that must not happen between them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo, Result
from tests.team import unsealed

DEV = "env/dev/secrets.yaml"
PROD = "env/prod/secrets.yaml"
TEXT = "db:\n  password: s3cret\n  user: shop  # of the app\n"


class Company:
    """A repository with dev and prod, and the people at their machines: each has a HOME of their own."""

    def __init__(self, repo: Repo, cli: Cli, folder: Path) -> None:
        self.repo = repo
        self.cli = cli
        self.folder = folder
        self("alice", "init", "--name", "alice").ok()
        self.machine = self("alice", "env", "add", "prod", "--machine", "prod-ci").ok().stdout
        for path in (DEV, PROD):
            repo.write(path, TEXT)
        self("alice", "encrypt", "-i", DEV, PROD).ok()
        repo.commit()

    def __call__(self, who: str, *words: str, input: str = "") -> Result:
        """A command of somebody."""
        home = self.folder / who
        home.mkdir(exist_ok=True)
        env = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "CI": "1"}
        if who == "prod-ci":
            env["KSECRETS_AGE_KEY"] = self.machine
        return self.cli(*words, input=input, env=env)

    def hire(self, name: str, *environments: str) -> None:
        """Make a key for somebody, and write them into the configuration, as a person would in an editor."""
        made = self(name, "keygen").ok()
        public = re.search(r"age1[0-9a-z]+", made.stderr)
        assert public is not None
        text = self.config.replace("recipients:\n", f"recipients:\n  {name}: {{age: {public[0]}}}\n", 1)
        for environment in environments:
            head, mark, tail = text.partition(f"  {environment}:\n")
            text = head + mark + re.sub(r"readers: \[([^]]*)\]", rf"readers: [\1, {name}]", tail, count=1)
        self.repo.write(".ksecrets.yaml", text)

    @property
    def config(self) -> str:
        return (self.repo / ".ksecrets.yaml").read_text()

    def text(self, path: str) -> str:
        return (self.repo / path).read_text()


@pytest.fixture
def company(repo: Repo, cli: Cli, tmp_path: Path) -> Company:
    return Company(repo, cli, tmp_path)


def test_each_environment_has_its_readers(company: Company) -> None:
    assert company("alice", "decrypt", PROD).ok().stdout == TEXT
    assert company("prod-ci", "decrypt", PROD).ok().stdout == TEXT
    refused = company("prod-ci", "decrypt", DEV)
    assert (refused.code, refused.out) == (4, b"")
    assert company("prod-ci", "get", PROD, "db.password").ok().stdout.rstrip("\n") == "s3cret"


def test_the_wrong_identity_is_told_which_one_it_takes(company: Company) -> None:
    """The terminal of the design: readers, what was tried, and whose identity this job wants."""
    company.hire("bob", "dev")
    refused = company("bob", "decrypt", PROD)
    assert (refused.code, refused.out) == (4, b"")
    assert refused.stderr == (
        f"error: {PROD}: no identity opens it\n"
        "  readers: alice, prod-ci\n"
        "  tried:   ~/.config/sops/age/keys.txt:3 (bob)\n"
        "hint: run this job with the identity of prod-ci\n"
    )


def test_somebody_joins(company: Company) -> None:
    company.hire("bob", "dev")
    report = company("alice", "check")
    assert report.code == 6
    assert f"{DEV}: error: bob should read it and cannot" in report.stdout
    assert PROD not in report.stdout

    # No write adds a reader by itself; it names the command that does.
    before = company.text(DEV)
    refused = company("alice", "set", DEV, "db.password", input="new")
    assert refused.code == 1
    assert refused.stderr.endswith(f"hint: ksecrets updatekeys {DEV}\n")
    assert company.text(DEV) == before

    company("alice", "updatekeys", DEV).ok()
    assert company("bob", "decrypt", DEV).ok().stdout == TEXT
    assert company("alice", "check").ok().stdout.startswith("2 files, 2 verified")
    tokens = re.findall(r"data:\S+,type:\w+", before)
    assert tokens[:2] == re.findall(r"data:\S+,type:\w+", company.text(DEV))[:2]


def test_somebody_leaves(company: Company) -> None:
    company.hire("bob", "dev")
    company("alice", "updatekeys", DEV).ok()
    company.repo.commit()
    before = company.text(DEV)
    company.repo.write(".ksecrets.yaml", company.config.replace(", bob]", "]"))
    assert "bob can read it and should not" in company("prod-ci", "check").stdout
    company("alice", "updatekeys", DEV).ok()
    assert company("bob", "decrypt", DEV).code == 4
    assert not set(re.findall(r"data:\S+", before)) & set(re.findall(r"data:\S+", company.text(DEV)))
    # The file as it was before is refused, too.
    company.repo.write(DEV, before)
    assert company("alice", "set", DEV, "db.password", input="new").code == 1


def test_ci_checks_with_the_key_of_prod_alone_and_without_any(company: Company) -> None:
    report = json.loads(company("prod-ci", "check", "--json").ok().stdout)
    assert (report["ok"], report["files"], report["verified"], report["unverified"]) == (True, 2, 1, [DEV])
    report = json.loads(company("nobody", "check", "--json").ok().stdout)
    assert (report["ok"], report["verified"]) == (True, 0)
    company.repo.write(PROD, company.text(PROD).replace("  user:", "  added: ''\n  user:"))
    assert company("nobody", "check").code == 0
    done = company("prod-ci", "check")
    assert done.code == 6
    assert "[tampered]" in done.stdout


def test_a_dev_file_in_the_place_of_prod(company: Company) -> None:
    """Whoever writes to dev must not say what prod deploys, even where the readers are the same."""
    company.repo.write(".ksecrets.yaml", company.config.replace(", prod-ci]", "]"))
    company("alice", "updatekeys", PROD).ok()
    company.repo.write(PROD, company.text(DEV))
    for command in (("decrypt", PROD), ("get", PROD, "db.password"), ("encrypt", "-i", PROD), ("updatekeys", PROD)):
        refused = company("alice", *command)
        assert refused.code == 5, refused
        assert "sealed for environment dev, and the rules give it prod" in refused.stderr
        assert refused.out == b""
    assert "[environment]" in company("nobody", "check").stdout


def test_a_file_is_moved_and_a_file_is_copied(company: Company) -> None:
    os.makedirs(company.repo / "shop/dev")
    company.repo.git("mv", DEV, "shop/dev/secrets.yaml")
    company.repo.write("more/dev/secrets.yaml", company.text("shop/dev/secrets.yaml"))
    report = company("alice", "check").stdout
    assert "shop/dev/secrets.yaml: error: was sealed as env/dev/secrets.yaml" in report
    assert "[same-data-key]" in report
    for path in ("shop/dev/secrets.yaml", "more/dev/secrets.yaml"):
        company("alice", "updatekeys", path).ok()
    company.repo.git("add", "--all")
    assert ": error: " not in company("alice", "check").ok().stdout


def test_plaintext_where_it_must_not_be(company: Company) -> None:
    company("alice", "decrypt", "-i", PROD).ok()
    report = company("prod-ci", "check")
    assert report.code == 6
    assert f"{PROD}: error: is plaintext, and prod wants it encrypted [plaintext]" in report.stdout
    assert "s3cret" not in report.stdout
    before = company.repo.git("show", f"HEAD:{PROD}")
    company("alice", "encrypt", "-i", PROD).ok()
    assert company.text(PROD) == before  # nothing changed, so nothing differs


def test_the_configuration_is_taken_away(company: Company) -> None:
    os.unlink(company.repo / ".ksecrets.yaml")
    for command in (("decrypt", PROD), ("set", PROD, "a", "b")):
        refused = company("alice", *command)
        assert refused.code == 1
        assert ".ksecrets.yaml is missing here, and HEAD has one" in refused.stderr
    assert company("alice", "check").code == 6


def test_sops_edits_a_sealed_file(company: Company, sops: str) -> None:
    """The way back: no write goes on by itself, `seal` shows what changed, without values, and asks."""
    home = company.folder / "alice"
    env = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    command = [sops, "set", DEV, '["db"]["password"]', '"from sops"']
    subprocess.run(command, cwd=company.repo.path, env=env, check=True, capture_output=True)
    assert "ksecrets:" not in company.text(DEV)
    assert company("alice", "get", DEV, "db.password").ok().stdout.rstrip("\n") == "from sops"
    report = company("alice", "check")
    assert report.code == 6
    assert f"hint: ksecrets seal {DEV}" in report.stdout
    refused = company("alice", "set", DEV, "db.user", input="x")
    assert refused.code == 1
    assert f"hint: ksecrets seal {DEV}" in refused.stderr

    before = company.text(DEV)
    assert company("alice", "seal", DEV, input="n\n").code != 0
    assert company.text(DEV) == before
    done = company("alice", "seal", "--yes", DEV).ok()
    assert "~ db.password" in done.stderr
    assert "from sops" not in done.stderr
    assert company("alice", "check").ok()
    company("alice", "set", DEV, "db.user", input="x").ok()


def test_a_seal_is_taken_off_and_something_is_added(company: Company) -> None:
    """sops's MAC does not see an added null; with the seal gone, a required one stops every reader."""
    text = unsealed(company.text(PROD)).replace("  user:", "  added: null\n  user:")
    company.repo.write(PROD, text)
    assert company("prod-ci", "decrypt", PROD).ok().stdout.count("added") == 1
    config = company.config
    company.repo.write(".ksecrets.yaml", config.replace("  prod:\n", "  prod:\n    seal: required\n"))
    refused = company("prod-ci", "decrypt", PROD)
    assert (refused.code, refused.out) == (5, b"")
    assert "carries no seal" in refused.stderr
