"""JSON text -> nodes: agreement with another reader, exact spans, clean refusals in bounded time."""

from __future__ import annotations

import json
import time
import tracemalloc
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import SyntaxRefused
from ksecrets.text.json import MAX_DEPTH, MAX_PATH, scan
from ksecrets.text.jsonvalue import is_number, quote, resolve, sops_refuses, string
from ksecrets.text.node import BLOCK, DOCUMENT, DOCUMENT_END, END, LIST, MAP, PLAIN, SCALAR, Functions
from tests.jsondocs import Writer, says


def tree(text: str) -> Any:
    """What a text says, by its nodes; objects as lists of pairs."""
    top: list[Any] = []
    open_: list[Any] = [top]
    for node in scan(text):
        if node.kind in (DOCUMENT, DOCUMENT_END):
            continue
        if node.kind == END:
            open_.pop()
            continue
        if node.kind == SCALAR:
            plain = node.style == PLAIN
            kind, content = resolve(node.value, plain=plain, tag=None)
            made: Any = node.value
            if plain:
                assert content is not None or kind == "null"
                made = {
                    "int": lambda value: int(value),
                    "float": lambda value: float(value),
                    "bool": lambda value: value == b"True",
                    "null": lambda value: None,
                }[kind](content)
            assert text[node.start : node.end][:1] in '"-0123456789tfn'
            if plain:
                assert text[node.start : node.end] == node.value
            else:
                assert text[node.start] == text[node.end - 1] == '"'
        else:
            made = []
            assert text[node.start] == "{["[node.kind == LIST]
        container = open_[-1]
        container.append(made if node.key_form is None else (node.key, made))
        if node.kind in (MAP, LIST):
            open_.append(made)
    return top[0]


def test_it_reads_what_another_reader_reads() -> None:
    random = Random(20261121)
    for _ in range(1500):
        text = Writer(random).document()
        assert tree(text) == says(text), text


def lane_of(text: str) -> list[Any]:
    """Nodes and calls of a lane, in their order."""
    seen: list[Any] = []
    lane = Functions(
        lambda value, style, tag, anchor, start, end, line, frame, key, form: seen.append(
            (SCALAR, start, end, line, (*frame.path(), key), form, value, style)
        ),
        lambda kind, key, form, line: seen.append((kind, line, key, form)),
        lambda frame: seen.append((END, frame.path())),
    )
    for node in scan(text, lane=lane):
        seen.append(node.kind)
    return seen


def test_a_lane_gets_the_same_in_the_same_order() -> None:
    random = Random(7)
    for _ in range(200):
        text = Writer(random).document()
        seen = lane_of(text)
        wanted: list[Any] = []
        for node in scan(text):
            inner = node.frame.parent is not None and node.frame.parent.parent is not None
            if node.kind == SCALAR:
                wanted.append(
                    (SCALAR, node.start, node.end, node.line, node.path(), node.key_form, node.value, node.style)
                )
            elif node.kind in (MAP, LIST) and inner:
                wanted.append((node.kind, node.line, node.key, node.key_form))
            elif node.kind == END and inner:
                wanted.append((END, node.frame.path()))
            else:
                wanted.append(node.kind)
        assert seen == wanted, text


def test_places_lines_and_associated_data() -> None:
    text = '{\n  "a": {"b.c": ["x",\n   {"d": 1}]},\n  "e": null }\n'
    found = [
        (node.path(), node.line, node.aad(), text[node.start : node.end]) for node in scan(text) if node.kind == SCALAR
    ]
    assert found == [
        (("a", "b.c", 0), 2, "a:b.c:", '"x"'),
        (("a", "b.c", 1, "d"), 3, "a:b.c:d:", "1"),
        (("e",), 4, "e:", "null"),
    ]


