"""examples/ci: the recipes parse, run only commands that exist, and give a change no way to run or to judge itself."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from ksecrets.cli.table import COMMANDS
from tests.conftest import ROOT

FOLDER = ROOT / "examples/ci"
RECIPES = sorted(path.name for path in FOLDER.glob("*.yml"))


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
    assert RECIPES == ["github.yml", "gitlab.yml"]


@pytest.mark.parametrize("name", RECIPES)
def test_commands_and_options_exist(name: str) -> None:
    lines = scripts(parsed(name))
    assert sum("ksecrets check" in line for line in lines) >= 1
    assert sum("ksecrets diff --redact" in line for line in lines) == 1
    assert [problem for line in lines for problem in problems_of(line)] == []


def test_the_lint_above_can_fail() -> None:
    assert problems_of("ksecrets chekc a..b") == ["no such command: chekc a..b"]
    assert problems_of("cd x && ksecrets check --nonsense a..b") == ["no such option: --nonsense"]


@pytest.mark.parametrize("name", RECIPES)
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
