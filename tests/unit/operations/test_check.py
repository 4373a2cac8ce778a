"""check: every code, with the keys and without, and which files are looked at."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import ksecrets
from ksecrets.errors import KsecretsError
from ksecrets.keys.age import keygen
from ksecrets.operations.check import CODES, Finding, Report, check, render
from tests.team import DEV, PLAIN, PROD, Team, person, unsealed
from tests.unit.operations.test_known import planted


def codes(report: Report, severity: str | None = None) -> list[str]:
    return [finding.code for finding in report.findings if severity in (None, finding.severity)]


def by(team: Team, *names: str, paths: tuple[str, ...] = (), **settings: str) -> Report:
    """A check as CI makes it."""
    report = check(paths, session=team.session(*names, CI="1", **settings))
    for finding in report.findings:
        assert finding.code in CODES
        assert "s3cret" not in f"{finding.message}{finding.hint}{finding.path}"
    return report


def only(report: Report) -> Finding:
    assert len(report.findings) == 1, render(report)
    return report.findings[0]


@pytest.fixture
def good(team: Team) -> Team:
    team.write(DEV)
    team.write(PROD)
    team.repo.write("values.yaml", "a: 1\n")
    return team


def test_all_in_order(good: Team) -> None:
    report = by(good, "alice")
    assert (report.ok, report.files, report.verified, report.unverified, report.findings) == (True, 2, 2, [], [])
    assert render(report) == "2 files, 2 verified: all in order\n"


def test_without_a_key_nothing_is_verified_and_that_is_no_failure(good: Team) -> None:
    report = by(good, "ci")
    assert (report.ok, report.files, report.verified, report.unverified) == (True, 2, 1, [DEV])
    assert render(report) == "2 files, 1 verified, 1 not verified (no identity opens them): all in order\n"
    assert by(good).unverified == [DEV, PROD]


# -- one code after the other ------------------------------------------------------------------------------------------


def test_plaintext(good: Team) -> None:
    good.repo.write(DEV, PLAIN)
    report = by(good)
    finding = only(report)
    assert (finding.code, finding.severity, finding.file) == ("plaintext", "error", DEV)
    assert finding.hint == f"ksecrets encrypt -i {DEV}"
    assert not report.ok
    assert render(report).splitlines() == [
        f"{DEV}: error: is plaintext, and dev wants it encrypted [plaintext]",
        f"  hint: ksecrets encrypt -i {DEV}",
        "2 files, 0 verified, 1 not verified (no identity opens them): 1 error",
    ]


@pytest.mark.parametrize("names", [(), ("alice",)])
def test_half_decrypted(good: Team, names: tuple[str, ...]) -> None:
    text = good.read(DEV)
    line = next(line for line in text.split("\n") if "password" in line)
    good.repo.write(DEV, text.replace(line, "  password: s3cret"))
    finding = only(by(good, *names))
    assert (finding.code, finding.line) == ("half-decrypted", 3)
    assert finding.hint is not None
    assert finding.hint.startswith("restore the file")


def test_rules_that_choose_more_values(good: Team) -> None:
    good.rules(more_dev="encrypt: {key-regex: ^password$}")
    ksecrets.updatekeys(DEV, session=good.session("alice"))
    good.rules()
    report = by(good, "alice")
    assert codes(report) == ["selector", "half-decrypted"]
    assert report.verified == 2
    assert {finding.hint for finding in report.findings} == {f"ksecrets updatekeys {DEV}"}
    ksecrets.updatekeys(DEV, session=good.session("alice"))
    assert by(good, "alice").findings == []


def test_readers_in_both_directions(good: Team) -> None:
    good.rules(dev="alice, ci")
    finding = only(by(good))
    assert (finding.code, finding.hint) == ("readers", f"ksecrets updatekeys {DEV}")
    assert finding.message.startswith("bob can read it and should not; ci should read it and cannot (by .ksecrets.yaml")
    ksecrets.updatekeys(DEV, session=good.session("alice"))
    assert by(good, "alice").findings == []


def test_a_name_with_another_key_is_another_reader(good: Team) -> None:
    text = good.read(".ksecrets.yaml")
    good.repo.write(".ksecrets.yaml", text.replace(person("bob").public, person("eve").public))
    finding = only(by(good))
    assert finding.code == "readers"
    assert "bob should read it and cannot" in finding.message


def test_threshold(good: Team) -> None:
    text = good.read(".ksecrets.yaml").replace("readers: [alice, bob]", "shares: {need: 2, of: [[alice], [bob]]}")
    good.repo.write(".ksecrets.yaml", text)
    finding = only(by(good))
    assert finding.code == "threshold"
    assert finding.message == "no shares are needed to open it, and the rules want 2 of 2 key groups"


def test_a_copy_from_another_environment(good: Team) -> None:
    good.rules(prod="alice, bob")
    ksecrets.updatekeys(PROD, session=good.session("alice"))
    good.repo.write(PROD, good.read(DEV))
    report = by(good)
    assert codes(report) == ["environment", "path", "same-data-key"]
    assert "was sealed for dev, and the rules give it prod" in report.findings[0].message
    assert {finding.file for finding in report.findings} == {PROD}


def test_a_moved_file_and_the_command_that_repairs_it(good: Team) -> None:
    os.makedirs("b/dev")
    os.rename(DEV, "b/dev/secrets.yaml")
    finding = only(by(good))
    assert (finding.code, finding.file) == ("path", "b/dev/secrets.yaml")
    assert finding.hint == "ksecrets updatekeys b/dev/secrets.yaml"
    ksecrets.updatekeys("b/dev/secrets.yaml", session=good.session("alice"))
    assert by(good).findings == []


def test_a_copy_is_the_one_that_is_named(good: Team) -> None:
    good.repo.write("a/dev/secrets.yaml", good.read(DEV))  # before the original in the order of paths
    report = by(good)
    assert [(finding.code, finding.file) for finding in report.findings] == [
        ("path", "a/dev/secrets.yaml"),
        ("same-data-key", "a/dev/secrets.yaml"),
    ]
    assert report.findings[1].message == f"has the data key of {DEV}: one was copied from the other"
    ksecrets.updatekeys("a/dev/secrets.yaml", session=good.session("alice"))
    assert by(good).findings == []


def test_the_same_data_key_without_a_seal_is_seen_by_a_reader(good: Team) -> None:
    good.repo.write("a/dev/secrets.yaml", unsealed(good.read(DEV)))
    assert "same-data-key" not in codes(by(good))
    assert "same-data-key" in codes(by(good, "bob"))


def test_an_environment_that_was_never_sealed_in(good: Team) -> None:
    good.repo.write(DEV, planted(DEV, "dev", "alice", "bob").replace("        environment: dev\n", ""))
    assert "environment" in codes(by(good))


@pytest.mark.parametrize("how", ["rules", "variable", ""])
def test_seal_missing(good: Team, how: str) -> None:
    good.repo.write(DEV, unsealed(good.read(DEV)))
    if how == "rules":
        good.rules(more_dev="seal: required")
    report = by(good, **({"KSECRETS_REQUIRE_SEAL": "1"} if how == "variable" else {}))
    finding = only(report)
    assert (finding.code, finding.severity) == ("seal-missing", "error" if how else "warning")
    assert finding.hint == f"ksecrets {'seal' if how else 'encrypt -i'} {DEV}"
    assert report.ok is not bool(how)


@pytest.mark.parametrize("where", ["HEAD", "trusted"])
def test_a_seal_that_git_still_has(good: Team, where: str, tmp_path: Path) -> None:
    good.repo.commit()
    good.repo.write(DEV, unsealed(good.read(DEV)))
    if where == "trusted":
        good.remote(tmp_path / "remote")
        good.repo.commit()
    finding = only(by(good))
    assert (finding.code, finding.severity, finding.hint) == ("seal-missing", "error", f"ksecrets seal {DEV}")
    assert ("refs/remotes/origin/main" if where == "trusted" else "HEAD") in finding.message


def test_tampered_is_seen_with_a_key_only(good: Team) -> None:
    good.repo.write(DEV, good.read(DEV).replace("  hosts:", "  added: ''\n  hosts:"))
    assert by(good).ok
    finding = only(by(good, "bob"))
    assert (finding.code, finding.severity, finding.file) == ("tampered", "error", DEV)
    good.repo.write(DEV, good.read(DEV).replace("lastmodified:", "x:"))
    assert codes(by(good)) == ["tampered"]


def test_a_merge_that_was_not_finished(good: Team) -> None:
    text = good.read(DEV)
    at = text.index("    mac: ")
    good.repo.write(DEV, text[:at] + "    mac: ''" + text[text.index("\n", at) :])
    assert codes(by(good)) == codes(by(good, "alice")) == ["conflict-markers"]


def test_conflict_markers(good: Team) -> None:
    text = good.read(DEV).split("\n")
    mixed = [*text[:2], "<<<<<<< HEAD", text[2], "=======", text[2], ">>>>>>> side", *text[3:]]
    good.repo.write(DEV, "\n".join(mixed))
    finding = only(by(good, "alice"))
    assert (finding.code, finding.line) == ("conflict-markers", 3)


@pytest.mark.parametrize(("raw", "line"), [(b"a: 1\nb: \xff\n", 2), (b"a: [\n", None)])
def test_not_yaml(good: Team, raw: bytes, line: int | None) -> None:
    good.repo.write(DEV, raw)
    finding = next(finding for finding in by(good).findings if finding.code == "not-yaml")
    assert finding.severity == "error"
    assert line is None or finding.line == line


def test_dialects(good: Team) -> None:
    good.rules(more_dev="encrypt: {key-regex: ^hidden$}")
    good.write(DEV, "flag: yes\nhidden: no\non: x\nquoted: 'yes'\nday: 2024-01-01 10:00:00\n")
    report = by(good, "alice")
    assert codes(report, "warning") == codes(report) == ["dialect"] * 4
    assert [(finding.line, finding.path, finding.message) for finding in report.findings] == [
        (1, "flag", 'Helm reads the boolean true, sops and Flux the string "yes"'),
        (2, "hidden", "Helm reads a boolean, sops and Flux a string"),
        (3, "on", 'the key: Helm reads the boolean true, sops and Flux the string "on"'),
        (5, "day", "Helm reads a string as it stands, sops and Flux a time, which they write in another form"),
    ]
    assert [finding.line for finding in by(good).findings] == [1, 3, 5]  # of a token nothing is known
    assert by(good, "alice").ok


@pytest.mark.parametrize("require", [True, False])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a\n", "the first document is no mapping"),
        ("a: &x s\nb: *x\n", "an alias stands for an encrypted value"),
        ("a: 9223372036854775808\n", "line 1: "),
        ("a: 1\na: 2\n", "line 2: the same key twice"),
    ],
)
def test_sops_refuses(good: Team, require: bool, text: str, reason: str) -> None:
    good.write(DEV, text)
    good.rules(top="sops-compatible: require" if require else "")
    finding = next(finding for finding in by(good, "alice").findings if finding.code == "sops-refuses")
    assert finding.severity == ("error" if require else "warning")
    assert reason in finding.message


def test_few_readers_are_said_once(good: Team) -> None:
    good.rules(dev="alice", prod="alice, ci", more_dev="min-readers: 2")
    good.write(DEV)
    good.write("b/dev/secrets.yaml")
    finding = only(by(good))
    assert (finding.code, finding.severity, finding.file) == ("min-readers", "warning", ".ksecrets.yaml")
    assert finding.line is not None
    good.rules(dev="alice")
    finding = only(by(good))
    assert finding.code == "one-reader"
    assert finding.message == "dev has one reader, alice: lose this key, lose the secrets"


def test_the_set_up_of_the_clone_is_a_warning_to_people_only(good: Team) -> None:
    assert codes(check(session=good.session())) == ["git-setup"]
    assert by(good).findings == []
    ksecrets.git_setup(session=good.session())
    assert check(session=good.session()).findings == []


def test_an_encrypted_file_without_a_rule(good: Team) -> None:
    good.repo.write("other.yaml", PLAIN)
    ksecrets.encrypt("other.yaml", write=True, age=[person("alice").public], session=good.session())
    report = by(good, "alice")
    assert (only(report).code, only(report).severity) == ("no-rule", "warning")
    assert (report.files, report.verified) == (3, 3)
    good.repo.write("other.yaml", good.read("other.yaml").replace("  hosts:", "  added: ''\n  hosts:"))
    assert codes(by(good, "alice")) == ["no-rule", "tampered"]


# -- the rules themselves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken", ["version: 1\nenvironment: {}\n", "a: [\n", "version: 1\nenvironments: {x: {files: [a], readers: [b]}}\n"]
)
def test_broken_rules(good: Team, broken: str) -> None:
    good.repo.write(".ksecrets.yaml", broken)
    finding = only(by(good))
    assert (finding.code, finding.severity, finding.file) == ("config", "error", ".ksecrets.yaml")
    assert finding.line is not None


def test_an_expression_that_cannot_be_used_is_found_before_it_is_needed(good: Team) -> None:
    good.rules(more_prod="encrypt: {key-regex: '('}")
    os.unlink(PROD)
    assert codes(by(good)) == ["config"]


def test_a_file_in_two_environments_is_said_for_this_file(good: Team) -> None:
    good.repo.write("dev/prod/secrets.yaml", "a: 1\n")
    text = (
        good.read(".ksecrets.yaml")
        .replace("'**/prod/secrets*.yaml'", "'**/prod/**'")
        .replace("'**/dev/secrets*.yaml'", "'**/dev/**'")
    )
    good.repo.write(".ksecrets.yaml", text)
    report = by(good, "alice")
    assert codes(report) == ["config"]
    assert "is in two environments" in report.findings[0].message
    assert report.verified == 2


def test_vanished_rules(good: Team) -> None:
    good.repo.commit()
    os.unlink(".ksecrets.yaml")
    finding = only(by(good))
    assert finding.code == "config"
    assert "is missing here" in finding.message


def test_a_configuration_further_down(good: Team) -> None:
    good.repo.write("env/prod/.ksecrets.yaml", "version: 1\n")
    report = by(good, "alice")
    assert codes(report) == ["config"]
    assert report.verified == 1  # dev is not below it


def test_a_link_that_crosses_environments(good: Team) -> None:
    os.symlink("../prod/secrets.yaml", "env/dev/secrets-link.yaml")
    os.symlink("secrets.yaml", "env/prod/secrets-link.yaml")
    report = by(good, "alice")
    assert (only(report).code, only(report).file) == ("symlink", "env/dev/secrets-link.yaml")
    assert report.files == 2


def test_sops_rules(good: Team) -> None:
    """They say how to encrypt, not what: plaintext is a warning at most, and not where a rule is about all files."""
    for path in (".ksecrets.yaml", DEV, PROD):
        os.unlink(path)
    rule = f"  - age: {person('alice').public}\n"
    good.repo.write(".sops.yaml", "creation_rules:\n" + rule)
    assert by(good).findings == []
    good.repo.write(".sops.yaml", "creation_rules:\n" + rule + "    path_regex: values\n")
    assert codes(by(good), "warning") == ["one-reader", "plaintext"]
    ksecrets.encrypt("values.yaml", write=True, session=good.session())
    report = by(good, "alice")
    assert codes(report) == ["one-reader"]
    assert report.verified == 1


def test_without_any_rules_what_is_encrypted_is_verified(good: Team) -> None:
    os.unlink(".ksecrets.yaml")
    report = by(good, "alice")
    assert (report.ok, report.files, report.verified) == (True, 2, 2)


# -- which files -------------------------------------------------------------------------------------------------------


def test_paths(good: Team) -> None:
    assert by(good, paths=("env/dev",)).files == 1
    assert by(good, paths=(PROD, "env", "./env/prod")).files == 2
    assert by(good, paths=("values.yaml",)).files == 1  # named, so counted; no rule wants anything of it
    with pytest.raises(KsecretsError, match="no such file"):
        by(good, paths=("nothing.yaml",))


def test_from_a_folder_below(good: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    good.repo.write(PROD, PLAIN)
    monkeypatch.chdir("env/dev")
    report = by(good)
    assert report.files == 2
    assert only(report).file == "../prod/secrets.yaml"


def test_untracked_files_count_and_ignored_ones_do_not(good: Team) -> None:
    good.repo.write("new/dev/secrets.yaml", PLAIN)
    assert codes(by(good)) == ["plaintext"]
    good.repo.write(".gitignore", "new/\n")
    assert codes(by(good)) == []
    assert codes(by(good, paths=("new/dev/secrets.yaml",))) == ["plaintext"]


def test_a_deleted_file_is_no_finding(good: Team) -> None:
    good.repo.commit()
    os.unlink(PROD)
    assert (by(good).files, by(good).findings) == (1, [])


def test_outside_of_git(good: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    for path in (".ksecrets.yaml", DEV, PROD):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(good.read(path))
    monkeypatch.chdir(folder / "env")
    report = by(good, "alice")
    assert (report.findings, report.files, report.verified) == ([], 2, 2)


def test_files_that_are_no_yaml_are_not_read(good: Team) -> None:
    good.repo.write("big.json", "{'sops': [")
    good.repo.write("README.md", "sops: [\n")
    good.repo.write("chart.yaml", "about: sops\nx: {{ broken }}\n")
    assert by(good).findings == []


def test_a_thousand_files_take_a_few_processes_of_git(good: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    text = unsealed(good.read(DEV))
    for number in range(40):
        good.repo.write(f"s{number}/dev/secrets.yaml", text)
    good.repo.commit()
    real, started = subprocess.Popen, []

    def popen(*args: Any, **named: Any) -> Any:
        started.append(args[0])
        return real(*args, **named)

    monkeypatch.setattr(subprocess, "Popen", popen)
    report = by(good)
    assert report.files == 42
    assert len(started) <= 6


# -- the report --------------------------------------------------------------------------------------------------------


def test_json(good: Team) -> None:
    good.repo.write(DEV, PLAIN)
    assert json.loads(json.dumps(by(good).to_json())) == {
        "ok": False,
        "files": 2,
        "verified": 0,
        "unverified": [PROD],
        "findings": [
            {
                "code": "plaintext",
                "severity": "error",
                "file": DEV,
                "line": None,
                "path": None,
                "message": "is plaintext, and dev wants it encrypted",
                "hint": f"ksecrets encrypt -i {DEV}",
            }
        ],
    }


def test_nothing_of_a_file_reaches_the_terminal_as_it_is() -> None:
    report = Report()
    report.findings.append(Finding("path", "error", "a\x1b[31m", "was sealed as \x1b]0;x\x07\u202e", hint="\x1b"))
    text = render(report)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "\x1b[31;1merror\x1b[0m" in render(report, color=True)


# -- in several processes ----------------------------------------------------------------------------------------------


@pytest.fixture
def many(team: Team) -> Team:
    """Sixty files, in which everything can be wrong; some of them beside what nobody looks at."""
    session = team.session("alice")
    for number in range(30):
        for env in ("dev", "prod"):
            path = f"app{number}/{env}/secrets.yaml"
            team.repo.write(path, PLAIN.replace("s3cret", f"s3cret{number}"))
            ksecrets.encrypt(path, write=True, session=session)
        team.repo.write(f"app{number}/values.yaml", "enabled: yes\n")
    team.repo.commit()

    def change(path: str, old: str, new: str) -> None:
        team.repo.write(path, team.read(path).replace(old, new, 1))

    change("app3/dev/secrets.yaml", "data:", "data:AAAA")
    change("app4/dev/secrets.yaml", "db:", "<<<<<<< ours\n=======\n>>>>>>> theirs\ndb:")
    team.repo.write("app5/prod/secrets.yaml", PLAIN)
    team.repo.write("app6/dev/secrets.yaml", unsealed(team.read("app6/dev/secrets.yaml")))
    team.repo.write("app7/dev/secrets.yaml", team.read("app8/dev/secrets.yaml"))  # a copy
    team.repo.write("app9/dev/secrets.yaml", b"\xff")
    team.repo.write("other/secrets.yaml", team.read("app10/dev/secrets.yaml"))
    (team.repo / "app11/dev/secrets.yaml").unlink()
    (team.repo / "app11/dev/secrets.yaml").symlink_to("../prod/secrets.yaml")
    (team.repo / "app12/dev/secrets.yaml").unlink()
    return team


@pytest.mark.parametrize("names", [("alice",), ("bob",), ()])
def test_the_number_of_processes_changes_nothing(
    many: Team, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[int, tuple[dict[str, Any], list[str]]] = {}
    for count in (1, 2, 5):
        monkeypatch.setattr("ksecrets.operations.check.processes", lambda count=count: count)
        session = many.session(*names, CI="1")
        found[count] = check((".", "app3/values.yaml", "app4/dev"), session=session).to_json(), session.notes
    assert found[1] == found[2] == found[5]
    report = found[1][0]
    assert report["files"] > 50
    assert {"tampered", "conflict-markers", "plaintext", "seal-missing", "same-data-key", "symlink"} <= {
        finding["code"] for finding in report["findings"]
    } | ({"tampered"} if "alice" not in names else set())


def test_progress_counts_every_file_once(many: Team) -> None:
    seen: list[tuple[int, int]] = []
    check(progress=lambda done, all_: seen.append((done, all_)), session=many.session("alice", CI="1"))
    total = seen[0][1]
    assert seen == [(number, total) for number in range(1, total + 1)]


def test_a_data_key_that_is_due(good: Team) -> None:
    """From git's history, where the file itself is younger: changing a value does not make the data key new."""
    good.rules(more_prod="rotate-after: 90d")
    good.repo.git("add", "--all")
    long_ago = {"GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z"}
    good.repo.git("commit", "--quiet", "--message", "first", env=long_ago)
    report = by(good, "alice")
    finding = only(report)
    assert (finding.code, finding.severity, finding.file) == ("rotate-due", "warning", PROD)
    assert "days old, and rotate-after asks for a new one after 90" in finding.message
    assert report.ok
    assert only(by(good)).code == "rotate-due"  # no key is needed
    ksecrets.set(PROD, "db.password", "new", session=good.session("alice"))
    good.repo.commit()
    assert only(by(good)).code == "rotate-due"
    ksecrets.rotate([PROD], session=good.session("alice"))
    assert by(good).findings == []
    good.repo.commit()
    assert by(good).findings == []


