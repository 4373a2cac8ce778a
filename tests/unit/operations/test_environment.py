"""The values of a file as variables."""

from __future__ import annotations

import pytest

import ksecrets
from ksecrets.errors import KsecretsError, NotEncrypted, SyntaxRefused, Tampered
from tests.team import DEV, Team, person


def variables(team: Team, text: str) -> dict[str, str]:
    team.write(DEV, text)
    return ksecrets.environment(DEV, session=team.session("alice"))


def test_values_stand_as_the_file_has_them(team: Team) -> None:
    text = (
        "# comment\n"
        "MODE: 0644\nVERSION: 1.10\nON: yes\nDAY: 2020-01-01\nBIG: 12345678901\nFLAG: TRUE\n"
        "TEXT: 'x y'\nEMPTY: \"\"\nNULL_: null\nTILDE: ~\nNOTHING:\nQUOTED_NULL: 'null'\n"
        'LINES: |\n  one\n  two\nALIAS_OF: &a deep\nALIAS: *a\n"with space": 1\n'
    )
    assert variables(team, text) == {
        "MODE": "0644",
        "VERSION": "1.10",
        "ON": "yes",
        "DAY": "2020-01-01",
        "BIG": "12345678901",
        "FLAG": "TRUE",
        "TEXT": "x y",
        "EMPTY": "",
        "NULL_": "",
        "TILDE": "",
        "NOTHING": "",
        "QUOTED_NULL": "null",
        "LINES": "one\ntwo\n",
        "ALIAS_OF": "deep",
        "ALIAS": "deep",
        "with space": "1",
    }


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("A: 1\nB:\n  c: s3cret\n", "B", "several values stand here"),
        ("A: [s3cret]\n", "A", "several values stand here"),
        ("A: &x {b: s3cret}\nB: *x\n", "A", "several values stand here"),
        ("A=B: s3cret\n", "A=B", "is no name for a variable"),
        ("'': s3cret\n", '[""]', "is no name for a variable"),
        ('A: "s3cret\\0"\n', "A", "cannot hold a NUL"),
        ("LD_PRELOAD: s3cret\n", "LD_PRELOAD", "makes other programs run code"),
        ("DYLD_INSERT_LIBRARIES: s3cret\n", "DYLD_INSERT_LIBRARIES", "makes other programs run code"),
        ("BASH_ENV: s3cret\n", "BASH_ENV", "makes other programs run code"),
    ],
)
def test_what_no_environment_can_hold(team: Team, text: str, path: str, message: str) -> None:
    with pytest.raises(KsecretsError, match=message) as caught:
        variables(team, text)
    assert (caught.value.file, caught.value.path) == (DEV, path)
    assert "s3cret" not in str(caught.value)


def test_a_list_at_the_top(team: Team) -> None:
    with pytest.raises(KsecretsError, match="a mapping is expected"):
        variables(team, "- s3cret\n")


def test_of_several_documents_the_first_counts_and_that_is_said(team: Team) -> None:
    team.write(DEV, "A: 1\n---\nB: 2\n")
    session = team.session("alice")
    assert ksecrets.environment(DEV, session=session) == {"A": "1"}
    assert f"{DEV}: only the first of its documents counts" in session.notes


def test_plaintext_and_tampering_are_refused(team: Team) -> None:
    team.repo.write(DEV, "A: 1\n")
    with pytest.raises(NotEncrypted):
        ksecrets.environment(DEV, session=team.session("alice"))
    team.write(DEV, "A: one\nB: two\n")
    team.repo.write(DEV, team.read(DEV).replace("A:", "PATH:"))
    with pytest.raises(Tampered):
        ksecrets.environment(DEV, session=team.session("alice"))


# -- filestatus --------------------------------------------------------------------------------------------------------


def test_filestatus(team: Team) -> None:
    team.repo.write(DEV, "a: 1\n")
    assert ksecrets.filestatus(DEV) is False
    team.write(DEV, "a: 1\n")
    assert ksecrets.filestatus(DEV) is True  # without a key
    assert ksecrets.filestatus("-", text=team.read(DEV)) is True


def test_filestatus_does_not_call_tokens_plaintext(team: Team) -> None:
    """sops says of a file without MAC that it is not encrypted."""
    team.write(DEV, "a: 1\n")
    lines = team.read(DEV).splitlines(keepends=True)
    team.repo.write(DEV, "".join(line if "mac:" not in line else "    mac: ''\n" for line in lines))
    with pytest.raises(Tampered, match="without a MAC"):
        ksecrets.filestatus(DEV)
    team.repo.write(DEV, "sops: [\n")
    with pytest.raises((SyntaxRefused, Tampered)):
        ksecrets.filestatus(DEV)


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", "a: [\n"), ("a.yaml", "<<<<<<< x\na: ENC[\n"), ("a.json", "{"), ("a.env", "A\n")]
)
def test_filestatus_of_what_is_broken(team: Team, name: str, text: str) -> None:
    """It may be the rest of an encrypted file: no script shall take it for plaintext."""
    team.repo.write(name, text)
    with pytest.raises(SyntaxRefused) as caught:
        ksecrets.filestatus(name)
    assert caught.value.file == name


@pytest.mark.parametrize("name", ["a.yaml", "a.txt", "a.p12", "-"])
def test_filestatus_of_any_plaintext(team: Team, name: str) -> None:
    text = "- a\n" if name == "a.yaml" else "a: [\udcff\n"
    if name != "-":
        team.repo.write(name, text.encode("utf-8", "surrogateescape"))
    assert ksecrets.filestatus(name, text=text if name == "-" else None) is False


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("app.env", "# c\nA=1\nexport B=x y\nC=\n", {"A": "1", "B": "x y", "C": ""}),
        (
            "app.json",
            '{"A": 1.50, "B": null, "C": "x\\ny", "D": true}',
            {"A": "1.50", "B": "", "C": "x\ny", "D": "true"},
        ),
    ],
)
def test_other_formats(team: Team, name: str, text: str, wanted: dict[str, str]) -> None:
    team.repo.write(name, text)
    ksecrets.encrypt(name, write=True, age=[person("alice").public], session=team.session())
    assert ksecrets.filestatus(name) is True
    assert ksecrets.environment(name, session=team.session("alice")) == wanted


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("app.ini", "[s]\na = 1\n", "several values stand here"), ("app.bin", "\0s3cret", "exec-file hands it over")],
)
def test_formats_without_variables(team: Team, name: str, text: str, message: str) -> None:
    team.repo.write(name, text)
    ksecrets.encrypt(name, write=True, age=[person("alice").public], session=team.session())
    with pytest.raises(KsecretsError) as caught:
        ksecrets.environment(name, session=team.session("alice"))
    assert message in str(caught.value)
