"""check BASE..HEAD: a pull request by somebody without keys, judged by what was there before it. One test an attack.

`main` is what everybody agreed on; every test makes a branch, commits an attack, and asks what a job without any key
says about it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

import ksecrets
from ksecrets.errors import KsecretsError, UsageError
from ksecrets.operations.findings import CODES, Report
from tests.conftest import Cli, Repo
from tests.team import DEV, PLAIN, PROD, Team, person, unsealed
from tests.unit.operations.test_known import planted


@pytest.fixture
def team(repo: Repo) -> Team:
    """dev and prod, an encrypted file in each, agreed on; the work goes on on a branch."""
    team = Team(repo)
    team.recipients["mallory"] = "person"
    team.rules(more_prod="seal: required")
    team.write(DEV)
    team.write(PROD)
    repo.commit("agreed on")
    repo.git("checkout", "--quiet", "-b", "attack")
    return team


def judged(team: Team, base: str = "main", head: str = "HEAD", paths: tuple[str, ...] = (), **more: object) -> Report:
    """The findings about everything that was committed on the branch; nothing of the working tree."""
    team.repo.commit()
    report = ksecrets.review(base, head, paths, session=team.session(), **more)  # type: ignore[arg-type]
    assert {finding.code for finding in report.findings} <= CODES.keys()
    for secret in ("s3cret", "AGE-SECRET"):
        assert secret not in json.dumps(report.to_json())
    return report


def errors(report: Report) -> dict[str, str]:
    """code -> file of the errors."""
    return {finding.code: finding.file for finding in report.findings if finding.severity == "error"}


def warnings(report: Report) -> set[str]:
    return {finding.code for finding in report.findings if finding.severity == "warning"}


def said(report: Report, code: str) -> str:
    return next(finding.message for finding in report.findings if finding.code == code)


# -- what is in order --------------------------------------------------------------------------------------------------


def test_an_honest_change_has_no_finding(team: Team) -> None:
    ksecrets.set(PROD, "db.password", "new", session=team.session("alice"))
    report = judged(team)
    assert (report.findings, report.files, report.ok) == ([], 1, True)


def test_what_a_change_did_not_touch_is_not_its_fault(team: Team) -> None:
    team.repo.git("checkout", "--quiet", "main")
    team.repo.write("env/dev/secrets-old.yaml", "was: plaintext before\n")
    team.repo.commit()
    team.repo.git("checkout", "--quiet", "-B", "attack")
    team.repo.write("README.md", "more\n")
    assert judged(team).findings == []


def test_the_working_tree_is_not_looked_at(team: Team) -> None:
    team.repo.commit()
    team.repo.write(".ksecrets.yaml", "broken: [")
    team.repo.write(PROD, "plain: text\n")
    assert ksecrets.review("main", session=team.session()).ok
    team.repo.git("checkout", "--", ".")
    team.repo.write(PROD, "plain: text\n")
    team.repo.commit()
    team.repo.git("checkout", "main", "--", PROD)
    assert errors(ksecrets.review("main", session=team.session())) == {"plaintext": PROD}


# -- the configuration -------------------------------------------------------------------------------------------------


def test_a_reader_added_under_his_own_name(team: Team) -> None:
    team.rules(prod="alice, ci, mallory", more_prod="seal: required")
    report = judged(team)
    assert errors(report) == {"reader-added": ".ksecrets.yaml"}
    assert said(report, "reader-added").startswith("mallory may read prod: age1")
    assert report.findings[0].line is not None


def test_a_reader_swapped_under_an_honest_name(team: Team) -> None:
    """alice stays alice; only her key is mallory's now. Readers are compared by key, not by name."""
    text = team.read(".ksecrets.yaml").replace(person("mallory").public, "KEY")
    text = text.replace(person("alice").public, person("mallory").public).replace("KEY", person("alice").public)
    team.repo.write(".ksecrets.yaml", text)
    report = judged(team)
    assert "reader-added" in errors(report)
    assert said(report, "reader-added").startswith("alice reads dev with another key")


