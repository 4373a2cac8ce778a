"""The metadata block: where it goes, and that it comes out without a trace."""

from __future__ import annotations

import pytest

from ksecrets.text import block, yaml
from ksecrets.text.node import BLOCK
from tests.cases import cases
from tests.pipe import seal

GOOD = [case for case in cases() if not case.flags & {"refused", "refused-or-go"}]


@pytest.mark.parametrize(
    ("text", "newline"),
    [
        ("", "\n"),
        ("a", "\n"),
        ("a\n", "\n"),
        ("a\r\nb\n", "\r\n"),
        ("a\nb\r\n", "\n"),
        ("a\rb", "\r"),
        ("a\rb\n", "\n"),
        ("\n", "\n"),
        ("a\u2028", "\n"),
    ],
)
def test_the_line_break_of_a_text(text: str, newline: str) -> None:
    assert block.newline_of(text) == newline


@pytest.mark.parametrize(
    ("text", "end", "newline"),
    [
        ("a\n", 2, "\n"),
        ("a\r\n", 3, "\r\n"),
        ("a\r", 2, "\r"),
        ("a", 1, ""),
        ("", 0, ""),
        ("a\n\n", 3, "\n"),
        ("a\x85", 2, "\x85"),
        ("a\nb", 3, ""),
    ],
)
def test_the_last_break(text: str, end: int, newline: str) -> None:
    assert block.last_break(text, end) == newline


def lines_of(text: str) -> tuple[list[str], int]:
    """The lines of an encrypted text, and the number of the one on which the block begins."""
    lines = text.split("\n")
    return lines, next(number for number, line in enumerate(lines) if line.strip().startswith("sops:"))


def test_behind_a_block_mapping() -> None:
    for text, indent in (
        ("a: b\n", ""),
        ("  a: b\n  c: d\n", "  "),
        ("a:\n- b\n", ""),
        ("---\na: b\n...\n", ""),
        ("a: b", ""),
        ("", ""),
    ):
        lines, at = lines_of(seal(text).text)
        assert lines[at] == f"{indent}sops:"
        assert all(line.startswith(indent + "    ") for line in lines[at + 1 :] if line.strip() not in ("", "..."))


def test_in_the_first_document() -> None:
    sealed = seal("a: b\n---\nc: d\n").text
    assert sealed.index("sops:") < sealed.index("---\nc:")
    assert sealed.endswith("type:str]\n")


def test_before_a_brace() -> None:
    for text, before in (
        ("{a: b}", ',"sops"'),
        ("{a: b,}", ', "sops"'),
        ("{}", '{ "sops"'),
        ("{a: b # c\n}", ',"sops"'),
        ("{a: b, # c\n}", ' "sops"'),
    ):
        sealed = seal(text).text
        assert before in sealed
        assert sealed.count("\n") == text.count("\n")
        assert [node.kind for node in yaml.scan(sealed)].count(BLOCK) == 1


def test_in_a_document_of_its_own() -> None:
    for text in ("- a\n", "a\n", "[a]\n", "- a", "|\n  a\n", "- a\n---\nb: c\n"):
        sealed = seal(text).text
        assert "\n---\nsops:\n" in sealed
        assert sealed.index("\n---\nsops:") > sealed.rindex("\n---\nb") if "b: " in text else True


def test_line_ends_of_the_block_are_those_of_the_file() -> None:
    assert "\n" not in seal("a: b\r\n").text.replace("\r\n", "")
    assert "\n" not in seal("a: b\rc: d\r").text
    assert "\r" not in seal("a: b\n").text
    assert seal("- a\r\n").text.count("\r\n---\r\nsops:\r\n") == 1


def test_it_is_found_without_reading_the_whole_text() -> None:
    """The quick way and the whole way find the same block, in every hand-made document."""
    for case in GOOD:
        text = seal(case.text).text.removeprefix("\ufeff")
        assert block.find(text) == block.search(text) is not None


@pytest.mark.parametrize(
    "text", ["", "a: b\n", "# sops:\n", "a: sops\n", "a:\n  sops: x\n", "- sops\n", "not yaml: [\n"]
)
def test_nothing_is_found_where_nothing_is(text: str) -> None:
    assert block.find(text) is None


def test_the_quick_way_is_a_guess() -> None:
    """What stands in a block scalar is found by `find`, but not by `search`: whoever opens the file compares."""
    text = "a: |\n  x\nb: c\nsops:\n  mac: x\nd: |\n \nsops:\n  mac: y\n"
    assert block.search("a: |+\n\n\nsops:\n  mac: x\n") == {"mac": "x"}
    assert block.find(text) == {"mac": "y"}


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("sops:", True),
        ("a\n  sops:", True),
        ("? sops:", False),
        ("{sops:", False),
        ("a\r\nsops:", True),
        ("a\u2028sops:", True),
    ],
)
def test_whether_it_begins_a_line(text: str, begins: bool) -> None:
    assert block.begins_line(text, text.index("sops")) == begins
