"""Paths as text and as tuples."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ksecrets.errors import UsageError
from ksecrets.text.path import format, parse


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (".", ()),
        ("a", ("a",)),
        (".a", ("a",)),
        ("a.b", ("a", "b")),
        ("a[0]", ("a", 0)),
        ("a.[0]", ("a", 0)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ("[0]", (0,)),
        ("[0][1]", (0, 1)),
        ("[0].a", (0, "a")),
        ("[-1]", (-1,)),
        ('["a"]["b"][0]', ("a", "b", 0)),
        ("['a']['b'][0]", ("a", "b", 0)),
        ('data["tls.crt"]', ("data", "tls.crt")),
        ('data["tls.crt"].x', ("data", "tls.crt", "x")),
        ('data["a"][0]["b.c"].d', ("data", "a", 0, "b.c", "d")),
        ("0", ("0",)),
        ("a.0", ("a", "0")),
        ("a-b/c:d@e", ("a-b/c:d@e",)),
        ('[""]', ("",)),
        ('["a b"]', ("a b",)),
        ('["a\\"b\\\\c\\n\\u00e9"]', ('a"b\\c\né',)),
        ("['a\"b\\n']", ('a"b\\n',)),
        ("['a]b']", ("a]b",)),
        ("日本.é", ("日本", "é")),
    ],
)
def test_parse(text: str, path: tuple[str | int, ...]) -> None:
    assert parse(text) == path


@pytest.mark.parametrize(
    "text",
    ["", "..", "a.", "a..b", "a b", "a[", "a[]", "a[x]", "a[0", "a[0]b", "a]", 'a["b"', 'a["b', "a['b", 'a["b"]c',
     'a["\\x"]', 'a["\\u12"]', 'a["\\U00110000"]', "[1_0]", "[+1]", "[٣]", "a[1.5]", 'a"b', "a\\b",
     "a.[", "[1][", "[--1]"],
)  # fmt: skip
def test_no_path(text: str) -> None:
    with pytest.raises(UsageError, match="not a path"):
        parse(text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "."),
        (("a", "b", 0, "c"), "a.b[0].c"),
        (("data", "tls.crt"), 'data["tls.crt"]'),
        (("tls.crt", "a"), '["tls.crt"].a'),
        (("", "a b", "[x]", 'q"'), '[""]["a b"]["[x]"]["q\\""]'),
        ((0, 1), "[0][1]"),
        (("a", "0"), "a.0"),
        (("a\n", "\x00", "\u202e"), '["a\\n"]["\\u0000"]["\\u202e"]'),
    ],
)
def test_format(path: tuple[str | int, ...], text: str) -> None:
    assert format(path) == text


@given(st.lists(st.text() | st.text("ab.[]\"'\\ 0\n", max_size=4) | st.integers(-(10**17), 10**17)).map(tuple))
@example(("a'b", "]", "']", '"]'))
def test_every_path_survives(path: tuple[str | int, ...]) -> None:
    assert parse(format(path)) == path
