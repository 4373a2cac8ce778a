"""What people do by mistake, and what they are told."""

from __future__ import annotations

import pytest

import ksecrets
from ksecrets.errors import KsecretsError, RuleViolation, SyntaxRefused, Tampered
from tests.team import DEV, PLAIN, Team, person


@pytest.mark.parametrize("name", ["conf.JSON", "tls.pem", "secrets"])
def test_a_file_that_is_no_yaml_is_not_encrypted_as_yaml(team: Team, name: str) -> None:
    team.repo.write(name, "A: b\n")
    ksecrets.encrypt(name, age=[person("alice").public], write=True, session=team.session())
    assert team.read(name).startswith('{\n\t"data": "ENC[')  # one value, as sops has it
    assert ksecrets.decrypt(name, session=team.session("alice")).text == "A: b\n"


def test_one_text_does_not_take_the_place_of_a_mapping(team: Team) -> None:
    team.write(DEV)
    before = team.read(DEV)
    for key in ("db", "db.hosts"):
        with pytest.raises(KsecretsError, match="several values stand here") as caught:
            ksecrets.set(DEV, key, "x", session=team.session("alice"))
        assert (caught.value.file, caught.value.path) == (DEV, key)
    assert team.read(DEV) == before
    ksecrets.set(DEV, "db", {"password": "new"}, session=team.session("alice"))
    assert "password: new" in team.plain(DEV)


def test_age_without_rules_is_quiet_too(team: Team) -> None:
    """`decrypt -i`, then `encrypt -i --age`: git has the version before, and its readers are the same."""
    team.repo.write("other.yaml", PLAIN)
    age = [person("alice").public]
    ksecrets.encrypt("other.yaml", age=age, write=True, session=team.session())
    before = team.read("other.yaml")
    team.repo.commit()
    ksecrets.decrypt("other.yaml", write=True, session=team.session("alice"))
    ksecrets.encrypt("other.yaml", age=age, write=True, session=team.session("alice"))
    assert team.read("other.yaml") == before
    ksecrets.decrypt("other.yaml", write=True, session=team.session("alice"))
    done = ksecrets.encrypt("other.yaml", age=[*age, person("bob").public], write=True, session=team.session("alice"))
    assert done.new_key


def test_conflict_markers_are_called_by_their_name(team: Team) -> None:
    team.write(DEV)
    text = team.read(DEV)
    team.repo.write(DEV, f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n")
    with pytest.raises(SyntaxRefused, match="conflict markers") as caught:
        ksecrets.decrypt(DEV, session=team.session("alice"))
    assert caught.value.line == 1


def test_a_value_changed_by_hand_says_how_it_is_done(team: Team) -> None:
    team.write(DEV)
    lines = team.read(DEV).splitlines(keepends=True)
    changed = ["  password: by hand\n" if line.startswith("  password:") else line for line in lines]
    team.repo.write(DEV, "".join(changed))
    with pytest.raises(Tampered, match="plaintext value") as caught:
        ksecrets.decrypt(DEV, session=team.session("alice"))
    assert "ksecrets edit" in (caught.value.hint or "")
    assert "by hand" not in str(caught.value)


def test_other_readers_of_an_encrypted_file_are_no_matter_of_encrypting(team: Team) -> None:
    """It comes back unchanged only where it is what was asked for; what changes readers is named."""
    (team.repo / ".ksecrets.yaml").unlink()
    team.repo.write("a.yaml", PLAIN)
    alice, bob = person("alice").public, person("bob").public
    nobody = team.session()
    ksecrets.encrypt("a.yaml", write=True, age=[alice], session=nobody)
    assert not ksecrets.encrypt("a.yaml", write=True, age=[alice], session=nobody).changed
    with pytest.raises(RuleViolation, match="its readers are not those of the command line") as caught:
        ksecrets.encrypt("a.yaml", write=True, age=[alice, bob], session=nobody)
    assert "rotate --add-age" in (caught.value.hint or "")
    team.rules()
    team.write(DEV)
    with pytest.raises(RuleViolation, match="other readers are named than"):
        ksecrets.encrypt(DEV, write=True, age=[alice], session=team.session())
