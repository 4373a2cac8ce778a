"""INI text to nodes: exact spans, the reading of sops's library, the metadata in and out, and bounds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import KsecretsError, SyntaxRefused
from ksecrets.text import ini, iniline, inisops
from ksecrets.text.node import BLOCK, COMMENT, DOCUMENT, DOCUMENT_END, END, MAP, SCALAR, Functions, Node
from tests.lines import INI, Case

TOKEN = "ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]"


def entries(text: str) -> list[tuple[str, str, str, str]]:
    """(path, source, style, value) of every value."""
    return [
        ("/".join(map(str, node.path())), text[node.start : node.end], node.style, node.value)
        for node in ini.scan(text)
        if node.kind == SCALAR
    ]


def comments(text: str) -> list[tuple[str, str, int]]:
    """(associated data, text, line) of every comment."""
    return [(node.aad(), node.value, node.line) for node in ini.scan(text) if node.kind == COMMENT]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1", [("DEFAULT/a", "1", "", "1")]),
        ("[s]\na = 1\n", [("s/a", "1", "", "1")]),
        ("[s]\n  a :\t1 2 \t\r\n", [("s/a", "1 2", "", "1 2")]),
        ("[s]\na = 'x'\n", [("s/a", "'x'", "'", "x")]),
        ('[s]\na = "x"\n', [("s/a", '"x"', '"', "x")]),
        ('[s]\na = "x" "y"\n', [("s/a", '"x" "y"', "", '"x" "y"')]),
        ("[s]\na = `x'\"`\n", [("s/a", "`x'\"`", "`", "x'\"")]),
        ('[s]\na = """x\ny"""\nb = 2\n', [("s/a", '"""x\ny"""', '"""', "x\ny"), ("s/b", "2", "", "2")]),
        ('[s]\na = """"x""""\n', [("s/a", '""""x""""', '"""', '"x"')]),
        # The comment behind a value is a part of its source.
        ("[s]\na = x ; c\n", [("s/a", "x ; c", "", "x")]),
        ("[s]\na = x#c\n", [("s/a", "x#c", "", "x")]),
        ('[s]\na = "x" # c  \n', [("s/a", '"x" # c', '"', "x")]),
        ('[s]\na = """x\ny""" ; c\n', [("s/a", '"""x\ny""" ; c', '"""', "x\ny")]),
        (f"[s]\na = {TOKEN}\n", [("s/a", TOKEN, "", TOKEN)]),
        (f'[s]\na = "{TOKEN}"\n', [("s/a", f'"{TOKEN}"', '"', TOKEN)]),
        ("[s]\na =\n", [("s/a", "", "", "")]),
        ("[s]\na = ; c\n", [("s/a", "", "", "")]),
        ("[s]\na = `` ; c\n", [("s/a", "``", "`", "")]),
        ('[s]\n"a=b" : c\n', [("s/a=b", "c", "", "c")]),
        ("a=1\n[s]\na=2\n[s]\na=3\n", [("DEFAULT/a", "1", "", "1"), ("s/a", "2", "", "2"), ("s/a", "3", "", "3")]),
    ],
)
def test_values(text: str, expected: list[tuple[str, str, str, str]]) -> None:
    assert entries(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("; c\n", [(":", "c", 1)]),
        ("; c\na = 1\n", [("DEFAULT:", "c", 1)]),
        ("; c\n[s]\n", [("s:", "c", 1)]),
        ("[s]\na = 1\n\n;c\n\n[t]\n", [("t:", "c", 4)]),
        ("[s]\na = 1\n; c\n", [("s:", "c", 3)]),
        ("[s] ; c\n", [("s:", "c", 1)]),
        ("[s]\na = 1 # c\n", [("s:", "c", 2)]),
        (";; c ;\n", [(":", "c ;", 1)]),
        ("#; c\n", [(":", "; c", 1)]),
        # What follows each other is one comment for sops, with the signs of all lines but the first.
        ("; a\n; b\n#c\na = 1\n", [("DEFAULT:", "a\n; b\n#c", 1)]),
        ("; a\r\n; b\r\na = 1\r\n", [("DEFAULT:", "a\r\n; b", 1)]),
        ("; a\n\n; b\na = 1\n", [("DEFAULT:", "a", 1), ("DEFAULT:", "b", 3)]),
        (";\n; b\na = 1\n", [("DEFAULT:", "", 1), ("DEFAULT:", "b", 2)]),
        ("a = 1\n[sops]\nx = 1\n; c\n", [(":", "c", 4)]),
    ],
)
def test_comments(text: str, expected: list[tuple[str, str, int]]) -> None:
    assert comments(text) == expected


def test_the_order_of_nodes() -> None:
    kinds = [node.kind for node in ini.scan("; b\na = 1 ; c\n[s]\nb = 2\n[sops]\nmac = x\n")]
    assert kinds == [DOCUMENT, MAP, MAP, COMMENT, SCALAR, COMMENT, END, MAP, SCALAR, END, BLOCK, END, DOCUMENT_END]


