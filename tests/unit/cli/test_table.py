"""The table: what it names exists, and docs/cli.md says what it says."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from ksecrets import errors
from ksecrets.cli import docs, main, table
from ksecrets.cli.table.reference import EXIT_CODES

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = {" ".join(command.words): command for command in table.COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_function_takes_what_the_table_promises(name: str) -> None:
    command = COMMANDS[name]
    wanted = {each.key for each in (*command.arguments, *command.options)} | ({"after"} if command.separator else set())
    parameters = inspect.signature(main.work_of(command)).parameters.values()
    named = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD}
    # Where a command has many options that mean something together only, they come as **options.
    assert named <= wanted if len(named) < len(parameters) else named == wanted


def test_names_are_unique() -> None:
    assert len(COMMANDS) == len(list(table.COMMANDS))
    for command in table.COMMANDS:
        names = [name for option in (*command.options, table.QUIET) for name in option.names]
        assert len(names) == len(set(names)), command.words
        assert all(name.startswith("-") for name in names)


def test_groups_have_help() -> None:
    assert {command.words[0] for command in table.COMMANDS if len(command.words) == 2} == set(table.GROUPS)


def test_every_exit_code_of_the_errors_is_documented() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert codes <= {code for code, _ in EXIT_CODES}


def test_the_documentation_is_up_to_date() -> None:
    assert (ROOT / "docs/cli.md").read_text() == docs.text()


def test_check_fails_on_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "cli.md"
    monkeypatch.setattr(docs, "FILE", str(page))
    assert docs.main(["--check"]) == 1
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    page.write_text(page.read_text().replace("Encrypt files.", "Encrypt all files."))
    assert docs.main(["--check"]) == 1
    assert docs.main(["--other"]) == 2


def test_every_command_and_option_is_documented() -> None:
    page = docs.text()
    for command in table.COMMANDS:
        section = page.partition(f"\n## {' '.join(command.words)}\n")[2].partition("\n## ")[0]
        assert section, command.words
        for option in command.options:
            assert all(f"`{name}" in section for name in option.names)


def test_the_docs_module_runs(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "ksecrets.cli.docs", "--check"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr
