"""Readers and selectors that a command line names: where no rule does, and what happens where one does."""

from __future__ import annotations

import pytest

import ksecrets
from ksecrets.envelope.metadata import Metadata
from ksecrets.errors import ConfigError, KsecretsError, NoIdentity, RuleViolation, UsageError
from ksecrets.operations.asked import VARIABLES, Asked, Change
from ksecrets.rules.selector import KINDS
from tests.team import DEV, PLAIN, Team, person

OTHER = "other.yaml"  # no environment of the team has it


def public(*names: str) -> list[str]:
    return [person(name).public for name in names]


def readers(metadata: Metadata) -> list[str]:
    return [stanza.fields["recipient"] for stanza in metadata.stanzas]


def made(team: Team, *names: str, text: str = PLAIN, path: str = OTHER) -> None:
    team.repo.write(path, text)
    ksecrets.encrypt(path, write=True, asked=Asked({"age": public(*names)}), session=team.session())


# -- encrypt -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_selector_where_no_rule_is(team: Team, kind: str) -> None:
    text = "# secret\nkept: a\ndata:\n  x: b\n"
    value = {"suffix": "data", "regex": "^data$"}.get(kind.rpartition("_")[2]) if "comment" not in kind else "secret"
    team.repo.write(OTHER, text)
    asked = Asked({"age": public("alice")}, selector={kind: value})
    ksecrets.encrypt(OTHER, write=True, asked=asked, session=team.session())
    encrypted = {name for name, source in (("kept", "kept: ENC["), ("x", "x: ENC[")) if source in team.read(OTHER)}
    under_data = {"x"} if kind in ("encrypted_suffix", "encrypted_regex") else {"kept"}
    commented = {"kept"} if kind == "encrypted_comment_regex" else {"x"}
    assert encrypted == (commented if "comment" in kind else under_data)
    assert team.metadata(OTHER).selector == (kind, value)
    assert ksecrets.decrypt(OTHER, session=team.session("alice")).text == text


def test_two_selectors_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match="only one selector"):
        Asked(selector={"encrypted_regex": "a", "unencrypted_suffix": "b"})


def test_a_selector_that_go_would_not_compile_encrypts_nothing() -> None:
    """sops takes such an expression for one that never matches, and writes plaintext (#1365)."""
    with pytest.raises(ConfigError):
        Asked(selector={"encrypted_regex": "(?=x)"})


