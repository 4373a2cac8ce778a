"""set, unset, edit, updatekeys: the gate for writing (security.md rules 4, 5 and 8, and what quiet means)."""

from __future__ import annotations

import os
import re

import pytest

import ksecrets
from ksecrets.errors import ConfigError, KsecretsError, NoIdentity, RuleViolation, SyntaxRefused, Tampered
from tests.team import DEV, PLAIN, PROD, Team, person, unsealed

OTHERS = {
    "set": lambda path, session: ksecrets.set(path, "db.password", "new", session=session),
    "unset": lambda path, session: ksecrets.unset(path, "db.password", session=session),
    "edit": lambda path, session: ksecrets.edit(path, lambda text, _: text + "new: x\n", session=session),
    "updatekeys": lambda path, session: ksecrets.updatekeys(path, session=session),
    "encrypt": lambda path, session: ksecrets.encrypt(path, write=True, session=session),
}
writes = pytest.mark.parametrize("write", OTHERS.values(), ids=list(OTHERS))
# `encrypt` of a sealed file writes nothing, so it need not open it.
opening = pytest.mark.parametrize("write", [OTHERS[name] for name in OTHERS if name != "encrypt"])
changes = pytest.mark.parametrize("write", [OTHERS[name] for name in ("set", "unset", "edit")])


def test_set_changes_three_lines(team: Team) -> None:
    before = team.write(DEV)
    done = ksecrets.set(DEV, "db.password", "new", session=team.session("alice"))
    assert (done.changed, done.written, done.new_key) == (True, True, False)
    pairs = zip(before.split("\n"), team.read(DEV).split("\n"), strict=True)
    names = [line.split(":")[0].strip() for line, other in pairs if line != other]
    assert names in (["password", "mac"], ["password", "lastmodified", "mac"])
    assert team.plain(DEV) == PLAIN.replace("s3cret", "new")


def test_set_to_what_it_is_writes_nothing(team: Team) -> None:
    before = team.write(DEV)
    done = ksecrets.set(DEV, "db.password", "s3cret", session=team.session("alice"))
    assert (done.changed, done.written) == (False, False)
    assert team.read(DEV) == before


def test_set_makes_mappings_and_keeps_types(team: Team) -> None:
    team.write(DEV)
    session = team.session("alice")
    ksecrets.set(DEV, "api.keys", ["1", 1, None, True], session=session)
    ksecrets.set(DEV, 'odd["a.b"]', "multi\nline\n", session=session)
    assert ksecrets.get(DEV, 'odd["a.b"]', session=session) == "multi\nline\n"
    assert ksecrets.get(DEV, "api.keys[0]", session=session) == "1"
    ksecrets.unset(DEV, "api", session=session)
    ksecrets.unset(DEV, "odd", session=session)
    assert team.plain(DEV) == PLAIN


def test_errors_of_a_path_have_the_files_name(team: Team) -> None:
    before = team.write(DEV)
    with pytest.raises(KsecretsError) as caught:
        ksecrets.unset(DEV, "db.nothing", session=team.session("alice"))
    assert caught.value.file == DEV
    assert team.read(DEV) == before


@opening
def test_every_write_verifies_first(team: Team, write: object) -> None:
    """Rule 4: no write launders a tampering."""
    team.repo.write(DEV, team.write(DEV).replace("  hosts:", "  added: ''\n  hosts:"))
    before = team.read(DEV)
    with pytest.raises(Tampered):
        write(DEV, team.session("alice"))  # type: ignore[operator]
    assert team.read(DEV) == before


@pytest.mark.parametrize("where", ["HEAD", "trusted"])
@writes
def test_a_file_that_lost_its_seal(team: Team, tmp_path: object, write: object, where: str) -> None:
    """Rule 4: sealed in git and not here."""
    sealed = team.write(DEV)
    team.repo.commit()
    team.repo.write(DEV, unsealed(sealed).replace("  hosts:", "  added: ''\n  hosts:"))
    if where == "trusted":
        team.remote(tmp_path / "remote")  # type: ignore[operator]
        team.repo.commit()
    before = team.read(DEV)
    assert not ksecrets.decrypt(DEV, session=team.session("alice")).sealed  # sops's MAC does not see what was added
    with pytest.raises(RuleViolation, match=r"is sealed in .* and is not here") as caught:
        write(DEV, team.session("alice"))  # type: ignore[operator]
    assert caught.value.hint == f"ksecrets seal {DEV}"
    assert team.read(DEV) == before


@changes
def test_a_file_that_never_had_a_seal_gets_one(team: Team, write: object) -> None:
    team.repo.write(DEV, unsealed(team.write(DEV)))
    team.repo.commit()
    write(DEV, team.session("alice"))  # type: ignore[operator]
    assert ksecrets.decrypt(DEV, session=team.session("alice")).sealed


