"""decrypt and get: what the gate for reading lets through, and what it says where it does not."""

from __future__ import annotations

import os

import pytest

import ksecrets
from ksecrets.errors import ConfigError, KsecretsError, NoIdentity, NotEncrypted, RuleViolation, Tampered, UsageError
from tests.team import DEV, PLAIN, PROD, Team, unsealed


def test_what_comes_back(team: Team) -> None:
    team.write(PROD)
    done = ksecrets.decrypt(PROD, session=team.session("alice"))
    assert (done.text, done.encrypted, done.sealed, done.environment, done.values) == (PLAIN, True, True, "prod", 4)
    assert "s3cret" not in repr(done)
    assert "ENC[" in team.read(PROD)


def test_in_place(team: Team) -> None:
    text = team.write(PROD)
    os.chmod(PROD, 0o640)
    ksecrets.decrypt(PROD, write=True, session=team.session("alice"))
    assert team.read(PROD) == PLAIN
    assert os.stat(PROD).st_mode & 0o777 == 0o640
    with pytest.raises(UsageError, match="only a file"):
        ksecrets.decrypt(PROD, text=text, write=True, session=team.session("alice"))


def test_nobody_without_an_identity(team: Team) -> None:
    team.write(PROD)
    with pytest.raises(NoIdentity) as caught:
        ksecrets.decrypt(PROD, session=team.session("bob"))
    assert str(caught.value) == (
        f"{PROD}: no identity opens it\n"
        "  readers: alice, ci\n"
        "  tried:   KSECRETS_AGE_KEY (bob)\n"
        "hint: run this job with the identity of ci"
    )
    assert caught.value.exit_code == 4


def test_the_hint_names_no_machine_where_none_reads_it(team: Team) -> None:
    team.write(DEV)
    with pytest.raises(NoIdentity) as caught:
        ksecrets.decrypt(DEV, session=team.session("ci"))
    assert caught.value.hint == "use the identity of one of the readers"


def test_the_hint_names_no_machine_that_the_file_is_not_for(team: Team) -> None:
    team.write(DEV)
    team.rules(dev="alice, bob, ci")
    with pytest.raises(NoIdentity) as caught:
        ksecrets.decrypt(DEV, session=team.session("ci"))
    assert "ci" not in (caught.value.hint or "")


def test_the_hint_is_for_people_too_where_there_is_no_identity_at_all(team: Team) -> None:
    team.write(PROD)
    with pytest.raises(NoIdentity) as caught:
        ksecrets.decrypt(PROD, session=team.session())
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("run this job with the identity of ci; or else set KSECRETS_AGE_KEY ")
    assert "nothing, no identity was found" in str(caught.value)


