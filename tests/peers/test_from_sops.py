"""docs/from-sops.md against the real `sops --help`, and against ksecrets' own options: it cannot go stale unseen."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ksecrets.cli import oldstyle
from ksecrets.cli.table import COMMANDS, CONFIG
from ksecrets.cli.table.reference import ENVIRONMENT

PAGE = (Path(__file__).resolve().parents[2] / "docs/from-sops.md").read_text(encoding="utf-8")
VERDICTS = {"same", "better", "other", "left out"}
OURS = {" ".join(command.words): command for command in COMMANDS}
# click's own, and what the old style rewrites.
BUILT_IN = {"--help", "-h", "--version", *oldstyle._MODES}

_FLAG = re.compile(r"^   (--?[a-z][^ ]*(?:(?: value)?, --?[^ ]+)*)(?: value)?(?:  |$)", re.MULTILINE)
_VARIABLE = re.compile(r"\[\$(\w+)\]")
_ROW = re.compile(r"^\| `([^`]+)` \| ([a-z ]+) \| *(.*?) *\|$", re.MULTILINE)


@cache
def sops_help(program: str, *words: str) -> str:
    done = subprocess.run([program, *words, "--help"], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def flags(text: str) -> set[str]:
    return {re.sub(" value", "", found) for found in _FLAG.findall(text.partition("OPTIONS:\n")[2])}


def subcommands(text: str) -> list[str]:
    found = re.search(r"COMMANDS:\n((?:   .*\n)+)", text)
    names = [line.split()[0].rstrip(",") for line in found[1].splitlines()] if found else []
    return [name for name in names if name != "help"]


def all_commands(program: str, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name in subcommands(sops_help(program, *words)):
        yield from all_commands(program, (*words, name))


def section(title: str) -> str:
    """The text under a heading, up to the next one."""
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def rows(title: str) -> dict[str, tuple[str, str]]:
    """{what stands in the first column: (verdict, why)}"""
    return {name: (verdict, why) for name, verdict, why in _ROW.findall(section(title))}


COMMON = rows("Flags of every command")


def documented(words: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    return rows(f"`{' '.join(('sops', *words))}`" if words else "`sops` without a command")


def test_every_flag_of_every_command_is_in_the_table_and_no_other(sops: str) -> None:
    assert sops_help(sops)
    wrong = []
    seen: set[str] = set()
    for words in all_commands(sops):
        real = flags(sops_help(sops, *words))
        written = set(documented(words))
        seen |= real & set(COMMON)
        wrong += [f"{' '.join(words)} {flag}: not in docs/from-sops.md" for flag in real - written - set(COMMON)]
        wrong += [f"{' '.join(words)} {flag}: no flag of sops" for flag in written - real]
        wrong += [f"{' '.join(words)} {flag}: twice" for flag in written & set(COMMON)]
    assert not wrong, "\n".join(wrong)
    assert seen == set(COMMON)


def test_every_command_is_in_the_table(sops: str) -> None:
    assert set(rows("Commands")) == {*subcommands(sops_help(sops)), "help"}


def test_every_variable_of_the_help_is_in_the_table(sops: str) -> None:
    found = {name for words in all_commands(sops) for name in _VARIABLE.findall(sops_help(sops, *words))}
    assert len(found) > 10
    assert found <= set(rows("Variables"))


def test_verdicts_are_words_of_the_list_with_a_reason() -> None:
    titles = re.findall(r"^##+ (.+)$", PAGE, re.MULTILINE)
    for title in titles:
        for name, (verdict, why) in rows(title).items():
            assert verdict in VERDICTS, (title, name)
            if verdict in ("other", "left out") and "groups" not in title and "publish" not in title:
                assert why or "keyservice" in title, (title, name)


@pytest.mark.parametrize(
    "command",
    ["decrypt", "encrypt", "edit", "rotate", "set", "unset", "updatekeys", "exec-env", "exec-file", "filestatus"],
)
def test_what_is_the_same_exists_here(command: str) -> None:
    names = {name for option in OURS[command].options for name in option.names}
    for flag, (verdict, _) in documented((command,)).items():
        for name in flag.split(", "):
            if verdict in ("same", "better"):
                assert name in names, f"{command} {name}"
            elif verdict == "left out":
                assert name not in names, f"{command} {name}"


@pytest.mark.parametrize(
    "command",
    ["decrypt", "encrypt", "edit", "rotate", "set", "unset", "updatekeys", "exec-file", "filestatus"],
)
def test_types_are_where_sops_has_them(command: str, sops: str) -> None:
    names = {name for option in OURS[command].options for name in option.names}
    assert flags(sops_help(sops, command)) & {"--input-type", "--output-type"} <= names


def test_what_is_the_same_in_the_old_style_exists_here() -> None:
    modes = set(oldstyle._MODES.values()) | {"edit"}
    names = {name for mode in modes for option in OURS[mode].options for name in option.names}
    names |= {*BUILT_IN, *CONFIG.names}
    for flag, (verdict, _) in documented(()).items():
        for name in flag.split(", "):
            if verdict in ("same", "better") and name != "-v":
                assert name in names, name


def test_variables_that_count_are_in_the_help_of_ours() -> None:
    ours = {name for row in ENVIRONMENT for name in re.findall(r"[A-Z][A-Z0-9_]+", " ".join(row))}
    for name, (verdict, _) in rows("Variables").items():
        if verdict in ("same", "better") and name.startswith("SOPS_") and name != "SOPS_AGE_RECIPIENT":
            assert name in ours, name
