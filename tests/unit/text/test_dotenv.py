"""Dotenv text to nodes: exact spans, sops's reading, the metadata in and out, and bounds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import KsecretsError, SyntaxRefused
from ksecrets.text import dotenv
from ksecrets.text.node import BLOCK, COMMENT, DOCUMENT, DOCUMENT_END, END, MAP, SCALAR, Frame, Functions, Node
from tests.lines import DOTENV


def entries(text: str) -> list[tuple[str, str, str, int]]:
    """(key, source, value, line) of every value."""
    return [
        (str(node.key), text[node.start : node.end], node.value, node.line)
        for node in dotenv.scan(text)
        if node.kind == SCALAR
    ]


def comments(text: str) -> list[str]:
    return [text[node.start : node.end] for node in dotenv.scan(text) if node.kind == COMMENT]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("A=1", [("A", "1", "1", 1)]),
        ("A=1\nB=2\n", [("A", "1", "1", 1), ("B", "2", "2", 2)]),
        ("\n\nA=1\n", [("A", "1", "1", 3)]),
        ("A=b=c\n", [("A", "b=c", "b=c", 1)]),
        ("export A=1\n", [("export A", "1", "1", 1)]),
        (" A = 1 \n", [(" A ", " 1 ", " 1 ", 1)]),
        ('A="x y" # z\n', [("A", '"x y" # z', '"x y" # z', 1)]),
        ("A=1\r\n", [("A", "1\r", "1\r", 1)]),
        ("A=x\\ny\n", [("A", "x\\ny", "x\ny", 1)]),
        ("A=x\\\\ny\n", [("A", "x\\\\ny", "x\\\ny", 1)]),
        ("=x\n", [("", "x", "x", 1)]),
        ("A=\n", [("A", "", "", 1)]),
        (" #A=1\n", [(" #A", "1", "1", 1)]),
    ],
)
def test_values(text: str, expected: list[tuple[str, str, str, int]]) -> None:
    assert entries(text) == expected


def test_comments() -> None:
    text = "#a\nA=1\n# b\r\n#\n\r\n \nB=#c\n"
    assert comments(text) == ["a", " b\r", "", "", ""]
    assert [node.key_form for node in dotenv.scan(text) if node.kind == COMMENT] == [
        "line",
        "line",
        "line",
        dotenv.BLANK,
        dotenv.BLANK,
    ]


def test_the_order_of_nodes() -> None:
    kinds = [node.kind for node in dotenv.scan("#c\nA=1\nsops_mac=x\n")]
    assert kinds == [DOCUMENT, MAP, COMMENT, SCALAR, BLOCK, END, DOCUMENT_END]


def test_associated_data_and_paths() -> None:
    (node,) = [node for node in dotenv.scan("export A=1\n") if node.kind == SCALAR]
    assert node.aad() == "export A:"
    assert node.path() == ("export A",)
    (comment,) = [node for node in dotenv.scan("#c\n") if node.kind == COMMENT]
    assert comment.aad() == ":"


@pytest.mark.parametrize("case", [case for case in DOTENV if not case.refused], ids=repr)
def test_a_value_predicts_its_source(case: object) -> None:
    text = case.text  # type: ignore[attr-defined]
    for _, source, value, _ in entries(text):
        assert dotenv.fits(dotenv.RAW, value)
        assert dotenv.predicted(dotenv.RAW, "str", value) == source


def test_the_lane_gets_what_nodes_would_say() -> None:
    text = "#c\nA=1\nB=\\n\nsops_mac=x\n"
    calls: list[Node] = []

    def leaf(*values: object) -> None:
        value, style, tag, anchor, start, end, line, frame, key, form = values
        calls.append(Node(SCALAR, start, end, line, frame, key, form, value, style, tag, anchor))  # type: ignore[arg-type]

    def never(*_: object) -> None:
        raise AssertionError

    rest = [node.kind for node in dotenv.scan(text, lane=Functions(leaf, never, never))]
    assert rest == [DOCUMENT, MAP, COMMENT, BLOCK, END, DOCUMENT_END]
    plain = [node for node in dotenv.scan(text) if node.kind == SCALAR]
    fields = ["kind", "start", "end", "line", "key", "key_form", "value", "style", "tag", "anchor"]
    assert [[getattr(node, name) for name in fields] for node in calls] == [
        [getattr(node, name) for name in fields] for node in plain
    ]


@pytest.mark.parametrize("case", [case for case in DOTENV if case.refused], ids=repr)
def test_refusals_name_the_line_and_no_text(case: object) -> None:
    text = case.text  # type: ignore[attr-defined]
    if case.refused == "encrypted already":  # type: ignore[attr-defined]
        assert [node.line for node in dotenv.scan(text) if node.kind == BLOCK] == [text.count("\n")]
        return
    with pytest.raises(SyntaxRefused) as caught:
        list(dotenv.scan(text, first_line=11))
    assert caught.value.line is not None
    assert caught.value.line >= 11
    for word in ("MIIE", "y", "x"):
        assert f" {word} " not in str(caught.value)


def test_metadata_in_two_places() -> None:
    with pytest.raises(SyntaxRefused, match="two places") as caught:
        list(dotenv.scan("sops_mac=x\nA=1\nsops_version=1\n"))
    assert caught.value.line == 3


# -- the metadata ------------------------------------------------------------------------------------------------------

TREE = {"age": [{"enc": "a\nb\n", "recipient": "r"}], "mac": "m"}
LINES = "sops_age__list_0__map_enc=a\\nb\\n\nsops_age__list_0__map_recipient=r\nsops_mac=m"


@pytest.mark.parametrize("text", ["", "\n", "A=1", "A=1\n", "A=1\n\n", "A=1\r\n", "#c\r\n\r\n", "A=1\r", "A=\n"])
def test_the_metadata_goes_in_and_comes_out(text: str) -> None:
    at = dotenv.place(text)
    whole = text[:at] + dotenv.block_text(TREE, follows=bool(text)) + text[at:]
    assert LINES in whole
    (block,) = [node for node in dotenv.scan(whole) if node.kind == BLOCK]
    assert dotenv.find(whole) == TREE
    assert str(block.value) == str(TREE)
    start, end = dotenv.cut(whole, block)
    assert whole[:start] + whole[end:] == text


def test_as_sops_writes_it() -> None:
    """sops ends its last line; what it encrypted comes back without the metadata's lines."""
    whole = f"A=1\n{LINES}\n"
    (block,) = [node for node in dotenv.scan(whole) if node.kind == BLOCK]
    start, end = dotenv.cut(whole, block)
    assert whole[:start] + whole[end:] == "A=1\n"
    alone = f"{LINES}\n"
    (block,) = [node for node in dotenv.scan(alone) if node.kind == BLOCK]
    assert dotenv.cut(alone, block) == (0, len(alone))


