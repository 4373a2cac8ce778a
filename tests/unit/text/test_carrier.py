"""Carriers: in which style a token stands, what is predicted from it, and what is restored without a residue."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ksecrets.errors import SyntaxRefused
from ksecrets.text import yaml
from ksecrets.text.carrier import carried, fits, layout, predicted, restored
from ksecrets.text.node import DOUBLE, FOLDED, LITERAL, PLAIN, SCALAR, SINGLE, Node
from ksecrets.text.resolve import resolve

TOKEN = "ENC[AES256_GCM,data:AAAA]"


def scalar(text: str, number: int = 0) -> Node:
    return [node for node in yaml.scan(text) if node.kind == SCALAR and not node.frame.in_key][number]


@pytest.mark.parametrize(
    ("text", "carrier"),
    [
        ("a: b", TOKEN),
        ("a: 'b'", f"'{TOKEN}'"),
        ('a: "b"', f'"{TOKEN}"'),
        ("a: [b]", f'"{TOKEN}"'),
        ("{a: b}", f'"{TOKEN}"'),
        ("a: ['b']", f"'{TOKEN}'"),
        ("a: one\n  two", TOKEN),
        ("a: |\n  b", f"|-\n  {TOKEN}"),
        ("a: |\n      b", f"|-\n      {TOKEN}"),
        ("a: |+\n  b\n\n", f"|-\n  {TOKEN}"),
        ("a: >2\n    b", f">-\n    {TOKEN}"),
        ("a: | # c\n  b", f"|-\n  {TOKEN}"),
        ("a: |\n\n\n   b\n", f"|-\n   {TOKEN}"),
        ("a: |\r\n  b\r\n", f"|-\r\n  {TOKEN}"),
        ("a: |+\n\n\n", f"|-\n  {TOKEN}"),
        ("- |\n b", f"|-\n {TOKEN}"),
        ("  a: |+\n\n", f"|-\n    {TOKEN}"),
        ("a: |\u2028  b", f"|-\n  {TOKEN}"),
    ],
)
def test_a_token_stands_in_the_style_of_the_original(text: str, carrier: str) -> None:
    node = scalar(text)
    source, style, indent, newline = carried(node.style, node.frame, text[node.start : node.end], TOKEN)
    assert source == carrier
    assert style == (source[0] if source[0] in "'\"|>" else PLAIN)
    # As a file, the token is the whole content again, and its layout is what was said.
    made = text[: node.start] + source + text[node.end :]
    again = scalar(made)
    assert again.value == TOKEN
    if style in (LITERAL, FOLDED):
        assert layout(made[again.start : again.end]) == (indent, newline)


@pytest.mark.parametrize(
    ("style", "kind", "value", "source"),
    [
        (PLAIN, "str", "b", "b"),
        (PLAIN, "int", "5", "5"),
        (PLAIN, "bool", "True", "true"),
        (SINGLE, "str", "it's", "'it''s'"),
        (DOUBLE, "str", 'a"b\\c\nd\te', '"a\\"b\\\\c\\nd\\te"'),
        (DOUBLE, "str", "ü😀", '"ü😀"'),
        (LITERAL, "str", "one\ntwo\n", "|\n  one\n  two"),
        (LITERAL, "str", "one\n\ntwo", "|-\n  one\n\n  two"),
        (LITERAL, "str", "one\n\n\n", "|+\n  one\n\n"),
        (FOLDED, "str", "one two\n", ">\n  one two"),
        (FOLDED, "str", "one\ntwo", ">-\n  one\n\n  two"),
    ],
)
def test_predicted_sources(style: str, kind: str, value: str, source: str) -> None:
    """These must not change: files that exist depend on them."""
    assert predicted(style, kind, value, "  ", "\n") == source


TEXTS = st.text(st.sampled_from("ab '\"\\\n\t#:-\r\x85\u2028é\0😀\u00a0\ufeff"), max_size=12)


@example(FOLDED, ":\n\n", "  ")
@given(st.sampled_from([SINGLE, DOUBLE, LITERAL, FOLDED]), TEXTS, st.sampled_from(["  ", " ", "      "]))
def test_what_fits_means_its_value_wherever_it_stands(style: str, value: str, indent: str) -> None:
    """The property that keeps anybody from changing a value by changing quotes, header or indentation."""
    if not value or not fits(style, value):
        return
    source = predicted(style, "str", value, indent, "\n")
    for text in (f"a: {source}\n", f"- {source}\n- x\n", f"a: {source}\nb: c\n"):
        try:
            assert scalar(text).value == value
        except SyntaxRefused as error:
            raise AssertionError(text) from error


@pytest.mark.parametrize(
    ("style", "value"),
    [
        (SINGLE, "a\nb"),
        (SINGLE, "a\tb"),
        (SINGLE, "a\rb"),
        (DOUBLE, "a\rb"),
        (DOUBLE, "a\x85b"),
        (DOUBLE, "a\u2028b"),
        (LITERAL, " a"),
        (LITERAL, "\na"),
        (LITERAL, "\ta"),
        (LITERAL, "a\rb"),
        (FOLDED, "a\n b"),
        (FOLDED, "a\n\nb"),
        (FOLDED, "a\n\n"),
        (FOLDED, "a\n\tb"),
        (FOLDED, " a"),
    ],
)
def test_what_does_not_fit(style: str, value: str) -> None:
    assert not fits(style, value)


@pytest.mark.parametrize("style", [PLAIN, SINGLE, DOUBLE, LITERAL, FOLDED])
def test_ordinary_words_fit_everywhere(style: str) -> None:
    for value in ("a", "two words", "s3cret!", "ü"):
        assert fits(style, value)


CARRIERS = (
    "a: {}\n",
    "a: '{}'\n",
    'a: "{}"\n',
    "a: |-\n  {}\n",
    "a: >-\n    {}\n",
    'a: ["{}"]\n',
    "a: ['{}', x]\n",
    "- {}\n- x\n",
    "a: {} # c\n",
)
VALUES: list[tuple[str, bytes]] = [
    ("str", value.encode())
    for value in (
        "word",
        "two words",
        "yes",
        "1.10",
        "0644",
        "null",
        "~",
        "",
        "a: b",
        "# c",
        "- d",
        "it's",
        'say "x"',
        "a\nb",
        "a\nb\n",
        "a\nb\n\n",
        " lead",
        "trail ",
        "\n",
        "\na",
        "tab\t",
        "\t",
        "\r",
        "\x00",
        "\x85",
        "\u2028",
        "ü😀",
        "ENC[x",
        "ENC[\nx",
        "é",
        "2020-01-01",
        "x" * 300,
        "a\n b\n",
        "---",
        "...",
        "!x",
        "&x",
        "*x",
        "%x",
        "@x",
        "`x",
        "{x",
        "[x",
        "=",
        "<<",
        "12:30",
        "1e3",
        "0x1F",
        "1_000",
    )
]
VALUES += [
    ("int", b"5"),
    ("int", b"-5"),
    ("float", b"1.5"),
    ("float", b"1000"),
    ("float", b"NaN"),
    ("float", b"-Inf"),
    ("bool", b"True"),
]
VALUES += [
    ("bool", b"False"),
    ("time", b"2020-01-01T00:00:00Z"),
    ("time", b"2020-01-01T10:20:30.5+01:00"),
    ("str", b"\xff\xfe"),
]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_whatever_is_restored_has_its_type_and_value(carrier: str) -> None:
    text = carrier.format(TOKEN)
    node = scalar(text)
    for kind, content in VALUES:
        source = restored(text, node, kind, content)
        made = text[: node.start] + source + text[node.end :]
        again = scalar(made)
        assert resolve(again.value, plain=not again.style, tag=again.tag) == (kind, content), made


@pytest.mark.parametrize(
    ("kind", "content"), [("int", b"x"), ("bool", b"2"), ("float", b"--1"), ("time", b"soon"), ("int", b"\xff")]
)
def test_bytes_that_are_no_value_of_their_type_are_refused(kind: str, content: bytes) -> None:
    text = f"a: {TOKEN}\n"
    with pytest.raises(SyntaxRefused):
        restored(text, scalar(text), kind, content)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("|-\n  x", ("  ", "\n")),
        ("|\r\n   x\r\n", ("   ", "\r\n")),
        (">\r x", (" ", "\r")),
        ("| # c\n\n\n  x\n    y", ("  ", "\n")),
        ("|\x85  x", ("  ", "\n")),
        ("|\u2028  x", ("  ", "\n")),
        ("|", ("", "\n")),
        ("|+\n\n", ("", "\n")),
    ],
)
def test_layout_of_a_block(source: str, expected: tuple[str, str]) -> None:
    assert layout(source) == expected
