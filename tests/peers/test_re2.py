"""Our reading of Go's regular expressions against Go's `regexp`: whatever we accept, matches alike."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksecrets.errors import ConfigError
from ksecrets.rules import re2

TEXTS = [
    "", "a", "A", "b", "ab", "aab", "abc", "data", "stringData", "metadata", "data\n", "a\nb", "\n", "k", "K",
    "\u212a", "s", "\u017f", "\u0130", "\u0131", "i", "I", "\u00e9", "\u00c9", "\u0665", "5", "a5_", "-", "]", "[",
    "^", "a-b", "a.b", "{,2}", "a{,2}", "a{2", "\x0b", "\x0c", "\x85", "\xa0", " ", "\t", "\u2028", "\U0001f600",
    "\\", "_unencrypted", "x_unencrypted", "aaaa", "\x00", "E", "\x1f", "!",
]  # fmt: skip
TABLE = [
    "", "a", "^a", "a$", "^$", "$", "(?m)$", "(?m)^", r"\A\z", r"^\s", r"\S", r"\d", r"\D", r"\w", r"\W", r"(?i)\w",
    r"(?i)\W", r"(?i)[\W]", r"(?i)[^\w]", r"(?i)[^k]", r"(?i)[^\W]", "(?i)k", "(?i)[a-z]", "(?i)[^a-z]",
    "(?i)[[:alpha:]]", "(?i)[[:^alpha:]]", r"[\s]", r"[\S]", r"[^\S]", r"[^\s]", r"\b", r"\B", r"\b5", r"a\b",
    r"\x41", r"\x{e9}", r"\x{1F600}", r"\101", r"\12", r"\07", r"\0", r"[\0]", r"\a\f", r"\v", r"\-", r"\_", r"\ ",
    r"\<", r"[\]]", r"[\^]", "[]]", "[^]]", "[]a]", "[a-]", "[-a]", "[--/]", "[a-b-c]", "[[:punct:]]", "[[:word:]]",
    "[[:ascii:]]", "[^[:ascii:]]", "[[:space:]]", "[[:blank:]]", "[[:cntrl:]]", "[[:graph:]]", "[[:print:]]",
    "[[:x]", "[[:alpha:]", "[:alpha:]", "a{2}", "a{2,}", "a{2,3}", "a{,2}", "a{2", "a{}", "a{x}", "{", "a{0}",
    "a{0,0}b", "a{01}", "a{2}?", "x{2}{3}", "a*?", "a+?", "a??", "a*", "(a*)*", "(|a)*", "(a|)b", "()", "(|)",
    "a||b", "|", "^*", "$*", r"\b*", "(?:^)*a", "(?i)a(?-i)b", "(?i:a)b", "a(?i)b|c", "(a(?i)b)c", "(?s).",
    "(?s:a.b)", "a.b", ".", "[^a]", "(?U)a+", "(?U)a+?", "(?im-s:a)", "(?i-i)a", "(?)", "(?-)", "(?:)", "(?i",
    r"\Qa.b\E", r"\Qa.b", r"\Q\E", r"\Q\E*", r"\Qab\E+", r"\Q", r"a\Eb", r"\E", r"\Q\\E", "(?P<n>a)", "(?<n>a)",
    "(?P<1>a)", "(?P<n>a)(?P<n>b)", "(?P<>a)", "(?P<n", "(?P=n)", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)",
    "(?#a)", "(?x)a", r"\1", r"\8", r"\Z", r"\G", r"\C", r"\q", r"\pL", r"[\b]", "a**", "a*+", "a++", "a?+", "**",
    "*", "+a", "(*a)", "(a|*b)", "a{1001}", "a{1000}", "(a{10}){101}", "(a{10}){100}", "((a{5}){5}){50}", "a{3,2}",
    "(a{0}){2000}", "(", ")", "(a", "a)", "[", "[a", "[]", "[^", "[b-a]", r"[a-\d]", r"[\d-a]", r"[\d-]",
    r"\x{110000}", r"\x4", r"\x{}", r"\x{4", "a\\", "[\\", "a|^b", "(?m)^b", "(?m)a$", "(?m)(a$)", "(?m:a$)b?$",
    "\u00e9", "[\u00e0-\u00ff]", "(?i)\u00e9", r"[\x00-\x{10FFFF}]", r"[^\x00-\x{10FFFF}]", "#", "~", "&&",
    "[a&&b]", "[a||b]", "[a--b]", "[[a]]", "[a~~b]", "_unencrypted$", "(?i)(?i)a", "(?i)(a)(?-i:B)", "a(?i)",
    "(?i)*", "(?i)?a", r"\Qa\E\Qb\E", r"(?i)\Qk\E", "{2}", "a|{2}", "a{2}{", "a{2}*", "a(?i){2}",
]  # fmt: skip

Ask = Callable[[str, list[str]], tuple[bool, list[bool]]]


@pytest.fixture
def go(peer: Callable[[str], str]) -> Iterator[Ask]:
    with subprocess.Popen([peer("re2match")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def ask(pattern: str, texts: list[str]) -> tuple[bool, list[bool]]:
            stdin.write(json.dumps({"pattern": pattern, "texts": texts}) + "\n")
            stdin.flush()
            answer = json.loads(stdout.readline())
            return answer["ok"], answer["matches"]

        yield ask
        stdin.close()


def agree(go: Ask, pattern: str) -> bool:
    """Whether both took the pattern; fails where we took it and Go did not, or read it in another way."""
    known, matches = go(pattern, TEXTS)
    try:
        ours = re2.compile(pattern)
    except ConfigError:
        return False
    assert known, f"Go refuses {pattern!r}"
    for text, match in zip(TEXTS, matches, strict=True):
        assert bool(ours.search(text)) is match, (pattern, text, ours.pattern)
    return True


def test_table(go: Ask) -> None:
    taken = [pattern for pattern in TABLE if agree(go, pattern)]
    assert len(taken) > 120
    refused = [pattern for pattern in TABLE if pattern not in taken and go(pattern, [])[0]]
    # All that Go takes and we do not:
    assert set(refused) == {r"\pL", "(?i)\u00e9", "a(?i){2}"}


pieces = st.sampled_from(
    [
        "a", "b", "k", "S", "5", "-", "_", ".", "^", "$", "|", "(", ")", "(?:", "(?i)", "(?-i)", "(?s)", "(?m)",
        "(?i:", "(?m-i:", "*", "+", "?", "{2}", "{,2}", "{1,}", "{0,3}", "{", "}", "[", "]", "[^", "[a-z]",
        "[^a-z]", "[[:word:]]", "[[:^alpha:]]", r"\d", r"\W", r"\s", r"\S", r"\b", r"\B", r"\z", r"\A", r"\Q",
        r"\E", r"\n", r"\x41", r"\.", "\\", "\u00e9", ",", ":", "\n", "[\\w-]", "[\\S]", "(?P<x>",
    ]
)  # fmt: skip


def test_generated(go: Ask) -> None:
    taken = 0

    @settings(max_examples=1500, deadline=None, database=None)
    @given(st.lists(pieces, min_size=1, max_size=9).map("".join))
    def run(pattern: str) -> None:
        nonlocal taken
        taken += agree(go, pattern)

    run()
    assert taken > 150
