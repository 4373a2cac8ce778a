"""Which data key a write goes on with (security.md rules 1 and 8), and the way back to a seal (rule 4)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import ksecrets
from ksecrets.envelope.metadata import Extension, Metadata
from ksecrets.envelope.wrap import wrap_groups
from ksecrets.errors import KsecretsError, NoIdentity, RuleViolation, Tampered
from ksecrets.files.seal import seal_text
from ksecrets.operations.known import sealed_path
from ksecrets.values.cipher import DataKey
from tests.pipe import metadata
from tests.team import DEV, PLAIN, PROD, Team, person, unsealed

RAW = bytes(range(32))  # a data key that an attacker knows


def planted(path: str, environment: str, *readers: str, raw: bytes = RAW, claimed: str | None = None) -> str:
    """A valid, sealed file that anybody could make who knows only the public keys of its readers."""
    key = DataKey(raw)
    made = Metadata(
        lastmodified="2026-01-01T00:00:00Z",
        mac="",
        version="3.13.3",
        groups=(tuple(person(name).recipient.wrap(raw) for name in readers),),
        extension=Extension(kid=key.kid, environment=environment, path=claimed or path),
    )
    return seal_text(PLAIN, data_key=key, metadata=made).text


def raw_key(path: str, by: str) -> bytes:
    """What a reader of a file knows of it."""
    from ksecrets.envelope.wrap import unwrap
    from ksecrets.files.open import read_metadata

    return unwrap(read_metadata(Path(path).read_text()), [person(by).identity])[0]


def set_one(team: Team, path: str = PROD, by: str = "alice") -> tuple[bool, list[str]]:
    session = team.session(by)
    before = team.kid(path)
    done = ksecrets.set(path, "db.password", "new", session=session)
    assert done.new_key == (team.kid(path) != before)
    return done.new_key, session.notes


def test_a_planted_data_key_takes_up_no_secret(team: Team) -> None:
    team.repo.commit()
    team.repo.write(PROD, planted(PROD, "prod", "alice", "ci"))
    new_key, notes = set_one(team)
    assert new_key
    assert notes == [f"{PROD}: the file gets a new data key: its data key is not known from HEAD, nor was it made here"]
    assert team.plain(PROD, "ci") == PLAIN.replace("s3cret", "new")


@pytest.mark.parametrize("write", ["edit", "updatekeys", "encrypt after decrypt"])
def test_a_planted_data_key_with_every_write(team: Team, write: str) -> None:
    team.repo.commit()
    team.repo.write(PROD, planted(PROD, "prod", "alice", "ci"))
    kid = team.kid(PROD)
    if write == "edit":
        ksecrets.edit(PROD, lambda text, _: text + "a: 1\n", session=team.session("alice"))
    elif write == "updatekeys":
        ksecrets.updatekeys(PROD, session=team.session("alice"))
    else:
        team.repo.git("add", PROD)  # the index is no ref to be trusted
        ksecrets.decrypt(PROD, write=True, session=team.session("alice"))
        ksecrets.encrypt(PROD, write=True, session=team.session("alice"))
    assert team.kid(PROD) != kid


def test_the_trusted_ref_is_that_of_the_remote(team: Team, tmp_path: Path) -> None:
    team.repo.commit()
    team.remote(tmp_path / "remote")
    team.repo.write(PROD, planted(PROD, "prod", "alice", "ci"))
    team.repo.commit()  # checked out from a branch of somebody else
    new_key, notes = set_one(team)
    assert new_key
    assert "not known from refs/remotes/origin/main" in notes[0]


def test_what_the_trusted_ref_has_is_gone_on_with(team: Team, tmp_path: Path) -> None:
    team.write(PROD)
    team.repo.commit()
    team.remote(tmp_path / "remote")
    team.forget()
    assert set_one(team) == (False, [])


def test_what_was_made_here_is_gone_on_with(team: Team, tmp_path: Path) -> None:
    team.repo.commit()
    team.remote(tmp_path / "remote")
    team.write(PROD)
    assert set_one(team) == (False, [])


def test_a_file_of_sops_in_the_trusted_ref_is_gone_on_with(team: Team) -> None:
    team.repo.write(PROD, unsealed(team.write(PROD)))
    team.repo.commit()
    team.forget()
    session = team.session("alice")
    assert not ksecrets.set(PROD, "db.password", "new", session=session).new_key
    assert session.notes == []


def test_a_data_key_of_dev_planted_in_prod(team: Team) -> None:
    """bob reads dev, so he knows its data key; it was made in this clone, and stands in the trusted ref."""
    team.write(DEV)
    team.repo.commit()
    known = raw_key(DEV, "bob")
    team.repo.write(PROD, planted(PROD, "prod", "alice", "ci", raw=known))
    assert set_one(team)[0]
    # The same with a forged claim that the file was moved here from dev, and dev's file out of the way.
    team.repo.write(PROD, planted(PROD, "prod", "alice", "ci", raw=known, claimed=DEV))
    os.unlink(DEV)
    new_key, notes = set_one(team)
    assert new_key
    assert any("bob could read it in HEAD" in note for note in notes)


def test_a_data_key_of_dev_planted_in_prod_where_only_the_record_has_it(team: Team) -> None:
    team.repo.commit()
    team.write(DEV)
    known = raw_key(DEV, "bob")
    os.unlink(DEV)
    team.repo.write(PROD, planted(PROD, "prod", "alice", "ci", raw=known, claimed=DEV))
    assert set_one(team)[0]


def test_a_former_reader_plants_the_old_key(team: Team) -> None:
    team.write(DEV)
    old = raw_key(DEV, "bob")
    team.rules(dev="alice")
    ksecrets.updatekeys(DEV, session=team.session("alice"))
    team.repo.commit()
    assert set_one(team, DEV) == (False, [])
    team.repo.write(DEV, planted(DEV, "dev", "alice", raw=old))
    assert set_one(team, DEV)[0]


def test_a_reader_that_was_only_cut_out_of_the_metadata(team: Team) -> None:
    """As `sops updatekeys` does: bob's stanza is gone, the data key that he knows is not."""
    team.write(DEV)
    team.repo.commit()
    team.rules(dev="alice")
    team.repo.write(DEV, planted(DEV, "dev", "alice", raw=raw_key(DEV, "bob")))
    new_key, notes = set_one(team, DEV)
    assert new_key
    assert notes == [f"{DEV}: the file gets a new data key: bob could read it in HEAD"]


