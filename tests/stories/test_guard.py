"""guard: what must never reach a commit, stopped from the index; and the hook that runs it beside the user's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

import ksecrets
from ksecrets.errors import ConfigError
from ksecrets.repository import hooks
from tests.conftest import ROOT, Cli, Repo
from tests.team import DEV, PLAIN, PROD, Team


@pytest.fixture
def team(repo: Repo) -> Team:
    team = Team(repo)
    team.write(DEV)
    team.write(PROD)
    repo.commit()
    return team


def found(team: Team) -> dict[str, str]:
    """code -> file of what the guard says about all that is in the working tree, staged."""
    team.repo.git("add", "--all")
    report = ksecrets.guard(session=team.session())
    return {finding.code: finding.file for finding in report.findings}


def test_it_is_silent_where_all_is_well(team: Team, cli: Cli) -> None:
    ksecrets.set(DEV, "db.password", "new", session=team.session("alice"))
    team.repo.write("README", "text")
    assert found(team) == {}
    done = cli("guard").ok()
    assert (done.out, done.err) == (b"", b"")


def test_plaintext(team: Team, cli: Cli) -> None:
    team.repo.write(DEV, PLAIN)
    assert found(team) == {"plaintext": DEV}
    done = cli("guard")
    assert (done.code, done.out) == (6, b"")
    assert f"{DEV}: error: is plaintext, and dev wants it encrypted" in done.stderr
    assert "s3cret" not in done.stderr


def test_a_half_decrypted_file(team: Team) -> None:
    team.repo.write(DEV, team.read(DEV).replace("db:\n", "db:\n  more: in the clear\n", 1))
    assert found(team) == {"half-decrypted": DEV}


def test_foreign_readers(team: Team) -> None:
    before = team.read(".ksecrets.yaml")
    team.rules(dev="alice, bob, ci")
    ksecrets.updatekeys(DEV, session=team.session("alice"))
    team.repo.write(".ksecrets.yaml", before)
    assert found(team) == {"readers": DEV}


def test_conflict_markers(team: Team) -> None:
    team.repo.write(DEV, "<<<<<<< ours\na: ENC[1]\n=======\na: ENC[2]\n>>>>>>> theirs\n")
    assert found(team) == {"conflict-markers": DEV}


def test_a_conflict_that_is_not_resolved(team: Team) -> None:
    for branch in ("one", "two"):
        team.repo.git("checkout", "--quiet", "-b", branch, "main")
        ksecrets.set(DEV, "db.password", branch, session=team.session("alice"))
        team.repo.commit()
    team.repo.git("merge", "one", check=False)
    report = ksecrets.guard(session=team.session())
    assert [(finding.code, finding.file) for finding in report.findings] == [("conflict-markers", DEV)]


def test_it_judges_the_index_and_not_the_working_tree(team: Team) -> None:
    team.repo.write(DEV, PLAIN)
    team.repo.git("add", DEV)
    team.repo.write(DEV, team.repo.git("show", f"HEAD:{DEV}"))
    assert not ksecrets.guard(session=team.session()).ok
    team.repo.git("add", DEV)
    team.repo.write(DEV, PLAIN)
    assert ksecrets.guard(session=team.session()).ok


def test_what_is_committed_already_is_not_stopped_again(team: Team) -> None:
    team.repo.write("env/dev/secrets-old.yaml", PLAIN)
    team.repo.commit()
    team.repo.write("README", "text")
    assert found(team) == {}


def test_a_rule_that_now_speaks_of_a_plaintext_file(team: Team) -> None:
    team.repo.write("env/qa/secrets.yaml", PLAIN)
    team.repo.commit()
    team.repo.write(".ksecrets.yaml", team.read(".ksecrets.yaml").replace("**/dev/", "**/[dq][ea]*/"))
    assert found(team) == {"plaintext": "env/qa/secrets.yaml"}


def test_broken_and_nested_rules(team: Team) -> None:
    team.repo.write(".ksecrets.yaml", "version: 1\nenvironmnts: {}\n")
    team.repo.write("env/.ksecrets.yaml", "version: 1\n")
    assert found(team) == {"config": ".ksecrets.yaml", "config-nested": "env/.ksecrets.yaml"}


def test_a_link_from_prod_to_dev(team: Team) -> None:
    (team.repo / PROD).unlink()
    (team.repo / PROD).symlink_to("../dev/secrets.yaml")
    assert found(team) == {"symlink": PROD}


def test_the_first_commit_of_a_repository(repo: Repo) -> None:
    team = Team(repo)
    repo.write(DEV, PLAIN)
    assert found(team) == {"plaintext": DEV}


def test_outside_of_a_repository(tmp_path: Path, cli: Cli) -> None:
    done = cli("guard", cwd=tmp_path)
    assert done.code == 1
    assert "not a git repository" in done.stderr


# -- as a hook ---------------------------------------------------------------------------------------------------------


def commit(folder: str | os.PathLike[str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "commit", "-m", "x", *words], cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_hook_stops_a_commit_in_every_form(team: Team) -> None:
    ksecrets.git_setup(hooks=True, session=team.session())
    team.repo.write(DEV, PLAIN)
    for words in (["--all"], [DEV], ["--include", DEV]):
        done = commit(team.repo, *words)
        assert done.returncode != 0
        assert "is plaintext, and dev wants it encrypted" in done.stderr
    team.repo.git("checkout", "--", DEV)
    team.repo.write("README", "text")
    team.repo.git("add", "README")
    assert commit(team.repo).returncode == 0


def test_the_users_own_hook_runs_behind_it_with_its_result(team: Team) -> None:
    own = team.repo.write(".git/hooks/pre-commit", '#!/bin/sh\necho "mine $#" >&2\ntest -e pass\n')
    own.chmod(0o755)
    text = own.read_text()
    done = ksecrets.git_setup(hooks=True, session=team.session())
    assert any("kept your pre-commit hook" in line for _, line in done.lines)
    assert (team.repo / ".git/hooks/pre-commit.user").read_text() == text
    team.repo.write("README", "text")
    team.repo.git("add", "README")
    refused = commit(team.repo)
    assert refused.returncode != 0
    assert "mine 0" in refused.stderr
    team.repo.write("pass", "")
    assert commit(team.repo).returncode == 0


def test_installing_again_changes_nothing(team: Team) -> None:
    ksecrets.git_setup(hooks=True, session=team.session())
    before = {path.name: path.read_bytes() for path in (team.repo / ".git/hooks").iterdir()}
    again = ksecrets.git_setup(hooks=True, session=team.session())
    assert ("git", "the guard is installed") in again.lines
    assert {path.name: path.read_bytes() for path in (team.repo / ".git/hooks").iterdir()} == before


def test_two_hooks_of_the_user_are_never_overwritten(team: Team) -> None:
    for name in ("pre-commit", "pre-commit.user"):
        team.repo.write(f".git/hooks/{name}", f"#!/bin/sh\n# {name}\n")
    with pytest.raises(ConfigError, match="which one is to run"):
        ksecrets.git_setup(hooks=True, session=team.session())
    assert (team.repo / ".git/hooks/pre-commit").read_text() == "#!/bin/sh\n# pre-commit\n"


def test_a_worktree_is_guarded_too(team: Team) -> None:
    ksecrets.git_setup(hooks=True, session=team.session())
    tree = team.repo / "../tree"
    team.repo.git("worktree", "add", "--quiet", os.fspath(tree))
    (tree / DEV).write_text(PLAIN)
    assert "is plaintext" in commit(tree, "--all").stderr


def test_a_merge_is_guarded(team: Team) -> None:
    team.repo.git("checkout", "--quiet", "-b", "other")
    team.repo.write("env/dev/secrets-two.yaml", PLAIN)
    team.repo.commit()
    team.repo.git("checkout", "--quiet", "main")
    team.repo.write("README", "text")
    team.repo.commit()
    ksecrets.git_setup(hooks=True, session=team.session())
    before = team.repo.git("rev-parse", "HEAD")
    team.repo.git("merge", "--no-edit", "other", check=False)
    assert team.repo.git("rev-parse", "HEAD") == before


def test_hooks_of_a_folder_of_this_clone(team: Team, tmp_path: Path) -> None:
    team.repo.git("config", "core.hooksPath", os.fspath(tmp_path / "hooks"))
    ksecrets.git_setup(hooks=True, session=team.session())
    team.repo.write(DEV, PLAIN)
    assert "is plaintext" in commit(team.repo, "--all").stderr


@pytest.mark.parametrize(("scope", "where"), [("--local", ".husky"), ("--global", "../shared")])
def test_hooks_that_others_share_are_left_alone(team: Team, scope: str, where: str) -> None:
    team.repo.git("config", scope, "core.hooksPath", where)
    with pytest.raises(ConfigError) as caught:
        ksecrets.git_setup(hooks=True, session=team.session())
    assert "ksecrets guard || exit $?" in (caught.value.hint or "")
    assert not (team.repo / where).exists()


def test_a_ksecrets_that_is_gone_stops_the_commit(team: Team) -> None:
    ksecrets.git_setup(hooks=True, session=team.session())
    path = team.repo / ".git/hooks/pre-commit"
    path.write_text(hooks.hook("pre-commit").replace("__main__.py", "gone.py"))
    team.repo.write("README", "text")
    team.repo.git("add", "README")
    done = commit(team.repo)
    assert done.returncode != 0
    assert "ksecrets git setup --hooks" in done.stderr


def test_the_hook_of_the_framework_is_a_command_that_exists() -> None:
    from ksecrets.cli.main import first_stage

    (entry,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *words = entry["entry"].split()
    assert program == "ksecrets"
    assert first_stage(words) is not None
    assert entry["pass_filenames"] is False
    assert entry["always_run"] is True