def test_the_metadata_is_one_node() -> None:
    text = '{"a": {"sops": 1}, "sops": {"b": [1, true, {"c": "d"}], "e": null}, "f": 2}'
    (block,) = [node for node in scan(text) if node.kind == BLOCK]
    assert block.value == {"b": ["1", "true", {"c": "d"}], "e": "null"}
    assert text[block.start : block.end] == '"sops": {"b": [1, true, {"c": "d"}], "e": null}'
    assert [node.path() for node in scan(text) if node.kind == SCALAR] == [("a", "sops"), ("f",)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "the file is empty"),
        (" \n", None, "the file is empty"),
        ("[1]", 1, "something else than an object"),
        ('\n"x"', 2, "something else than an object"),
        ("nope", 1, "something else than an object"),
        ("a: b\n", 1, "an object is missing"),
        ('{"a": 1', 1, "a comma or } is missing, and here the file ends"),
        ('{"a": [1, 2}', 1, "a comma or ] is missing"),
        ('{"a": 1,\n}', 2, "a key in double quotes is missing"),
        ('{"a": [1,\n]}', 2, "a value is missing"),
        ("{'a': 1}", 1, "a key in double quotes is missing"),
        ("{a: 1}", 1, "a key in double quotes is missing"),
        ('{"a" 1}', 1, "a colon behind a key is missing"),
        ('{\n// note\n"a": 1}', 2, "a key in double quotes is missing"),
        ('{"a": 01}', 1, "a number that JSON does not have"),
        ('{"a": 1.}', 1, "a number that JSON does not have"),
        ('{"a": .5}', 1, "a number that JSON does not have"),
        ('{"a": +1}', 1, "a number that JSON does not have"),
        ('{"a": 1e}', 1, "a number that JSON does not have"),
        ('{"a": -}', 1, "a number that JSON does not have"),
        ('{"a": NaN}', 1, "a value is missing"),
        ('{"a": True}', 1, "a value is missing"),
        ('{"a": nullx}', 1, "a comma or } is missing"),
        ('{"a": "x\ny"}', 1, "a control character in a string"),
        ('{"a": "\\x"}', 1, "an escape that JSON does not have"),
        ('{"a": "\\u12g4"}', 1, "an escape that is no character"),
        ('{"a": "x}', 1, "a string that does not end"),
        ('{"a": "\\', 1, "a string that does not end"),
        ('{"a": 1}\n{"b": 2}', 2, "something stands behind the end of the object"),
        ('{"a": 1}\x00', 1, "something stands behind the end of the object"),
        ('{"a":\x00 1}', 1, "a value is missing"),
        ('{"a":\xa01}', 1, "a value is missing"),
        ('{"a": 1}}', 1, "something stands behind"),
        ('{"sops": {"a": 1, "a": 2}}', 1, "the metadata has 'a' twice"),
        ('{"sops": {"a": ' + "[" * 200 + "]" * 200 + "}}", 1, "nested too deeply"),
    ],
)
def test_refusals_name_the_line_and_show_nothing(text: str, line: int | None, message: str) -> None:
    with pytest.raises(SyntaxRefused, match=message.replace("{", "\\{").replace("}", "\\}")) as caught:
        list(scan(text))
    assert caught.value.line == line
    shown: BaseException | None = caught.value
    while shown is not None:  # the decoder's own error holds the whole text
        assert not isinstance(shown, json.JSONDecodeError)
        shown = shown.__cause__ or shown.__context__


def test_lines_are_counted_from_the_first_line_that_is_given() -> None:
    with pytest.raises(SyntaxRefused) as caught:
        list(scan('{\n"a"', 5))
    assert caught.value.line == 6


def test_the_keys_on_a_path_have_an_end() -> None:
    """At 500 levels, each level would hold the keys of all above it: 10 MB of text, 2.5 GB of memory."""
    long = "x" * (MAX_PATH - 1)
    assert [node.aad() for node in scan(f'{{"{long}": {{"a": 1}}}}') if node.kind == SCALAR] == [f"{long}:a:"]
    with pytest.raises(SyntaxRefused, match="below keys of more than 10000 characters"):
        list(scan(f'{{"{long}x": {{"a": 1}}}}'))


