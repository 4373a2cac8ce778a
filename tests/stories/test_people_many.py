"""grant and revoke over many files and over shares: interrupted, gone on with, and sops beside them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

import ksecrets
from tests.conftest import Cli, Repo, Result
from tests.team import PLAIN, Team, person

MANY = 120
FILES = [f"app{number}/{env}/secrets.yaml" for number in range(MANY // 2) for env in ("dev", "prod")]
DEV = [path for path in FILES if "/dev/" in path]

As = Callable[..., Result]


@pytest.fixture
def team(repo: Repo) -> Team:
    team = Team(repo)
    session = team.session("alice")
    for path in FILES:
        repo.write(path, PLAIN)
        ksecrets.encrypt(path, write=True, session=session)
    repo.commit()
    return team


def environ(*names: str) -> dict[str, str]:
    secrets = "\n".join(person(name).secret for name in names)
    return {**os.environ, "KSECRETS_AGE_KEY": secrets, "SOPS_AGE_KEY": secrets, "KSECRETS_KEYRING": "0"}


@pytest.fixture
def run(cli: Cli) -> As:
    return lambda names, *words: cli(words, env=environ(*names.split()))


def opens(sops: str, path: str, *names: str) -> bool:
    done = subprocess.run([sops, "decrypt", path], env=environ(*names), capture_output=True, text=True)
    assert done.returncode != 0 or "s3cret" in done.stdout
    return done.returncode == 0


def interrupted(cli: Cli, team: Team, words: list[str]) -> tuple[int, str]:
    """Start a command of alice's, press Ctrl-C (all processes get it) at the first file that changed, see it end."""
    before = {path: team.read(path) for path in DEV}
    process = subprocess.Popen(
        [*cli.program, *words], env=environ("alice"), stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while all(team.read(path) == before[path] for path in DEV) and time.monotonic() < deadline:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err.decode()
    return process.returncode, err.decode()


@pytest.mark.parametrize("command", ["grant", "revoke"])
def test_ctrl_c_leaves_whole_files_and_the_same_command_goes_on(
    command: str, team: Team, run: As, cli: Cli, sops: str
) -> None:
    run("carol", "request", "dev", "--name", "carol").ok()
    if command == "revoke":
        run("alice", "grant", "carol", "--yes").ok()
        team.repo.commit()
    words = [command, "carol", "--yes"]
    code, err = interrupted(cli, team, words)
    assert [team.plain(path) for path in FILES] == [PLAIN] * MANY
    if code == 130:
        assert re.search(r"\d+ files? left; `ksecrets check` names them, and the same command goes on", err), err
    else:
        assert code == 0, err  # it was quicker than the signal
    run("alice", *words).ok()
    assert all((person("carol").public in team.read(path)) == (command == "grant") for path in DEV)
    for path in (DEV[0], DEV[-1]):
        assert opens(sops, path, "carol") == (command == "grant")
        assert opens(sops, path, "bob")
    assert run("alice", "check").code == 0
    again = run("alice", *words).ok().stderr
    assert "already" in again or "reads nothing there" in again
    assert not list((team.repo / "app0").rglob("*.tmp"))


def test_one_file_that_fails_stops_no_grant(team: Team, run: As) -> None:
    run("carol", "request", "dev", "--name", "carol").ok()
    broken = team.read(DEV[5]).replace("data:", "data:AAAA", 1)
    team.repo.write(DEV[5], broken)
    done = run("alice", "grant", "carol", "--yes")
    assert done.code == 5
    assert f"error: {DEV[5]}:" in done.stderr
    assert f"{len(DEV) - 1} files re-wrapped" in done.stderr
    assert "1 file failed; `ksecrets check` names them, and the same command goes on" in done.stderr
    assert team.read(DEV[5]) == broken


SHARES = "shares: {need: 2, of: [[alice], bob, [ci, dave]]}      # two of three"


@pytest.fixture
def shared(team: Team, run: As) -> Team:
    """prod takes two of three groups to open."""
    team.recipients["dave"] = "person"
    team.rules()
    config = (team.repo / ".ksecrets.yaml").read_text()
    config = config.replace(
        "  prod: {files: ['**/prod/secrets*.yaml'], readers: [alice, ci]}",
        ("  prod:\n    files: ['**/prod/secrets*.yaml']\n    " + SHARES),
    )
    assert SHARES in config
    team.repo.write(".ksecrets.yaml", config)
    run("alice", "updatekeys").ok()
    team.repo.commit()
    return team


def test_somebody_joins_and_leaves_a_group_of_shares(shared: Team, run: As, sops: str) -> None:
    path = FILES[1]
    assert opens(sops, path, "alice", "dave")
    assert not opens(sops, path, "ci", "dave")  # of one group
    before = shared.kid(path)

    run("erin", "request", "prod", "--name", "erin").ok()
    asked = run("alice bob", "grant", "erin", "--yes")
    assert asked.code == 1
    assert "hint: --beside NAME says whose" in asked.stderr
    assert run("alice bob", "grant", "erin", "--yes", "--beside", "bbo").stderr.endswith("hint: did you mean `bob`?\n")
    alone = run("alice", "grant", "erin", "--yes", "--beside", "bob")
    assert alone.code == 4  # one share is not enough, and nothing was written
    assert "pending:" in (shared.repo / ".ksecrets.yaml").read_text()

    done = run("alice bob", "grant", "erin", "--yes", "--beside", "bob").ok()
    assert f"{MANY // 2} files re-wrapped" in done.stderr
    config = (shared.repo / ".ksecrets.yaml").read_text()
    assert SHARES.replace("bob", "[bob, erin]") in config
    assert opens(sops, path, "erin", "alice")
    assert not opens(sops, path, "erin", "bob")
    assert shared.kid(path) != before
    assert run("alice", "check").code == 0
    shared.repo.commit()

    # Whoever cannot open the files prepares the change; two who can finish it.
    prepared = run("bob", "revoke", "dave", "prod", "--yes")
    assert prepared.code == 4
    assert "the change is prepared, not done" in prepared.stderr
    assert run("bob", "check").code == 6
    run("alice erin", "updatekeys").ok()
    assert not opens(sops, path, "dave", "alice")
    assert opens(sops, path, "ci", "alice")
    assert run("bob", "check").code == 0
    shared.repo.commit()
    run("alice bob", "revoke", "erin", "--yes").ok()
    assert SHARES.replace("bob", "[bob]").replace("[ci, dave]", "[ci]") in (shared.repo / ".ksecrets.yaml").read_text()
    assert not opens(sops, path, "erin", "alice")

    refused = run("alice bob", "revoke", "bob", "prod", "--yes")
    assert refused.code == 1
    assert "bob is the only one in a group of the shares of environments prod" in refused.stderr
