"""The six selectors of sops."""

from __future__ import annotations

import pytest

from ksecrets.errors import ConfigError
from ksecrets.rules.selector import KINDS, Selector, choose


@pytest.mark.parametrize(
    ("kind", "value", "component", "matches", "picks", "by_comment"),
    [
        ("unencrypted_suffix", "_plain", "a_plain", True, False, False),
        ("unencrypted_suffix", "_plain", "a_plain2", False, False, False),
        ("encrypted_suffix", "_secret", "_secret", True, True, False),
        ("unencrypted_regex", "^meta", "metadata", True, False, False),
        ("encrypted_regex", "^(data|stringData)$", "data\n", False, True, False),
        ("encrypted_regex", "^(data|stringData)$", "stringData", True, True, False),
        ("unencrypted_comment_regex", "public", " public: yes", True, False, True),
        ("encrypted_comment_regex", "(?i)SECRET", " secret", True, True, True),
    ],
)
def test_kinds(kind: str, value: str, component: str, matches: bool, picks: bool, by_comment: bool) -> None:
    selector = Selector(kind, value)
    assert [selector.test(component), selector.test(component)] == [matches, matches]
    assert selector.picks_matches is picks
    assert selector.by_comment is by_comment


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_value_says_nothing_as_in_sops(kind: str) -> None:
    assert Selector(kind, "") == Selector() == Selector("unencrypted_suffix", "_unencrypted")
    assert choose({kind: "", "encrypted_suffix": "x"}) == Selector("encrypted_suffix", "x")


def test_one_at_most() -> None:
    assert choose({}) == Selector()
    with pytest.raises(ConfigError, match="`unencrypted_suffix` and `encrypted_regex`"):
        choose({"encrypted_regex": "x", "unencrypted_suffix": "y"})
    with pytest.raises(ConfigError, match="no selector is called"):
        Selector("encrypted_glob", "x")


def test_a_bad_expression_is_an_error_when_used_and_when_checked() -> None:
    selector = Selector("encrypted_regex", "(?=x)")
    with pytest.raises(ConfigError, match="lookaround"):
        selector.test("x")
    with pytest.raises(ConfigError, match="lookaround"):
        selector.check()
    Selector("encrypted_suffix", "(?=x)").check()


def test_hash_and_equality() -> None:
    assert (
        len({Selector("encrypted_regex", "a"), Selector("encrypted_regex", "a"), Selector("unencrypted_regex", "a")})
        == 2
    )
    assert Selector() != "x"
