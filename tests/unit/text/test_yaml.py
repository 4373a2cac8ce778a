"""Text to nodes: spans that are exactly a scalar's source, paths, keys, comments, and bounds."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings

from ksecrets.errors import SyntaxRefused
from ksecrets.text import yaml
from ksecrets.text.node import ALIAS, BLOCK, COMMENT, DOCUMENT, DOCUMENT_END, END, KEY, LIST, MAP, SCALAR, Node
from tests.cases import cases
from tests.documents import documents

READABLE = [case for case in cases() if not case.flags & {"refused", "refused-or-go"}]


def scalars(text: str) -> list[Node]:
    return [node for node in yaml.scan(text) if node.kind == SCALAR]


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("a: b", ["b"]),
        ("a:   b  # c", ["b"]),
        ("a: 'b' # c", ["'b'"]),
        ('"a": "b"', ['"b"']),
        ("a: &x b", ["b"]),
        ("a: &x !!str b", ["b"]),
        ("a: !!str &x b", ["b"]),
        ("a: !<tag:x,2000:y> b", ["b"]),
        ("a: !<!a,b> [c]", ["c"]),
        ("a: &x # c\n  b", ["b"]),
        ("a: &x\n  # c\n  !!str # d\n  b", ["b"]),
        ("a: |\n  b\nc: d", ["|\n  b", "d"]),
        ("a: |\n  b\n\n\nc: d", ["|\n  b", "d"]),
        ("a: |+\n  b\n\n\nc: d", ["|+\n  b\n\n", "d"]),
        ("a: |+\n  b\r\n\r\nc: d", ["|+\n  b\r\n", "d"]),
        ("a: |- # c\n  b\n  \n\nc: d", ["|- # c\n  b", "d"]),
        ("a: |\n  b\n   \nc: d", ["|\n  b\n   ", "d"]),
        ("a: |\n  b", ["|\n  b"]),
        ("a: |", ["|"]),
        ("a: |  \nb: c", ["|", "c"]),
        ("a: |+\n\n\n", ["|+\n\n"]),
        ("a: >2-\n    b\n", [">2-\n    b"]),
        ("a: one\n  two\nb: c", ["one\n  two", "c"]),
        ("a: [b, 'c', {d: e}]", ["b", "'c'", "e"]),
        ("a: {b: , c}", ["", ""]),
        ("a:\nb: c", ["", "c"]),
        ("? a\n: b", ["b"]),
        ("😀: 😀", ["😀"]),
        ("- a\n- b", ["a", "b"]),
        ("a", ["a"]),
        ("a: b\u2028", ["b"]),
    ],
)
def test_a_span_is_exactly_the_source(text: str, sources: list[str]) -> None:
    assert [text[node.start : node.end] for node in scalars(text)] == sources


def test_paths_keys_and_associated_data() -> None:
    text = 'a:\n  b:\n  - c\n  - d: e\n    "f g": h\n  i: {j: [k]}\nl: m\n'
    found = {node.value: (node.path(), node.aad()) for node in scalars(text)}
    assert found == {
        "c": (("a", "b", 0), "a:b:"),
        "e": (("a", "b", 1, "d"), "a:b:d:"),
        "h": (("a", "b", 1, "f g"), "a:b:f g:"),
        "k": (("a", "i", "j", 0), "a:i:j:"),
        "m": (("l",), "l:"),
    }
    assert scalars("a")[0].aad() == ":"
    assert scalars("- a")[0].aad() == ":"


def test_forms_of_keys() -> None:
    text = "a: 1\n'b': 2\n!!str c: 3\n? [d]\n: 4\n&x e: 5\n"
    forms = {node.value: node.key_form for node in scalars(text) if not node.frame.in_key}
    assert forms == {"1": "", "2": '"', "3": "tag:yaml.org,2002:str", "4": "?", "5": ""}
    assert scalars("- a")[0].key_form is None


def test_a_key_that_is_no_scalar_stands_in_a_frame_of_its_own() -> None:
    nodes = list(yaml.scan("? {a: [b]}\n: c\n"))
    assert [node.kind for node in nodes] == [
        DOCUMENT,
        MAP,
        KEY,
        MAP,
        LIST,
        SCALAR,
        END,
        END,
        END,
        SCALAR,
        END,
        DOCUMENT_END,
    ]
    inner, value = nodes[5], nodes[9]
    assert inner.frame.in_key
    assert not value.frame.in_key
    assert value.key == "?b"


def test_aliases_are_ordinals_of_anchors_in_their_document() -> None:
    text = "a: &x 1\nb: &y [2]\nc: *y\nd: *x\ne: &x 3\nf: *x\n---\ng: &z 4\nh: *z\n"
    assert [(node.anchor, node.value) for node in yaml.scan(text) if node.kind == ALIAS] == [
        ("y", "2"),
        ("x", "1"),
        ("x", "3"),
        ("z", "1"),
    ]
    assert [node.value for node in yaml.scan("a: *none") if node.kind == ALIAS] == ["0"]


def test_lines_are_counted_from_one() -> None:
    assert [node.line for node in scalars("# c\n\na: b\nc:\n- d\n- |\n  e\nf: g")] == [3, 5, 6, 8]
    assert [node.line for node in scalars("a: b\r\nc: d\re: f\x85g: h")] == [1, 2, 3, 4]
    assert [node.line for node in yaml.scan("a: b # one\n# two\nc: d\n# four") if node.kind == COMMENT] == [1, 2, 4]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("# a\nb: c # d\n# e", [" a", " d", " e"]),
        ("b: 'c # d' # e", [" e"]),
        ("b: c#d", []),
        ("b: | # c\n  # d\n# e", [" c", " e"]),
        ("b: >-2# c\n   d", [" c"]),
        ("[a, # b\n c # d\n] # e", [" b", " d", " e"]),
        ("--- # a\nb: c\n... # d\n", [" a", " d"]),
        ("%YAML 1.1 # a\n---\nb: c", [" a"]),
        ("b: &x # c\n  d", [" c"]),
        ("b: !!str # c\n  &x # d\n  e", [" c", " d"]),
        ("# a\u2028b: c", [" a"]),
        ("#", [""]),
        ("", []),
        ("# only", [" only"]),
        ("? a # b\n: c # d", [" b", " d"]),
        ("- # a\n  b", [" a"]),
        ("'a # b': c # d", [" d"]),
    ],
)
def test_comments(text: str, values: list[str]) -> None:
    found = [node for node in yaml.scan(text) if node.kind == COMMENT]
    assert [node.value for node in found] == values
    assert all(text[node.start - 1] == "#" and text[node.start : node.end] == node.value for node in found)


def test_comments_belong_to_the_collection_that_they_stand_in() -> None:
    text = "# root\na: # root too\n  # in a\n  b: c # in a too\n  # in a still\n# root again\nd:\n- e\n# in root\n"
    found = [(node.value.strip(), node.aad()) for node in yaml.scan(text) if node.kind == COMMENT]
    assert [aad for text, aad in found if text.startswith("in a")] == ["a:", "a:", "a:"]
    assert {aad for text, aad in found if "root" in text} <= {":", "d:"}


def test_the_block_is_one_node() -> None:
    text = "a: b\nsops:\n  mac: 'x'\n  age:\n  - enc: |\n      y\n    recipient: z\n  empty: []\n# c\nd: e\n"
    (block,) = [node for node in yaml.scan(text) if node.kind == BLOCK]
    assert block.value == {"mac": "x", "age": [{"enc": "y\n", "recipient": "z"}], "empty": []}  # type: ignore[comparison-overlap]
    assert text[block.start : block.end] == text[5 : text.index("\n# c")]
    assert [node.value for node in scalars(text)] == ["b", "e"]


@pytest.mark.parametrize(
    "text",
    [
        "b:\n  sops: x\n",
        "- sops: x\n",
        "!!str sops: x\n",
        "? [sops]\n: x\n",
        "sops\n",
        "? {sops: x}\n: y\n",
        "[sops: x]\n",
    ],
)
def test_only_an_entry_at_the_top_is_the_block(text: str) -> None:
    assert not [node for node in yaml.scan(text) if node.kind == BLOCK]


@pytest.mark.parametrize(
    "text",
    [
        "sops:\n  a: &x b\n",
        "sops:\n  a: *x\n",
        "sops:\n  a: !!str b\n",
        "sops: &x\n  a: b\n",
        "sops:\n  a: b\n  a: c\n",
        "sops:\n  [a]: b\n",
        "sops:\n  {a: b}: c\n",
        "sops: !!map {}\n",
    ],
)
def test_the_block_is_plain(text: str) -> None:
    with pytest.raises(SyntaxRefused) as caught:
        list(yaml.scan(text))
    assert caught.value.line is not None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: b: c", 1),
        ("a: b\n c: d", 2),
        ("a: [\n", 2),
        ("a: &x{b: c}", 1),
        ("a: b\nc: \ufeffd", 2),
        ("a: b\n\tc: d", 2),
        ("a: \x07", 1),
    ],
)
def test_refusals_name_the_line_and_no_text(text: str, line: int) -> None:
    with pytest.raises(SyntaxRefused) as caught:
        list(yaml.scan(text))
    assert caught.value.line == line


def test_lines_can_be_counted_from_elsewhere() -> None:
    with pytest.raises(SyntaxRefused) as caught:
        list(yaml.scan("a: b\nc: x\ufeff", first_line=11))
    assert caught.value.line == 12
    assert scalars("a: b")[0].line == 1
    assert next(node for node in yaml.scan("\na: b", first_line=5) if node.kind == SCALAR).line == 6


def _check_spans(text: str) -> None:
    """Nodes come in the order of the text, spans do not overlap, and no scalar's content is outside of its span."""
    position = 0
    for node in yaml.scan(text):
        if node.kind not in (SCALAR, COMMENT, ALIAS):
            continue
        assert 0 <= node.start <= node.end <= len(text)
        if node.kind != COMMENT or node.start >= position:  # a comment in the header of a block is inside
            assert node.start >= position
            position = node.end
        if node.kind == SCALAR and node.value.isalnum():
            assert node.value in text[node.start : node.end] or node.style in ('"', "|", ">")


