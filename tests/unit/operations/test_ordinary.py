"""The quick look of `check` never says that all is well where the closer one finds something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import SyntaxRefused
from ksecrets.files.sopsreads import watch
from ksecrets.operations.ordinary import is_ordinary
from ksecrets.text import yaml
from ksecrets.text.dialect import differs
from ksecrets.text.node import ALIAS, PLAIN, SCALAR
from ksecrets.text.resolve import sops_refuses
from ksecrets.values.token import PREFIX
from tests.cases import cases

WORDS = ["a", "yes", "on", "1", "0644", "1_000", "2001-01-01", "'yes'", '"x"', "!!binary aGk=", "~", "", "1e3", ".inf"]
WORDS += [
    "&x a",
    "*x",
    "ENC[AES256_GCM,data:x]",
    "99999999999999999999",
    "0x1F",
    "[a, yes]",
    "{n: 1}",
    "|\n    text",
    "!!str 1",
]
KEYS = ["a", "b", "yes", "'yes'", "1", "<<", "? [x]\n", "&k k", "on", "!!str c", "~", "2001-01-01"]


def closer(text: str) -> bool:
    """Whether there is something that `check` would have to look at, by nodes and in plain words."""
    reasons: list[str] = []
    for node in watch(yaml.scan(text), reasons):
        if isinstance(node.key, str) and node.key_form == "" and differs(node.key, plain=True, tag=None):
            return True
        if node.kind == ALIAS:
            return True
        if node.kind != SCALAR or node.frame.in_key:
            continue
        plain = node.style == PLAIN
        if node.value.startswith(PREFIX):
            return True
        if (plain or node.tag) and (
            differs(node.value, plain=plain, tag=node.tag) or sops_refuses(node.value, plain=plain, tag=node.tag)
        ):
            return True
    return bool(reasons)


entries = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(WORDS)), min_size=1, max_size=6)


@given(entries, st.sampled_from(["", "---\n", "# note\n"]), st.sampled_from(["", "  "]))
def test_it_never_says_too_much(pairs: list[tuple[str, str]], head: str, indent: str) -> None:
    rows = "".join(f"{indent}{key}: {value}\n" for key, value in pairs)
    text = head + (f"top:\n{rows}" if indent else rows)
    try:
        found = closer(text)
    except SyntaxRefused:
        return
    if found:
        assert not is_ordinary(text)


def test_over_all_documents_at_hand() -> None:
    quick = 0
    for case in cases():
        try:
            found = closer(case.text)
        except SyntaxRefused:
            continue
        ordinary = is_ordinary(case.text)
        assert not (found and ordinary), case.name
        quick += ordinary
    assert quick > 10


@pytest.mark.parametrize("text", ["a: 1\nb: {c: [x, 'yes']}\n# n\nd:\n  - e: |\n      text\n", "", "a: b\n---\nc: d\n"])
def test_what_people_write_is_ordinary(text: str) -> None:
    assert is_ordinary(text)
