"""sops's MAC, and the stream under the seal: which fields there are, and that no two streams are one."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import SyntaxRefused
from ksecrets.values.cipher import DataKey
from ksecrets.values.mac import MAX_EXPANDED, Mac
from ksecrets.values.seal import Seal, spelled

KEY = DataKey(b"k" * 32)


def sha512(*parts: bytes) -> str:
    return hashlib.sha512(b"".join(parts)).hexdigest().upper()


def test_the_mac_of_sops() -> None:
    mac = Mac()
    mac.add(b"one")
    mac.add(b"two")
    assert mac.hexdigest() == sha512(b"one", b"two")


def test_only_encrypted_values_start_from_another_state() -> None:
    mac = Mac(only_encrypted=True)
    mac.add(b"x")
    assert mac.hexdigest() == sha512(hashlib.sha256(b"sops").digest(), b"x")


def test_an_alias_counts_as_what_it_stands_for() -> None:
    mac = Mac()
    outer, inner = object(), object()
    mac.begin("outer", outer)
    mac.add(b"a")
    mac.begin("inner", inner)
    mac.add(b"b")
    mac.remember("leaf", b"b")
    mac.end(inner)
    mac.alias("inner", 1)
    mac.end(object())  # of a collection without an anchor
    mac.end(outer)
    mac.alias("outer", 2)
    mac.alias("leaf", 3)
    mac.alias("nothing", 4)
    assert mac.hexdigest() == sha512(b"a", b"b", b"b", b"abb", b"b")


def test_many_leaves_and_an_open_anchor() -> None:
    """The MAC is hashed in pieces, but never while an anchor may still want its leaves."""
    mac = Mac()
    owner = object()
    leaves = [str(number).encode() for number in range(10_000)]
    mac.begin("all", owner)
    for leaf in leaves:
        mac.add(leaf)
        mac.end(object())
    mac.end(owner)
    mac.alias("all", 1)
    assert mac.hexdigest() == sha512(*leaves, *leaves)


def test_an_alias_bomb_ends_early() -> None:
    mac = Mac()
    mac.remember("a", b"x" * 1_000_000)
    for _ in range(MAX_EXPANDED // 1_000_001):
        mac.alias("a", 1)
    with pytest.raises(SyntaxRefused) as caught:
        mac.alias("a", 7)
    assert caught.value.line == 7


def test_bytes_that_are_no_text_are_spelled_apart() -> None:
    assert spelled("str", "ä".encode()) == ("str", "ä")
    assert spelled("str", b"\xff\xfe") == ("str!", "//4=")
    assert spelled("str", b"//4=") == ("str", "//4=")


CODES = st.sampled_from(["D", "d", "{", "[", "}", "?", "&"])
NAMES = st.one_of(st.none(), st.sampled_from(["", "a", "b", "kp", "Kp", "ä", "a" * 300]))
FORMS = st.sampled_from(["", '"', "?", "tag:x", "k"])
EVENTS = st.tuples(CODES, NAMES, FORMS, NAMES)
SCALARS = st.tuples(NAMES, FORMS, NAMES, st.booleans(), st.sampled_from(["", "a", "p", "ä\n"]))
TOKENS = st.tuples(
    NAMES, FORMS, NAMES, st.booleans(), st.sampled_from(["str", "int", "r:str"]), st.sampled_from(["a", ""]), NAMES
)
RECORDS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), EVENTS),
        st.tuples(st.just("readable"), SCALARS),
        st.tuples(st.just("encrypted"), TOKENS),
        st.tuples(st.just("alias"), st.tuples(NAMES, FORMS, st.sampled_from(["0", "1", "12"]))),
    ),
    max_size=4,
)


def digest(records: list[tuple[str, tuple[object, ...]]]) -> bytes:
    seal = Seal(KEY)
    seal.header(["yaml"])
    for name, fields in records:
        getattr(seal, name)(*fields)
    return seal.digest()


def normal(records: list[tuple[str, tuple[object, ...]]]) -> list[tuple[str, tuple[object, ...]]]:
    """Without a key there is no form of one."""
    place = {"event": (1, 2), "readable": (0, 1), "encrypted": (0, 1), "alias": (0, 1)}
    made = []
    for name, fields in records:
        key, form = place[name]
        changed = list(fields)
        if fields[key] is None:
            changed[form] = ""
        made.append((name, tuple(changed)))
    return made


@given(RECORDS, RECORDS)
def test_different_streams_have_different_seals(left: list[object], right: list[object]) -> None:
    assert (digest(left) == digest(right)) == (normal(left) == normal(right))  # type: ignore[arg-type]


@given(RECORDS.filter(bool), st.data())
def test_a_small_change_is_seen(records: list[tuple[str, tuple[object, ...]]], data: st.DataObject) -> None:
    before = normal(records)
    place = data.draw(st.integers(0, len(before) - 1))
    change = data.draw(st.sampled_from(["drop", "double", "swap"]))
    after = list(before)
    if change == "drop":
        del after[place]
    elif change == "double":
        after.insert(place, after[place])
    else:
        after.insert(0, after.pop(place))
    assert (digest(before) == digest(after)) == (before == after)


def test_readers_are_a_set_in_each_group() -> None:
    alice, bob = ("age", "recipient", "a"), ("age", "recipient", "b")

    def of(*groups: list[tuple[str, ...]]) -> bytes:
        seal = Seal(KEY)
        seal.header([])
        seal.recipients(groups)
        return seal.digest()

    assert of([alice, bob]) == of([bob, alice]) == of([bob, alice, bob])
    different = [of([alice]), of([alice, bob]), of([alice], [bob]), of([bob], [alice]), of(), of([]), of([], [alice])]
    different += [of([("age", "recipient", "a", "x", "y")]), of([("age", "recipient"), ("a",)])]
    assert len(set(different)) == len(different)


def test_another_key_seals_otherwise() -> None:
    seal = Seal(DataKey(b"x" * 32))
    seal.header(["yaml"])
    assert seal.digest() != digest([])
