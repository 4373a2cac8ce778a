"""diff: git's meaning of what is compared, with and without keys, and what it looks like."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import ksecrets
from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.operations.compare import Change
from ksecrets.operations.diff import FileDiff, diff, render, to_json
from tests.team import DEV, PLAIN, PROD, Team, person, unsealed


def lines(found: list[FileDiff]) -> list[str]:
    return render(found).splitlines()


def by(team: Team, *names: str, **named: Any) -> list[FileDiff]:
    return diff(session=team.session(*names), **named)


def change(team: Team, path: str = DEV, value: str = "new") -> None:
    ksecrets.set(path, "db.password", value, session=team.session("alice"))


# -- what is compared --------------------------------------------------------------------------------------------------


def test_the_sides_are_those_of_git(team: Team) -> None:
    team.write(DEV)
    first = team.repo.commit()
    change(team, value="two")
    second = team.repo.commit()
    change(team, value="three")
    team.repo.git("add", DEV)
    change(team, value="four")

    def values(*revisions: str) -> list[tuple[str | None, str | None]]:
        found = diff(*revisions, session=team.session("bob"))
        return [(each.old, each.new) for file in found for each in file.changes]

    assert values() == [("three", "four")]
    assert values("HEAD") == [("two", "four")]
    assert values(first) == [("s3cret", "four")]
    assert values(first, second) == [("s3cret", "two")]
    assert values(second, first) == [("two", "s3cret")]
    assert values("HEAD", "HEAD") == []


def test_paths_limit_and_are_those_of_the_working_folder(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.write(DEV)
    team.write(PROD)
    team.repo.commit()
    change(team, DEV)
    change(team, PROD)
    assert [file.path for file in by(team, "alice")] == [DEV, PROD]
    assert [file.path for file in by(team, "alice", paths=["env/prod"])] == [PROD]
    monkeypatch.chdir("env/dev")
    assert [file.path for file in by(team, "alice")] == [DEV, PROD]
    assert [file.path for file in by(team, "alice", paths=["secrets.yaml"])] == [DEV]
    assert [file.path for file in by(team, "alice", paths=["../prod"])] == [PROD]


def test_added_deleted_and_renamed_files(team: Team) -> None:
    team.write(DEV)
    team.write(PROD)
    team.repo.commit()
    os.makedirs("b/dev")
    os.rename(DEV, "b/dev/secrets.yaml")
    os.unlink(PROD)
    team.write("c/dev/secrets.yaml", "a: 1\n")
    team.repo.git("add", "--all")
    team.repo.commit()
    found = by(team, "alice", old="HEAD~1", new="HEAD")
    assert [(file.status, file.old_path, file.path) for file in found] == [
        ("R", DEV, "b/dev/secrets.yaml"),
        ("A", None, "c/dev/secrets.yaml"),
        ("D", None, PROD),
    ]
    assert found[0].changes == []
    assert [each.kind for each in found[1].changes] == ["added"]
    assert {each.kind for each in found[2].changes} == {"removed"}
    assert found[2].changes[0].old == "s3cret"


def test_other_files_are_left_out(team: Team) -> None:
    team.repo.write("values.yaml", "a: 1\n")
    team.repo.write("README.md", "about sops:\n  x: [\n")
    team.repo.write("image.bin", b"\xff\x00sops")
    team.repo.commit()
    for name in ("values.yaml", "README.md", "image.bin"):
        team.repo.write(name, "changed, with sops: 1\n")
    assert by(team, "alice", old="HEAD") == []


def test_untracked_files_are_none_of_gits(team: Team) -> None:
    team.repo.commit()
    team.write(DEV)
    assert by(team, "alice") == by(team, "alice", old="HEAD") == []


def test_outside_of_git_and_unknown_revisions(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    team.repo.commit()
    with pytest.raises(KsecretsError, match="'no-such-rev' is no commit"):
        by(team, "alice", old="no-such-rev")
    with pytest.raises(KsecretsError, match="is no commit"):
        by(team, "alice", old="--output=x")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="not a git repository"):
        by(team, "alice")


def test_a_file_in_conflict(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    team.repo.git("checkout", "-q", "-b", "side")
    change(team, value="side")
    team.repo.commit()
    team.repo.git("checkout", "-q", "main")
    change(team, value="main")
    team.repo.commit()
    team.repo.git("merge", "side", check=False)
    found = by(team, "alice")
    assert [file.status for file in found] == ["U"]
    assert "in conflict" in found[0].notes[0]
    assert all("s3cret" not in line for line in lines(found))


# -- without keys ------------------------------------------------------------------------------------------------------


def no_values(found: list[FileDiff]) -> bool:
    return all(
        value is None for file in found for each in file.changes for value in (each.old, each.new, each.old_type)
    )


def rework(team: Team) -> None:
    """One value changed, one removed, one added, in DEV."""
    team.write(DEV)
    team.repo.commit()
    change(team)
    ksecrets.unset(DEV, "db.port", session=team.session("alice"))
    ksecrets.set(DEV, "api.key", "x", session=team.session("alice"))


def test_redacted_uses_no_identity(team: Team) -> None:
    rework(team)
    ran = team.repo / "ran"
    session = ksecrets.Session({"KSECRETS_AGE_KEY_CMD": f"touch {ran}", "HOME": "/nonexistent"})
    found = diff(redact=True, session=session)
    assert lines(found) == [f"{DEV}  (dev, values not shown)", "  ~ db.password", "  - db.port", "  + api.key"]
    assert no_values(found)
    assert not ran.exists()


def test_without_the_right_key_one_file_is_redacted_and_the_others_are_not(team: Team) -> None:
    rework(team)
    team.write(PROD)
    team.repo.git("add", PROD)
    change(team, PROD)
    found = by(team, "ci")
    assert [file.redacted for file in found] == [True, False]
    assert found[0].notes == ["the index: no identity opens it", "the working tree: no identity opens it"]
    assert no_values(found[:1])
    assert [(each.old, each.new) for each in found[1].changes] == [("s3cret", "new")]


def test_readable_values_are_shown_to_those_without_a_key(team: Team) -> None:
    team.rules(more_dev="encrypt: {key-regex: ^password$}")
    team.write(DEV)
    team.repo.commit()
    ksecrets.set(DEV, "db.port", 8080, session=team.session("alice"))
    change(team)
    assert "  ~ db.port: 1.10 → 8080" in lines(by(team, "ci"))
    assert "  ~ db.password" in lines(by(team, "ci"))
    assert no_values(by(team, redact=True))


def test_a_new_data_key(team: Team) -> None:
    rework(team)
    team.rules(dev="alice")
    ksecrets.updatekeys(DEV, session=team.session("alice"))
    with_key = by(team, "alice")[0]
    assert "new data key" in with_key.notes
    assert "readers: -bob" in with_key.notes
    assert [each.kind for each in with_key.changes] == ["changed", "removed", "added"]
    without = by(team, redact=True)[0]
    assert [(each.kind, each.path) for each in without.changes] == [
        ("removed", ("db", "port")),
        ("added", ("api", "key")),
    ]
    assert "all 4 values were encrypted again under a new data key: whether they changed is unknown" in without.notes


def test_files_of_sops_are_compared_by_their_tokens(team: Team) -> None:
    text = team.write(DEV)
    team.repo.write(DEV, unsealed(text))
    team.repo.commit()
    change_in = text.replace("hosts:", "hosts2:")
    team.repo.write(DEV, unsealed(change_in))
    assert lines(by(team, redact=True))[1:] == [
        "  - db.hosts[0]",
        "  - db.hosts[1]",
        "  + db.hosts2[0]",
        "  + db.hosts2[1]",
    ]


def test_a_file_that_does_not_hold_is_redacted(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    team.repo.write(DEV, team.read(DEV).replace("  hosts:", "  added: ''\n  hosts:"))
    found = by(team, "alice")[0]
    assert found.redacted
    assert found.notes[0].startswith("the working tree: the seal does not hold")
    assert [(each.kind, each.path) for each in found.changes] == [("added", ("db", "added"))]
    team.repo.write(DEV, team.read(DEV).replace("lastmodified:", "x:"))
    assert "missing in the metadata" in by(team, "alice")[0].notes[0]


# -- plaintext ---------------------------------------------------------------------------------------------------------


def test_plaintext_on_one_side_is_compared_and_said_loudly(team: Team) -> None:
    team.repo.write(DEV, PLAIN.replace("s3cret", "leaked"))
    team.repo.commit()
    team.write(DEV)
    found = by(team, "alice", old="HEAD")
    assert found[0].notes == ["PLAINTEXT in HEAD, and dev wants it encrypted"]
    assert [(each.old, each.new) for each in found[0].changes] == [("leaked", "s3cret")]
    redacted = by(team, old="HEAD", redact=True)
    assert redacted[0].changes == []
    assert "plaintext cannot be compared with tokens: only keys are" in redacted[0].notes
    assert "leaked" not in render(redacted)
    assert "leaked" not in json.dumps(to_json(redacted))


def test_plaintext_on_both_sides_of_a_file_that_must_be_encrypted(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    team.repo.commit()
    team.repo.write(DEV, PLAIN.replace("s3cret", "more"))
    found = by(team, redact=True)
    assert found[0].notes == ["PLAINTEXT in the index and in the working tree, and dev wants it encrypted"]
    assert [each.path for each in found[0].changes] == [("db", "password")]
    assert no_values(found)


def test_encrypting_without_a_change_is_a_note_only(team: Team) -> None:
    team.repo.write("x.yaml", PLAIN)
    team.repo.commit()
    ksecrets.encrypt("x.yaml", write=True, age=[person("alice").public], session=team.session())
    found = by(team, "alice")
    assert (found[0].changes, found[0].notes) == ([], ["PLAINTEXT in the index"])


def test_what_is_no_yaml_or_no_text(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    team.repo.write(DEV, "<<<<<<< HEAD\na: [\n")
    assert by(team, "alice")[0].notes[-1].startswith("is not YAML on one side")
    team.repo.write(DEV, b"\xff")
    found = by(team, "alice")[0]
    assert found.notes == ["the working tree: no UTF-8 text, or too large"]
    assert found.changes == []


# -- metadata ----------------------------------------------------------------------------------------------------------


def test_metadata_is_in_the_notes(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    team.rules(dev="alice, bob, ci", more_dev="encrypt: {key-regex: ^password$}, mac-only-encrypted: true")
    ksecrets.updatekeys(DEV, session=team.session("alice"))
    assert by(team, redact=True)[0].notes == [
        "readers: +ci",
        "selector: unencrypted_suffix '_unencrypted' before, encrypted_regex '^password$', "
        "MAC over encrypted values only now",
    ]
    team.repo.commit()
    team.repo.write(DEV, unsealed(team.read(DEV)))
    assert by(team, redact=True)[0].notes == ["NO SEAL any more: sops wrote it last, or it was removed"]
    team.repo.commit()
    ksecrets.encrypt(DEV, text=team.read(DEV), session=team.session("alice"))
    assert by(team, redact=True) == []


def test_a_file_of_another_environment_in_its_place(team: Team) -> None:
    team.write(DEV)
    team.write(PROD)
    team.repo.commit()
    team.repo.write(PROD, team.read(DEV))
    assert "environment: prod before, dev now" in by(team, "alice")[0].notes


def test_comments_are_a_number_and_layout_is_nothing(team: Team) -> None:
    team.write(DEV)
    team.repo.commit()
    ksecrets.edit(DEV, lambda text, _: text.replace("# how", "# say how"), session=team.session("alice"))
    found = by(team, "alice")[0]
    assert (found.changes, found.notes) == ([], ["1 comment changed"])
    team.repo.commit()
    team.repo.write(DEV, team.read(DEV).replace("\n  port:", "\n\n  port:"))
    assert by(team, "alice")[0].notes == ["no value changed, only the layout or the metadata"]


def test_broken_rules_are_no_reason_to_show_nothing(team: Team) -> None:
    rework(team)
    team.repo.write(".ksecrets.yaml", "version: 1\nenvironment: {}\n")
    session = team.session("alice")
    assert [each.new for each in diff(session=session)[0].changes] == ["new", None, "x"]
    assert len(session.notes) == 1


# -- how it looks ------------------------------------------------------------------------------------------------------


def test_values_as_people_read_them(team: Team) -> None:
    team.write(DEV, "a: s3cret\nport: '8080'\ncert: |\n  one\n  two\n  three\n  four\n  five\n  six\n")
    team.repo.commit()
    new = 'a: "new \\e[31m\\u202e"\nport: 8080\ncert: |\n  one\n  two\n  three\n  four\n  FIVE\n  six\nb: ~\n'
    ksecrets.edit(DEV, lambda *_: new, session=team.session("alice"))
    assert lines(by(team, "alice")) == [
        f"{DEV}  (dev)",
        '  ~ a: "s3cret" → "new \\u001b[31m\\u202e"',
        '  ~ port: "8080" → 8080',
        "  ~ cert:",
        "        ...",
        "        three",
        "        four",
        "      - five",
        "      + FIVE",
        "        six",
        "  + b: null",
    ]


def test_render_without_values_and_with_colours(team: Team) -> None:
    rework(team)
    found = by(team, "alice")
    assert "new" not in render(found, redact=True)
    assert "values not shown" in render(found, redact=True)
    assert "\x1b[33m  ~ db.password" in render(found, color=True)
    assert render([]) == ""


def file(*changes: Change, path: str = "x.yaml", notes: tuple[str, ...] = ()) -> FileDiff:
    made = FileDiff(path, None, "M", None)
    made.changes += changes
    made.notes += notes
    return made


def test_nothing_of_a_file_reaches_the_terminal_as_it_is() -> None:
    evil = "\x1b]0;x\x07\u202e"
    text = render(
        [
            file(
                Change("changed", (evil, 0), old="a\n" + evil, new="b\n" + evil, old_type="str", new_type="str"),
                Change("added", ("a",), new=evil, new_type="!x" + evil),
                Change("added", ("a",), new=evil, new_type="alias"),
                path="a" + evil,
                notes=("note " + evil,),
            )
        ]
    )
    assert all(char.isprintable() or char == "\n" for char in text)


def test_the_end_of_a_value_is_shown_where_it_changed() -> None:
    text = render([file(Change("changed", ("a",), old="x\ny\n", new="x\ny", old_type="str", new_type="str"))])
    assert text.splitlines()[2:] == ["        x", "      - y", "      + y (no line break at the end)"]


def test_a_token_beside_a_readable_value() -> None:
    one = render([file(Change("changed", ("a",), new="x", new_type="str"))])
    assert one.splitlines()[1] == '  ~ a: (encrypted) → "x"'


def test_documents_are_counted_for_people_from_one() -> None:
    text = render([file(Change("added", ("a",), new="1", new_type="int", document=1))])
    assert text.splitlines()[1] == "  + document 2: a: 1"


def test_json(team: Team) -> None:
    rework(team)
    data = json.loads(json.dumps(to_json(by(team, "alice"))))
    assert data == [
        {
            "path": DEV,
            "old_path": None,
            "status": "M",
            "environment": "dev",
            "redacted": False,
            "notes": [],
            "changes": [
                {
                    "kind": "changed",
                    "path": "db.password",
                    "keys": ["db", "password"],
                    "old": {"type": "str", "value": "s3cret"},
                    "new": {"type": "str", "value": "new"},
                },
                {
                    "kind": "removed",
                    "path": "db.port",
                    "keys": ["db", "port"],
                    "old": {"type": "float", "value": "1.10"},
                },
                {"kind": "added", "path": "api.key", "keys": ["api", "key"], "new": {"type": "str", "value": "x"}},
            ],
        }
    ]
    assert "s3cret" not in repr(by(team, "alice"))


def test_a_hundred_files_take_a_few_processes_of_git(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        team.write(f"s{number}/dev/secrets.yaml", "a: 1\n")
    team.repo.commit()
    for number in range(30):
        ksecrets.set(f"s{number}/dev/secrets.yaml", "a", 2, session=team.session("alice"))
    real, started = subprocess.Popen, []

    def popen(*args: Any, **named: Any) -> Any:
        started.append(args[0])
        return real(*args, **named)

    monkeypatch.setattr(subprocess, "Popen", popen)
    assert len(by(team, "alice")) == 30
    assert len(started) <= 3