def test_renaming_a_reader_is_no_change_of_readers(team: Team) -> None:
    team.repo.write(".ksecrets.yaml", team.read(".ksecrets.yaml").replace("bob", "robert"))
    assert judged(team).findings == []


def test_a_reader_added_through_a_group(team: Team) -> None:
    base = team.read(".ksecrets.yaml")
    grouped = base.replace("environments:", "groups: {ops: [alice, ci]}\nenvironments:").replace(
        "readers: [alice, ci]", "readers: [ops]"
    )
    team.repo.write(".ksecrets.yaml", grouped)
    assert judged(team).findings == []
    team.repo.write(".ksecrets.yaml", grouped.replace("ops: [alice, ci]", "ops: [alice, ci, mallory]"))
    assert errors(judged(team)) == {"reader-added": ".ksecrets.yaml"}


def test_a_rule_that_narrowed_is_taken_out(team: Team) -> None:
    narrow = 'seal: required, rules: [{files: ["env/**"], readers: [alice]}]'
    team.repo.git("checkout", "--quiet", "main")
    team.rules(more_prod=narrow)
    ksecrets.updatekeys(PROD, session=team.session("alice"))
    team.repo.commit()
    team.repo.git("checkout", "--quiet", "-B", "attack")
    team.rules(more_prod="seal: required")
    report = judged(team)
    assert errors(report) == {"reader-added": ".ksecrets.yaml"}
    assert said(report, "reader-added").startswith("ci may read prod")
    assert PROD in said(report, "reader-added")


def test_a_reader_removed_is_said(team: Team) -> None:
    team.rules(dev="alice", more_prod="seal: required")
    report = judged(team)
    assert report.ok
    assert warnings(report) == {"reader-removed"}


def test_files_that_lose_encryption(team: Team) -> None:
    team.repo.write(".ksecrets.yaml", team.read(".ksecrets.yaml").replace("**/prod/secrets*", "**/production/secrets*"))
    report = judged(team)
    assert errors(report) == {"encryption-lost": ".ksecrets.yaml"}
    assert PROD in said(report, "encryption-lost")
    team.repo.write(PROD, PLAIN.replace("s3cret", "other"))
    assert errors(judged(team)) == {"encryption-lost": ".ksecrets.yaml", "plaintext": PROD}


def test_a_selector_that_leaves_secrets_readable(team: Team) -> None:
    team.rules(more_prod='seal: required, encrypt: {key-regex: "^nothing$"}')
    assert errors(judged(team)) == {"selector-changed": ".ksecrets.yaml"}


def test_seal_required_is_dropped(team: Team) -> None:
    team.rules()
    assert errors(judged(team)) == {"seal-dropped": ".ksecrets.yaml"}


def test_the_configuration_vanishes(team: Team) -> None:
    """And a `.sops.yaml` in its place is no way around it."""
    (team.repo / ".ksecrets.yaml").unlink()
    team.repo.write(".sops.yaml", f"creation_rules: [{{age: {person('mallory').public}}}]\n")
    assert errors(judged(team))["config-vanished"] == ".ksecrets.yaml"


def test_a_nested_configuration(team: Team) -> None:
    team.repo.write("env/prod/.ksecrets.yaml", team.read(".ksecrets.yaml"))
    assert errors(judged(team)) == {"config-nested": "env/prod/.ksecrets.yaml"}


def test_a_broken_configuration(team: Team) -> None:
    team.repo.write(".ksecrets.yaml", team.read(".ksecrets.yaml") + "enviroments: {}\n")
    assert errors(judged(team)) == {"config": ".ksecrets.yaml"}