@changes
def test_other_readers_than_the_rules(team: Team, write: object) -> None:
    before = team.write(DEV)
    team.rules(dev="alice, bob, ci")
    with pytest.raises(RuleViolation, match="its readers are not those of") as caught:
        write(DEV, team.session("alice"))  # type: ignore[operator]
    assert caught.value.details == ("file:  alice, bob", "rules: alice, bob, ci")
    assert caught.value.hint == f"ksecrets updatekeys {DEV}"
    assert team.read(DEV) == before


def test_the_selector_of_a_write_is_that_of_the_rules(team: Team) -> None:
    """Rule 5: `unencrypted_regex` in the metadata stores nothing in plaintext."""
    text = ksecrets.encrypt("x.yaml", text="new_a: s3cret\n", age=[person(n).public for n in ("alice", "bob")]).text
    text = unsealed(text).replace("unencrypted_suffix: _unencrypted", "unencrypted_regex: ^old_")
    team.repo.write(DEV, text)
    team.repo.commit()
    ksecrets.set(DEV, "old_b", "s3cret", session=team.session("alice"))
    assert "s3cret" not in team.read(DEV)
    assert team.metadata(DEV).selector == ("unencrypted_suffix", "_unencrypted")


@pytest.mark.parametrize("sealed", [True, False])
def test_without_rules_the_file_says_how_and_a_note_says_so(team: Team, sealed: bool) -> None:
    text = ksecrets.encrypt("x.yaml", text=PLAIN, age=[person("alice").public], session=team.session()).text
    team.repo.write("x.yaml", text if sealed else unsealed(text))
    session = team.session("alice")
    ksecrets.set("x.yaml", "db.password", "new", session=session)
    said = "x.yaml: no rule is at hand: readers and selector are taken from the file, which has no seal"
    assert (said in session.notes) is not sealed


def test_lastmodified_only_grows(team: Team) -> None:
    """Rule 8, with a clock that goes wrong."""
    import time

    from ksecrets.operations import writing

    team.write(DEV)
    real = time.gmtime
    ahead = real(time.time() + 100_000)
    try:
        writing.time.gmtime = lambda *_: ahead  # type: ignore[attr-defined]
        ksecrets.set(DEV, "db.password", "one", session=team.session("alice"))
    finally:
        writing.time.gmtime = real  # type: ignore[attr-defined]
    late = team.metadata(DEV).lastmodified
    assert late == time.strftime("%Y-%m-%dT%H:%M:%SZ", ahead)
    ksecrets.set(DEV, "db.password", "two", session=team.session("alice"))
    assert team.metadata(DEV).lastmodified == late


def test_a_seal_that_is_required_is_not_made_by_the_way(team: Team) -> None:
    team.repo.write(DEV, unsealed(team.write(DEV)))
    team.rules(more_dev="seal: required")
    before = team.read(DEV)
    for write in OTHERS.values():
        with pytest.raises(Tampered, match="carries no seal"):
            write(DEV, team.session("alice"))
    assert team.read(DEV) == before


def test_min_readers_is_a_note(team: Team) -> None:
    team.rules(prod="alice", more_prod="min-readers: 2")
    team.repo.write(PROD, PLAIN)
    session = team.session()
    ksecrets.encrypt(PROD, write=True, session=session)
    assert session.notes == ["prod has one reader, min-readers asks for 2"]


# -- updatekeys --------------------------------------------------------------------------------------------------------


def test_a_new_reader_gets_the_data_key_that_is_there(team: Team) -> None:
    before = team.write(DEV)
    team.rules(dev="alice, bob, ci")
    done = ksecrets.updatekeys(DEV, session=team.session("bob"))
    assert (done.changed, done.written, done.new_key) == (True, True, False)
    assert re.findall(r"data:\S+", before)[:4] == re.findall(r"data:\S+", team.read(DEV))[:4]
    assert team.plain(DEV, "ci") == PLAIN
    assert not ksecrets.updatekeys(DEV, session=team.session("ci")).changed


def test_taking_a_reader_out_makes_a_new_data_key(team: Team) -> None:
    before = team.write(DEV)
    kid = team.kid(DEV)
    team.rules(dev="alice")
    session = team.session("alice")
    done = ksecrets.updatekeys(DEV, session=session)
    assert done.new_key
    assert team.kid(DEV) != kid
    assert not set(re.findall(r"data:\S+", before)) & set(re.findall(r"data:\S+", team.read(DEV)))
    assert session.notes[0] == f"{DEV}: a reader was taken out: the file gets a new data key"
    with pytest.raises(NoIdentity):
        team.plain(DEV, "bob")
    assert team.plain(DEV) == PLAIN


def test_updatekeys_needs_a_reader(team: Team) -> None:
    team.write(DEV)
    team.rules(dev="alice, bob, ci")
    with pytest.raises(NoIdentity):
        ksecrets.updatekeys(DEV, session=team.session("ci"))


# -- edit --------------------------------------------------------------------------------------------------------------