def test_the_lane_gets_what_nodes_would_say() -> None:
    text = '; c\na = 1\n[s]\nb = """x\ny""" ; d\n\n[t]\n[sops]\nmac = x\n'
    calls: list[tuple[object, ...]] = []
    nodes = list(ini.scan(text))
    lane = Functions(
        lambda *values: calls.append((SCALAR, *values[:2], *values[4:7], *values[8:])),
        lambda kind, key, form, line: calls.append((kind, key, form, line)),
        lambda frame: calls.append((END, frame.path())),
    )
    rest = [node.kind for node in ini.scan(text, lane=lane)]
    assert rest == [DOCUMENT, MAP, COMMENT, COMMENT, BLOCK, END, DOCUMENT_END]
    assert calls == [
        (SCALAR, node.value, node.style, node.start, node.end, node.line, node.key, node.key_form)
        if node.kind == SCALAR
        else (MAP, node.key, node.key_form, node.line)
        if node.kind == MAP
        else (END, node.frame.path())
        for node in nodes
        if node.kind in (SCALAR, MAP, END) and node.frame.path()
    ]


def test_lines_are_counted() -> None:
    text = '[s]\na = """x\n\ny"""\nb = 1\n; c\n\n[sops]\n\nmac = x\n; z\n\n[t]\nd = 1\n'
    found = [(node.kind, node.line) for node in ini.scan(text) if node.kind in (SCALAR, COMMENT, BLOCK)]
    assert found == [(SCALAR, 2), (SCALAR, 5), (COMMENT, 6), (BLOCK, 8), (COMMENT, 11), (SCALAR, 14)]
    assert [node.line for node in ini.scan(text, first_line=11) if node.kind == SCALAR] == [12, 15, 24]


@pytest.mark.parametrize("case", [case for case in INI if case.refused], ids=repr)
def test_refusals_name_the_line_and_no_text(case: Case) -> None:
    if case.refused == "encrypted already":
        assert [node for node in ini.scan(case.text) if node.kind == BLOCK]
        return
    with pytest.raises(SyntaxRefused, match=case.refused) as caught:
        list(ini.scan(case.text, first_line=11))
    assert caught.value.line is not None
    assert caught.value.line >= 11


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sops]\nmac = a\n[sops]\nmac = a\n", "a second section `sops`"),
        (f"[s]\na = {TOKEN} ; c\n", "a comment behind an encrypted value"),
        (f'[s]\na = "{TOKEN}"# `\n', "a comment behind an encrypted value"),
        (f'[s]\na = """{TOKEN}""" ; c\n', "a comment behind an encrypted value"),
        (f"[s]\na = {TOKEN} \\\n", "backslash"),
        ("[sops]\na__list_1 = x\n", "a list with a gap"),
        ("[sops]\nmac\n", "without `=`"),
    ],
)
def test_an_encrypted_text_that_is_refused(text: str, message: str) -> None:
    with pytest.raises(KsecretsError, match=message):
        list(ini.scan(text))


# -- values and sources ------------------------------------------------------------------------------------------------

_VALUES = st.text("a \"'`#;\\\n\r\t=[]é", max_size=12) | st.text()


@given(_VALUES)
def test_what_is_written_is_read(value: str) -> None:
    try:
        source = iniline.written(value)
    except SyntaxRefused:
        return
    text = f"[s]\na = {source}\nb = 1\n"
    assert [value for _, _, _, value in entries(text)] == [value, "1"]


@given(st.text("a \"'#;=[]é.", max_size=12))
def test_there_is_a_source_for_every_ordinary_value(value: str) -> None:
    iniline.written(value)


@given(st.sampled_from(["'", '"', "`", '"""']), _VALUES)
def test_what_fits_is_read_as_the_value(style: str, value: str) -> None:
    source = iniline.predicted(style, "str", value)
    if iniline.fits(style, value):
        for behind in ("", " ; c", "\t# c"):
            found = entries(f"[s]\na = {source}{behind}\nb = 1\n")
            assert [(each[2], each[3]) for each in found] == [(style, value), ("", "1")]


@pytest.mark.parametrize("value", ['x\n`"""y', '`""";'])
def test_what_no_quotes_can_hold(value: str) -> None:
    with pytest.raises(SyntaxRefused) as caught:
        iniline.written(value)
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("x", "x"),
        ("", ""),
        (" x", '" x"'),
        ("x#y", "`x#y`"),
        ("x\ny", '"""x\ny"""'),
        ("x`y", '"""x`y"""'),
        # Here sops writes what it then reads as another value.
        ('"x"', "'\"x\"'"),
        ("'x'", "\"'x'\""),
        ("C:\\", '"C:\\"'),
        ("`x", '"""`x"""'),
        (' "x" ', "' \"x\" '"),
    ],
)
def test_sources(value: str, source: str) -> None:
    assert iniline.written(value) == source


# -- the metadata ------------------------------------------------------------------------------------------------------

