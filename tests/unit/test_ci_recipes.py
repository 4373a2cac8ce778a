"""examples/ci: the recipes parse, run only commands that exist, and give a change no way to run or to judge itself."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ksecrets.cli.table import COMMANDS
from tests.conftest import ROOT

FOLDER = ROOT / "examples/ci"
RECIPES = sorted(path.name for path in FOLDER.glob("*.yml"))
JUDGES = ("github.yml", "gitlab.yml")
SYNCS = ("github-sync.yml", "gitlab-sync.yml")


def parsed(name: str) -> dict[Any, Any]:
    tree = yaml.safe_load((FOLDER / name).read_text())
    assert isinstance(tree, dict)
    return tree


def scripts(tree: object) -> list[str]:
    """Every shell command of a recipe, line by line."""
    if isinstance(tree, dict):
        found = []
        for key, value in tree.items():
            if key in ("run", "script", "before_script", "after_script"):
                texts = value if isinstance(value, list) else [value]
                found += [line for text in texts for line in str(text).splitlines()]
            else:
                found += scripts(value)
        return found
    return [line for item in tree for line in scripts(item)] if isinstance(tree, list) else []


def problems_of(line: str) -> list[str]:
    """What is wrong with the calls of ksecrets on a line of a script."""
    found = []
    for call in re.findall(r"(?:^|[;&|(]\s*)ksecrets ([^;&|>)]*)", line.strip()):
        words = shlex.split(call)
        command = next((each for each in COMMANDS if tuple(words[: len(each.words)]) == each.words), None)
        if command is None:
            found.append(f"no such command: {call}")
            continue
        known = {name for option in command.options for name in option.names}
        found += [f"no such option: {word}" for word in words if re.match(r"--\w", word) and word not in known]
    return found


def test_there_are_recipes() -> None:
    assert sorted((*JUDGES, *SYNCS)) == RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_commands_and_options_exist(name: str) -> None:
    lines = scripts(parsed(name))
    assert sum("ksecrets check" in line for line in lines) >= 1
    assert sum("ksecrets diff --redact" in line for line in lines) == (name in JUDGES)
    assert sum("ksecrets sync" in line for line in lines) == (name in SYNCS)
    assert [problem for line in lines for problem in problems_of(line)] == []


def test_the_lint_above_can_fail() -> None:
    assert problems_of("ksecrets chekc a..b") == ["no such command: chekc a..b"]
    assert problems_of("cd x && ksecrets check --nonsense a..b") == ["no such option: --nonsense"]


def test_actionlint_finds_nothing(peer: Callable[[str], str], tmp_path: Path) -> None:
    program = peer("actionlint")
    broken = tmp_path / "broken.yml"
    broken.write_text((FOLDER / "github.yml").read_text().replace("runs-on:", "runs-at:"))

    def lint(*paths: Path) -> tuple[int, str]:
        done = subprocess.run([program, "-no-color", "-shellcheck=", *paths], capture_output=True, text=True)
        return done.returncode, done.stdout

    assert lint(FOLDER / "github.yml", FOLDER / "github-sync.yml") == (0, "")
    code, said = lint(broken)
    assert (code, "runs-at" in said) == (1, True)


def test_gitlab_would_take_its_recipes(tmp_path: Path) -> None:
    """By GitLab's own schema, as check-jsonschema carries it."""
    broken = tmp_path / "broken.yml"
    broken.write_text((FOLDER / "gitlab.yml").read_text().replace("when: always", "when: sometimes"))

    def lint(*paths: Path) -> int:
        program = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci"]
        return subprocess.run([*program, *paths], capture_output=True).returncode

    assert lint(FOLDER / "gitlab.yml", FOLDER / "gitlab-sync.yml") == 0
    assert lint(broken) == 1


@pytest.mark.parametrize("name", JUDGES)
def test_no_secret_is_given_to_the_job(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert not re.search(r"\$\{\{ *secrets\b|AGE-SECRET|(KSECRETS|SOPS)_\w*KEY", text)
    assert not re.search(r"ksecrets (decrypt|get|edit|set|updatekeys)|\bhelm\b", text)


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_that_the_change_names_stands_in_a_script(name: str) -> None:
    """Titles, branches and labels are text of strangers: `${{ }}` would put them into the shell's program."""
    assert not any("${{" in line for line in scripts(parsed(name)))


def test_github_takes_job_and_checkout_from_the_base_branch() -> None:
    tree = parsed("github.yml")
    on = tree[True]  # the word `on` is a boolean in YAML 1.1
    assert list(on) == ["pull_request_target"]
    assert tree["permissions"] == {"contents": "read", "pull-requests": "write"}
    for job in tree["jobs"].values():
        assert "permissions" not in job
        for step in job["steps"]:
            if "uses" in step:
                assert step["uses"].startswith("actions/checkout@")
                assert set(step.get("with", {})) <= {"fetch-depth"}  # no `ref`, no `repository`
            assert not re.search(r"git (checkout|switch|merge(?!-)|pull|worktree|reset|restore)", step.get("run", ""))


def test_gitlab_checks_nothing_out() -> None:
    (job,) = parsed("gitlab.yml").values()
    assert job["variables"]["GIT_STRATEGY"] == "none"
    assert not any(re.search(r"git (checkout|switch|merge(?!-)|pull|worktree|reset)", line) for line in scripts(job))
    assert "CI/CD configuration file" in (FOLDER / "gitlab.yml").read_text()


def test_github_sync_gives_its_key_to_one_step_and_never_to_a_fork() -> None:
    tree = parsed("github-sync.yml")
    assert tree[True] == {"pull_request_target": {"types": ["labeled"]}}
    assert tree["permissions"] == {"contents": "write"}
    ((name, job),) = tree["jobs"].items()
    assert name == "sync"
    assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"]
    assert job["environment"] == "ksecrets-sync"
    holders = [step for step in job["steps"] if "secrets." in str(step)]
    assert [step["name"] for step in holders] == ["Merge and seal"]
    words = " ".join(scripts(job["steps"]))
    assert "--force-with-lease" in words
    assert words.index("pip install") < words.index("git -c core.hooksPath=/dev/null checkout")
    assert [step["with"] for step in job["steps"] if "uses" in step] == [{"fetch-depth": 0}]


def test_gitlab_sync_is_started_by_hand_and_never_for_a_fork() -> None:
    (job,) = parsed("gitlab-sync.yml").values()
    (rule,) = job["rules"]
    assert rule["when"] == "manual"
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in rule["if"]
    assert job["environment"] == {"name": "ksecrets-sync"}
    assert job["variables"]["GIT_STRATEGY"] == "none"
    assert not any("$KSECRETS_AGE_KEY" in line for line in scripts(job))


@pytest.mark.parametrize("name", SYNCS)
def test_a_sync_runs_nothing_of_the_branch(name: str) -> None:
    lines = " ".join(scripts(parsed(name)))
    assert re.search(r"core\.hooksPath /dev/null", lines)
    assert "--detach" in lines
    assert not re.search(r"\bmake\b|npm|pip install (\.|-e|-r)|pre-commit|docker|helm|\bbash|\bsh ", lines)