def test_rules_are_not_overruled(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    for asked, said in (
        (Asked({"age": public("bob")}), "other readers are named than in .ksecrets.yaml"),
        (Asked(selector={"encrypted_regex": "^x$"}), "chooses the values in another way"),
        (Asked(mac_only_encrypted=True), "does not say mac_only_encrypted"),
    ):
        with pytest.raises(RuleViolation, match=said):
            ksecrets.encrypt(DEV, write=True, asked=asked, session=team.session())
    assert team.read(DEV) == PLAIN


def test_variables_of_sops_name_readers_where_nobody_else_does(team: Team) -> None:
    team.repo.write(OTHER, PLAIN)
    session = team.session("alice", SOPS_AGE_RECIPIENTS=" , ".join(public("alice", "bob")) + ",")
    ksecrets.encrypt(OTHER, write=True, session=session)
    assert readers(team.metadata(OTHER)) == public("alice", "bob")
    team.repo.write("more.yaml", PLAIN)
    asked = Asked({"age": public("ci")}, environ=session.environ)
    ksecrets.encrypt("more.yaml", write=True, asked=asked, session=session)
    assert readers(team.metadata("more.yaml")) == public("ci")


def test_variables_of_sops_do_not_overrule_rules(team: Team) -> None:
    """A line in a shell's profile must not decide who reads a repository's secrets; sops lets it."""
    team.repo.write(DEV, PLAIN)
    session = team.session("alice", SOPS_AGE_RECIPIENTS=person("eve").public)
    ksecrets.encrypt(DEV, write=True, session=session)
    assert readers(team.metadata(DEV)) == public("alice", "bob")
    assert any(note.startswith(f"{DEV}: SOPS_AGE_RECIPIENTS does not count: .ksecrets.yaml") for note in session.notes)


def test_a_variable_that_cannot_be_used_does_not_matter_under_rules(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    ksecrets.encrypt(DEV, write=True, session=team.session("alice", SOPS_AGE_RECIPIENTS="nonsense"))
    assert readers(team.metadata(DEV)) == public("alice", "bob")


def test_variables_of_sops_do_not_touch_what_is_encrypted(team: Team) -> None:
    made(team, "alice")
    session = team.session("alice", SOPS_AGE_RECIPIENTS=person("eve").public)
    assert not ksecrets.encrypt(OTHER, write=True, session=session).changed
    ksecrets.set(OTHER, "db.password", "new", session=session)
    assert readers(team.metadata(OTHER)) == public("alice")


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_is_read(team: Team, variable: str) -> None:
    """What is no key of its service is refused, which shows that it was looked at."""
    team.repo.write(OTHER, PLAIN)
    with pytest.raises(KsecretsError):
        ksecrets.encrypt(OTHER, session=team.session(**{variable: "https://no/thing"}))


def test_a_service_that_is_none() -> None:
    with pytest.raises(UsageError, match="no key service is called egg"):
        ksecrets.encrypt("x.yaml", text=PLAIN, asked=Asked({"egg": ["x"]}))


def test_an_encrypted_file_follows_the_options_or_says_why_not(team: Team) -> None:
    """#1153: sops has no way to another selector but to decrypt; other readers are for `rotate`, and never ignored."""
    made(team, "alice")
    selector = Asked(selector={"encrypted_regex": "^password$"})
    assert ksecrets.encrypt(OTHER, write=True, asked=selector, session=team.session("alice")).changed
    assert team.metadata(OTHER).selector == ("encrypted_regex", "^password$")
    assert not ksecrets.encrypt(OTHER, write=True, asked=selector, session=team.session("alice")).changed
    assert ksecrets.decrypt(OTHER, session=team.session("alice")).text == PLAIN
    with pytest.raises(RuleViolation, match="its readers are not those of the command line") as caught:
        ksecrets.encrypt(OTHER, write=True, asked=Asked({"age": public("bob")}), session=team.session("alice"))
    assert "ksecrets rotate --add-age" in str(caught.value)


# -- rules without readers ---------------------------------------------------------------------------------------------

SELECTOR_ONLY = "creation_rules:\n  - encrypted_regex: ^password$\n"


@pytest.fixture
def selector_only(team: Team) -> Team:
    (team.repo / ".ksecrets.yaml").unlink()
    team.repo.write(".sops.yaml", SELECTOR_ONLY)
    return team


def test_a_rule_may_leave_the_readers_to_the_command_line(selector_only: Team) -> None:
    team = selector_only
    team.repo.write(OTHER, PLAIN)
    with pytest.raises(ConfigError, match="names no readers"):
        ksecrets.encrypt(OTHER, session=team.session())
    made(team, "alice")
    assert team.metadata(OTHER).selector == ("encrypted_regex", "^password$")
    assert "port: 1.10" in team.read(OTHER)
    ksecrets.set(OTHER, "new", "readable", session=team.session("alice"))
    assert "new: readable" in team.read(OTHER)
    assert readers(team.metadata(OTHER)) == public("alice")


# -- rotate with other readers -----------------------------------------------------------------------------------------


def rotate(team: Team, path: str, *, add: list[str] | None = None, remove: list[str] | None = None, by: str = "alice"):  # type: ignore[no-untyped-def]
    change = Change({"age": public(*add)} if add else None, {"age": public(*remove)} if remove else None)
    report = ksecrets.rotate([path], change=change, session=team.session(by))
    result = report.files[0]
    if result.error is not None:
        raise result.error
    return result


def test_a_reader_is_added_and_another_taken_out(team: Team) -> None:
    made(team, "alice", "bob")
    before = team.read(OTHER)
    result = rotate(team, OTHER, add=["ci"], remove=["bob"])
    assert (len(result.added), len(result.removed), result.new_key) == (1, 1, True)
    assert readers(team.metadata(OTHER)) == public("alice", "ci")
    assert ksecrets.decrypt(OTHER, session=team.session("ci")).text == PLAIN
    with pytest.raises(NoIdentity):
        ksecrets.decrypt(OTHER, session=team.session("bob"))
    tokens = [line for line in before.splitlines() if "ENC[" in line]
    assert not set(tokens) & set(team.read(OTHER).splitlines())


def test_without_a_change_it_keeps_its_readers(team: Team) -> None:
    made(team, "alice", "bob")
    assert ksecrets.rotate([OTHER], session=team.session("alice")).files[0].status == "changed"
    assert readers(team.metadata(OTHER)) == public("alice", "bob")


def test_one_who_is_there_already_stays_once(team: Team) -> None:
    made(team, "alice")
    rotate(team, OTHER, add=["alice", "bob"])
    assert readers(team.metadata(OTHER)) == public("alice", "bob")


def test_a_slip_does_not_leave_a_reader_in(team: Team) -> None:
    """sops takes nobody out and exits with 0."""
    made(team, "alice", "bob")
    before = team.read(OTHER)
    with pytest.raises(KsecretsError, match="cannot be taken out: no such reader"):
        rotate(team, OTHER, remove=["carol"])
    assert team.read(OTHER) == before


def test_somebody_must_be_left(team: Team) -> None:
    made(team, "alice")
    with pytest.raises(KsecretsError, match="nobody could read it any more"):
        rotate(team, OTHER, remove=["alice"])
    assert ksecrets.decrypt(OTHER, session=team.session("alice")).text == PLAIN


def test_rules_say_who_reads(team: Team) -> None:
    team.write(DEV)
    before = team.read(DEV)
    with pytest.raises(RuleViolation, match=r"for .ksecrets.yaml:\d+ environments.dev to say") as caught:
        rotate(team, DEV, add=["ci"])
    assert "ksecrets grant NAME dev" in str(caught.value)
    assert team.read(DEV) == before


def test_a_script_of_old_does_what_the_rules_now_say(team: Team) -> None:
    team.write(DEV)
    team.rules(dev="alice, ci")
    rotate(team, DEV, add=["ci"], remove=["bob"])
    assert readers(team.metadata(DEV)) == public("alice", "ci")


def test_rules_of_sops_say_who_reads(selector_only: Team) -> None:
    team = selector_only
    team.repo.write(".sops.yaml", f"creation_rules:\n  - age: {person('alice').public}\n")
    team.repo.write(OTHER, PLAIN)
    ksecrets.encrypt(OTHER, write=True, session=team.session())
    with pytest.raises(RuleViolation) as caught:
        rotate(team, OTHER, add=["bob"])
    assert f"ksecrets updatekeys {OTHER}" in str(caught.value)


def test_groups_of_a_file_stay_groups(team: Team) -> None:
    """As in sops: a new reader joins the first group, and one is taken out of all of them."""
    groups = f"  - key_groups:\n      - age: [{person('alice').public}]\n      - age: [{person('bob').public}]\n"
    (team.repo / ".ksecrets.yaml").unlink()
    team.repo.write(".sops.yaml", "creation_rules:\n" + groups)
    team.repo.write(OTHER, PLAIN)
    ksecrets.encrypt(OTHER, write=True, session=team.session())
    (team.repo / ".sops.yaml").unlink()
    both = team.session("alice", "bob")
    report = ksecrets.rotate([OTHER], change=Change({"age": public("ci")}), session=both)
    assert report.exit_code == 0
    assert [[s.fields["recipient"] for s in group] for group in team.metadata(OTHER).groups] == [
        public("alice", "ci"),
        public("bob"),
    ]
    report = ksecrets.rotate([OTHER], change=Change(remove={"age": public("bob")}), session=both)
    assert "a key group would be left without a reader" in str(report.files[0].error)
    assert ksecrets.decrypt(OTHER, session=team.session("ci", "bob")).text == PLAIN


def test_whole_trees_are_for_updatekeys(team: Team) -> None:
    with pytest.raises(UsageError, match="files that are named"):
        ksecrets.rotate(change=Change({"age": public("ci")}), session=team.session("alice"))


def test_a_dry_run_writes_nothing(team: Team) -> None:
    made(team, "alice")
    before = team.read(OTHER)
    report = ksecrets.rotate([OTHER], change=Change({"age": public("ci")}), dry_run=True, session=team.session("alice"))
    assert (report.files[0].status, len(report.files[0].added), team.read(OTHER)) == ("planned", 1, before)