def test_spans_of_the_hand_made_documents() -> None:
    for case in READABLE:
        _check_spans(case.text.removeprefix("\ufeff"))


@given(documents())
@settings(max_examples=200, deadline=None)
def test_spans_of_generated_documents(text: str) -> None:
    _check_spans(text.removeprefix("\ufeff"))


BOUNDS = """
    import resource, sys
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    from ksecrets.errors import KsecretsError
    from ksecrets.files.open import open_text
    from ksecrets.files.seal import seal_text
    from tests.pipe import KEY, metadata
    text = {text}
    try:
        sealed = seal_text(text, data_key=KEY, metadata=metadata()).text
        assert open_text(sealed, data_key_for=lambda _: KEY).plaintext == text
        print("kept")
    except KsecretsError as error:
        print("refused", str(error)[:300])
"""

EXTREMES = {
    "brackets": ("'[' * 100_000", "refused"),
    "closed brackets": ("'[' * 100_000 + ']' * 100_000", "refused"),
    "braces": ("'{a: ' * 100_000 + '}' * 100_000", "refused"),
    "dashes": ("'- ' * 100_000", "refused"),
    "question marks": ("'? ' * 100_000", "refused"),
    "brackets in the metadata": ("'sops: ' + '[' * 100_000 + ']' * 100_000", "refused"),
    "as deep as it goes": ("'a: ' + '[' * 498 + ']' * 498", "kept"),
    "as deep as it goes, with a value": ("'a: ' + '[' * 498 + 'x' + ']' * 498", "kept"),
    "as deep as mappings go": ("'{a: ' * 499 + 'x' + '}' * 499", "kept"),
    "indentation": ("''.join(' ' * n + f'k{n}:\\n' for n in range(2_000))", "refused"),
    "a long line": ("'a: ' + 'x' * 5_000_000", "kept"),
    "a long quoted line": ("'a: ' + chr(34) + 'x ' * 2_000_000 + chr(34)", "kept"),
    "a long block": ("'a: |\\n' + '  line\\n' * 300_000", "kept"),
    "a long comment": ("'# ' + 'x' * 1_000_000 + '\\na: b'", "kept"),
    "a long key": ("'k' * 100_000 + ': v'", "any"),
    "many hashes": ("'#' * 1_000_000 + '\\n' + 'a: b\\n'", "kept"),
    "many comments": ("'# a: b\\n' * 20_000 + 'c: d\\n'", "kept"),
    "many blank lines": ("'a: b' + '\\n' * 1_000_000", "kept"),
    "many documents": ("'---\\na: b\\n' * 2_000", "kept"),
    "many anchors": ("''.join(f'k{n}: &a{n} v\\n' for n in range(10_000))", "kept"),
    "an alias bomb": (
        "'a0: &a0 [x, x, x, x, x, x, x, x, x]\\n' + "
        "''.join(f'a{n}: &a{n} [' + ', '.join([f'*a{n - 1}'] * 9) + ']\\n' for n in range(1, 12))",
        "refused",
    ),
    "an anchor in itself": ("'a: &x [*x, *x]\\nb: *x\\n'", "kept"),
    "many quotes": ("'a: ' + chr(39) * 1_000_001", "refused"),
    "many keys that are lists": ("'? [' * 5_000", "refused"),
    "many equal values": ("'a:\\n' + '- x\\n' * 10_000", "kept"),
    "one long flow list": ("'a: [' + 'x, ' * 10_000 + ']'", "kept"),
    "many percent signs": ("'%' * 100_000", "any"),
    "many tags": ("'a: ' + '!' * 100_000 + ' b'", "any"),
}  # fmt: skip


