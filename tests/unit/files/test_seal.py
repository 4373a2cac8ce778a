"""Encrypting: every hand-made document to the byte, quiet, and nothing outside of the chosen values touched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ksecrets.errors import AlreadyEncrypted, KsecretsError, SyntaxRefused
from ksecrets.files.seal import seal_text
from ksecrets.text import block, yaml
from ksecrets.text.node import BLOCK, COMMENT, SCALAR, Node
from ksecrets.values.cipher import DataKey
from tests.cases import Case, cases
from tests.documents import documents, is_yaml
from tests.pipe import KEY, metadata, open_, seal
from tests.scalars import sources

TOKEN = re.compile(r"ENC\[AES256_GCM,data:[^\]]*\]")
GOOD = [case for case in cases() if not case.flags & {"refused", "refused-or-go"}]
REFUSED = [case for case in cases() if "refused" in case.flags]
ALL_SOURCES = [*sources(), *sources("scalars_refused")]
MODES = ("auto", "keep", "encrypt")


@contextmanager
def naming(what: object) -> Iterator[None]:
    """A test for each of a thousand documents would take longer than the documents: one test, which names the one."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"document: {what!r}")
        raise


def body_of(sealed: str) -> str:
    """An encrypted text without its metadata block; the text around the block as it was before the block came in."""
    mark = "\ufeff" if sealed.startswith("\ufeff") else ""
    text = sealed.removeprefix("\ufeff")
    nodes = list(yaml.scan(text))
    (found,) = [node for node in nodes if node.kind == BLOCK]
    own = any(node.kind == SCALAR and node.start < found.start and node.frame.parent is None for node in nodes) or any(
        node.frame.parent is not None
        and node.frame.parent.parent is None
        and node.frame.is_list
        and node.start < found.start
        for node in nodes
    )
    start, end = block.cut(text, found, own)
    return mark + text[:start] + text[end:]


def test_there_are_enough_of_them() -> None:
    assert len(cases()) >= 500
    assert len({case.name for case in cases()}) == len(cases())


def test_every_document_comes_back_to_the_byte_and_is_quiet() -> None:
    for case in GOOD:
        with naming(case):
            _every_document_comes_back_to_the_byte_and_is_quiet(case)


def _every_document_comes_back_to_the_byte_and_is_quiet(case: Case) -> None:
    for mode in MODES:
        sealed = seal(case.text, comments=mode)
        opened = open_(sealed.text, require_seal=True, keep_tokens=True)
        assert opened.plaintext == case.text
        assert opened.sealed
        assert opened.values == sealed.values
        # Again, without and with the old file at hand: the same bytes.
        assert seal(case.text, comments=mode).text == sealed.text
        again = seal(case.text, comments=mode, old=opened)
        assert again.text == sealed.text
        assert again.kept >= again.values