TREE = {"age": [{"enc": "a\nb\n"}], "encrypted_regex": "^a#b;$", "ksecrets": {"kid": "k"}, "mac": "m"}
LINES = (
    "[sops]\nage__list_0__map_enc = a\\nb\\n\nencrypted_regex      = `^a#b;$`\n"
    "ksecrets__map_kid    = k\nmac                  = m"
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n",
        "\r\n",
        "a=1",
        "a=1\n",
        "a=1\r\n",
        "a=1\r",
        "a=1\n\n",
        "a=1\r\n\r\n",
        "a=1\n\r\n",
        "a=1\r\n\n",
        "[s]",
        "[s]\na=1\n; c",
        "; c\n",
        " \n",
        "a=1\n \t",
        'a="""x\n"""',
    ],
)
def test_the_metadata_goes_in_and_comes_out(text: str) -> None:
    at = inisops.place(text)
    whole = text[:at] + inisops.block_text(TREE, text) + text[at:]
    assert LINES in whole.replace("\r\n", "\n")
    (block,) = [node for node in ini.scan(whole) if node.kind == BLOCK]
    assert inisops.find(whole) == inisops.search(whole) == TREE
    assert str(block.value) == str(TREE)
    start, end = inisops.cut(whole, block)
    assert whole[:start] + whole[end:] == text


@pytest.mark.parametrize(
    ("whole", "text"),
    [
        ("[s]\na = 1\n\n[sops]\nmac = x\n", "[s]\na = 1\n"),
        ("[s]\na = 1\n[sops]\nmac = x\n", "[s]\na = 1\n"),
        ("[sops]\nmac = x\n", ""),
        ("[sops]\nmac = x\n\n[s]\na = 1\n", "\n[s]\na = 1\n"),
        ("[s]\na = 1\n\n[sops]\n; c\n\nmac = x\n; d\n[t]\nb = 1\n", "[s]\na = 1\n; d\n[t]\nb = 1\n"),
        ("[s]\n  [sops]\n  mac = x  \n", "[s]\n"),
        ("[s]\na = 1\n\n[sops]\n", "[s]\na = 1\n"),
    ],
)
def test_the_metadata_comes_out_of_other_layouts(whole: str, text: str) -> None:
    (block,) = [node for node in ini.scan(whole) if node.kind == BLOCK]
    start, end = inisops.cut(whole, block)
    assert whole[:start] + whole[end:] == text


def test_what_only_looks_like_the_metadata() -> None:
    text = 'a = """\n[sops]\nmac = x\n"""\n'
    assert inisops.search(text) is None
    assert inisops.find(f"{text}\n[sops]\nmac = y\n") == {"mac": "y"}


# -- bounds ------------------------------------------------------------------------------------------------------------


def outcome(text: str) -> list[Node] | str:
    """The nodes, or the whole message of a clean error."""
    try:
        inisops.find(text)
        return list(ini.scan(text))
    except KsecretsError as error:
        return str(error)


@given(st.text("a=:[]\"'`;# \\\n\r\té-") | st.text())
def test_any_text_ends_in_nodes_or_a_clean_error(text: str) -> None:
    nodes = outcome(text)
    if isinstance(nodes, str):
        assert nodes.startswith(("line ", "the metadata"))
        return
    position = 0
    for node in nodes:
        if node.kind in (SCALAR, BLOCK) or (node.kind == COMMENT and node.key_form == "line"):
            assert position <= node.start <= node.end <= len(text)
            position = node.end


@pytest.mark.parametrize(
    "text",
    [
        "a=" + "x" * 10_000_000,
        "[s]\n" * 200_000,
        "".join(f"a{index}=1\n" for index in range(50_000)),
        "; c\n" * 200_000 + "a=1\n",
        ";\n" * 200_000,
        "\n" * 1_000_000,
        "\u3000" * 1_000_000,
        'a="""' + "\n" * 1_000_000,
        'a="""' + '"' * 1_000_000,
        "a=`\n" * 100_000,
        "a=" + "#" * 1_000_000,
        "[" * 1_000_000 + "]",
        "[sops]\n" + "".join(f"a__list_{index}=x\n" for index in range(9_999)),
        "[sops]\n" + "\n" * 200_000,
        "[sops]\na" + "__map_b" * 200_000 + "=1\n",
        '"' * 1_000_000 + "=1",
    ],
    ids=lambda text: f"{text[:12]!r}",
)
def test_extremes_end_within_bounds(text: str) -> None:
    begin = time.process_time()
    found = outcome(text)
    assert not isinstance(found, str) or len(found) < 500
    assert time.process_time() - begin < 5


def test_the_name_of_a_section_has_an_end() -> None:
    """A name of 2 MB above 2,000 values took 39 seconds: it is authenticated beside each."""
    name = "k" * ini.MAX_SECTION
    assert any(node.kind == MAP for node in ini.scan(f"[{name}]\na = 1\n"))
    with pytest.raises(SyntaxRefused, match="a name of more than 10000 characters"):
        list(ini.scan(f"[{name}k]\na = 1\n"))