def test_the_keys_on_a_path_have_an_end() -> None:
    """At 500 levels, each level would hold the keys of all above it: 10 MB of text, 2.5 GB of memory; and beside every
    value they are authenticated once more."""
    long = "x" * (yaml.MAX_PATH - 1)
    assert [node.aad() for node in scalars(f"? {long}\n: {{a: 1}}\n") if node.key] == [f"{long}:a:"]
    for text in (f"? {long}x\n: {{a: 1}}\n", f"? {long[:-2]}\n:\n  bc: [1]\n"):
        with pytest.raises(SyntaxRefused, match="below keys of more than 10000 characters"):
            list(yaml.scan(text))


def test_the_text_of_a_key_that_is_no_scalar_has_an_end() -> None:
    """It stands in that of every key around it: 400 levels of 2,000 characters took 800 MB."""
    inner = "{a: b}"
    for _ in range(8):
        inner = f"{{? {inner} : {'v' * 2000}}}"
    with pytest.raises(SyntaxRefused, match="a key that is no scalar, of more than 10000 characters"):
        list(yaml.scan(f"? {inner}\n: x\n"))


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_end_within_bounds(name: str) -> None:
    """A process of its own: no crash of the parser, no RecursionError, no run away in time or memory."""
    text, expected = EXTREMES[name]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BOUNDS).format(text=text)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    word = done.stdout.split()[0]
    assert word in ("kept", "refused")
    assert expected in ("any", word), done.stdout