def test_the_next_step_for_a_plaintext_file(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    team.repo.write("values.yaml", PLAIN)

    def hint(path: str) -> str:
        with pytest.raises(NotEncrypted) as caught:
            ksecrets.set(path, "db.port", "1", session=team.session("alice"))
        return caught.value.hint or ""

    assert hint(DEV) == f"ksecrets encrypt -i {DEV}"
    assert "no rule is about this file" in hint("values.yaml")
    os.unlink(".ksecrets.yaml")
    assert hint(DEV) == f"ksecrets encrypt -i --age RECIPIENT {DEV}"


def test_plaintext(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    team.repo.write("values.yaml", PLAIN)
    with pytest.raises(NotEncrypted):
        ksecrets.decrypt("values.yaml", session=team.session("alice"))
    done = ksecrets.decrypt("values.yaml", plain="pass", session=team.session())
    assert (done.text, done.encrypted) == (PLAIN, False)
    with pytest.raises(NotEncrypted, match="is plaintext, and dev wants it encrypted") as caught:
        ksecrets.decrypt(DEV, plain="pass", session=team.session("alice"))
    assert caught.value.hint == f"ksecrets encrypt -i {DEV}"


def test_plaintext_under_a_sops_yaml_passes(team: Team) -> None:
    """A rule without path_regex is about every file, ordinary values files too."""
    from tests.pipe import alice

    os.unlink(".ksecrets.yaml")
    team.repo.write(".sops.yaml", f"creation_rules:\n  - age: {alice().public}\n")
    team.repo.write("values.yaml", PLAIN)
    assert ksecrets.decrypt("values.yaml", plain="pass", session=team.session()).text == PLAIN


def test_a_text_by_its_name(team: Team) -> None:
    text = team.write(PROD)
    assert ksecrets.decrypt("-", text=text, session=team.session("ci")).environment is None
    with pytest.raises(Tampered, match="sealed for environment prod, and the rules give it dev"):
        ksecrets.decrypt(DEV, text=text, session=team.session("alice"))
    with pytest.raises(ConfigError, match="standard input was not read"):
        ksecrets.decrypt("-", session=team.session("alice"))


def test_a_moved_file_is_read_with_a_note(team: Team) -> None:
    team.write(DEV)
    team.repo.write("b/dev/secrets.yaml", team.read(DEV))
    session = team.session("alice")
    assert ksecrets.decrypt("b/dev/secrets.yaml", session=session).text == PLAIN
    assert session.notes == [f"b/dev/secrets.yaml: was sealed as {DEV}: moved or copied"]


@pytest.mark.parametrize("how", ["argument", "variable", "rules"])
def test_a_seal_that_is_required(team: Team, how: str) -> None:
    team.repo.write(DEV, unsealed(team.write(DEV)))
    assert not ksecrets.decrypt(DEV, session=team.session("alice")).sealed
    if how == "rules":
        team.rules(more_dev="seal: required")
    session = team.session("alice", **({"KSECRETS_REQUIRE_SEAL": "1"} if how == "variable" else {}))
    with pytest.raises(Tampered, match="carries no seal") as caught:
        ksecrets.decrypt(DEV, require_seal=how == "argument", session=session)
    assert "ksecrets seal" in (caught.value.hint or "")


def test_tampered_gives_nothing_unless_asked(team: Team) -> None:
    team.repo.write(DEV, team.write(DEV).replace("  hosts:", "  added: ''\n  hosts:"))
    with pytest.raises(Tampered) as caught:
        ksecrets.decrypt(DEV, session=team.session("alice"))
    assert caught.value.file == DEV
    with pytest.raises(Tampered):
        ksecrets.decrypt(DEV, write=True, session=team.session("alice"))
    assert "ENC[" in team.read(DEV)
    session = team.session("alice")
    assert "s3cret" in ksecrets.decrypt(DEV, ignore_mac=True, session=session).text
    assert f"{DEV}: MAC and seal were NOT checked (--ignore-mac)" in session.notes


def test_vanished_rules(team: Team) -> None:
    """Rule 3: whoever takes the configuration away does not get its checks out of the way."""
    team.write(PROD)
    team.repo.commit()
    os.unlink(".ksecrets.yaml")
    with pytest.raises(ConfigError, match=r"\.ksecrets\.yaml is missing here, and HEAD has one"):
        ksecrets.decrypt(PROD, session=team.session("alice"))


def test_vanished_rules_with_a_sops_yaml_in_their_place(team: Team) -> None:
    from tests.pipe import alice

    team.write(PROD)
    team.repo.commit()
    os.unlink(".ksecrets.yaml")
    team.repo.write(".sops.yaml", f"creation_rules:\n  - age: {alice().public}\n")
    for call in (
        lambda: ksecrets.decrypt(PROD, session=team.session("alice")),
        lambda: ksecrets.encrypt("new.yaml", text=PLAIN, session=team.session("alice")),
        lambda: ksecrets.encrypt("new.yaml", text=PLAIN, age=[alice().public], session=team.session("alice")),
    ):
        with pytest.raises(ConfigError, match=r"\.ksecrets\.yaml is missing here"):
            call()


def test_a_configuration_further_down_is_an_error(team: Team) -> None:
    team.write(PROD)
    team.repo.write("env/.ksecrets.yaml", team.read(".ksecrets.yaml"))
    with pytest.raises(ConfigError, match=r"only the \.ksecrets\.yaml at the top"):
        ksecrets.decrypt(PROD, session=team.session("alice"))


def test_a_link_across_environments(team: Team) -> None:
    team.write(PROD)
    os.makedirs("env/dev")
    os.symlink("../prod/secrets.yaml", DEV)
    with pytest.raises(RuleViolation, match="a symlink from dev to prod"):
        ksecrets.decrypt(DEV, session=team.session("alice"))


def test_get(team: Team) -> None:
    team.write(PROD)
    session = team.session("ci")
    assert ksecrets.get(PROD, "db.password", session=session) == "s3cret"
    assert ksecrets.get(PROD, '["db"]["port"]', session=session) == "1.10"
    assert ksecrets.get(PROD, "db.hosts", session=session) == "[a, b]"
    assert ksecrets.get("-", "db.hosts[1]", text=team.read(PROD), session=session) == "b"
    with pytest.raises(KsecretsError, match="there is no such value") as caught:
        ksecrets.get(PROD, "db.passwort", session=session)
    assert caught.value.file == PROD
    assert "s3cret" not in str(caught.value)


def test_no_such_file(team: Team) -> None:
    with pytest.raises(KsecretsError, match="no such file"):
        ksecrets.decrypt(PROD, session=team.session("alice"))