def test_a_configuration_that_is_a_link(team: Team) -> None:
    (team.repo / ".ksecrets.yaml").unlink()
    (team.repo / ".ksecrets.yaml").symlink_to("../elsewhere.yaml")
    assert errors(judged(team))["config"] == ".ksecrets.yaml"


def test_two_environments_claim_one_file(team: Team) -> None:
    text = team.read(".ksecrets.yaml").replace("'**/dev/secrets*.yaml'", "'**/dev/secrets*.yaml', '**/prod/*'")
    team.repo.write(".ksecrets.yaml", text)
    assert errors(judged(team))["config"] == ".ksecrets.yaml"


def test_sops_rules_that_let_somebody_else_read(repo: Repo) -> None:
    team = Team(repo)
    (repo / ".ksecrets.yaml").unlink()
    rule = "creation_rules:\n  - path_regex: prod\n    age: {}\n"
    repo.write(".sops.yaml", rule.format(person("alice").public))
    team.write(PROD)
    repo.commit()
    repo.git("checkout", "--quiet", "-b", "attack")
    repo.write(".sops.yaml", rule.format(f"{person('alice').public},{person('mallory').public}"))
    assert "reader-added" in errors(judged(team))
    repo.write(".ksecrets.yaml", f"version: 1\nrecipients: {{m: {{age: {person('mallory').public}}}}}\n")
    assert {"config-new", "encryption-lost"} <= errors(judged(team)).keys()


# -- the files ---------------------------------------------------------------------------------------------------------


def test_a_foreign_reader_in_the_metadata(team: Team) -> None:
    team.rules(prod="alice, ci, mallory")
    ksecrets.updatekeys(PROD, session=team.session("alice"))
    team.repo.git("checkout", "main", "--", ".ksecrets.yaml")
    report = judged(team)
    assert errors(report) == {"readers": PROD}
    assert "mallory can read it and should not" in said(report, "readers")


def test_files_that_follow_the_new_rules_are_one_finding(team: Team) -> None:
    team.rules(prod="alice, ci, bob", more_prod="seal: required")
    ksecrets.updatekeys(PROD, session=team.session("alice"))
    report = judged(team)
    assert errors(report) == {"reader-added": ".ksecrets.yaml"}
    assert judged(team, allow=["reader-added"]).ok


def test_a_planted_data_key(team: Team) -> None:
    """A file that anybody could make who knows the public keys: valid, sealed, under a key that the attacker knows."""
    team.repo.write(PROD, planted(PROD, "prod", "alice", "ci"))
    assert errors(judged(team))["replaced-data-key"] == PROD


def test_a_planted_data_key_in_a_new_file(team: Team) -> None:
    path = "env/prod/secrets-new.yaml"
    team.repo.write(path, planted(path, "prod", "alice", "ci"))
    report = judged(team)
    assert warnings(report) == {"new-data-key"}
    assert report.ok


def test_a_planted_data_key_behind_tokens_that_were_copied(team: Team) -> None:
    """Without its block a file does not name its key; a readable copy of an old token must not stand in for that."""
    old = next(line for line in team.read(DEV).splitlines() if "password:" in line)
    token = old.split("password: ")[1].split("   #")[0]
    text = unsealed(planted(DEV, "dev", "alice", "bob"))
    team.repo.write(DEV, f"x_unencrypted: {token}\n# {token}\n{text}")
    assert "replaced-data-key" in errors(judged(team))


def test_a_rotation_is_proven_where_a_key_is_at_hand(team: Team) -> None:
    team.rules(dev="alice", more_prod="seal: required")
    ksecrets.updatekeys(DEV, session=team.session("alice"))
    assert errors(judged(team)) == {"replaced-data-key": DEV}
    report = ksecrets.review("main", session=team.session("alice"))
    assert report.ok
    assert "replaced-data-key" in warnings(report)
    kid = team.kid(DEV)
    team.repo.write(DEV, planted(DEV, "dev", "alice"))
    assert team.kid(DEV) != kid
    team.repo.commit()
    assert "replaced-data-key" in errors(ksecrets.review("main", session=team.session("alice")))


