"""The text of the metadata: what go-yaml writes, and what every reader reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ksecrets.envelope.emit import flow, metadata_lines, scalar

# Written by the encoder of sops 3.13 (go.yaml.in/yaml/v3 3.0.4, indentation 4) as values of a mapping.
GO_YAML = [
    ("", '""'),
    ("~", '"~"'),
    ("null", '"null"'),
    ("NULL", '"NULL"'),
    ("yes", '"yes"'),
    ("Yes", '"Yes"'),
    ("y", '"y"'),
    ("N", '"N"'),
    ("on", '"on"'),
    ("OFF", '"OFF"'),
    ("true", '"true"'),
    ("True", '"True"'),
    ("tRue", "tRue"),
    ("1", '"1"'),
    ("0", '"0"'),
    ("01", '"01"'),
    ("08", '"08"'),
    ("0o7", '"0o7"'),
    ("0O7", '"0O7"'),
    ("0x1F", '"0x1F"'),
    ("0X1f", '"0X1f"'),
    ("0b11", '"0b11"'),
    ("-0b1", '"-0b1"'),
    ("+1", '"+1"'),
    ("-", "'-'"),
    ("+", "+"),
    (".", "."),
    (".5", '".5"'),
    (".5e3", '".5e3"'),
    ("1.", '"1."'),
    ("1e5", '"1e5"'),
    ("1e999", "1e999"),
    ("1_000", '"1_000"'),
    ("_1", "_1"),
    ("1__0", '"1__0"'),
    ("12:30", '"12:30"'),
    ("12:30:45.5", '"12:30:45.5"'),
    ("1:60", "1:60"),
    ("-1:2", '"-1:2"'),
    ("2020-01-01", '"2020-01-01"'),
    ("2020-1-1", '"2020-1-1"'),
    ("2020-02-30", "2020-02-30"),
    ("2020-01-01T00:00:00Z", '"2020-01-01T00:00:00Z"'),
    ("2020-01-01 00:00:00", '"2020-01-01 00:00:00"'),
    ("2020-01-01t1:2:3.5+01:00", '"2020-01-01t1:2:3.5+01:00"'),
    ("2026-11-21T09:52:25Z", '"2026-11-21T09:52:25Z"'),
    (".inf", '".inf"'),
    ("-.inf", '"-.inf"'),
    ("+.Inf", '"+.Inf"'),
    (".nan", '".nan"'),
    ("=", "="),
    ("- a", "'- a'"),
    ("-a", "-a"),
    ("? a", "'? a'"),
    ("?a", "?a"),
    (": a", "': a'"),
    (":a", ":a"),
    ("a:", "'a:'"),
    ("a: b", "'a: b'"),
    ("a:b", "a:b"),
    ("a #b", "'a #b'"),
    ("a#b", "a#b"),
    ("#a", "'#a'"),
    ("&a", "'&a'"),
    ("*a", "'*a'"),
    ("!a", "'!a'"),
    ("|a", "'|a'"),
    (">a", "'>a'"),
    ("'a", "'''a'"),
    ('"a', "'\"a'"),
    ("%a", "'%a'"),
    ("@a", "'@a'"),
    ("`a", "'`a'"),
    ("[a", "'[a'"),
    ("]a", "']a'"),
    ("{a", "'{a'"),
    ("}a", "'}a'"),
    (",a", "',a'"),
    ("a,b", "a,b"),
    ("^(data|stringData)$", "^(data|stringData)$"),
    ("^.*(pass|secret): [^#]+ #x$", "'^.*(pass|secret): [^#]+ #x$'"),
    ("\\d+\\.", "\\d+\\."),
    ("a\tb", '"a\\tb"'),
    ("\ta", '"\\ta"'),
    (" a", "' a'"),
    ("a ", "'a '"),
    ("\xe9", "\xe9"),
    ("\u65e5\u672c", "\u65e5\u672c"),
    ("\U0001f600x", '"\\U0001F600x"'),
    ("a\x7fb", '"a\\x7Fb"'),
    ("a\x01", '"a\\x01"'),
    ("\xa0", "\xa0"),
    ("a\xa0b", "a\xa0b"),
    ("---", "'---'"),
    ("--- a", "'--- a'"),
    ("---a", "'---a'"),
    ("...", "'...'"),
    ("....", "'....'"),
    ("a'b", "a'b"),
    ("a: 'b", "'a: ''b'"),
    ("'", "''''"),
    ('"', "'\"'"),
    ("\\", "\\"),
    ('a"b: c', "'a\"b: c'"),
    ("C:\\x: y", "'C:\\x: y'"),
    ("18446744073709551615", '"18446744073709551615"'),
    ("18446744073709551616", '"18446744073709551616"'),
    ("-9223372036854775808", '"-9223372036854775808"'),
    ("-9223372036854775809", '"-9223372036854775809"'),
    ("9223372036854775808", '"9223372036854775808"'),
    ("+9223372036854775808", '"+9223372036854775808"'),
    ("0xFFFFFFFFFFFFFFFF", '"0xFFFFFFFFFFFFFFFF"'),
    ("3.13", '"3.13"'),
    ("3.13.3", "3.13.3"),
    ("1.2.3", "1.2.3"),
    ("00", '"00"'),
    ("0_7", '"0_7"'),
    ("0x", "0x"),
    ("0b2", "0b2"),
    ("0b12", "0b12"),
    ("1e", "1e"),
    ("e1", "e1"),
    ("1E+5", '"1E+5"'),
    ("+.5", '"+.5"'),
    ("-.5e-3", '"-.5e-3"'),
    ("$x", "$x"),
    ("(a)", "(a)"),
    ("a%b", "a%b"),
    ("-1a", "-1a"),
    ("--", "--"),
    ("-- a", "-- a"),
    ("\U0001f600", '"\\U0001F600"'),
    ("\ue000", "\ue000"),
    ("\ufffd", "\ufffd"),
    ("tag:yaml", "tag:yaml"),
    ("http://x:8200/", "http://x:8200/"),
    ("arn:aws:kms:eu-west-1:111:key/abc", "arn:aws:kms:eu-west-1:111:key/abc"),
    ("env/prod/secrets.yaml", "env/prod/secrets.yaml"),
    ("env/it's/x: y.yaml", "'env/it''s/x: y.yaml'"),
]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text(
    "ab0 1:#-?'\"\\,[]{}\n\t._=é", max_size=9
)
KEYS = st.text("ab0 1:#-?'\",[]{}._=é\n", min_size=1, max_size=9)
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        TEXTS,
        lambda inner: st.lists(st.dictionaries(KEYS, inner, min_size=1), max_size=3) | st.dictionaries(KEYS, inner),
        max_leaves=8,
    ),
)


def read(text: str) -> Any:
    return yaml.load(text, Loader=yaml.CBaseLoader)


@pytest.mark.parametrize(("text", "written"), GO_YAML)
def test_one_line_texts_are_written_as_go_yaml_writes_them(text: str, written: str) -> None:
    assert scalar(text) == written


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb", ["sops:", "    k: |-", "        a", "        b"]),
        ("a\n", ["sops:", "    k: |", "        a"]),
        ("a\n\nb\n", ["sops:", "    k: |", "        a", "", "        b"]),
        ("a\n b", ["sops:", "    k: |-", "        a", "         b"]),
        ("a\tb\n", ["sops:", "    k: |", "        a\tb"]),
        ("a \nb", ["sops:", '    k: "a \\nb"']),
        ("\x01\n", ["sops:", '    k: "\\x01\\n"']),
    ],
)
def test_texts_of_several_lines_are_blocks(text: str, lines: list[str]) -> None:
    assert metadata_lines({"k": text}) == lines


def test_the_layout_of_lists_in_lists_for_any_indentation() -> None:
    tree: Any = {"key_groups": [{"age": [{"enc": "x\ny\n", "recipient": "r"}], "hc_vault": []}]}
    assert metadata_lines(tree) == [
        "sops:",
        "    key_groups:",
        "        - age:",
        "            - enc: |",
        "                x",
        "                y",
        "              recipient: r",
        "          hc_vault: []",
    ]
    assert metadata_lines(tree, 2) == [
        "sops:",
        "  key_groups:",
        "    - age:",
        "        - enc: |",
        "            x",
        "            y",
        "          recipient: r",
        "      hc_vault: []",
    ]


def test_the_two_entries_that_are_no_text() -> None:
    tree: Any = {"mac_only_encrypted": "true", "shamir_threshold": "2", "version": "3.13"}
    assert metadata_lines(tree)[1:] == [
        "    mac_only_encrypted: true",
        "    shamir_threshold: 2",
        '    version: "3.13"',
    ]
    assert json.loads(flow(tree)) == {"mac_only_encrypted": True, "shamir_threshold": 2, "version": "3.13"}


@settings(max_examples=50)
@given(TREES, st.sampled_from([2, 3, 4, 6]))
def test_libyaml_reads_back_what_was_written(tree: Any, indent: int) -> None:
    text = "\n".join(metadata_lines(tree, indent)) + "\n"
    assert read(text)["sops"] == (tree or "")


@settings(max_examples=50)
@given(TREES)
def test_the_flow_form_is_one_line_of_json_and_of_yaml(tree: Any) -> None:
    text = flow(tree)
    assert len(text.splitlines()) == 1
    assert json.loads(text) == tree
    assert read(f"a: {text}\n") == {"a": tree}
