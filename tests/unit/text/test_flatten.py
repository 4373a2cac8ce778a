"""Flat names of the metadata: there and back, sops's own spelling, and hostile names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import Tampered
from ksecrets.text.flatten import flatten, unflatten

# What sops 3.13 wrote into a dotenv file with two key groups, without `sops_`.
BY_SOPS = [
    ("key_groups__list_0__map_age__list_0__map_enc", "a"),
    ("key_groups__list_0__map_age__list_0__map_recipient", "b"),
    ("key_groups__list_0__map_age__list_1__map_enc", "c"),
    ("key_groups__list_1__map_kms__list_0__map_context__map_env", "d"),
    ("lastmodified", "2026-01-01T00:00:00Z"),
    ("mac", ""),
    ("shamir_threshold", "2"),
]
TREE = {
    "key_groups": [
        {"age": [{"enc": "a", "recipient": "b"}, {"enc": "c"}]},
        {"kms": [{"context": {"env": "d"}}]},
    ],
    "lastmodified": "2026-01-01T00:00:00Z",
    "mac": "",
    "shamir_threshold": "2",
}


def test_as_sops_spells_it() -> None:
    assert flatten(TREE) == BY_SOPS
    assert unflatten(BY_SOPS) == TREE


def test_a_list_may_come_in_any_order() -> None:
    assert unflatten([("a__list_1", "x"), ("b", "y"), ("a__list_0", "z")]) == {"a": ["z", "x"], "b": "y"}
    assert unflatten([(f"a__list_{index}", str(index)) for index in range(12)]) == {
        "a": [str(index) for index in range(12)]
    }


@pytest.mark.parametrize("name", ["_map_x", "a__map_b", "__list_0", "__map_", "a__list_1__map_x", "_", "-__"])
def test_names_of_residues_are_never_taken_for_nesting(name: str) -> None:
    tree = {"ksecrets": {"kid": "k", "residues": {name: "x", "other": "y"}}}
    ((_, _), (spelled, _), (_, _)) = flatten(tree)
    assert spelled.count("__") == 2  # the two of the places above
    assert unflatten(flatten(tree)) == tree


_KEYS = st.text("abcxyz01", min_size=1, max_size=8)
_TREES: Any = st.dictionaries(
    _KEYS,
    st.recursive(
        st.text(),
        lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(_KEYS, inner, min_size=1, max_size=3),
        max_leaves=12,
    ),
    max_size=5,
)


@given(_TREES)
def test_there_and_back(tree: dict[str, Any]) -> None:
    assert unflatten(flatten(tree)) == tree


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "a"], "twice"),
        (["a__map_b", "a__map_b"], "twice"),
        (["a", "a__map_b"], "a value and a collection"),
        (["a__map_b", "a"], "twice"),
        (["a__map_b", "a__list_0"], "a mapping and a list"),
        (["a__list_0", "a__list_2"], "a list with a gap"),
        (["a__list_1"], "a list with a gap"),
        (["a__list_x"], "no small number"),
        (["a__list_"], "no small number"),
        (["a__list_-1"], "no small number"),
        (["a__list_99999999999999999999"], "no small number"),
        (["a__list_١"], "no small number"),
        (["a" + "__map_b" * 100_000], "too deeply"),
        (["a" + "__list_0" * 13], "too deeply"),
    ],
)
def test_what_is_out_of_order(names: list[str], message: str) -> None:
    with pytest.raises(Tampered, match=message) as caught:
        unflatten([(name, "hunter2") for name in names])
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_message_carries_no_terminal_controls() -> None:
    with pytest.raises(Tampered) as caught:
        unflatten([("a\x1b[31m\n__list_x", "")])
    assert str(caught.value).isprintable()


@given(st.lists(st.tuples(st.text("ab_", max_size=3) | st.sampled_from(["__map_", "__list_0", "a__map_"]), st.text())))
def test_any_names(pairs: list[tuple[str, str]]) -> None:
    try:
        tree = unflatten(pairs)
    except Tampered:
        return
    assert len(flatten(tree)) == len(pairs)
