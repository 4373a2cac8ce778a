"""encrypt: by the rules, by --age, over what git knows, and over what is encrypted already."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import ksecrets
from ksecrets.errors import (
    ConfigError,
    KsecretsError,
    RuleViolation,
    SyntaxRefused,
    Tampered,
    UsageError,
)
from ksecrets.files.open import read_metadata
from tests.pipe import open_as_alice
from tests.team import DEV, PLAIN, PROD, Team, person, unsealed


def test_by_the_rules_and_back_to_the_byte(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    done = ksecrets.encrypt(DEV, write=True, session=team.session())
    assert (done.changed, done.written, done.new_key) == (True, True, True)
    assert (done.values, done.readers, done.environment) == (4, ["alice", "bob"], "dev")
    assert done.text == team.read(DEV)
    assert "s3cret" not in done.text
    assert team.plain(DEV, "alice") == team.plain(DEV, "bob") == PLAIN
    extension = team.metadata(DEV).extension
    assert extension is not None
    assert (extension.environment, extension.path) == ("dev", DEV)


def test_without_write_the_file_stays(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    done = ksecrets.encrypt(DEV, session=team.session())
    assert (done.changed, done.written) == (True, False)
    assert team.read(DEV) == PLAIN


@pytest.mark.parametrize(
    "text", ["a: b\r\nc: d\r\n", "\ufeffa: b\n", "a: b", "", "# only a comment\n", "- a\n- b\n", "a: b\n---\nc: d\n"]
)
def test_line_ends_marks_and_odd_files(team: Team, text: str) -> None:
    team.write(DEV, text)
    assert team.plain(DEV) == text


def test_text_from_the_caller_goes_by_its_name(team: Team) -> None:
    done = ksecrets.encrypt(PROD, text=PLAIN, session=team.session())
    assert done.readers == ["alice", "ci"]
    assert not os.path.exists(PROD)
    with pytest.raises(UsageError, match="only a file"):
        ksecrets.encrypt(PROD, text=PLAIN, write=True, session=team.session())


def test_standard_input_has_no_rules(team: Team) -> None:
    with pytest.raises(ConfigError, match="nothing says who may read"):
        ksecrets.encrypt("-", text=PLAIN, session=team.session())
    done = ksecrets.encrypt("-", text=PLAIN, age=[person("bob").public], session=team.session())
    assert ksecrets.decrypt("-", text=done.text, session=team.session("bob")).text == PLAIN


def test_a_path_without_a_rule(team: Team) -> None:
    team.repo.write("other.yaml", PLAIN)
    with pytest.raises(ConfigError, match=r"no rule in \.ksecrets\.yaml is about this file"):
        ksecrets.encrypt("other.yaml", write=True, session=team.session())
    assert team.read("other.yaml") == PLAIN
    done = ksecrets.encrypt("other.yaml", write=True, age=[person("bob").public], session=team.session())
    assert done.readers == ["bob"]


def test_age_against_the_rules(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    with pytest.raises(RuleViolation, match=r"other readers are named than in .ksecrets.yaml") as caught:
        ksecrets.encrypt(DEV, age=[person("bob").public], session=team.session())
    assert caught.value.file == DEV
    both = [person("bob").public, person("alice").public]
    assert ksecrets.encrypt(DEV, age=both, session=team.session()).readers == ["alice", "bob"]


def test_outside_of_git_with_age_only(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open("a.yaml", "w") as stream:
        stream.write(PLAIN)
    session = ksecrets.Session({"KSECRETS_AGE_KEY": person("alice").secret, "HOME": "/nonexistent"})
    ksecrets.encrypt("a.yaml", write=True, age=[person("alice").public], session=session)
    before = Path("a.yaml").read_text()
    ksecrets.set("a.yaml", "db.password", "new", session=session)
    after = Path("a.yaml").read_text()
    assert sum(a != b for a, b in zip(before.split("\n"), after.split("\n"), strict=True)) <= 3
    assert ksecrets.get("a.yaml", "db.password", session=session) == "new"
    assert session.notes == []


def test_again_is_nothing(team: Team) -> None:
    before = team.write(DEV)
    stat = os.stat(DEV)
    done = ksecrets.encrypt(DEV, write=True, session=team.session())  # needs no key
    assert (done.changed, done.written) == (False, False)
    assert (done.text, done.values, done.readers) == (before, 4, ["alice", "bob"])
    assert os.stat(DEV).st_ino == stat.st_ino


@pytest.mark.parametrize("known", ["index", "HEAD"])
def test_after_decrypt_only_what_changed_changes(team: Team, known: str) -> None:
    before = team.write(DEV)
    team.repo.git("add", DEV)
    if known == "HEAD":
        team.repo.commit()
    ksecrets.decrypt(DEV, write=True, session=team.session("alice"))
    assert team.read(DEV) == PLAIN
    team.repo.write(DEV, PLAIN.replace("s3cret", "changed"))
    done = ksecrets.encrypt(DEV, write=True, session=team.session("alice"))
    assert not done.new_key
    lines = zip(before.split("\n"), done.text.split("\n"), strict=True)
    changed = [line.split(":")[0].strip() for line, other in lines if line != other]
    assert changed in (["password", "mac"], ["password", "lastmodified", "mac"])
    ksecrets.decrypt(DEV, write=True, session=team.session("alice"))
    team.repo.write(DEV, PLAIN)
    assert "changed" not in ksecrets.encrypt(DEV, write=True, session=team.session("alice")).text


def test_unchanged_after_decrypt_is_what_git_has(team: Team) -> None:
    before = team.write(DEV)
    team.repo.commit()
    ksecrets.decrypt(DEV, write=True, session=team.session("alice"))
    assert ksecrets.encrypt(DEV, write=True, session=team.session("alice")).text == before
    assert team.repo.git("status", "--porcelain") == ""


def test_somebody_without_the_key_encrypts_anew(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    kid = team.kid(DEV)
    done = ksecrets.encrypt(DEV, text=PLAIN, session=team.session())
    assert done.new_key
    assert kid not in done.text


def test_a_moved_file_is_sealed_for_its_new_place(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    os.makedirs("b/dev")
    os.rename(DEV, "b/dev/secrets.yaml")
    done = ksecrets.encrypt("b/dev/secrets.yaml", write=True, session=team.session("alice"))
    assert done.changed
    assert "path: b/dev/secrets.yaml" in done.text
    assert not done.new_key


def test_other_rules_for_which_values(team: Team) -> None:
    team.write(DEV)
    team.rules(more_dev="encrypt: {key-regex: ^password$}")
    done = ksecrets.encrypt(DEV, write=True, session=team.session("alice"))
    assert done.changed
    assert "port: 1.10" in done.text
    assert team.plain(DEV) == PLAIN


def test_a_file_with_other_readers_is_refused(team: Team) -> None:
    before = team.write(DEV)
    team.rules(dev="alice")
    with pytest.raises(RuleViolation, match="its readers are not those of") as caught:
        ksecrets.encrypt(DEV, write=True, session=team.session("alice"))
    assert caught.value.hint == f"ksecrets updatekeys {DEV}"
    assert team.read(DEV) == before


def test_a_file_of_sops_is_sealed(team: Team) -> None:
    team.repo.write(DEV, unsealed(team.write(DEV)))
    done = ksecrets.encrypt(DEV, write=True, session=team.session("alice"))
    assert done.changed
    assert not done.new_key
    assert ksecrets.decrypt(DEV, session=team.session("alice")).sealed


def test_a_copy_from_another_environment_is_refused(team: Team) -> None:
    team.rules(prod="alice, bob")
    text = team.write(DEV)
    team.repo.write(PROD, text)
    with pytest.raises(Tampered, match="sealed for environment dev, and the rules give it prod") as caught:
        ksecrets.encrypt(PROD, write=True, session=team.session("alice"))
    assert caught.value.file == PROD


def test_sops_compatible_require(team: Team) -> None:
    team.rules(top="sops-compatible: require")
    team.repo.write(DEV, "- a\n- b\n")
    with pytest.raises(RuleViolation, match="sops could not read this file"):
        ksecrets.encrypt(DEV, write=True, session=team.session())
    assert team.read(DEV) == "- a\n- b\n"
    team.rules()
    session = team.session()
    ksecrets.encrypt(DEV, write=True, session=session)
    assert any("sops will not read this file" in note for note in session.notes)


@pytest.mark.parametrize(
    ("text", "error"),
    [("a: [", SyntaxRefused), ("a: 1\nsops: mine\n", SyntaxRefused), ("a: \ufeffb\n", SyntaxRefused)],
)
def test_refusals_have_the_files_name_and_write_nothing(
    team: Team, text: str, error: type[KsecretsError] | tuple[type[KsecretsError], ...]
) -> None:
    team.repo.write(DEV, text)
    with pytest.raises(error) as caught:
        ksecrets.encrypt(DEV, write=True, session=team.session("alice"))
    assert caught.value.file == DEV
    assert team.read(DEV) == text


def test_a_token_without_its_metadata(team: Team) -> None:
    text = team.write(DEV)
    team.repo.write(DEV, text[: text.index("\nsops:")] + "\n")
    with pytest.raises(SyntaxRefused, match="a token already"):
        ksecrets.encrypt(DEV, write=True, session=team.session("alice"))


def test_links_lead_to_the_file_and_do_not_cross_environments(team: Team) -> None:
    team.repo.write(PROD, PLAIN)
    team.repo.write(DEV, PLAIN)
    os.symlink("secrets.yaml", "env/prod/secrets-link.yaml")
    ksecrets.encrypt("env/prod/secrets-link.yaml", write=True, session=team.session())
    assert os.path.islink("env/prod/secrets-link.yaml")
    assert "ENC[" in team.read(PROD)
    os.symlink("../prod/secrets.yaml", "env/dev/secrets-link.yaml")
    with pytest.raises(RuleViolation, match="a symlink from dev to prod"):
        ksecrets.encrypt("env/dev/secrets-link.yaml", write=True, session=team.session())


def test_changed_while_we_worked(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.repo.write(DEV, PLAIN)
    from ksecrets.operations import encrypt as module

    real = module.seal_file

    def slow(*args: object, **named: object) -> object:
        result = real(*args, **named)  # type: ignore[arg-type]
        team.repo.write(DEV, "other: text\n")
        return result

    monkeypatch.setattr(module, "seal_file", slow)
    with pytest.raises(KsecretsError, match="changed while ksecrets worked on it"):
        ksecrets.encrypt(DEV, write=True, session=team.session())
    assert team.read(DEV) == "other: text\n"


def test_sops_yaml_rules_where_there_is_nothing_else(team: Team) -> None:
    os.unlink(".ksecrets.yaml")
    from tests.pipe import alice

    team.repo.write(".sops.yaml", f"creation_rules:\n  - path_regex: secrets\n    age: {alice().public}\n")
    team.repo.write(DEV, PLAIN)
    done = ksecrets.encrypt(DEV, write=True, session=team.session())
    assert done.environment is None
    assert open_as_alice(done.text).plaintext == PLAIN


def test_age_keeps_what_an_unsealed_file_says_of_its_values_and_says_so(team: Team) -> None:
    team.rules(more_dev="encrypt: {key-regex: ^password$}, mac-only-encrypted: true")
    text = unsealed(team.write(DEV))
    recipients = [person(name).public for name in ("alice", "bob")]
    session = team.session("alice")
    done = ksecrets.encrypt("x.yaml", text=text, age=recipients, session=session)
    metadata = read_metadata(done.text)
    assert (metadata.selector, metadata.mac_only_encrypted) == (("encrypted_regex", "^password$"), True)
    said = "x.yaml: no rule is at hand: the selector is taken from the file, which has no seal"
    assert said in session.notes