def test_the_proof_of_another_rotation_is_no_proof(team: Team) -> None:
    team.rules(dev="alice", more_prod="seal: required")
    ksecrets.updatekeys(DEV, session=team.session("alice"))
    lines = team.read(DEV).split("\n")
    at = next(number for number, line in enumerate(lines) if line.strip() == "succession:")
    proof = "\n".join(lines[at : at + 3])
    forged = planted(DEV, "dev", "alice").replace("    ksecrets:\n", "    ksecrets:\n" + proof + "\n")
    team.repo.write(DEV, forged)
    team.repo.commit()
    report = ksecrets.review("main", session=team.session("alice"))
    assert "the proof that its maker knew that one is false" in said(report, "replaced-data-key")
    assert "replaced-data-key" in errors(report)


def test_a_file_of_dev_is_copied_over_prod(team: Team) -> None:
    team.repo.write(PROD, team.read(DEV))
    found = errors(judged(team))
    assert {"environment", "readers", "same-data-key", "path", "replaced-data-key"} <= found.keys()


def test_a_copy_shares_the_data_key_of_a_file_that_did_not_change(team: Team) -> None:
    team.repo.write("env/dev/secrets-copy.yaml", team.read(DEV))
    report = judged(team)
    assert errors(report)["same-data-key"] == "env/dev/secrets-copy.yaml"
    assert DEV in said(report, "same-data-key")


def test_a_file_moves_to_another_environment(team: Team) -> None:
    team.repo.git("mv", DEV, "env/prod/secrets-moved.yaml")
    report = judged(team)
    assert errors(report)["environment-changed"] == "env/prod/secrets-moved.yaml"
    assert said(report, "environment-changed") == f"is {DEV} of dev, and here it belongs to prod"


def test_an_unsealed_file_moves_to_another_environment_and_changes(team: Team) -> None:
    team.repo.git("checkout", "--quiet", "main")
    team.repo.write(DEV, unsealed(team.read(DEV)))
    team.repo.commit()
    team.repo.git("checkout", "--quiet", "-B", "attack")
    team.repo.write("env/prod/secrets-moved.yaml", team.read(DEV) + "# another comment\n")
    (team.repo / DEV).unlink()
    assert errors(judged(team))["environment-changed"] == "env/prod/secrets-moved.yaml"


def test_the_configuration_moves_files_to_another_environment(team: Team) -> None:
    text = team.read(".ksecrets.yaml")
    text = text.replace("**/prod/", "**/X/").replace("**/dev/", "**/prod/").replace("**/X/", "**/dev/")
    team.repo.write(".ksecrets.yaml", text)
    assert "environment-changed" in errors(judged(team))


def test_the_seal_is_taken_off(team: Team) -> None:
    team.repo.write(DEV, unsealed(team.read(DEV)))
    assert errors(judged(team)) == {"seal-lost": DEV}


def test_a_whole_old_file_is_replayed(team: Team) -> None:
    team.repo.git("checkout", "--quiet", "main")
    old = team.read(PROD)
    later = old.replace(team.metadata(PROD).lastmodified, "2999-01-01T00:00:00Z")
    team.repo.write(PROD, later)
    team.repo.commit()
    team.repo.git("checkout", "--quiet", "-B", "attack")
    team.repo.write(PROD, old)
    assert errors(judged(team)) == {"replay": PROD}


def test_plaintext_where_encryption_is_wanted(team: Team) -> None:
    team.repo.write("env/dev/secrets-two.yaml", PLAIN)
    assert errors(judged(team)) == {"plaintext": "env/dev/secrets-two.yaml"}


def test_one_value_in_plaintext(team: Team) -> None:
    team.repo.write(PROD, team.read(PROD).replace("db:\n", "db:\n  added: in the clear\n", 1))
    assert errors(judged(team)) == {"half-decrypted": PROD}


