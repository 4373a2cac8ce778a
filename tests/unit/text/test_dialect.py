"""What Helm and sops read alike, and how a value is written so that they do (tests/peers asks both libraries)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import SyntaxRefused
from ksecrets.text import libyaml
from ksecrets.text.dialect import differs, helm_reads, is_plain_text, quote, reads_alike, render, render_quoted
from ksecrets.text.resolve import resolve
from tests.scalars import sources

YAML = "tag:yaml.org,2002:"


@pytest.mark.parametrize(
    "source",
    ["word", "a b", "a:b", "a#b", "http://x/y?z#w", ":8080", "--flag", "-x", "1:20", "1.2.3", "p@ss", "é", "a, b",
     "10m",
     "$2a$10$N9qo8u", "nope", "yesterday", "/etc", "~/a", "日本", "0x10000000000000000", "0xg", "a'b", 'a"b'],
)  # fmt: skip
def test_strings_that_stand_plain(source: str) -> None:
    assert reads_alike(source, "str", source.encode())
    assert render("str", source.encode()) == source


@pytest.mark.parametrize(
    "source",
    ["", " a", "a ", "a: b", "a #b", "a:", "- a", "-", "?", "? a", ":", "#a", "&a", "*a", "!a", "|", ">", "'a'", '"a"',
     "%a", "@a", "`a", "{a}", "[a]", "]", "}", ",a", "---", "--- a", "...", "<<", "=", "a\nb", "a\tb", "\ta", "a\x85b",
     "a\u2028b", "\ufeffa", "a\u202eb", "a\x7fb", "\x00", "ENC[AES256_GCM,data:x]", "yes", "No", "ON", "y", "N", "true",
     "null", "~",
     "1", "1.5", "0644", "1_000", ".5", ".inf", "2020-01-01", "0o-7", "1e3"],
)  # fmt: skip
def test_strings_that_need_quotes(source: str) -> None:
    assert not reads_alike(source, "str", source.encode())
    assert render("str", source.encode()) == quote(source)


@pytest.mark.parametrize(
    ("source", "kind", "content", "alike"),
    [
        ("a", "str", b"b", False),
        ("1", "int", b"1", True),
        ("0644", "int", b"420", True),
        ("0644", "int", b"644", False),
        ("0o-7", "int", b"-7", False),
        ("1_000", "int", b"1000", True),
        ("1.10", "float", b"1.1", True),
        ("1.10", "float", b"1.10", False),
        ("1", "float", b"1", False),
        (".inf", "float", b"+Inf", True),
        ("TRUE", "bool", b"True", True),
        ("yes", "bool", b"True", False),
        ("~", "null", None, True),
        ("", "null", None, True),
        ("null", "null", None, True),
        ("nil", "null", None, False),
        ("2020-01-01T00:00:00Z", "time", b"2020-01-01T00:00:00Z", True),
        ("2020-01-01", "time", b"2020-01-01T00:00:00Z", False),
        ("2020-01-01", "str", b"2020-01-01", False),
    ],
)
def test_reads_alike_by_type(source: str, kind: str, content: bytes | None, alike: bool) -> None:
    assert reads_alike(source, kind, content) is alike


@pytest.mark.parametrize(
    ("kind", "content", "source"),
    [
        ("null", None, "null"),
        ("bool", b"True", "true"),
        ("bool", b"False", "false"),
        ("int", b"-5", "-5"),
        ("int", b"18446744073709551615", "18446744073709551615"),
        ("float", b"1.1", "1.1"),
        ("float", b"1", "1.0"),
        ("float", b"-0", "-0.0"),
        ("float", b"0.00001", "0.00001"),
        ("float", b"10000000000000000", "1e+16"),
        ("float", b"1000000000000000", "1000000000000000.0"),
        ("float", b"+Inf", ".inf"),
        ("float", b"-Inf", "-.inf"),
        ("float", b"NaN", ".nan"),
        ("time", b"2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("str", b"", '""'),
        ("str", b"yes", '"yes"'),
        ("str", b'a: "b"\\\n', '"a: \\"b\\"\\\\\\n"'),
        ("str", "\x00\x1b\x7f\x85\u2028\ufeff".encode(), '"\\u0000\\u001b\\u007f\\u0085\\u2028\\ufeff"'),
        ("str", "é 🔑\t".encode(), '"é 🔑\\t"'),
        ("str", "\U000e0041".encode(), '"\\U000e0041"'),
        ("str", b"\xff", '!!binary "/w=="'),
    ],
)
def test_render(kind: str, content: bytes | None, source: str) -> None:
    assert render(kind, content) == source


def test_render_quoted_leaves_only_strings_quoted() -> None:
    assert render_quoted("str", b"word") == '"word"'
    assert render_quoted("str", b"\xff") == '!!binary "/w=="'
    assert render_quoted("int", b"5") == "5"
    assert render_quoted("null", None) == "null"


@pytest.mark.parametrize(
    ("kind", "content"), [("int", b"secret"), ("bool", b"secret"), ("float", b"secret"), ("x", b"secret")]
)
def test_bytes_of_another_type_are_refused_without_showing_them(kind: str, content: bytes) -> None:
    with pytest.raises(SyntaxRefused) as caught:
        render(kind, content)
    assert "secret" not in str(caught.value)


def scalar(text: str) -> tuple[str, bool, str | None]:
    events = [event for event in libyaml.events(text) if type(event).__name__ == "ScalarEvent"]
    assert len(events) == 2
    return events[1].value, not events[1].style, events[1].tag


@given(st.text())
def test_a_rendered_string_is_read_back(text: str) -> None:
    for source in (render("str", text.encode()), render_quoted("str", text.encode())):
        value, plain, tag = scalar(f"k: {source}\n")
        assert resolve(value, plain=plain, tag=tag) == ("str", text.encode())
        assert helm_reads(value, plain=plain, tag=tag) == ("str", text)
    assert scalar(f"k: [{quote(text)}]\n")[0] == text


@given(st.text(st.characters(max_codepoint=0xDFFFF)))
def test_quotes_are_json_too(text: str) -> None:
    assert json.loads(quote(text)) == text


@given(st.text("ab:#-? ,[]{}&*!|>'\"%@`=<~.0123\té\u2028\ufeff", max_size=8))
def test_plain_text_is_one_scalar_for_libyaml(text: str) -> None:
    if is_plain_text(text):
        for template in ("k: {}\nz: 1\n", "k:\n- {}\n", "k:\n  {}\n", "k: {} # comment\n"):
            found = [event for event in libyaml.events(template.format(text)) if type(event).__name__ == "ScalarEvent"]
            assert (found[1].value, found[1].style) == (text, "")


WARNED = [
    ("yes", None, 'Helm reads the boolean true, sops and Flux the string "yes"'),
    ("Off", None, 'Helm reads the boolean false, sops and Flux the string "Off"'),
    ("yes", YAML + "bool", "Helm reads the boolean true, sops and Flux cannot read it"),
    ("2020-01-01", None, "Helm reads a string as it stands"),
    (".inf", None, "Helm cannot read infinities"),
    ("9007199254740993", None, "Helm rounds"),
    ("0o-7", None, "Helm reads the type str, sops and Flux the type int"),
    ("0o-7", YAML + "int", "Helm cannot read it"),
    ("12", "!", "Helm reads the type str, sops and Flux the type int"),
    ("/w==", YAML + "binary", "not UTF-8"),
]


@pytest.mark.parametrize(("value", "tag", "words"), WARNED)
def test_differences_are_named(value: str, tag: str | None, words: str) -> None:
    found = differs(value, plain=True, tag=tag)
    assert found is not None
    assert words in found
    if value.lower() not in ("yes", "off"):
        assert value not in found


@pytest.mark.parametrize(
    "value", ["word", "note", "1", "1.5", "true", "~", "0644", "0o7", "1_000", "1:20", "2020-01-01T00:00:00Z"]
)
def test_no_difference_no_words(value: str) -> None:
    assert differs(value, plain=True, tag=None) is None
    assert differs("yes", plain=False, tag=None) is None
    assert differs("secret", plain=True, tag=YAML + "int") is None


def test_the_vectors_hold_every_kind() -> None:
    vectors = sources()
    assert len(vectors) == len(set(vectors)) >= 400
    assert {resolve(source, plain=True, tag=None)[0] for source in vectors} == {
        "str",
        "int",
        "float",
        "bool",
        "time",
        "null",
    }
