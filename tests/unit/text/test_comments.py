"""Which comments hide a value, and where comments stand in a gap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.text import yaml
from ksecrets.text.comments import CommentChoice, comments_between
from ksecrets.text.node import COMMENT


def encrypted(text: str, mode: str = "auto") -> list[str]:
    """The comments of a text that are to be encrypted."""
    choice = CommentChoice(mode)
    return [node.value for node in yaml.scan(text) if node.kind == COMMENT and choice.encrypts(node)]


ASSIGNMENTS = [
    " password: old",
    "password: old",
    " password:  'old'",
    " - password: x",
    " - - a: b",
    "key=value",
    " KEY=value",
    " key = value",
    " export TOKEN=x",
    ' "quoted key": x',
    " 'quoted': x",
    " a.b/c-d_e: x",
    " äöü: x",
    " #nested: x",
    "# doubled: x",
    " password : x",
    "\tkey:\tx",
    " a: b: c",
    " key: value # more",
    " url: http://x",
    " note: this looks like one",
    " 1: 2",
]
PROSE = [
    " prose",
    " This is prose: it has a colon",
    " http://example.org",
    " see http://example.org/a?b=c",
    " a sentence, with: a comma before",
    " key:",
    " key: ",
    " ==========",
    " a==b",
    " a == b",
    " --- x ---",
    " -- Number of replicas",
    " @param a [string] text",
    " @default -- 1",
    " {{ .Values.x }}: y",
    " - item",
    " (a): b",
    " yaml-language-server",
    " : x",
    " = x",
    "",
    "   ",
    "#####",
    " 12:30",
    " a:b",
    ' "unclosed: x',
    ' "": x',
]


@pytest.mark.parametrize("comment", ASSIGNMENTS)
def test_commented_out_assignments_are_encrypted(comment: str) -> None:
    assert encrypted(f"#{comment}\na: b\n") == [comment]
    assert encrypted(f"a: b #{comment}\n") == [comment]


@pytest.mark.parametrize("comment", PROSE)
def test_prose_stays_readable(comment: str) -> None:
    assert encrypted(f"#{comment}\na: b\n") == []
    assert encrypted(f"a: b #{comment}\n") == []


def test_what_belongs_to_a_commented_out_key_goes_with_it() -> None:
    text = "# db:\n#   user: root\n#   hosts:\n#     - one\n#     - two words\n# prose again\na: b\n"
    assert encrypted(text) == ["   user: root", "   hosts:", "     - one", "     - two words"]
    assert encrypted("# hosts:\n# - one\n# - two\n# three\na: b\n") == [" - one", " - two"]
    assert encrypted("# key: |\n#   line one\n#   line two\n# prose\na: b\n") == [
        " key: |",
        "   line one",
        "   line two",
    ]


def test_a_gap_or_a_trailing_comment_ends_what_belongs_together() -> None:
    assert encrypted("# db:\n\n#   deeper\na: b\n") == []
    assert encrypted("# db:\na: b\n#   deeper\nc: d\n") == []
    assert encrypted("a: b # db:\n#   deeper\nc: d\n") == []


def test_the_two_other_modes() -> None:
    text = "# prose\n# a: b\n#\n#  \nc: d # more\n"
    assert encrypted(text, "keep") == []
    assert encrypted(text, "encrypt") == [" prose", " a: b", " more"]


@pytest.mark.parametrize("mode", ["auto", "keep", "encrypt"])
def test_what_looks_like_a_token_is_always_encrypted(mode: str) -> None:
    assert encrypted("#ENC[x\na: b # ENC[y\n", mode) == (["ENC[x", " ENC[y"] if mode == "encrypt" else ["ENC[x"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("  # a\n", [(" a", 2, True)]),
        ("x # a", [(" a", 2, False)]),
        ("# a\n\n# b", [(" a", 0, True), (" b", 0, True)]),
        ("# a # b\n", [(" a # b", 0, True)]),
        ("#\n#", [("", 0, True), ("", 0, True)]),
        (
            "#a\r\n#b\r#c\x85#d\u2028#e",
            [("a", 0, True), ("b", 0, True), ("c", 0, True), ("d", 0, True), ("e", 0, True)],
        ),
        ("%TAG !e! tag:x#y # c\n", [(" c", 17, False)]),
        ("%YAML 1.1#x\n", []),
        ("- #a", [("a", 2, False)]),
        ("\t# a", [(" a", 1, True)]),
        ("no comment", []),
    ],
)
def test_comments_in_a_gap(text: str, found: list[tuple[str, int, bool]]) -> None:
    made = list(comments_between(text, 0, len(text)))
    assert [(text[start:end], column, own) for start, end, column, own in made] == found


def test_only_what_stands_in_the_gap() -> None:
    text = "a: 'x # y' # b\n# c\nd: e # f"
    assert [text[start:end] for start, end, _, _ in comments_between(text, 10, 20)] == [" b", " c"]
    assert [text[start:end] for start, end, _, _ in comments_between(text, 10, 15)] == [" b"]


@given(st.text(st.sampled_from("# ab:=-\n\r\t%\u2028x"), max_size=80))
def test_each_comment_ends_at_its_line(text: str) -> None:
    last = 0
    for start, end, column, own in comments_between(text, 0, len(text)):
        assert last <= start <= end
        last = end
        assert text[start - 1] == "#"
        assert not set(text[start:end]) & set("\r\n\x85\u2028\u2029")
        line = text[start - 1 - column : start - 1]
        assert not set(line) & set("\r\n\x85\u2028\u2029")
        assert own == (not line.strip(" \t"))


@given(st.lists(st.text(st.sampled_from(" -ab:=#'\""), max_size=8), max_size=6))
def test_choosing_never_fails_and_is_the_same_again(comments: list[str]) -> None:
    text = "".join(f"#{comment}\n" for comment in comments) + "a: b\n"
    assert encrypted(text) == encrypted(text)
    assert set(encrypted(text)) <= set(encrypted(text, "encrypt"))