def test_conflict_markers(team: Team) -> None:
    team.repo.write(DEV, "<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n")
    assert errors(judged(team)) == {"conflict-markers": DEV}


@pytest.mark.parametrize("target", ["../dev/secrets.yaml", "/etc/passwd", "../../../outside.yaml"])
def test_a_link_leads_out_of_its_environment(team: Team, target: str) -> None:
    (team.repo / PROD).unlink()
    (team.repo / PROD).symlink_to(target)
    assert errors(judged(team)) == {"symlink": PROD}


def test_a_folder_of_prod_becomes_a_link_to_dev(team: Team) -> None:
    (team.repo / PROD).unlink()
    (team.repo / "env/prod").rmdir()
    (team.repo / "env/prod").symlink_to("dev")
    assert errors(judged(team)) == {"symlink": "env/prod"}


def test_links_in_a_circle_end(team: Team) -> None:
    (team.repo / PROD).unlink()
    (team.repo / PROD).symlink_to("loop")
    (team.repo / "env/prod/loop").symlink_to("secrets.yaml")
    assert errors(judged(team)) == {"symlink": PROD}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: text.replace("mac: ENC[", "mac: ENX["), None),
        (lambda text: text.replace("    lastmodified:", "    lastmodified: &x"), None),
        (lambda text: text + "sops:\n    mac: x\n", "tampered"),
        (lambda text: "[" * 5000, "not-yaml"),
        (lambda text: "\x00" + text, "not-yaml"),
    ],
)
def test_malformed_files_are_findings(team: Team, change: Callable[[str], str], code: str | None) -> None:
    """Whatever a file holds, the job ends with a report, and an error where the file cannot be what it was."""
    team.repo.write(DEV, change(team.read(DEV)))
    found = errors(judged(team))
    assert code is None or code in found


def test_a_second_block_that_only_we_would_read(team: Team) -> None:
    """sops reads the metadata of the first document: an honest block behind it must not hide mallory's."""
    forged = unsealed(planted(DEV, "dev", "alice", "mallory"))
    honest = team.read(DEV)
    team.repo.write(DEV, forged + "---\n" + honest[honest.index("sops:") :])
    assert errors(judged(team))["tampered"] == DEV


def test_bytes_that_are_no_text(team: Team) -> None:
    team.repo.write(DEV, b"\xff\xfe\x00sops:")
    assert "not-yaml" in errors(judged(team))


def test_a_file_of_no_environment_is_decrypted(team: Team) -> None:
    team.repo.git("checkout", "--quiet", "main")
    text = ksecrets.encrypt("other.yaml", text="a: b\n", age=[person("alice").public], session=team.session()).text
    team.repo.write("other.yaml", text)
    team.repo.commit()
    team.repo.git("checkout", "--quiet", "-B", "attack")
    team.repo.write("other.yaml", "a: b\n")
    assert errors(judged(team)) == {"plaintext": "other.yaml"}


def test_a_name_that_a_shell_or_a_page_would_run(team: Team, cli: Cli) -> None:
    """File names are data in every form of the report: no control characters, no Markdown, no HTML."""
    name = "env/dev/secrets$(touch x)`|<img src=x>\x1b[31m\n@all.yaml"
    team.repo.write(name, "a: plain\n")
    report = judged(team)
    assert errors(report) == {"plaintext": name}
    for form in ([], ["--markdown"], ["--json"], ["--sarif"]):
        out = cli("check", "main..HEAD", form).stdout
        assert "\x1b" not in out
        assert not (team.repo / "x").exists()
    table = [line for line in cli("check", "main..HEAD", "--markdown").stdout.splitlines() if "❌" in line]
    assert len(table) == 1
    assert "``env/dev/secrets$(touch x)`\\|<img" in table[0]


# -- the range ---------------------------------------------------------------------------------------------------------


