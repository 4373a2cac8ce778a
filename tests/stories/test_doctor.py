"""doctor: every trouble is found, and goes away by the command that it names."""

from __future__ import annotations

import json
import os
import shlex
import time
from pathlib import Path

import pytest

from ksecrets.operations.doctor import CODES
from tests.conftest import Cli, Repo
from tests.team import person

FILE = "env/dev/secrets.yaml"


@pytest.fixture(autouse=True)
def well(repo: Repo, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """alice's machine and clone, where all is well; and no Helm."""
    monkeypatch.setenv("KSECRETS_KEYRING", "0")
    monkeypatch.setenv("HELM_BIN", str(repo / "no-helm"))
    cli("init", "--name", "alice").ok()
    repo.write(FILE, "password: s3cret\n")
    cli("encrypt", "-i", FILE).ok()
    repo.commit()
    assert cli("doctor").ok().stdout == "all is well\n"


def codes(cli: Cli) -> dict[str, str]:
    """code -> fix of everything that doctor finds; the exit code must fit."""
    done = cli("doctor", "--json")
    found = json.loads(done.stdout)
    errors = [trouble for trouble in found["troubles"] if trouble["severity"] == "error"]
    assert (done.code, found["ok"]) == (1 if errors else 0, not errors)
    assert "AGE-SECRET-KEY" not in done.stdout + done.stderr
    return {trouble["code"]: trouble["fix"] for trouble in found["troubles"]}


def repair(repo: Repo, cli: Cli, fix: str) -> None:
    """Do what doctor says, and see that it helped."""
    for command in fix.split("; "):
        words = shlex.split(command)
        if words[0] == "ksecrets":
            cli(*words[1:]).ok()
        elif words[0] == "git":
            repo.git(*words[1:])
        else:
            assert os.spawnvp(os.P_WAIT, words[0], words) == 0
    assert cli("doctor").ok().stdout == "all is well\n"


def test_a_key_that_others_can_read(repo: Repo, cli: Cli, clean_home: Path) -> None:
    keys = clean_home / ".config/sops/age/keys.txt"
    keys.chmod(0o644)
    found = codes(cli)
    assert found == {"key-mode": f"chmod 600 {keys}"}
    repair(repo, cli, found["key-mode"])


def test_a_folder_in_which_others_could_exchange_the_key(repo: Repo, cli: Cli, clean_home: Path) -> None:
    folder = clean_home / ".config/sops/age"
    folder.chmod(0o777)
    found = codes(cli)
    assert found == {"key-folder": f"chmod go-w {folder}"}
    folder.chmod(0o1777)  # as /tmp: nobody can exchange what is not theirs
    assert codes(cli) == {}
    folder.chmod(0o777)
    repair(repo, cli, found["key-folder"])


@pytest.mark.parametrize("name", [FILE, ".ksecrets.yaml", ".git/ksecrets/trusted-kids"])
def test_files_that_everybody_can_write(name: str, repo: Repo, cli: Cli) -> None:
    (repo / name).chmod(0o666)
    found = codes(cli)
    assert found == {"file-mode": f"chmod o-w {name}"}
    repair(repo, cli, found["file-mode"])


def test_a_file_that_nobody_can_write(repo: Repo, cli: Cli) -> None:
    (repo / FILE).chmod(0o444)
    found = codes(cli)
    assert found == {"file-mode": f"chmod u+w {FILE}"}
    repair(repo, cli, found["file-mode"])


def test_a_clock_that_is_wrong(repo: Repo, cli: Cli) -> None:
    """Nothing is known of the right time; but what is here was not written tomorrow."""
    before = (repo / FILE).read_text()
    year = time.gmtime().tm_year
    repo.write(FILE, before.replace(f'lastmodified: "{year}', f'lastmodified: "{year + 1}'))
    assert list(codes(cli)) == ["clock"]
    said = cli("doctor").ok().stdout
    assert f"{FILE} was written at {year + 1}" in said
    repo.write(FILE, before)
    repo.git("commit", "--quiet", "--amend", "--no-edit", env={"GIT_COMMITTER_DATE": f"{year + 1}-06-01T00:00:00Z"})
    assert list(codes(cli)) == ["clock"]
    assert "the commit at HEAD was written at" in cli("doctor").ok().stdout
    repo.git("commit", "--quiet", "--amend", "--no-edit")
    assert codes(cli) == {}


def test_no_configuration_and_no_git(repo: Repo, cli: Cli) -> None:
    (repo / ".ksecrets.yaml").unlink()
    found = codes(cli)
    assert found == {"config": "ksecrets init"}
    repo.git("checkout", "--quiet", ".ksecrets.yaml")
    (repo / ".git").rename(repo / "elsewhere")
    assert codes(cli) == {"git": "git init; ksecrets git setup"}


def test_every_code_has_its_test() -> None:
    """Here, or where what it is about has its tests."""
    here = Path(__file__)
    elsewhere = "".join(path.read_text() for path in here.parents[1].rglob("test_*.py") if path != here)
    missing = [code for code in CODES if f'"{code}"' not in here.read_text() and code not in elsewhere]
    assert missing == []


def test_a_fresh_clone(repo: Repo, cli: Cli) -> None:
    repo.git("config", "--remove-section", "diff.ksecrets")
    found = codes(cli)
    assert found == {"drivers": "ksecrets git setup"}
    repair(repo, cli, found["drivers"])


def test_attributes_that_are_missing(repo: Repo, cli: Cli) -> None:
    repo.write(".gitattributes", "* text=auto\n")
    found = codes(cli)
    assert list(found) == ["attributes"]
    repair(repo, cli, found["attributes"])


def test_what_a_killed_write_left_behind(repo: Repo, cli: Cli) -> None:
    left = repo.write("env/dev/.ksecrets-00ff.tmp", "")
    assert codes(cli) == {}  # somebody may be writing it right now
    os.utime(left, (1, 1))
    found = codes(cli)
    assert found == {"left-behind": "rm -- env/dev/.ksecrets-00ff.tmp"}
    repair(repo, cli, found["left-behind"])


def test_an_identity_that_opens_nothing(
    repo: Repo, cli: Cli, clean_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY", person("dave").secret)
    assert list(codes(cli)) == ["opens-nothing"]  # beside one that fits: a warning
    (clean_home / ".config/sops/age/keys.txt").unlink()
    done = cli("doctor")
    assert done.code == 1
    assert "error: the key of SOPS_AGE_KEY opens none of the 1 files here [opens-nothing]" in done.stdout
    monkeypatch.delenv("SOPS_AGE_KEY")
    assert list(codes(cli)) == ["no-identity"]
    monkeypatch.setenv("KSECRETS_AGE_KEY_FILE", "/nowhere")
    assert list(codes(cli)) == ["identity", "no-identity"]


def test_a_configuration_that_cannot_be_read(repo: Repo, cli: Cli) -> None:
    repo.write(".ksecrets.yaml", "version: 1\nenviroments: {}\n")
    assert codes(cli)["config"] == "did you mean `environments`?"


def test_a_plugin_in_the_way(repo: Repo, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = tmp_path / "plugins"
    other = plugins / "helm-secrets"
    other.mkdir(parents=True)
    (other / "plugin.yaml").write_text("name: secrets\nversion: 4.0.0\n")
    helm = tmp_path / "helm"
    helm.write_text(f"#!/bin/sh\necho {shlex.quote(str(plugins))}\n")
    helm.chmod(0o755)
    monkeypatch.setenv("HELM_BIN", str(helm))
    assert codes(cli) == {"helm-plugin": "ksecrets helm install-plugin --force"}
