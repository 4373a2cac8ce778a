"""The documents against the code: links, tests, command lines, settings and variables that they name."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ksecrets.cli import clickapp
from ksecrets.keys.identities import VARIABLES
from ksecrets.rules import config

ROOT = Path(__file__).resolve().parents[2]
CLI = ROOT / "docs" / "cli.md"  # generated, and compared by tests/unit/cli/test_table.py
DOCUMENTS = sorted(
    (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
        *ROOT.glob("docs/**/*.md"),
    )
)
WRITTEN = [path for path in DOCUMENTS if path != CLI]

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def fences(path: Path) -> Iterator[tuple[str, str]]:
    for found in _FENCE.finditer(path.read_text(encoding="utf-8")):
        yield found[2], found[3]


def links(path: Path) -> Iterator[tuple[str, str]]:
    """(text, target) of the links into this repository."""
    for text, target in _LINK.findall(prose(path)):
        if "://" not in target and not target.startswith("mailto:"):
            yield text, target


def anchors(path: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# -- links and tests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for _, target in links(path):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        inside = there == ROOT or ROOT in there.parents
        if not (inside and there.exists()) or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_tests_that_are_named_exist(path: Path) -> None:
    for text, target in links(path):
        if text.startswith("test_"):
            code = (path.parent / target).read_text(encoding="utf-8")
            assert f"def {text}(" in code, f"{target} has no {text}"


def test_every_promise_has_a_test_or_says_that_it_is_not_kept_yet() -> None:
    section = prose(ROOT / "README.md").partition("## Promises")[2].partition("\n## ")[0]
    promises = re.split(r"^\d\. ", section.partition("\n\nAlso ")[0], flags=re.MULTILINE)[1:]
    assert len(promises) == 8
    for promise in promises:
        assert "[test_" in promise or "*Not in this version*" in promise, promise


# -- command lines -----------------------------------------------------------------------------------------------------


def command_lines(path: Path) -> Iterator[list[str]]:
    """The words behind every `ksecrets` that the document shows as a command line."""
    for language, block in fences(path):
        lines = block.split("\n")
        if any(line.startswith("$ ") for line in lines):
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        if language in ("", "sh"):
            for line in lines:
                yield from ksecrets_calls(line)
    for span in _CODE.findall(prose(path)):
        if span.startswith("ksecrets "):
            yield from ksecrets_calls(" ".join(span.split()))


def ksecrets_calls(line: str) -> Iterator[list[str]]:
    # In a block without prompts, an explanation may stand behind the command, two spaces apart.
    line = re.split(r" {2,}", line.replace("\\|", "|"), maxsplit=1)[0]
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    try:
        words = list(lexer)
    except ValueError:  # not a command line: an apostrophe in a file that is shown
        return
    call: list[str] | None = None
    redirected = False
    for word in [*words, ";"]:
        if set(word) <= set("|&;()"):
            if call is not None:
                yield call
            call, redirected = None, False
        elif set(word) <= set("<>"):
            redirected = True
        elif call is not None:
            if not redirected:
                call.append(word)
        elif word == "ksecrets":
            call = []


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_command_lines_parse(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in command_lines(path):
        group = len(words) == 1 and any(command.words[0] == words[0] for command in clickapp.COMMANDS)
        bare = group and not any(command.words == tuple(words) for command in clickapp.COMMANDS)
        try:
            parsed = clickapp.parse(words)
        except SystemExit as end:
            parsed = int(end.code or 0)
        said = capsys.readouterr().err
        # A command named in a sentence (`ksecrets edit`) has no arguments there.
        assert parsed == 0 or not isinstance(parsed, int) or bare or "Missing argument" in said, (words, said)


def test_the_command_lines_are_found() -> None:
    found = [words for path in WRITTEN for words in command_lines(path)]
    assert ["encrypt", "-i", "env/dev/secrets.yaml", "env/prod/secrets.yaml"] in found
    assert ["set", "env/prod/secrets.yaml", "database.password"] in found
    assert ["env", "add", "prod", "--machine", "prod-ci"] in found
    assert len(found) > 50


@pytest.mark.parametrize(
    "line", ["ksecrets encrpyt FILE", "x | ksecrets set --value FILE a", "FOO=1 ksecrets helm install-plugins"]
)
def test_a_wrong_command_line_would_be_found(line: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.md"
    path.write_text(f"```\n{line}\n```\n")
    (words,) = command_lines(path)
    parsed = clickapp.parse(words)
    assert isinstance(parsed, int)
    assert parsed != 0


# -- settings and variables --------------------------------------------------------------------------------------------


def schema_words(tree: object) -> Iterator[str]:
    """Every name of a setting, and every word that a setting can have."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "properties":
                yield from value
            elif key == "enum":
                yield from (str(word) for word in value)
            elif key == "const":
                yield str(value)
            yield from schema_words(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from schema_words(item)


def test_the_configuration_reference_has_every_setting() -> None:
    schema = json.loads((ROOT / "ksecrets" / "rules" / "schema.json").read_text(encoding="utf-8"))
    written = set(_CODE.findall(prose(ROOT / "docs" / "configuration.md")))
    assert sorted(set(schema_words(schema)) - written) == []


def test_examples_of_the_configuration_are_right() -> None:
    examples = [
        (path, block)
        for path in WRITTEN
        for language, block in fences(path)
        if language == "yaml" and "version: 1" in block
    ]
    assert examples
    for _, block in examples:
        config.parse(block).check()


def test_every_variable_is_documented() -> None:
    used = set(VARIABLES)
    for folder in ("ksecrets", "bench", "tests", "helm-plugin", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                text = path.read_text(encoding="utf-8", errors="replace")
                used |= set(re.findall(r"(?<![A-Z_])KSECRETS_[A-Z0-9_]*[A-Z]", text))
    documented = " ".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    words = set(re.findall(r"[A-Z][A-Z0-9_]+[A-Z]", documented))
    assert sorted(used - words) == []
