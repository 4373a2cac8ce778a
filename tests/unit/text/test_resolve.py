"""Types and canonical bytes of scalars, by the rules of go-yaml v3 and sops (tests/peers compares with both)."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ksecrets.errors
from ksecrets.text.resolve import canonical, go_float_text, resolve, same_value, sops_refuses

YAML = "tag:yaml.org,2002:"

PLAIN = [
    ("word", "str", b"word"),
    ("yes", "str", b"yes"),
    ("on", "str", b"on"),
    ("y", "str", b"y"),
    ("tRUE", "str", b"tRUE"),
    ("<<", "str", b"<<"),
    ("é", "str", "é".encode()),
    ("TRUE", "bool", b"True"),
    ("false", "bool", b"False"),
    ("", "null", None),
    ("~", "null", None),
    ("Null", "null", None),
    ("0644", "int", b"420"),
    ("0o644", "int", b"420"),
    ("0x1F", "int", b"31"),
    ("12_34", "int", b"1234"),
    ("0b101", "int", b"5"),
    ("-0b1", "int", b"-1"),
    ("0b-1", "int", b"-1"),
    ("0o+7", "int", b"7"),
    ("0755_", "int", b"493"),
    ("-0", "int", b"0"),
    ("+9", "int", b"9"),
    ("9223372036854775807", "int", b"9223372036854775807"),
    ("-9223372036854775808", "int", b"-9223372036854775808"),
    ("-9223372036854775809", "float", b"-9223372036854776000"),
    ("18446744073709551616", "float", b"18446744073709552000"),
    ("0x10000000000000000", "str", b"0x10000000000000000"),
    ("089", "float", b"89"),
    ("1.10", "float", b"1.1"),
    ("1.0", "float", b"1"),
    (".5", "float", b"0.5"),
    ("1.", "float", b"1"),
    ("1e3", "float", b"1000"),
    ("1e999", "str", b"1e999"),
    ("1e-7", "float", b"0.0000001"),
    ("-0.0", "float", b"-0"),
    ("1_0.5", "float", b"10.5"),
    (".5_0", "float", b"0.5"),
    ("._5", "str", b"._5"),
    ("0x1p-2", "str", b"0x1p-2"),
    (".inf", "float", b"+Inf"),
    ("+.inf", "float", b"+Inf"),
    ("-.INF", "float", b"-Inf"),
    (".NaN", "float", b"NaN"),
    ("2020-01-01", "time", b"2020-01-01T00:00:00Z"),
    ("2020-1-2T3:4:5,50+01:60", "time", b"2020-01-02T03:04:05.5+02:00"),
    ("2020-01-01t1:2:3-00:00", "time", b"2020-01-01T01:02:03Z"),
    ("2020-01-01   12:34:56.1234567899", "time", b"2020-01-01T12:34:56.123456789Z"),
    ("2020-01-01 12:34:56Z", "str", b"2020-01-01 12:34:56Z"),
    ("2019-02-29", "str", b"2019-02-29"),
    ("1:20", "str", b"1:20"),
    ("٣", "str", "٣".encode()),
    ("1٣", "str", "1٣".encode()),
]


@pytest.mark.parametrize(("value", "kind", "content"), PLAIN)
def test_plain(value: str, kind: str, content: bytes | None) -> None:
    assert resolve(value, plain=True, tag=None) == (kind, content)
    assert sops_refuses(value, plain=True, tag=None) is None
    assert same_value(kind, content, value, plain=True, tag=None)


@pytest.mark.parametrize("value", [value for value, _, _ in PLAIN])
def test_quotes_and_block_headers_make_a_string(value: str) -> None:
    assert resolve(value, plain=False, tag=None) == ("str", value.encode())
    assert resolve(value, plain=False, tag="!") == ("str", value.encode())
    assert resolve(value, plain=True, tag=YAML + "str") == ("str", value.encode())
    assert resolve(value, plain=True, tag="!vault") == ("str", value.encode())


@pytest.mark.parametrize(
    ("tag", "value", "kind", "content"),
    [
        ("int", "1", "int", b"1"),
        ("float", "1", "float", b"1"),
        ("float", "0x10", "float", b"16"),
        ("float", "9007199254740993", "float", b"9007199254740992"),
        ("bool", "true", "bool", b"True"),
        ("null", "", "null", None),
        ("timestamp", "2020-01-01", "time", b"2020-01-01T00:00:00Z"),
        ("binary", "aGVs\nbG8=", "str", b"hello"),
        ("binary", "/w==", "str", b"\xff"),
        ("set", "a", "str", b"a"),
    ],
)
def test_tags_count_whatever_the_style(tag: str, value: str, kind: str, content: bytes | None) -> None:
    for plain in (True, False):
        assert resolve(value, plain=plain, tag=YAML + tag) == (kind, content)
        assert resolve(value, plain=plain, tag="!!" + tag) == (kind, content)
        assert sops_refuses(value, plain=plain, tag=YAML + tag) is None


def test_the_non_specific_tag_goes_by_the_style() -> None:
    assert resolve("12", plain=True, tag="!") == ("int", b"12")
    assert resolve("12", plain=False, tag="!") == ("str", b"12")


@pytest.mark.parametrize(
    ("tag", "value", "kind", "content", "reason"),
    [
        (None, "18446744073709551615", "int", b"18446744073709551615", "whole numbers"),
        (None, "0x8000000000000000", "int", b"9223372036854775808", "whole numbers"),
        ("int", "secret", "str", b"secret", "tag"),
        ("bool", "yes", "str", b"yes", "tag"),
        ("null", "secret", "str", b"secret", "tag"),
        ("int", "2020-01-01", "str", b"2020-01-01", "tag"),
        ("float", "9223372036854775808", "str", b"9223372036854775808", "tag"),
        ("binary", "secret!", "str", b"secret!", "base64"),
        ("binary", "Zm9v=", "str", b"Zm9v=", "base64"),
        (None, "2020-01-01T00:00:00+24:00", "time", b"2020-01-01T00:00:00+24:00", "offset"),
    ],
)
def test_what_sops_refuses_keeps_a_type_and_a_reason(
    tag: str | None, value: str, kind: str, content: bytes, reason: str
) -> None:
    full = YAML + tag if tag else None
    assert resolve(value, plain=True, tag=full) == (kind, content)
    why = sops_refuses(value, plain=True, tag=full)
    assert why is not None
    assert reason in why
    assert value not in why


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        ("str", b"\xff", b"\xff"),
        ("int", b"+007", b"7"),
        ("int", b"-1", b"-1"),
        ("int", b"1_0", None),
        ("int", b"", None),
        ("int", b"18446744073709551616", None),
        ("bool", b"t", b"True"),
        ("bool", b"False", b"False"),
        ("bool", b"yes", None),
        ("float", b"1.50", b"1.5"),
        ("float", b"NaN", b"NaN"),
        ("float", b"1e999", None),
        ("float", b"x", None),
        ("time", b"2020-01-01", b"2020-01-01T00:00:00Z"),
        ("time", b"x", None),
        ("time", b"\xff", None),
        ("other", b"x", None),
    ],
)
def test_canonical(kind: str, content: bytes, expected: bytes | None) -> None:
    assert canonical(kind, content) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_written_without_exponent_and_read_back(number: float) -> None:
    text = go_float_text(number)
    assert text is not None
    assert "e" not in text
    assert float(text) == number
    assert text == text.strip()
    assert Decimal(text) == Decimal(repr(number))
    assert resolve(text + ("" if "." in text else ".0"), plain=True, tag=None) == ("float", text.encode())


@given(st.integers(-(2**63), 2**63 - 1))
def test_all_bases_give_decimal(number: int) -> None:
    for text in (str(number), hex(number), oct(number), bin(number)):
        assert resolve(text, plain=True, tag=None) == ("int", b"%d" % number)


@given(
    st.text(), st.booleans(), st.sampled_from([None, "!", "!x", *(YAML + t for t in ("int", "binary", "timestamp"))])
)
def test_any_text_has_a_type(value: str, plain: bool, tag: str | None) -> None:
    kind, content = resolve(value, plain=plain, tag=tag)
    assert (content is None) == (kind == "null")
    if content is not None and sops_refuses(value, plain=plain, tag=tag) is None:
        assert canonical(kind, content) == content


def test_it_is_cheap_to_import() -> None:
    root = os.path.dirname(os.path.dirname(ksecrets.errors.__file__))
    script = (
        f"import sys; sys.path.insert(0, {root!r}); before = set(sys.modules); "
        "import ksecrets.text.dialect, ksecrets.text.path; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    found = {name.split(".")[0] for name in done.stdout.split()} - {"ksecrets", "ksecrets__mypyc"}
    # A compiled module asks the import system for its place.
    assert found <= {"__future__", "importlib", "warnings"}