def test_a_reader_may_give_nodes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lane is a short cut, not another way: without it the same bytes come out, both ways."""
    with_lane = [seal(case.text) for case in GOOD]
    scan = yaml.scan
    monkeypatch.setattr(yaml, "scan", lambda text, first_line=1, lane=None: scan(text, first_line))
    for case, expected in zip(GOOD, with_lane, strict=True):
        with naming(case):
            sealed = seal(case.text)
            assert (sealed.text, sealed.sops_refuses) == (expected.text, expected.sops_refuses)
            assert open_(sealed.text).plaintext == case.text


def test_nothing_but_chosen_values_and_comments_changes() -> None:
    """The text between the chosen scalars and comments stands in the encrypted file, in order, to the byte."""
    for case in GOOD:
        with naming(case):
            _nothing_but_chosen_values_and_comments_changes(case)


def _nothing_but_chosen_values_and_comments_changes(case: Case) -> None:
    sealed = seal(case.text)
    text = case.text.removeprefix("\ufeff")
    body = body_of(sealed.text).removeprefix("\ufeff")
    before, after = _scalars_and_comments(text), _scalars_and_comments(body)
    assert len(before) == len(after)
    left, right = _gaps(text, before), _gaps(body, after)
    typed = re.compile(r"!(!|y!|<tag:yaml\.org,2002:)(int|float|bool|timestamp|binary)>?[ \t]+$")
    for gap, other in zip(left, right, strict=True):
        assert other in (gap, typed.sub("", gap))
    for old, new in zip(before, after, strict=True):
        if not TOKEN.search(body[new.start : new.end]):
            assert text[old.start : old.end] == body[new.start : new.end]
        elif old.kind == SCALAR and new.value[:4] != "ENC[":  # readable, with an encrypted comment in its header
            assert new.value == old.value


def _scalars_and_comments(text: str) -> list[Node]:
    """Those outside of keys; a comment in the header of a block scalar goes with the scalar."""
    found: list[Node] = []
    for node in yaml.scan(text):
        if node.kind in (SCALAR, COMMENT) and not node.frame.in_key and not (found and node.start < found[-1].end):
            found.append(node)
    return found


def _gaps(text: str, nodes: list[Node]) -> list[str]:
    ends = [0, *[node.end for node in nodes]]
    starts = [*[node.start for node in nodes], len(text)]
    # Blank lines behind a block scalar belong to it or not; either way they are compared by the round trip.
    return [text[end:start].strip("\r\n\x85\u2028\u2029") for end, start in zip(ends, starts, strict=True)]


def test_no_chosen_value_is_readable() -> None:
    for case in GOOD:
        with naming(case):
            _no_chosen_value_is_readable(case)


def _no_chosen_value_is_readable(case: Case) -> None:
    sealed = seal(case.text)
    body = body_of(sealed.text).removeprefix("\ufeff")
    readable = {node.value for node in yaml.scan(body) if node.kind == SCALAR and not node.value.startswith("ENC[")}
    for node in yaml.scan(case.text.removeprefix("\ufeff")):
        if (
            node.kind == SCALAR
            and not node.frame.in_key
            and len(node.value) > 3
            and "_unencrypted" not in str(node.path())
        ):
            assert node.value not in readable or node.value.lower() == "null"


def test_refusals_say_where() -> None:
    for case in REFUSED:
        with naming(case):
            _refusals_say_where(case)


def _refusals_say_where(case: Case) -> None:
    with pytest.raises((SyntaxRefused, AlreadyEncrypted)) as caught:
        seal(case.text)
    assert caught.value.line is not None


PLACES = (
    "k{}: {}\n",
    "- {1}\n",
    "-   k: {1}\n",
    "? k{}\n: {}\n",
    "k{}:\n  {}\n",
    "k{}: {} # c\n",
    "k{}: [x, {}, y]\n",
    "k{}: {{a: {} }}\n",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_scalar_form_in_every_place(place: str, newline: str) -> None:
    entries = [place.format(number, source) for number, source in enumerate(ALL_SOURCES)]
    entries = [entry for entry in entries if is_yaml(entry) and is_yaml(entry + "x: y\n" * (place[0] != "-"))]
    assert len(entries) > 450
    text = "".join(entries).replace("\n", newline)
    assert open_(seal(text).text, require_seal=True).plaintext == text


def test_every_scalar_form_at_the_end_of_a_file() -> None:
    for source in ALL_SOURCES:
        with naming(source):
            text = f"k: {source}"
            assert open_(seal(text).text, require_seal=True).plaintext == text


def test_one_changed_value_changes_three_lines() -> None:
    text = "".join(f"key{number}: value {number}\n" for number in range(200))
    first = seal(text)
    old = open_(first.text, keep_tokens=True)
    second = seal(text.replace("value 77\n", "other\n"), old=old, lastmodified="2026-01-02T00:00:00Z")
    assert second.kept == 199
    left, right = first.text.split("\n"), second.text.split("\n")
    assert len(left) == len(right)
    changed = [a.split(":")[0].strip() for a, b in zip(left, right, strict=True) if a != b]
    assert changed == ["key77", "lastmodified", "mac"]


def _simple_words(case: Case) -> list[Node]:
    """Words in block context that occur once, with nothing about them: what predicted sources are for."""
    text = case.text.removeprefix("\ufeff")
    return [
        node
        for node in yaml.scan(text)
        if node.kind == SCALAR
        and node.value.isalpha()
        and text.count(node.value) == 1
        and node.value.lower() not in ("true", "false", "null")
        and text[node.start : node.end].strip("'\"") == node.value
        and not (node.frame.flow or node.frame.in_key or node.tag or "_unencrypted" in str(node.path()))
    ]


SIMPLE = [case for case in GOOD if _simple_words(case) and "alias" not in case.flags and "ENC[" not in case.text]


def test_a_changed_value_changes_its_token_and_the_mac_only() -> None:
    for case in SIMPLE:
        with naming(case):
            _a_changed_value_changes_its_token_and_the_mac_only(case)


def _a_changed_value_changes_its_token_and_the_mac_only(case: Case) -> None:
    text = case.text.removeprefix("\ufeff")
    first = seal(case.text)
    for node in _simple_words(case):
        source = text[node.start : node.end].replace(node.value, "Changed")
        changed = case.text[: len(case.text) - len(text)] + text[: node.start] + source + text[node.end :]
        old = open_(first.text, keep_tokens=True)
        second = seal(changed, old=old)
        assert open_(second.text, require_seal=True).plaintext == changed
        assert TOKEN.split(first.text) == TOKEN.split(second.text)
        tokens = list(zip(TOKEN.findall(first.text), TOKEN.findall(second.text), strict=True))
        assert sum(a != b for a, b in tokens) == 2


def test_many_documents_have_simple_words() -> None:
    assert len(SIMPLE) > 150


def test_equal_values_in_a_list_do_not_look_equal() -> None:
    tokens = TOKEN.findall(body_of(seal("a: [x, x, x]\nb: x\n").text))
    assert len(set(tokens)) == 4


def test_a_removed_duplicate_keeps_the_tokens_of_the_others() -> None:
    old = open_(seal("a:\n- x\n- x\n- x\n").text, keep_tokens=True)
    shorter = seal("a:\n- x\n- x\n", old=old)
    assert shorter.kept == 2
    longer = seal("a:\n- x\n- x\n- x\n- x\n", old=open_(shorter.text, keep_tokens=True))
    assert longer.kept == 2
    assert len(set(TOKEN.findall(body_of(longer.text)))) == 4
    assert open_(longer.text, require_seal=True).plaintext == "a:\n- x\n- x\n- x\n- x\n"


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_change_among_equal_values_leaves_the_others(place: int) -> None:
    """Without their places the tokens of all equal values behind the changed one would move up."""
    items = ["- name: a\n  enabled: true\n"] * 4
    old = open_(seal("list:\n" + "".join(items)).text, keep_tokens=True)
    items[place] = "- name: a\n  enabled: false\n"
    new = seal("list:\n" + "".join(items), old=old).text
    changed = [line for line, before in zip(new.split("\n"), old.text.split("\n"), strict=True) if line != before]
    assert [line.split(":")[0].strip() for line in changed] == ["enabled", "mac"]


def test_another_key_gives_other_tokens() -> None:
    one = seal("a: b\n")
    other = seal_text("a: b\n", data_key=DataKey(b"x" * 32), metadata=metadata())
    assert TOKEN.findall(one.text)[0] != TOKEN.findall(other.text)[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x b\nc: *x\n", "an alias stands for an encrypted value"),
        ("a_unencrypted: &x b\nc: *x\n", "an alias stands for an encrypted value"),
        ("a: *x\n", "an alias without an anchor"),
        ("1: a\n", "a key that is no string"),
        ("k:\n  true: a\n", "a key that is no string"),
        ("? [a]\n: b\n", "a key that is no string"),
        ("k: {? {a: b} : c}\n", "a key that is no string"),
        ("!!binary aGVsbG8=: b\n", "a key that is no string"),
        ("- a\n", "the first document is no mapping"),
        ("a", "the first document is no mapping"),
        ("a: b\n---\n- c\n", "a document that is no mapping"),
        ("a: b\na: c\n", "the same key twice"),
        ("k: {a: b, 'a': c}\n", "the same key twice"),
        ("<<: b\n", "a merge key without a mapping"),
        ("a: !!int\n  5\n", "a tag that is not right before its value"),
        ("a: 9223372036854775808\n", "whole numbers only up to"),
    ],
)
def test_what_sops_will_not_read_is_kept_and_said(text: str, reason: str) -> None:
    """The documented exceptions: ksecrets keeps them to the byte, and names the reason."""
    sealed = seal(text)
    assert open_(sealed.text, require_seal=True).plaintext == text
    assert any(reason in each for each in sealed.sops_refuses), sealed.sops_refuses


@pytest.mark.parametrize(
    "text",
    [
        "a: b\n",
        "&x a: b\n",
        "k:\n- a: 1\n- a: 1\n",
        "? a\n: b\n",
        "{a: {b: c}, d: {b: c}}\n",
        "a_unencrypted: &x b\nc_unencrypted: *x\n",
        "",
    ],
)
def test_nothing_is_said_of_what_sops_reads(text: str) -> None:
    assert seal(text).sops_refuses == []


@pytest.mark.parametrize(
    "text",
    [
        "sops: a\nb: c\n",
        "a: b\nsops:\n  mac: x\n",
        '"sops": a\n',
        "{a: b, sops: c}\n",
        "a: b\n---\nsops: c\n",
        "- a\n---\nsops: b\n",
    ],
)
def test_a_file_with_a_block_is_not_encrypted_again(text: str) -> None:
    with pytest.raises(AlreadyEncrypted) as caught:
        seal(text)
    assert caught.value.line is not None


def test_an_encrypted_file_is_not_encrypted_again() -> None:
    for text in ("a: b\n", "- a\n", "{a: b}\n", ""):
        with pytest.raises(AlreadyEncrypted):
            seal(seal(text).text)


@pytest.mark.parametrize("name", ["a", "a_unencrypted"])
def test_a_token_in_a_plaintext_is_refused(name: str) -> None:
    token = TOKEN.findall(seal("a: b\n").text)[0]
    with pytest.raises(SyntaxRefused) as caught:
        seal(f"x: y\n{name}: {token}\n")
    assert caught.value.line == 2
    assert token not in str(caught.value)


@given(documents())
@settings(max_examples=150, deadline=None)
def test_generated_documents_come_back(text: str) -> None:
    assume(text[-1:] in "\r\n" or "_unencrypted" not in text)  # see the test of the block at the end
    for mode in ("auto", "encrypt"):
        sealed = seal(text, comments=mode)
        opened = open_(sealed.text, require_seal=True, keep_tokens=True)
        assert opened.plaintext == text
        assert seal(text, comments=mode, old=opened).text == sealed.text


@given(st.text(st.sampled_from("ab:-#'\"|>[]{},&*!?% \n\t\r\u2028\x85~0"), max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_text_is_kept_to_the_byte_or_refused_by_the_parser(text: str) -> None:
    _kept_or_refused(text)


@given(
    st.lists(
        st.sampled_from(
            [
                "a: ",
                "b:\n",
                "- ",
                "  ",
                "\n",
                "x",
                "'y'",
                '"z"',
                "|\n",
                ">-\n",
                "|+\n",
                "|2\n",
                "# c\n",
                " # d: e\n",
                "---\n",
                "...\n",
                "[",
                "]",
                "{",
                "}",
                ", ",
                "&x ",
                "*x ",
                "!!str ",
                "!t ",
                "? ",
                ": ",
                "\r\n",
                "\t",
                "12",
                "~",
                "%YAML 1.1\n",
                "   q\n",
            ]
        ),
        max_size=14,
    ).map("".join)
)
@settings(max_examples=600, deadline=None)
def test_pieces_of_yaml_are_kept_to_the_byte_or_refused_by_the_parser(text: str) -> None:
    _kept_or_refused(text)


def _kept_or_refused(text: str) -> None:
    reason = ""
    try:
        sealed = seal(text)
    except KsecretsError as error:
        reason = error.message
    if reason:
        # Only the parser, or the closed list of docs/file-format.md.
        assert "not YAML" in reason or any(listed in reason for listed in LISTED), reason
        return
    assert open_(sealed.text, require_seal=True).plaintext == text
    assert KEY.kid in sealed.text


LISTED = (
    "this layout cannot be kept to the byte",
    "no white space behind an anchor or a tag",
    "a byte order mark inside the text",
    "a readable block scalar ends the file without a line break",
)


@pytest.mark.parametrize(
    "text",
    [
        'a: secret\n--- "x\nsops: y\n"\n',
        'a: secret\n--- "x\nsops: {a: 1}\n"\n',
        '{a: secret,\n"k_unencrypted": "\nsops: 1"}',
    ],
)
def test_what_a_later_reader_would_take_for_the_block_is_refused(text: str) -> None:
    """A reader looks for the block by its last line `sops:` first. So must the one that verifies what was written."""
    options = metadata(selector=("encrypted_regex", "^a$")) if text.startswith("a:") else metadata()
    with pytest.raises(SyntaxRefused) as caught:
        seal_text(text, data_key=KEY, metadata=options)
    assert any(listed in caught.value.message for listed in LISTED)


def test_the_block_does_not_join_a_carriage_return() -> None:
    """A line feed behind a lone carriage return would be read as one break, and not come apart again."""
    for text in ("a: b\n\r\r", "a: b\n\r\u2028", "\n\r\r\n", "- a\n\r\r"):
        assert open_(seal(text).text, require_seal=True).plaintext == text


def test_a_readable_block_at_the_end_needs_a_line_break() -> None:
    with pytest.raises(SyntaxRefused, match="ends the file without a line break") as caught:
        seal("a: b\nc_unencrypted: |\n  one\n  two")
    assert caught.value.line == 4
    assert caught.value.hint == "end the file with a line break"
    # One that is encrypted does not.
    assert seal("a: b\nc: |\n  one\n  two").values == 2