def test_edit_sees_plaintext_and_writes_tokens(team: Team) -> None:
    team.write(DEV)
    seen = []

    def editor(text: str, error: str | None) -> str:
        seen.append((text, error))
        return text.replace("s3cret", "edited")

    done = ksecrets.edit(DEV, editor, session=team.session("bob"))
    assert seen == [(PLAIN, None)]
    assert done.written
    assert team.plain(DEV) == PLAIN.replace("s3cret", "edited")


def test_edit_without_a_change_writes_nothing(team: Team) -> None:
    team.write(DEV)
    inode = os.stat(DEV).st_ino
    assert not ksecrets.edit(DEV, lambda text, _: text, session=team.session("bob")).changed
    assert os.stat(DEV).st_ino == inode


@pytest.mark.parametrize("bad", ["a: [", "a: 1\nsops: mine\n", "a: \ufeffb\n"])
def test_edit_gives_a_refused_text_back(team: Team, bad: str) -> None:
    team.write(DEV)
    seen: list[tuple[str, str | None]] = []

    def editor(text: str, error: str | None) -> str:
        seen.append((text, error))
        return bad if error is None else "good: 1\n"

    ksecrets.edit(DEV, editor, session=team.session("alice"))
    assert seen[1][0] == bad
    assert DEV in (seen[1][1] or "")
    assert team.plain(DEV) == "good: 1\n"


def test_edit_gives_a_text_back_that_the_rules_refuse(team: Team) -> None:
    team.write(DEV)
    team.rules(top="sops-compatible: require")
    errors = []

    def editor(text: str, error: str | None) -> str:
        errors.append(error)
        return "- a\n" if error is None else "a: 1\n"

    ksecrets.edit(DEV, editor, session=team.session("alice"))
    assert "sops could not read this file" in errors[1]


def test_giving_up_writes_nothing(team: Team) -> None:
    before = team.write(DEV)

    def editor(text: str, error: str | None) -> str:
        if error is not None:
            raise KeyboardInterrupt
        return "a: ["

    with pytest.raises(KeyboardInterrupt):
        ksecrets.edit(DEV, editor, session=team.session("alice"))
    assert team.read(DEV) == before


def _not_to_be_called(text: str, error: str | None) -> str:
    raise AssertionError("the editor was opened")


def test_edit_says_what_it_can_before_the_editor_opens(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    with pytest.raises(NoIdentity):
        ksecrets.edit(DEV, _not_to_be_called, session=team.session("ci"))
    with pytest.raises(ConfigError, match="no rule"):
        ksecrets.edit("new.yaml", _not_to_be_called, session=team.session("alice"))
    with pytest.raises(KsecretsError, match="no such folder"):
        ksecrets.edit("no/dev/secrets.yaml", _not_to_be_called, session=team.session("alice"))
    team.repo.write(DEV, unsealed(team.read(DEV)))
    with pytest.raises(RuleViolation, match="is sealed in HEAD"):
        ksecrets.edit(DEV, _not_to_be_called, session=team.session("alice"))
    team.repo.git("checkout", DEV)
    team.rules(dev="alice")
    with pytest.raises(RuleViolation, match="readers"):
        ksecrets.edit(DEV, _not_to_be_called, session=team.session("alice"))


def test_edit_begins_a_new_file(team: Team) -> None:
    os.makedirs("env/dev")
    done = ksecrets.edit(DEV, lambda text, _: text + "a: 1\n", session=team.session())
    assert done.written
    assert team.plain(DEV) == f"# {DEV}: every value that is saved here is encrypted\na: 1\n"


def test_edit_never_overwrites_a_file_that_came_meanwhile(team: Team) -> None:
    os.makedirs("env/dev")

    def editor(text: str, _: str | None) -> str:
        team.repo.write(DEV, "of somebody else: 1\n")
        return "a: 1\n"

    with pytest.raises(KsecretsError, match="exists already"):
        ksecrets.edit(DEV, editor, session=team.session())
    assert team.read(DEV) == "of somebody else: 1\n"


def test_edit_notices_that_the_file_changed_meanwhile(team: Team) -> None:
    team.write(DEV)

    def editor(text: str, _: str | None) -> str:
        ksecrets.set(DEV, "db.password", "of somebody else", session=team.session("bob"))
        return text + "a: 1\n"

    with pytest.raises(KsecretsError, match="changed while ksecrets worked on it"):
        ksecrets.edit(DEV, editor, session=team.session("alice"))
    assert "of somebody else" in team.plain(DEV)


def test_edit_of_a_text_that_is_not_yaml_raises_what_the_editor_raises(team: Team) -> None:
    team.write(DEV)

    def editor(text: str, error: str | None) -> str:
        if error is not None:
            raise SyntaxRefused(error)
        return "a: ["

    with pytest.raises(SyntaxRefused):
        ksecrets.edit(DEV, editor, session=team.session("alice"))
