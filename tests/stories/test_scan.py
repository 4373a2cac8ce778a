"""Plaintext that history already has: found on every branch, by the rules of today, without a key."""

from __future__ import annotations

import json

import pytest

import ksecrets
from ksecrets.operations.history.view import leak_data, render_leaks
from tests.conftest import Cli, Repo
from tests.team import DEV, PROD, Team

TEXT = "db:\n  password: s3cret\n  user: app\n  note: ''\n"


@pytest.fixture
def team(repo: Repo) -> Team:
    return Team(repo)


def found(team: Team, *paths: str) -> dict[str, tuple[list[str], list[str]]]:
    leaks = [leak_data(leak) for leak in ksecrets.scan(paths, session=team.session())]
    data = json.loads(json.dumps(leaks))
    return {leak["path"]: (leak["commits"], [value["path"] for value in leak["values"]]) for leak in data}


def test_nothing_is_found_where_nothing_is(team: Team) -> None:
    team.write(DEV, TEXT)
    team.repo.write("README.yaml", "password: of an example\n")
    team.repo.commit("first")
    assert found(team) == {}
    assert render_leaks([]) == "no plaintext in history\n"


def test_a_file_that_was_plaintext_and_is_gone_or_encrypted(team: Team) -> None:
    team.repo.write(DEV, TEXT)
    team.repo.write(PROD, TEXT)
    first = team.repo.commit("oops")
    ksecrets.encrypt(DEV, write=True, session=team.session("alice"))
    (team.repo / PROD).unlink()
    team.repo.commit("hidden")
    both = ([first], ["db.password", "db.user"])
    assert found(team) == {DEV: both, PROD: both}
    assert found(team, "env/prod") == found(team, PROD) == {PROD: both}
    shown = render_leaks(ksecrets.scan(session=team.session()))
    assert "s3cret" not in shown
    assert f"! PLAINTEXT in 1 commit: {first[:10]}" in shown


def test_a_value_in_an_encrypted_file(team: Team) -> None:
    team.write(DEV, TEXT)
    team.repo.commit("first")
    good = team.read(DEV)
    line = next(line for line in good.split("\n") if "password" in line)
    team.repo.write(DEV, good.replace(line, "  password: s3cret"))
    bad = team.repo.commit("half-decrypted")
    team.repo.write(DEV, good)
    team.repo.commit("repaired")
    assert found(team) == {DEV: ([bad], ["db.password"])}


def test_values_that_the_rules_leave_readable(team: Team) -> None:
    team.rules(more_dev="encrypt: {key-regex: '^pass'}")
    team.repo.write(DEV, TEXT)
    commit = team.repo.commit("oops")
    assert found(team) == {DEV: ([commit], ["db.password"])}


def test_other_branches_and_the_stash(team: Team) -> None:
    git = team.repo.git
    team.repo.commit("first")
    git("checkout", "-q", "-b", "side")
    team.repo.write(DEV, TEXT)
    side = team.repo.commit("oops")
    git("checkout", "-q", "main")
    team.repo.write(PROD, TEXT)
    git("add", PROD)
    git("stash", "-q")
    leaks = found(team)
    assert leaks[DEV] == ([side], ["db.password", "db.user"])
    assert leaks[PROD][1] == ["db.password", "db.user"]


def test_a_file_that_no_environment_wants_and_that_was_encrypted_later(repo: Repo) -> None:
    team = Team(repo)
    rules = team.read(".ksecrets.yaml")
    repo.write("values/app.yaml", TEXT)  # a file that no environment wants
    first = repo.commit("plain")
    team.rules()
    repo.write(".ksecrets.yaml", rules.replace("'**/dev/secrets*.yaml'", "'**/dev/secrets*.yaml', 'values/*.yaml'"))
    ksecrets.encrypt("values/app.yaml", write=True, session=team.session("alice"))
    repo.write(".ksecrets.yaml", rules)
    repo.commit("encrypted")
    assert found(team) == {"values/app.yaml": ([first], ["db.password", "db.user"])}


def test_a_broken_version_stops_nothing(team: Team) -> None:
    team.repo.write(DEV, "a: [\n")
    team.repo.commit("broken")
    team.repo.write(DEV, TEXT)
    commit = team.repo.commit("oops")
    assert found(team) == {DEV: ([commit], ["db.password", "db.user"])}


def test_the_command(team: Team, cli: Cli) -> None:
    team.repo.commit("first")
    assert cli("scan").ok().stdout == "no plaintext in history\n"
    team.repo.write(DEV, TEXT)
    commit = team.repo.commit("oops")
    done = cli("scan")
    assert done.code == 6
    assert "    db.password\n" in done.stdout
    assert "s3cret" not in done.stdout
    data = cli("scan", "--json", "env")
    assert data.code == 6
    assert json.loads(data.stdout)[0]["commits"] == [commit]


def test_where_comments_choose(team: Team) -> None:
    """What an encrypted file leaves readable cannot be judged then, and is not reported."""
    team.rules(more_dev="encrypt: {comment-regex: 'secret'}")
    text = "a: one # secret\nb: two\n"
    team.repo.write(DEV, text)
    first = team.repo.commit("oops")
    ksecrets.encrypt(DEV, write=True, session=team.session("alice"))
    team.repo.commit("encrypted")
    assert found(team) == {DEV: ([first], ["a", "b"])}