def test_post_quantum_readers_beside_others(team: Team) -> None:
    """Harvest now, decrypt later: one classical reader is enough to open what was recorded."""
    made = [keygen.generate(pq=True).public for _ in range(2)]
    recipients = f"  pq-one: {{age: {made[0]}}}\n  pq-two: {{age: {made[1]}, kind: recovery}}\nenvironments:"
    both = "readers: [pq-one, pq-two]"

    def config(readers: str) -> None:
        team.rules()
        text = team.read(".ksecrets.yaml").replace("environments:", recipients)
        team.repo.write(".ksecrets.yaml", text.replace("readers: [alice, bob]", readers))

    config(both)
    team.repo.write(DEV, PLAIN)
    ksecrets.encrypt(DEV, write=True, session=team.session())
    assert by(team).findings == []
    config("readers: [pq-one, alice, bob]")
    report = by(team)
    mixed = next(finding for finding in report.findings if finding.code == "pq-mixed")
    assert (mixed.severity, mixed.file) == ("warning", ".ksecrets.yaml")
    assert mixed.message == "dev mixes post-quantum readers with others, which count: alice, bob"
    assert mixed.line == next(n for n, row in enumerate(team.read(".ksecrets.yaml").split("\n"), 1) if "  dev:" in row)


def test_keys_of_machines_and_for_the_safe_can_be_post_quantum(team: Team) -> None:
    given: list[str] = []
    ksecrets.env_add("test", machine="test-ci", pq=True, deliver=given.append, session=team.session("alice"))
    ksecrets.recovery_add(passphrase="long and safe", deliver=given.append, pq=True, session=team.session("alice"))
    assert "AGE-SECRET-KEY-PQ-1" in given[0]
    text = team.read(".ksecrets.yaml")
    assert text.count("age1pq1") == 2
    assert "recovery-1: {age: age1pq1" in text
