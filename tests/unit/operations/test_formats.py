"""The operations on files that are not YAML: what a merge, a comparison and a mistake make of JSON files."""

from __future__ import annotations

import json

import pytest

import ksecrets
from ksecrets.errors import KsecretsError, NoSuchValue, SyntaxRefused, Tampered, UsageError
from ksecrets.operations.merging.merge import merge
from tests.team import Team, unsealed

FILE = "env/dev/secrets.json"
PLAIN = '{\n  "a": 1,\n  "b": 2,\n  "c": 3,\n  "d": 4,\n  "e": 5\n}\n'


@pytest.fixture
def team(team: Team) -> Team:
    text = (team.repo / ".ksecrets.yaml").read_text()
    team.repo.write(".ksecrets.yaml", text.replace("**/dev/secrets*.yaml", "env/dev/**"))
    team.repo.write(FILE, PLAIN)
    ksecrets.encrypt(FILE, write=True, session=team.session("alice"))
    return team


def versions(team: Team) -> tuple[str, str, str]:
    """The file, and two changes of it under its data key."""
    base = team.read(FILE)
    ksecrets.set(FILE, "a", 10, session=team.session("alice"))
    ours = team.read(FILE)
    team.repo.write(FILE, base)
    ksecrets.set(FILE, "e", 50, session=team.session("alice"))
    return base, ours, team.read(FILE)


def test_changes_of_two_sides_merge(team: Team) -> None:
    done = merge(FILE, *versions(team), session=team.session("alice"))
    assert done.conflicts == 0
    opened = ksecrets.decrypt(FILE, text=done.text, require_seal=True, session=team.session("bob"))
    assert opened.text == PLAIN.replace("1,", "10,").replace("5\n", "50\n")


def test_a_conflict_leaves_tokens_only(team: Team) -> None:
    base, ours, _ = versions(team)
    team.repo.write(FILE, base)
    ksecrets.set(FILE, "a", 9876, session=team.session("alice"))
    done = merge(FILE, base, ours, team.read(FILE), session=team.session("alice"))
    assert done.conflicts == 1
    assert "9876" not in done.text
    with pytest.raises(KsecretsError):
        ksecrets.decrypt(FILE, text=done.text, session=team.session("alice"))


def test_a_merge_that_is_no_json_is_no_merge(team: Team) -> None:
    """Both add an entry at the end: a comma is missing, or one is too many."""
    base = team.read(FILE)
    texts = []
    for key in ("x", "y"):
        team.repo.write(FILE, base)
        ksecrets.set(FILE, key, key * 3, session=team.session("alice"))
        texts.append(team.read(FILE))
    try:
        done = merge(FILE, base, *texts, session=team.session("alice"))
    except KsecretsError:
        return
    if done.conflicts == 0:
        both = json.loads(ksecrets.decrypt(FILE, text=done.text, session=team.session("alice")).text)
        assert (both["x"], both["y"]) == ("xxx", "yyy")


def test_diff_by_values_and_without_a_key(team: Team) -> None:
    team.repo.commit()
    ksecrets.set(FILE, "b", "new", session=team.session("alice"))
    for names, shown in ((("alice",), True), ((), False)):
        (found,) = ksecrets.diff(session=team.session(*names))
        assert [change.path for change in found.changes] == [("b",)]
        assert ("new" in str([vars_of(change) for change in found.changes])) == shown


def vars_of(change: object) -> list[object]:
    return [getattr(change, name) for name in type(change).__slots__]  # type: ignore[attr-defined]


def test_a_sealed_file_under_another_name(team: Team) -> None:
    """It says itself what it is; the move is a note."""
    team.repo.write("env/dev/moved.yaml", team.read(FILE))
    session = team.session("alice")
    assert ksecrets.decrypt("env/dev/moved.yaml", session=session).text == PLAIN
    assert any("was sealed as" in note for note in session.notes)
    ksecrets.set("env/dev/moved.yaml", "a", 7, session=session)
    assert ksecrets.decrypt("env/dev/moved.yaml", session=session).text == PLAIN.replace("1,", "7,")


def test_a_name_that_says_nothing(team: Team) -> None:
    """YAML that sops wrote under such a name (with --input-type yaml) is read by its looks."""
    team.repo.write("env/dev/x.yaml", "a: b\n")
    ksecrets.encrypt("env/dev/x.yaml", write=True, session=team.session("alice"))
    team.repo.write("env/dev/x", unsealed(team.read("env/dev/x.yaml")))
    assert ksecrets.decrypt("env/dev/x", session=team.session("alice")).text == "a: b\n"
    assert ksecrets.get("env/dev/x", "a", session=team.session("alice")) == "b"


def test_a_json_file_that_is_yaml_is_refused_with_the_line(team: Team) -> None:
    team.repo.write(FILE, "a: b\n")
    with pytest.raises(SyntaxRefused, match="not JSON") as caught:
        ksecrets.encrypt(FILE, write=True, session=team.session("alice"))
    assert (caught.value.file, caught.value.line) == (FILE, 1)
    done = ksecrets.encrypt(FILE, input_type="yaml", session=team.session("alice"))
    assert ksecrets.decrypt(FILE, text=done.text, input_type="yaml", session=team.session("alice")).text == "a: b\n"


def test_values_that_are_not_there(team: Team) -> None:
    for work in (
        lambda: ksecrets.get(FILE, "zz", session=team.session("alice")),
        lambda: ksecrets.unset(FILE, "zz", session=team.session("alice")),
    ):
        with pytest.raises(NoSuchValue):
            work()
    with pytest.raises(KsecretsError, match="single value"):
        ksecrets.set(FILE, "a.b", "x", session=team.session("alice"))
    with pytest.raises(UsageError, match="no infinities"):
        ksecrets.set(FILE, "a", float("inf"), session=team.session("alice"))


def test_a_tampered_json_file_shows_no_value(team: Team) -> None:
    text = team.read(FILE).replace('"a": ', '"z": ')
    with pytest.raises(Tampered) as caught:
        ksecrets.decrypt(FILE, text=text, session=team.session("alice"))
    assert caught.value.file == FILE
