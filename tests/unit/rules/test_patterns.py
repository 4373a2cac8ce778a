"""Patterns as expressions: they match what the patterns match, and two together what both match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import ConfigError
from ksecrets.rules import re2
from ksecrets.rules.globs import Glob
from ksecrets.rules.patterns import common, folded, is_ascii, regex, rows

PARTS = [
    "**",
    "*",
    "a",
    "b",
    "a*",
    "*b",
    "a?",
    "[ab]",
    "[!a]",
    "*.k8s.yaml",
    "secrets*.yaml",
    "a.b",
    "x+(1)|^$",
    "[a-c]d",
]
NAMES = [
    "a",
    "b",
    "ab",
    "aab",
    "c",
    "cd",
    "secrets.yaml",
    "secrets-a.yaml",
    "x.k8s.yaml",
    "secrets.k8s.yaml",
    "a.b",
    "axb",
]
NAMES += ["x+(1)|^$", "é", ""]
globs = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("/".join).map(Glob)
paths = st.lists(st.sampled_from(NAMES[:-1]), min_size=1, max_size=4).map("/".join)


def matches(expression: str, path: str) -> bool:
    return re2.compile(expression).search(path) is not None


@given(st.lists(globs, min_size=1, max_size=3), st.lists(paths, min_size=1, max_size=20))
def test_an_expression_matches_what_the_patterns_match(patterns: list[Glob], tried: list[str]) -> None:
    for path in tried:
        if not path.isascii() and not is_ascii(rows(patterns)):
            continue
        expected = any(glob.matches(path) for glob in patterns)
        assert matches(regex(rows(patterns)), path) == expected
        assert matches(folded(patterns), path) == expected


@given(st.lists(globs, min_size=1, max_size=2), st.lists(globs, min_size=1, max_size=2), st.lists(paths, max_size=20))
def test_what_two_have_in_common(some: list[Glob], others: list[Glob], tried: list[str]) -> None:
    both = common(rows(some), rows(others))
    for path in tried:
        if not path.isascii() and not is_ascii([*rows(some), *rows(others)]):
            continue
        expected = any(glob.matches(path) for glob in some) and any(glob.matches(path) for glob in others)
        assert (bool(both) and matches(regex(both), path)) == expected


@pytest.mark.parametrize(
    ("environment", "rule", "expression"),
    [
        ("services/*/prod/secrets*.yaml", "services/pay/**", r"^services/pay/prod/secrets[^/]*\.yaml$"),
        ("env/prod/*.yaml", "env/prod/*.k8s.yaml", r"^env/prod/[^/]*\.k8s\.yaml$"),
        ("env/prod/*", "**/*.yaml", r"^env/prod/[^/]*\.yaml$"),
        ("env/prod/*", "env/dev/*", None),
    ],
)
def test_as_people_would_write_it(environment: str, rule: str, expression: str | None) -> None:
    both = common(rows([Glob(environment)]), rows([Glob(rule)]))
    assert (regex(both) if both else None) == expression


def test_a_folder_anywhere_is_one_expression() -> None:
    assert folded([Glob("**/prod/secrets*.yaml")]) == r"^(?:.*/)?prod/secrets[^/]*\.yaml$"
    assert folded([Glob("a/**/b"), Glob("c/**")]) == r"^(?:a/(?:.*/)?b|c/.*)$"


def test_what_is_beyond_an_expression_is_an_error() -> None:
    with pytest.raises(ConfigError, match="beyond ASCII"):
        regex(rows([Glob("[äö].yaml")]))
    with pytest.raises(ConfigError, match="too much"):
        common(rows([Glob("*a*b*c*d*e*f*g*h*")]), rows([Glob("*s*t*u*v*w*x*y*z*")]))
