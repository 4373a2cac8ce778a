"""What one environment has and the other lacks: with nobody's key, and with everybody's."""

from __future__ import annotations

import json

import pytest

import ksecrets
from ksecrets.operations.history.drift import Pair
from ksecrets.operations.history.view import pair_data, render_drift
from tests.conftest import Cli, Repo
from tests.team import DEV, PROD, Team, person

DEV_TEXT = """\
db:
  password: the same secret
  user: app-dev
  port: 5432
  debug: true
  empty: ''
users:
- {name: a, password: p1, token: t1}
- {name: b, password: p2, token: t2}
hosts: [one, two, three]
"""
PROD_TEXT = """\
db:
  password: the same secret
  user: app-prod
  port: '5432'
  replica: other
  debug: true
  empty: filled in
users:
- {name: x, password: q1}
hosts: [four]
"""


@pytest.fixture
def team(repo: Repo) -> Team:
    team = Team(repo)
    team.write(DEV, DEV_TEXT)
    team.write(PROD, PROD_TEXT)
    return team


def found(pairs: list[Pair]) -> list[tuple[str, str, str | None, str | None]]:
    return [(each.kind, each.path, each.left, each.right) for pair in pairs for each in pair.drifts]


def test_keys_and_types_without_a_key(team: Team) -> None:
    pairs = ksecrets.drift("dev", "prod", session=team.session())
    assert [(pair.left, pair.right) for pair in pairs] == [(DEV, PROD)]
    assert found(pairs) == [
        ("type", "db.port", "int", "str"),
        ("missing", "users[0].token", "str", None),
        ("missing", "db.replica", None, "str"),
    ]
    assert found(ksecrets.drift(PROD, DEV, session=team.session()))[0] == ("type", "db.port", "str", "int")


def test_the_same_secret_in_both_is_named_and_not_shown(team: Team) -> None:
    with pytest.raises(ksecrets.KsecretsError, match="no identity opens"):
        ksecrets.drift("dev", "prod", values=True, session=team.session("bob"))
    pairs = ksecrets.drift("dev", "prod", values=True, session=team.session("alice"))
    assert [each for each in found(pairs) if each[0] == "same"] == [("same", "db.password", "str", "str")]
    for shown in (render_drift(pairs, "dev", "prod"), json.dumps([pair_data(pair) for pair in pairs]), repr(pairs)):
        assert "the same secret on" in shown or "same secret" not in shown
        assert not any(value in shown for value in ("app-dev", "ENC[", "5432", "t1"))


def test_what_is_readable_on_one_side_only(team: Team) -> None:
    line = next(line for line in team.read(PROD).split("\n") if "user:" in line)
    team.repo.write(PROD, team.read(PROD).replace(line, "  user: app-prod"))
    pairs = ksecrets.drift("dev", "prod", session=team.session())
    assert ("readable", "db.user", "str", "str") in found(pairs)
    assert "! db.user  (encrypted in dev, readable in prod)" in render_drift(pairs, "dev", "prod")


def test_files_that_belong_together_and_those_that_do_not(team: Team) -> None:
    team.write("a/dev/secrets-dev.yaml", "a: 1\n")
    team.write("a/prod/secrets-prod.yaml", "a: 1\n")
    team.write("b/dev/secrets.yaml", "a: 1\n")
    team.write("c/dev/secrets.yaml", "a: 1\n")
    pairs = ksecrets.drift("dev", "prod", session=team.session())
    assert {(pair.left, pair.right) for pair in pairs} == {
        (DEV, PROD),
        ("a/dev/secrets-dev.yaml", "a/prod/secrets-prod.yaml"),
        ("b/dev/secrets.yaml", None),
        ("c/dev/secrets.yaml", None),
    }
    shown = render_drift(pairs, "dev", "prod")
    assert shown.count("! has no counterpart in prod") == 2
    assert "a/dev" not in shown


def test_one_broken_file_stops_no_other(team: Team) -> None:
    team.write("a/dev/secrets.yaml", "a: 1\n")
    team.repo.write("a/prod/secrets.yaml", "a: [\n")
    pairs = ksecrets.drift("dev", "prod", session=team.session())
    (broken,) = (pair for pair in pairs if pair.left == "a/dev/secrets.yaml")
    assert "cannot be read" in broken.notes[0]
    assert len(found(pairs)) == 3
    team.repo.write("a/prod/secrets.yaml", "a: plain\n")
    pairs = ksecrets.drift("dev", "prod", session=team.session())
    (plain,) = (pair for pair in pairs if pair.left == "a/dev/secrets.yaml")
    assert plain.notes == ["a/prod/secrets.yaml is PLAINTEXT"]


def test_names_for_the_terminal_are_escaped(team: Team) -> None:
    team.write(DEV, '"\\e[31mred": 1\n')
    shown = render_drift(ksecrets.drift("dev", "prod", session=team.session()), "dev", "prod")
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ("dev", "staging", "neither an environment nor a file"),
        ("dev", "dev", "no drift from itself"),
        ("dev", PROD, "an environment cannot be compared with a file"),
    ],
)
def test_mistakes(team: Team, left: str, right: str, reason: str) -> None:
    with pytest.raises(ksecrets.KsecretsError, match=reason):
        ksecrets.drift(left, right, session=team.session())


def test_from_a_folder_below(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(team.repo / "env/dev")
    (pair,) = ksecrets.drift("dev", "prod", session=team.session())
    assert (pair.left, pair.right) == ("secrets.yaml", "../prod/secrets.yaml")


def test_the_command(team: Team, cli: Cli) -> None:
    shown = cli("drift", "dev", "prod").ok().stdout
    assert "  < users[0].token  (only in dev)\n" in shown
    assert "  > db.replica  (only in prod)\n" in shown
    assert "  ~ db.port  (int in dev, str in prod)\n" in shown
    assert cli("drift", "dev", "prod", "--exit-code").code == 1
    assert cli("drift", DEV, DEV, "--exit-code").ok().stdout == f"no drift between {DEV} and {DEV}\n"
    key = {"KSECRETS_AGE_KEY": person("alice").secret}
    data = json.loads(cli("drift", "dev", "prod", "--values", "--json", env=key).ok().stdout)
    assert [each["path"] for each in data[0]["drifts"] if each["kind"] == "same"] == ["db.password"]
