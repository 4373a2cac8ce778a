"""References in a YAML text: only strings with one change, and every reader finds the value."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import KsecretsError, SyntaxRefused
from ksecrets.references.document import replaced, scalars

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=6,
)


def new(text: str, value: object = "new") -> str:
    return replaced(text, lambda each: "ref+" in each, lambda _: value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: b\n", "a: b\n"),
        ("a: ref+x  # ref+x\nb: 1.10\n", 'a: "new"  # ref+x\nb: 1.10\n'),
        ("a: 'ref+x'\r\nb: \"ref+x\"\r\n", 'a: "new"\r\nb: "new"\r\n'),
        ("\ufeffa: [ref+x, {b: ref+x}]", '\ufeffa: ["new", {b: "new"}]'),
        ("a: |-\n  ref+x\n  c\nb: c\n", 'a: "new"\nb: c\n'),
        ("a: >\n  ref+x\n", 'a: "new"\n'),
        ("ref+x: a\n", "ref+x: a\n"),
        ("a: &b ref+x\nc: *b\n", 'a: &b "new"\nc: *b\n'),
        ("a: 1\n---\n- ref+x\n", 'a: 1\n---\n- "new"\n'),
        ("", ""),
    ],
)
def test_only_the_scalar_changes(before: str, after: str) -> None:
    assert new(before) == after


@given(TREES)
def test_every_reader_finds_the_value(value: object) -> None:
    """By PyYAML, but for what it does not allow; go-yaml is stricter in nothing that JSON has."""
    text = new("a: ref+x\nb: [ref+x, c]\n", value)
    assert yaml.safe_load(text) == {"a": value, "b": [value, "c"]}


def test_secrets_of_manifests() -> None:
    text = "kind: Secret\ndata: {a: b, c: d}\nstringData: {a: b}\n---\nkind: ConfigMap\ndata: {a: b}\n"
    out = replaced(text, lambda _: False, lambda _: "", lambda value: "new" if value == "b" else None)
    assert out == text.replace("data: {a: b, c", 'data: {a: "new", c', 1)


def test_where_it_fails() -> None:
    def fail(_: str) -> object:
        raise KsecretsError("no")

    with pytest.raises(KsecretsError) as caught:
        replaced("a:\n- b\n- c: ref+x\n", lambda each: "ref+" in each, fail)
    assert (caught.value.line, caught.value.path) == (3, "a[1].c")
    with pytest.raises(SyntaxRefused):
        new("a: [ref+x\n")


def test_scalars_with_a_mark() -> None:
    found = list(scalars("# x\na: x1\nb: [y, 'x2']\nx: z\n", ("x",)))
    assert [(each.line, each.path, each.value) for each in found] == [(2, "a", "x1"), (3, "b[1]", "x2")]
