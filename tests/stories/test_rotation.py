"""updatekeys and rotate over a whole repository: real processes, real git, real sops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

import ksecrets
from tests.conftest import Cli, Repo, Result
from tests.team import PLAIN, Team, person

MANY = 60
FILES = [f"app{number}/{env}/secrets.yaml" for number in range(MANY // 2) for env in ("dev", "prod")]

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


@pytest.fixture
def run(cli: Cli) -> As:
    def run_as(name: str, *words: str) -> Result:
        return cli(words, env={"KSECRETS_AGE_KEY": person(name).secret, "KSECRETS_KEYRING": "0"})

    return run_as


def opens(sops: str, path: str, name: str) -> bool:
    environ = {**os.environ, "SOPS_AGE_KEY": person(name).secret}
    return subprocess.run([sops, "decrypt", path], env=environ, capture_output=True).returncode == 0


def test_somebody_joins_and_leaves_a_whole_repository(team: Team, run: As, sops: str) -> None:
    team.rules(dev="alice, bob, ci")
    before = {path: team.read(path) for path in FILES}
    plan = run("nobody", "updatekeys", "--dry-run").ok()
    assert plan.stdout.count("(+ci)") == MANY // 2
    assert "prod" not in plan.stdout
    assert {path: team.read(path) for path in FILES} == before

    done = run("alice", "updatekeys").ok()
    assert done.stderr.endswith("30 changed, 30 unchanged\n")
    assert opens(sops, FILES[0], "ci")
    assert opens(sops, FILES[0], "bob")
    assert not opens(sops, FILES[1], "bob")
    assert {team.kid(path) for path in FILES} == {ksecrets.info(path, text=before[path]).kid for path in FILES}

    team.repo.commit()
    team.rules(dev="alice, ci")
    done = run("alice", "updatekeys", "--env", "dev", "--json").ok()
    report = json.loads(done.stdout)
    assert (report["changed"], report["failed"], len(report["files"])) == (30, 0, 30)
    assert {(tuple(each["removed"]), each["new_data_key"]) for each in report["files"]} == {(("bob",), True)}
    assert not opens(sops, FILES[0], "bob")
    assert opens(sops, FILES[0], "ci")
    assert len({team.kid(path) for path in FILES}) == MANY
    assert [team.plain(path) for path in FILES] == [PLAIN] * MANY
    assert run("alice", "updatekeys").ok().stderr.endswith("60 unchanged\n")


def test_one_file_that_fails_stops_nobody(team: Team, run: As) -> None:
    team.rules(dev="alice, bob, ci")
    broken = team.read(FILES[4]).replace("data:", "data:AAAA", 1)
    team.repo.write(FILES[4], broken)
    done = run("alice", "updatekeys")
    assert done.code == 5
    assert f"error: {FILES[4]}:" in done.stderr
    assert done.stderr.endswith("29 changed, 30 unchanged, 1 failed\n")
    assert team.read(FILES[4]) == broken


def test_without_the_key_of_prod_dev_is_done_and_prod_is_said(team: Team, run: As) -> None:
    team.rules(dev="alice, bob, ci", prod="alice, ci, bob")
    done = run("bob", "updatekeys")
    assert done.code == 4
    assert done.stderr.endswith("30 changed, 30 failed\n")
    assert run("alice", "updatekeys").ok().stderr.endswith("30 changed, 30 unchanged\n")


def test_ctrl_c_leaves_whole_files_and_the_next_run_does_the_rest(team: Team, run: As, cli: Cli) -> None:
    team.rules(dev="alice, bob, ci", prod="alice, ci, bob")
    environ = {**os.environ, "KSECRETS_AGE_KEY": person("alice").secret, "KSECRETS_KEYRING": "0"}
    process = subprocess.Popen(
        [*cli.program, "updatekeys"], env=environ, stderr=subprocess.PIPE, start_new_session=True
    )
    before = {path: team.read(path) for path in FILES}
    deadline = time.monotonic() + 30
    while all(team.read(path) == before[path] for path in FILES) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert [team.plain(path) for path in FILES] == [PLAIN] * MANY
    if process.returncode == 130:
        assert b"left (run it again to go on)" in err
    else:
        assert process.returncode == 0, err  # it was quicker than the signal
    report = json.loads(run("alice", "updatekeys", "--json").ok().stdout)
    assert report["changed"] + report["unchanged"] == MANY
    assert run("alice", "updatekeys").ok().stderr.endswith("60 unchanged\n")


def test_changed_since_and_folders(team: Team, run: As) -> None:
    team.rules(dev="alice, bob, ci")
    assert run("alice", "updatekeys", "app3", "app4/prod").ok().stderr.endswith("1 changed, 2 unchanged\n")
    assert run("alice", "updatekeys", "--dry-run", "--changed-since", "HEAD").ok().stderr == (
        "app3/dev/secrets.yaml  readers are those of the rules, unchanged\n"
    )
    refused = run("alice", "updatekeys", "--env", "prd")
    assert (refused.code, refused.stderr) == (2, "error: no environment is called prd\nhint: did you mean `prod`?\n")


def test_rotate_gives_every_file_a_new_data_key(team: Team, run: As, sops: str) -> None:
    before = {path: (team.kid(path), team.read(path)) for path in FILES}
    assert run("alice", "rotate").ok().stderr.endswith("60 changed\n")
    for path in FILES:
        kid, text = before[path]
        assert team.plain(path) == PLAIN
        assert team.kid(path) != kid
        succession = team.metadata(path).succession
        assert succession is not None
        assert succession[0] == kid
        old = {line for line in text.splitlines() if "ENC[" in line}
        assert not old & set(team.read(path).splitlines())
    assert opens(sops, FILES[0], "bob")
    assert not opens(sops, FILES[1], "bob")
    # Two processes worked on them: no two files share a data key, a wrapped key or a token.
    wrapped = [stanza.enc for path in FILES for stanza in team.metadata(path).stanzas]
    assert len(set(wrapped)) == len(wrapped)
    assert run("alice", "check").code == 0


def test_rotate_by_age(team: Team, run: As) -> None:
    team.rules(more_dev="rotate-after: 90d")
    assert run("alice", "rotate", "--older-than", "1d").ok().stderr.endswith("60 unchanged\n")
    team.repo.git("commit", "--quiet", "--amend", "--no-edit", env={"GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z"})
    report = json.loads(run("nobody", "rotate", "--due", "--dry-run", "--json").ok().stdout)
    assert (report["planned"], report["unchanged"]) == (30, 30)
    assert run("alice", "rotate", "--due").ok().stderr.endswith("30 changed, 30 unchanged\n")
    assert run("alice", "rotate", "--due").ok().stderr.endswith("60 unchanged\n")
    refused = run("alice", "rotate", "--older-than", "soon")
    assert refused.code == 2


def test_rotate_never_changes_readers(team: Team, run: As) -> None:
    """security.md rule 5: a rotation is no way to bring in a reader unseen."""
    team.rules(dev="alice, bob, ci")
    before = team.read(FILES[0])
    done = run("alice", "rotate", FILES[0])
    assert done.code == 1
    assert f"hint: ksecrets updatekeys {FILES[0]}" in done.stderr
    assert team.read(FILES[0]) == before


def test_shares_are_opened_by_sops_with_enough_of_them(team: Team, run: As, sops: str) -> None:
    config = (team.repo / ".ksecrets.yaml").read_text()
    shares = "shares: {need: 2, of: [[alice], [bob], [ci]]}"
    team.repo.write(".ksecrets.yaml", config.replace("readers: [alice, ci]", shares))
    path = FILES[1]
    run("alice", "updatekeys", path).ok()
    assert not opens(sops, path, "alice")
    two = {**os.environ, "SOPS_AGE_KEY": f"{person('alice').secret}\n{person('ci').secret}"}
    done = subprocess.run([sops, "decrypt", path], env=two, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "s3cret" in done.stdout
    metadata = team.metadata(path)
    assert (metadata.shamir_threshold, len(metadata.groups)) == (2, 3)
    # One alone does not open it; two go on under the same data key; other groups get a new one.
    assert run("alice", "decrypt", path).code == 4
    both = team.session("alice", "bob")
    kid = team.kid(path)
    ksecrets.set(path, "db.password", "new", session=both)
    assert team.kid(path) == kid
    team.repo.write(".ksecrets.yaml", config.replace("readers: [alice, ci]", shares.replace("need: 2", "need: 3")))
    both = team.session("alice", "bob")  # rules are read once a session
    with pytest.raises(ksecrets.KsecretsError, match="readers are not those"):
        ksecrets.set(path, "db.password", "newer", session=both)
    assert ksecrets.updatekeys(path, session=both).new_key
    assert team.metadata(path).shamir_threshold == 3