def test_a_moved_file_keeps_its_key(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    team.forget()
    os.makedirs("b/dev")
    os.rename(DEV, "b/dev/secrets.yaml")
    new_key, notes = set_one(team, "b/dev/secrets.yaml")
    assert not new_key
    assert notes == [f"b/dev/secrets.yaml: was sealed as {DEV}: moved or copied"]


def test_a_moved_file_that_was_made_here_keeps_its_key(team: Team) -> None:
    team.repo.commit()
    team.write(DEV)
    os.makedirs("b/dev")
    os.rename(DEV, "b/dev/secrets.yaml")
    assert not set_one(team, "b/dev/secrets.yaml")[0]


def test_a_copy_gets_a_key_of_its_own(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    team.repo.write("b/dev/secrets.yaml", team.read(DEV))
    new_key, notes = set_one(team, "b/dev/secrets.yaml")
    assert new_key
    assert notes[-1] == f"b/dev/secrets.yaml: the file gets a new data key: {DEV} has the same one"
    assert team.kid(DEV) != team.kid("b/dev/secrets.yaml")


def test_of_a_file_that_was_moved_and_copied_one_keeps_the_key(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    for path in ("b/dev/secrets.yaml", "c/dev/secrets.yaml"):
        team.repo.write(path, team.read(DEV))
    os.unlink(DEV)
    assert set_one(team, "b/dev/secrets.yaml")[0]
    assert not set_one(team, "c/dev/secrets.yaml")[0]


def test_updatekeys_parts_two_files_that_everybody_has_with_one_key(team: Team) -> None:
    team.write(DEV)
    kid = team.kid(DEV)
    other = "b/dev/secrets.yaml"
    team.repo.write(other, planted(other, "dev", "alice", "bob", raw=raw_key(DEV, "alice")))
    team.repo.commit()
    assert team.kid(other) == kid
    session = team.session("alice")
    assert ksecrets.updatekeys(other, session=session).new_key
    assert session.notes == [f"{other}: the file gets a new data key: {DEV} has the same one"]
    assert not ksecrets.updatekeys(DEV, session=team.session("alice")).changed


@pytest.mark.parametrize("claimed", ["../outside.yaml", "/etc/passwd", "a//b", "./x", "env/pipe.yaml"])
def test_the_claimed_path_is_no_way_to_other_files(team: Team, claimed: str) -> None:
    team.repo.commit()
    (team.repo / "env").mkdir()
    os.mkfifo("env/pipe.yaml")  # reading it would wait for ever
    (team.repo / "../outside.yaml").write_text(planted("x", "prod", "alice", "ci"))
    team.repo.write(PROD, planted(PROD, "prod", "alice", "ci", claimed=claimed))
    new_key, notes = set_one(team)
    assert new_key
    assert "not known from HEAD" in notes[-1]


def test_the_key_after_a_write_here_is_known_here(team: Team) -> None:
    team.repo.commit()
    team.repo.write(PROD, planted(PROD, "prod", "alice", "ci"))
    assert set_one(team)[0]
    assert ksecrets.set(PROD, "db.password", "again", session=team.session("alice")).new_key is False


def test_a_version_in_git_with_a_bad_seal_is_not_used(team: Team) -> None:
    team.repo.write(DEV, team.write(DEV).replace("  hosts:", "  added: ''\n  hosts:"))
    team.repo.commit()
    session = team.session("alice")
    done = ksecrets.encrypt(DEV, text=PLAIN, session=session)
    assert done.new_key
    assert any("the version in git is not used" in note for note in session.notes)


def test_a_version_in_git_of_another_environment_is_not_used(team: Team) -> None:
    team.rules(prod="alice, bob")
    team.repo.write(PROD, team.write(DEV))
    team.repo.commit()
    session = team.session("alice")
    done = ksecrets.encrypt(PROD, text=PLAIN, session=session)
    assert done.new_key
    assert any("sealed for environment dev, and the rules give it prod" in note for note in session.notes)


@pytest.mark.parametrize(
    ("claimed", "path"), [("a/b", "a/b"), ("../a", None), ("/a", None), ("a//b", None), ("./a", None), ("a/..", None)]
)
def test_a_claimed_path_is_below_the_top(claimed: str, path: str | None) -> None:
    assert sealed_path(metadata(extension=Extension(kid="k", path=claimed))) == path
    assert sealed_path(metadata(extension=None)) is None


def test_key_groups_that_no_rule_speaks_of(team: Team) -> None:
    recipients = [[person("alice").recipient], [person("bob").recipient]]
    groups = wrap_groups(RAW, recipients, 2)
    made = metadata(groups=groups, shamir_threshold=2, extension=Extension(kid=DataKey(RAW).kid, path="x.yaml"))
    team.repo.write("x.yaml", seal_text(PLAIN, data_key=DataKey(RAW), metadata=made).text)
    both = ("alice", "bob")
    assert ksecrets.decrypt("x.yaml", session=team.session(*both)).text == PLAIN
    done = ksecrets.set("x.yaml", "a", "b", session=team.session(*both))
    assert (done.readers, done.new_key) == (["alice", "bob"], True)  # nobody knows where that data key came from
    assert (len(team.metadata("x.yaml").groups), team.metadata("x.yaml").shamir_threshold) == (2, 2)
    with pytest.raises(NoIdentity):
        ksecrets.decrypt("x.yaml", session=team.session("alice"))
    os.makedirs("env/dev")
    os.rename("x.yaml", DEV)
    with pytest.raises(RuleViolation, match="its readers are not those of"):
        ksecrets.set(DEV, "a", "b", session=team.session(*both))
    session = team.session(*both)
    assert ksecrets.updatekeys(DEV, session=session).new_key
    assert (len(team.metadata(DEV).groups), team.metadata(DEV).shamir_threshold) == (1, 0)


# -- seal --------------------------------------------------------------------------------------------------------------


def lose_the_seal(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    ksecrets.set(DEV, "db.password", "t0psecret", session=team.session("alice"))
    team.repo.write(DEV, unsealed(team.read(DEV)).replace("  hosts:", "  added: ''\n  hosts:"))


def test_seal_shows_what_changed_and_no_value(team: Team) -> None:
    lose_the_seal(team)
    texts: list[str] = []
    done = ksecrets.seal(DEV, confirm=lambda text: texts.append(text) is None, session=team.session("alice"))
    assert "~ db.password\n" in texts[0]
    assert "+ db.added\n" in texts[0]
    assert "NO SEAL any more" in texts[0]
    assert "s3cret" not in texts[0]
    assert "t0psecret" not in texts[0]
    assert (done.changed, done.written, done.new_key) == (True, True, False)
    opened = ksecrets.decrypt(DEV, session=team.session("alice"))
    assert opened.sealed
    assert "t0psecret" in opened.text
    ksecrets.set(DEV, "db.password", "x", session=team.session("alice"))


def test_seal_with_a_no_writes_nothing(team: Team) -> None:
    lose_the_seal(team)
    before = team.read(DEV)
    done = ksecrets.seal(DEV, confirm=lambda _: False, session=team.session("alice"))
    assert (done.changed, done.written) == (False, False)
    assert team.read(DEV) == before


def test_seal_where_one_is_required_and_git_knows_nothing(team: Team) -> None:
    team.repo.write(DEV, unsealed(team.write(DEV)))
    team.rules(more_dev="seal: required")
    texts: list[str] = []
    ksecrets.seal(DEV, confirm=lambda text: texts.append(text) is None, session=team.session("alice"))
    assert "no sealed version of it to compare with; 4 values get a seal" in texts[0]
    assert ksecrets.decrypt(DEV, session=team.session("alice")).sealed


def test_seal_of_a_sealed_file_asks_nothing(team: Team) -> None:
    team.write(DEV)
    assert not ksecrets.seal(DEV, confirm=_not_to_be_asked, session=team.session("alice")).changed


def test_seal_makes_the_readers_those_of_the_rules_and_says_so(team: Team) -> None:
    """Otherwise `seal` and `updatekeys` would each send to the other."""
    lose_the_seal(team)
    team.rules(dev="alice, bob, ci")
    with pytest.raises(RuleViolation):
        ksecrets.updatekeys(DEV, session=team.session("alice"))
    texts: list[str] = []
    ksecrets.seal(DEV, confirm=lambda text: texts.append(text) is None, session=team.session("alice"))
    assert "readers will be alice, bob, ci" in texts[0]
    assert ksecrets.decrypt(DEV, session=team.session("ci")).sealed


@pytest.mark.parametrize("broken", [True, False])
def test_seal_needs_a_key_and_a_mac_that_holds(team: Team, broken: bool) -> None:
    lose_the_seal(team)
    if broken:
        team.repo.write(DEV, team.read(DEV).replace("  hosts:", "  more: x_unencrypted\n  hosts:"))
    error = Tampered if broken else NoIdentity
    with pytest.raises(error):
        ksecrets.seal(DEV, confirm=_not_to_be_asked, session=team.session("alice" if broken else "ci"))


def _not_to_be_asked(text: str) -> bool:
    raise AssertionError("asked")


def test_seal_of_plaintext(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    with pytest.raises(KsecretsError, match="not encrypted"):
        ksecrets.seal(DEV, confirm=_not_to_be_asked, session=team.session("alice"))
