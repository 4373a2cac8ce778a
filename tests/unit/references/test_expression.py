"""References in a text: what is one, where it ends, and what comes in its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import SyntaxRefused
from ksecrets.references.expression import Reference, expand, has_reference


def lookup(reference: Reference) -> object:
    """``x://map`` is a mapping, ``x://none`` null, ``x://5`` and ``x://true`` no texts; others come back in <>."""
    special: dict[str, object] = {"map": {"a": 1}, "none": None, "55": 55, "true": True, "list": [1]}
    return special.get(reference.path, f"<{reference.text}>")


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("", ""),
        ("plain", "plain"),
        ("ref+ no", "ref+ no"),
        ("ref+x:y", "ref+x:y"),
        ("ref+x://a", "<x://a>"),  # vals leaves it, and it would be deployed
        ("ref+x://ab", "<x://ab>"),
        ("ref+x://ab+", "<x://ab>"),
        ("secretref+x://ab", "<x://ab>"),
        ("ref+x://ab?c=d#/e/f", "<x://ab?c=d#/e/f>"),
        ("a ref+x://ab b", "a <x://ab> b"),
        ('"ref+x://ab"', '"<x://ab>"'),
        ("[ref+x://ab, ref+x://cd]", "[<x://ab>, <x://cd]>"),
        ("ref+x://ab+ref+y://cd+", "<x://ab><y://cd>"),
        ("http://u:ref+x://ab+@host", "http://u:<x://ab>@host"),
        ("a\nref+x://ab\nb", "a\n<x://ab>\nb"),
        ("ref+x://map", {"a": 1}),
        ("ref+x://list", [1]),
        ("ref+x://none", None),
        ("ref+x://55", 55),
        ("n ref+x://55", "n 55"),
        ("n ref+x://true", "n true"),
        ("ref+x://a/ref+y://55/b", "<x://a/<y://55/b>>"),
        ("ref+x://a/ref+y://55+/b", "<x://a/55/b>"),
        ("préf+x://ab", "préf+x://ab"),
    ],
)
def test_what_comes_in_its_place(text: str, expanded: object) -> None:
    assert expand(text, lookup) == expanded


@pytest.mark.parametrize("text", ["a ref+x://map", "a ref+x://list", "a ref+x://none", "ref+x://a/ref+y://map+/b"])
def test_what_is_no_text_cannot_stand_in_one(text: str) -> None:
    with pytest.raises(SyntaxRefused, match="within a text gives"):
        expand(text, lookup)


def test_a_value_is_not_looked_through_again_and_nesting_ends() -> None:
    assert expand("a ref+x://ab b", lambda _: "ref+y://cd") == "a ref+y://cd b"
    with pytest.raises(SyntaxRefused, match="nested more than"):
        expand("ref+x://a/ref+y://cd", lambda _: "ref+y://cd")


def test_parts() -> None:
    found = Reference("vault://kv/a%20b/c?version=3&version=4&x=#/d/e%2Ff")
    assert (found.service, found.path) == ("vault", "kv/a b/c")
    assert found.parameters == {"version": "3", "x": ""}
    assert found.keys == ("d", "e", "f")
    assert Reference("file:///etc/x").path == "/etc/x"
    assert Reference("file://x#").keys == ()
    assert repr(found) == "<Reference vault>"


@given(st.text(alphabet='ref+secret:/ x,"\n#?ab', max_size=40))
def test_what_has_no_reference_stays(text: str) -> None:
    if not has_reference(text):
        assert expand(text, lookup) == text