def test_a_file_with_the_name_of_the_range(team: Team, cli: Cli) -> None:
    """A change that brings a file `main..HEAD` must not make the job look at that file only."""
    team.repo.write("main..HEAD", "harmless\n")
    team.repo.write(DEV, PLAIN)
    team.repo.commit()
    done = cli("check", "main..HEAD")
    assert done.code == 2
    assert "both a range of commits and a file" in done.stderr


def test_three_dots_begin_where_the_two_parted(team: Team, cli: Cli) -> None:
    team.repo.write("notes.md", "mine\n")
    team.repo.commit()
    team.repo.git("checkout", "--quiet", "main")
    team.rules(dev="alice, bob, mallory", more_prod="seal: required")
    team.repo.commit()
    team.repo.git("checkout", "--quiet", "attack")
    assert ksecrets.review("main", "HEAD", merge_base=True, session=team.session()).findings == []
    assert cli("check", "main...HEAD").code == 0
    assert cli("check", "main..").code == 0  # a reader less is a warning
    assert "reader-removed" in cli("check", "main..").stdout


@pytest.mark.parametrize("comment", ["", "# a change of no meaning\n"])
def test_a_change_that_begins_before_a_revocation(team: Team, comment: str) -> None:
    """Three dots: what changed counts from where the two parted, but who may read is what BASE says today."""
    team.repo.git("checkout", "--quiet", "main")
    team.rules(dev="alice, bob, mallory")
    team.repo.commit()
    team.repo.git("checkout", "--quiet", "-B", "attack")
    team.repo.git("checkout", "--quiet", "main")
    team.rules(dev="alice, bob")
    team.repo.commit()
    team.repo.git("checkout", "--quiet", "attack")
    ksecrets.updatekeys(DEV, session=team.session("alice"))
    team.repo.write(".ksecrets.yaml", team.read(".ksecrets.yaml") + comment)
    report = judged(team, merge_base=True)
    assert errors(report) == {"readers": DEV}
    assert "mallory can read it and should not" in said(report, "readers")


def test_what_is_no_range_is_refused(team: Team, cli: Cli) -> None:
    with pytest.raises(KsecretsError, match="no commit"):
        ksecrets.review("nothing", session=team.session())
    with pytest.raises(UsageError, match="no finding has the code"):
        ksecrets.review("main", allow=["nonsense"], session=team.session())
    assert cli("check", "nothing..HEAD").code == 1
    assert cli("check", "--allow", "replay").code == 2
    team.repo.git("checkout", "--quiet", "--orphan", "alone")
    team.repo.commit()
    with pytest.raises(KsecretsError, match="no commit in common"):
        ksecrets.review("main", "HEAD", merge_base=True, session=team.session())