@pytest.mark.parametrize("text", ["", "A=1\n", "A=sops_b=1\n", "#sops_a=1\n", "xsops_a=1\n", " sops_a=1\n"])
def test_no_metadata(text: str) -> None:
    assert dotenv.find(text) is None


# -- bounds ------------------------------------------------------------------------------------------------------------


def outcome(text: str) -> list[Node] | str:
    """The nodes, or the whole message of a clean error."""
    try:
        dotenv.find(text)
        return list(dotenv.scan(text))
    except KsecretsError as error:
        return str(error)


@given(st.text("A=\\n\"'` #\r\n\tsops_é\ufeff\x00") | st.text())
def test_any_text_ends_in_nodes_or_a_clean_error(text: str) -> None:
    nodes = outcome(text)
    if isinstance(nodes, str):
        assert nodes.startswith(("line ", "the metadata"))
        return
    position = 0
    for node in nodes:
        if node.kind in (SCALAR, COMMENT, BLOCK):
            assert position <= node.start <= node.end
            assert "\n" not in text[node.start : node.end] or node.kind == BLOCK
            position = node.end


@pytest.mark.parametrize(
    "text",
    [
        "A=" + "x" * 10_000_000,
        "=\n" * 200_000,
        'A="\n' * 100_000,
        'A="\\"' * 100_000,
        "A='\nB=\"\nC=`\n" * 50_000,
        "#\n" * 200_000,
        "\r\n" * 200_000,
        "".join(f"sops_a__list_{index}=x\n" for index in range(9_999)),
        "sops_" + "a__map_" * 200_000 + "=1\n",
        "A=" + "\\n" * 500_000,
        "A=" + "\\" * 1_000_000 + '"\n',
        'A="' + "\\" * 1_000_000 + '"\n',
    ],
    ids=lambda text: f"{text[:12]!r}",
)
def test_extremes_end_within_bounds(text: str) -> None:
    begin = time.process_time()
    found = outcome(text)
    assert not isinstance(found, str) or len(found) < 500
    assert time.process_time() - begin < 5


def test_frames_say_where_a_value_stands() -> None:
    frames = {node.frame for node in dotenv.scan("A=1\nB=2\n") if node.kind == SCALAR}
    (frame,) = frames
    assert isinstance(frame, Frame)
    assert frame.path() == ()
