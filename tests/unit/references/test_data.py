"""What stands behind `#/KEY`: the types that vals gives (seen with vals 0.46, whose go-yaml is v3)."""

from __future__ import annotations

import pytest

from ksecrets.errors import SyntaxRefused
from ksecrets.references.data import mapping_of
from ksecrets.references.expression import Reference, expand

REFERENCE = Reference("file://d.yaml#/k")


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("yes", "yes"),
        ("y", "y"),
        ("True", True),
        ("~", None),
        ("1e3", 1000.0),
        ("1.10", 1.1),
        ("1:30", "1:30"),
        ("0o17", 15),
        ("0042", 34),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("12345678901234567890", 12345678901234567890),
        (".inf", ".inf"),
        ("2020-01-01", "2020-01-01T00:00:00Z"),
        ("2020-01-01T01:02:03Z", "2020-01-01T01:02:03Z"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!binary aGVsbG8=", "hello"),
        ("!!null ''", None),
        ("!Ref yes", "yes"),
        ("!custom {a: !x [1]}", {"a": [1]}),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("[1, yes]", [1, "yes"]),
        ("{<<: {k: v}, z: 1}", {"k": "v", "z": 1}),
    ],
)
def test_a_value_has_the_type_that_vals_gives(source: str, value: object) -> None:
    found = mapping_of(f"yes: no\nk: {source}\nlast: 1\n", REFERENCE)
    assert isinstance(found, dict)
    assert found["k"] == value
    assert type(found["k"]) is type(value)
    assert found["yes"] == "no"


def test_json_as_sops_writes_it() -> None:
    assert mapping_of('{\n\t"k": "\\ud83d\\ude00",\n\t"n": 1.0\n}', REFERENCE) == {"k": "\U0001f600", "n": 1.0}
    assert mapping_of("{k: [yes]}\n", REFERENCE) == {"k": ["yes"]}
    assert mapping_of('{"k": 1e400, "n": NaN}', REFERENCE) == {"k": "1e400", "n": "NaN"}


@pytest.mark.parametrize("text", ["a: [", "{" * 100_000, '{"k": ' * 5000, "a: 1\n---\nb: 2\n", "a: &a [*a]\n"])
def test_what_is_no_one_document_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(SyntaxRefused, match=r"^what a reference to file names is no YAML, and #/KEY"):
        mapping_of(text, REFERENCE)


@pytest.mark.parametrize(
    ("value", "text"), [(1e6, "1000000"), (1000.0, "1000"), (1.1, "1.1"), (True, "true"), (7, "7")]
)
def test_a_number_within_a_text_has_no_look_of_python(value: object, text: str) -> None:
    assert expand("x ref+file://d.yaml#/k+ y", lambda _: value) == f"x {text} y"
