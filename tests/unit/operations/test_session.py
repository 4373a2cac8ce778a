"""Session, info, and what a process of git or Helm may import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ksecrets
from ksecrets.errors import ConfigError, NotEncrypted, Tampered
from ksecrets.rules import load
from tests.team import DEV, PLAIN, PROD, Team, person, unsealed

ROOT = Path(__file__).resolve().parents[3]


def test_the_rules_are_read_once_for_all_folders(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = load.find, []
    monkeypatch.setattr(load, "find", lambda *words: calls.append(words) or real(*words))
    session = team.session()
    for number in range(20):
        assert session.place(f"a{number}/b/c/dev/secrets.yaml").environment == "dev"
    assert len(calls) == 1


def test_nearer_rules_of_sops_count(team: Team) -> None:
    os.unlink(".ksecrets.yaml")
    for folder, name in ((".", "alice"), ("a/b", "bob")):
        team.repo.write(f"{folder}/.sops.yaml", f"creation_rules:\n  - age: {person(name).public}\n")
    session = team.session()
    for path, name in (("x.yaml", "alice"), ("a/x.yaml", "alice"), ("a/b/x.yaml", "bob"), ("a/b/c/x.yaml", "bob")):
        policy = session.place(path).policy
        assert policy is not None
        assert policy.recipients[0].fields["recipient"] == person(name).public


def test_a_configuration_further_down_is_an_error_for_what_is_below_it(team: Team) -> None:
    team.repo.write("a/.ksecrets.yaml", "version: 1\n")
    session = team.session()
    assert session.place("dev/secrets.yaml").environment == "dev"
    for path in ("a/dev/secrets.yaml", "a/b/dev/secrets.yaml", "a/b/dev/secrets.yaml"):
        with pytest.raises(ConfigError, match=r"only the \.ksecrets\.yaml at the top"):
            session.place(path)


def test_where_a_file_stands(team: Team, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = team.session().place(PROD)
    assert (place.path, place.relative, place.environment) == (PROD, PROD, "prod")
    assert place.top == os.path.realpath(team.repo.path)
    monkeypatch.chdir(tmp_path)
    place = team.session().place(os.path.join("repo", PROD))
    assert place.relative == PROD
    place = team.session().place("elsewhere.yaml")
    assert (place.top, place.rules, place.relative) == (None, None, None)


def test_outside_of_git_paths_are_below_the_configuration(team: Team, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    (folder / "env/prod").mkdir(parents=True)
    (folder / ".ksecrets.yaml").write_text(team.read(".ksecrets.yaml"))
    (folder / PROD).write_text(PLAIN)
    path = str(folder / PROD)
    ksecrets.encrypt(path, write=True, session=team.session())
    session = team.session("alice")
    assert not ksecrets.set(path, "a", "b", session=session).new_key
    assert session.notes == []
    extension = ksecrets.info(path, session=session)
    assert (extension.sealed_path, extension.sealed_environment) == (PROD, "prod")


def test_a_data_key_is_unwrapped_once(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.write(DEV)
    from ksecrets.operations import session as module

    real, calls = module.unwrap, []
    monkeypatch.setattr(module, "unwrap", lambda *args, **named: calls.append(1) or real(*args, **named))
    session = team.session("alice")
    for _ in range(3):
        ksecrets.get(DEV, "db.password", session=session)
    assert len(calls) == 1


def test_a_session_shows_nothing(team: Team) -> None:
    team.write(DEV)
    session = team.session("alice")
    ksecrets.decrypt(DEV, session=session)
    assert person("alice").secret not in repr(session)
    session.note("once")
    session.note("once")
    session.note("text", "file")
    assert session.notes == ["once", "file: text"]


# -- info --------------------------------------------------------------------------------------------------------------


def test_info_needs_no_key(team: Team) -> None:
    team.write(PROD)
    found = ksecrets.info(PROD, session=team.session())
    assert [reader.name for reader in found.readers] == ["alice", "ci"]
    assert (found.environment, found.sealed_environment, found.sealed_path) == ("prod", "prod", PROD)
    assert (found.sealed, found.values, found.kid) == (True, 4, team.kid(PROD))
    assert found.selector == ("unencrypted_suffix", "_unencrypted")
    assert found.rule is not None
    assert found.rule.endswith("environments.prod")
    assert found.lastmodified == team.metadata(PROD).lastmodified


def test_info_of_a_file_of_sops_and_of_none(team: Team) -> None:
    text = unsealed(team.write(PROD))
    found = ksecrets.info("-", text=text, session=team.session())
    assert (found.sealed, found.kid, found.rule, found.values) == (False, None, None, 4)
    assert found.readers[0].name.startswith("age1")
    with pytest.raises(NotEncrypted) as caught:
        ksecrets.info("x.yaml", text=PLAIN, session=team.session())
    assert caught.value.file == "x.yaml"
    with pytest.raises(Tampered):
        ksecrets.info("x.yaml", text=text.replace("lastmodified:", "x:"), session=team.session())


# -- what is imported --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["decrypt(path)", "get(path, 'db.password')"])
def test_reading_imports_nothing_of_git_diff_or_check(team: Team, call: str) -> None:
    team.write(DEV)
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); path = {DEV!r}\n"
        f"import ksecrets; ksecrets.{call}\n"
        "print(' '.join(sorted(sys.modules)))"
    )
    environ = {**os.environ, "KSECRETS_AGE_KEY": person("alice").secret}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    operations = {name.rpartition(".")[2] for name in loaded if name.startswith("ksecrets.operations.")}
    assert operations <= {"decrypt", "get", "reading", "session"}
    assert not {name for name in loaded if name.startswith("ksecrets.repository")}
    assert not loaded & {"subprocess", "json", "difflib", "dataclasses", "typing", "click"}


def test_a_remark_is_printed_once_a_run(team: Team) -> None:
    session = team.session()
    session.note("dev has one reader")
    assert session.told() == ["dev has one reader"]
    session.note("dev has one reader")
    session.note("broken", "a.yaml")
    assert session.told() == ["a.yaml: broken"]
    assert session.notes == []


def test_remarks_on_the_files_of_a_tree_come_through(team: Team) -> None:
    team.write(PROD)
    team.rules(prod="alice", more_prod="min-readers: 2")
    session = team.session("alice")
    report = ksecrets.updatekeys_all([PROD], session=session)
    assert [(each.status, each.error) for each in report.files] == [("changed", None)]
    assert [note.rpartition(": ")[2] for note in session.notes] == ["prod has one reader, min-readers asks for 2"]