def test_paths_choose_files_and_never_hide_the_configuration(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    team.repo.write(PROD, PLAIN)
    (team.repo / ".ksecrets.yaml").unlink()
    found = errors(judged(team, paths=("env/dev",)))
    assert found == dict.fromkeys(("config-vanished", "encryption-lost"), ".ksecrets.yaml") | {"plaintext": DEV}


def test_the_first_configuration_is_a_warning(repo: Repo) -> None:
    repo.write("README", "")
    repo.commit()
    repo.git("checkout", "--quiet", "-b", "attack")
    team = Team(repo)
    team.write(DEV)
    report = judged(team)
    assert report.ok
    assert warnings(report) == {"config-new", "new-data-key"}


# -- the forms ---------------------------------------------------------------------------------------------------------


def test_sarif_names_rule_file_and_line(team: Team, cli: Cli) -> None:
    team.repo.write(PROD, team.read(PROD).replace("db:\n", "db:\n  added: in the clear\n", 1))
    team.repo.commit()
    done = cli("check", "main..HEAD", "--sarif")
    assert done.code == 6
    log = json.loads(done.stdout)
    (run,) = log["runs"]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (log["version"], result["ruleId"], result["level"]) == ("2.1.0", "half-decrypted", "error")
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (PROD, 3)
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "half-decrypted"
    assert "in the clear" not in done.stdout


def test_text_json_and_markdown_say_the_same(team: Team, cli: Cli) -> None:
    team.rules(prod="alice, ci, mallory", more_prod="seal: required")
    team.repo.commit()
    text = cli("check", "main..HEAD")
    assert text.code == 6
    assert ".ksecrets.yaml:9: error: mallory may read prod: age1" in text.stdout
    assert "0 files changed from main to HEAD, judged by the rules of main without a key: 1 error" in text.stdout
    data = json.loads(cli("check", "main..HEAD", "--json").stdout)
    assert [finding["code"] for finding in data["findings"]] == ["reader-added"]
    markdown = cli("check", "main..HEAD", "--markdown").stdout
    assert markdown.startswith("<!-- ksecrets -->\n")
    assert "| ❌ | `.ksecrets.yaml:9` |" in markdown
    assert cli("check", "main..HEAD", "--json", "--sarif").code == 2
    assert cli("check", "main..HEAD", "--allow", "reader-added").code == 0


def test_it_works_from_a_folder_and_from_a_worktree(team: Team, cli: Cli) -> None:
    team.repo.write(DEV, PLAIN)
    team.repo.commit()
    assert cli("check", "main..HEAD", cwd=team.repo / "env").code == 6
    team.repo.git("worktree", "add", "--quiet", "--detach", os.fspath(team.repo / "../tree"), "main")
    assert cli("check", "main..attack", cwd=team.repo / "../tree").code == 6


# -- the form for a reviewer -------------------------------------------------------------------------------------------


def test_the_review_begins_with_what_matters_and_shows_no_value(team: Team, cli: Cli) -> None:
    ksecrets.set(PROD, "db.password", "n3w", session=team.session("alice"))
    ksecrets.set(PROD, "db.user", "shop", session=team.session("alice"))
    ksecrets.unset(DEV, "db.port", session=team.session("alice"))
    team.rules(dev="alice, bob", prod="alice, ci, mallory", more_prod="seal: required")
    team.repo.commit()
    page = cli("diff", "--redact", "main..HEAD", "--markdown").ok().stdout
    assert page.startswith("<!-- ksecrets -->\n")
    order = ["reader-added", "#### Values", f"`{DEV}`", "removed `db.port`", f"`{PROD}`", "changed `db.password`"]
    places = [page.index(part) for part in [*order, "added `db.user`"]]
    assert places == sorted(places)
    data = json.loads(cli("diff", "--redact", "main..HEAD", "--json").ok().stdout)
    assert [finding["code"] for finding in data["check"]["findings"]] == ["reader-added"]
    assert [file["path"] for file in data["files"]] == [DEV, PROD]
    text = cli("diff", "--redact", "main..HEAD").ok().stdout
    assert text.index("[reader-added]") < text.index("~ db.password")
    for form in (page, json.dumps(data), text):
        assert not any(secret in form for secret in ("s3cret", "n3w", "shop"))


def test_a_key_that_would_be_markup_is_text_in_the_review(team: Team, cli: Cli) -> None:
    ksecrets.set(PROD, '["<img src=x>`@all`"]', "n3w", session=team.session("alice"))
    team.repo.commit()
    page = cli("diff", "--redact", "main..HEAD", "--markdown").ok().stdout
    (line,) = [line for line in page.splitlines() if "<img" in line]
    assert line.strip().startswith("- added ``")
    assert line.endswith("``")


def test_markdown_needs_two_revisions_and_redact(team: Team, cli: Cli) -> None:
    assert cli("diff", "--markdown", "main..HEAD").code == 2
    assert cli("diff", "--markdown", "--redact", "main").code == 2
    assert cli("diff", "--markdown", "--redact", "--json", "main..HEAD").code == 2