def test_depth_has_an_end() -> None:
    levels = MAX_DEPTH - 1
    deep = '{"a":' + "[" * levels + "]" * levels + "}"
    assert sum(node.kind == LIST for node in scan(deep)) == levels
    with pytest.raises(SyntaxRefused, match="500 levels"):
        list(scan('{"a":' + "[" * (levels + 1) + "]" * (levels + 1) + "}"))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' + "[" * 10_000_000,
        '{"a":' * 2_000_000,
        '{"a": "' + "x" * 10_000_000,
        '{"a": "' + "\\" * 10_000_001 + '"}',
        '{"a": ' + "1" * 10_000_000,
        '{"a": 1' + "e" * 10_000_000 + "}",
        '{"a": 1' + "0" * 10_000_000 + "}",
        '{"a": 0.' + "1" * 10_000_000 + "}",
        "{" + " " * 10_000_000,
        '{"a": "' + "\\ud800" * 1_600_000 + '"}',
        '{"sops": "' + "\\ud800" * 1_600_000 + '"}',
        '{"sops": {' + '"a": {' * 1_000_000,
        ('{"' + "x" * 20_000 + '":') * 500,
    ],
    ids=range(13),
)
def test_extremes_end_within_bounds(text: str) -> None:
    tracemalloc.start()
    began = time.perf_counter()
    try:
        for node in scan(text):
            if node.kind == SCALAR and node.style == PLAIN:
                resolve(node.value, plain=True, tag=None)
                sops_refuses(node.value, plain=True, tag=None)
    except SyntaxRefused:
        pass
    assert time.perf_counter() - began < 10  # 2 s on a quiet machine; tracemalloc and neighbours take theirs
    assert tracemalloc.get_traced_memory()[1] < 300_000_000
    tracemalloc.stop()


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        list(scan(text))
    except SyntaxRefused:
        pass


@given(st.text(alphabet='{}[]",:\\ \n1e.-tfnu0aé', max_size=40))
def test_it_takes_what_another_reader_takes(text: str) -> None:
    try:
        made = json.loads(text, parse_constant=lambda _: pytest.fail("unreachable"))
        ok = isinstance(made, dict)
    except (ValueError, RecursionError):
        ok = False
    try:
        list(scan(text))
        ours = True
    except SyntaxRefused:
        ours = False
    assert ours == ok


@given(st.text())
def test_a_quoted_text_reads_as_itself(text: str) -> None:
    source = quote(text)
    assert string(source, 0) == (text, len(source))
    assert json.loads(source) == text


@pytest.mark.parametrize(
    ("source", "kind", "content"),
    [
        ("0", "int", b"0"),
        ("-0", "int", b"0"),
        ("9223372036854775807", "int", b"9223372036854775807"),
        ("-9223372036854775808", "int", b"-9223372036854775808"),
        ("9223372036854775808", "float", b"9223372036854776000"),
        ("1.0", "float", b"1"),
        ("-0.0", "float", b"-0"),
        ("1.10", "float", b"1.1"),
        ("1e21", "float", b"1000000000000000000000"),
        ("1e-7", "float", b"0.0000001"),
        ("1e400", "float", b"1e400"),
        ("true", "bool", b"True"),
        ("null", "null", None),
    ],
)
def test_types_are_those_of_sops(source: str, kind: str, content: bytes | None) -> None:
    assert resolve(source, plain=True, tag=None) == (kind, content)


def test_numbers_are_those_of_rfc_8259() -> None:
    random = Random(3)
    for _ in range(20_000):
        source = "".join(random.choice("01.-+eE5") for _ in range(random.randrange(1, 7)))
        try:
            json.loads(source)
            is_one = True
        except ValueError:
            is_one = False
        assert is_number(source) == is_one, source
