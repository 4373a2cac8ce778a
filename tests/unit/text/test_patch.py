"""One value set or removed in plaintext YAML, every other byte kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ksecrets.errors import KsecretsError, SyntaxRefused, UsageError
from ksecrets.text.composed import Composed
from ksecrets.text.emitted import Layout, block_lines, plain_data, records
from ksecrets.text.patch import meanings, set_value, unset_value
from ksecrets.text.path import parse
from tests.scalars import sources

PEM = "-----BEGIN-----\nMIIE\n-----END-----\n"

# (text, path, value, expected)
SET: list[tuple[str, str, Any, str]] = [
    # Scalars in place, in their style.
    ("a: old\n", "a", "new", "a: new\n"),
    ("a:   old   # why\n", "a", "new", "a:   new   # why\n"),
    ("a: 'old'\n", "a", "new", "a: 'new'\n"),
    ("a: 'old'\n", "a", "it's", "a: 'it''s'\n"),
    ("a: 'old'\n", "a", "a\tb", 'a: "a\\tb"\n'),
    ('a: "old"\n', "a", "new", 'a: "new"\n'),
    ('a: "old"\n', "a", 'say "x"\n', 'a: "say \\"x\\"\\n"\n'),
    ("a: old\n", "a", "yes", 'a: "yes"\n'),
    ("a: old\n", "a", "123", 'a: "123"\n'),
    ("a: old\n", "a", "", 'a: ""\n'),
    ("a: old\n", "a", "x: y #z", 'a: "x: y #z"\n'),
    ("a: old\n", "a", "ENC[x]", 'a: "ENC[x]"\n'),
    ("a: yes\n", "a", "yes", 'a: "yes"\n'),
    ("a: 1.10\n", "a", 1.1, "a: 1.10\n"),
    ("a: 0644\n", "a", 420, "a: 0644\n"),
    ("a: 'x'\n", "a", "x", "a: 'x'\n"),
    ("a: old\n", "a", 5, "a: 5\n"),
    ("a: 'old'\n", "a", 5, "a: 5\n"),
    ("a: old\n", "a", -1.5, "a: -1.5\n"),
    ("a: old\n", "a", 1e300, "a: 1e+300\n"),
    ("a: old\n", "a", 3.0, "a: 3.0\n"),
    ("a: old\n", "a", float("inf"), "a: .inf\n"),
    ("a: old\n", "a", float("nan"), "a: .nan\n"),
    ("a: old\n", "a", True, "a: true\n"),
    ("a: old\n", "a", False, "a: false\n"),
    ("a: old\n", "a", None, "a: null\n"),
    ("a: old\n", "a", [], "a: []\n"),
    ("a: old\n", "a", {}, "a: {}\n"),
    ("a: 1\nb: 2\nc: 3\n", "b", 9, "a: 1\nb: 9\nc: 3\n"),
    ("a:\n  b:\n    c: 1 # x\n  d: 2\n", "a.b.c", "z", "a:\n  b:\n    c: z # x\n  d: 2\n"),
    ("a: one\n  two\n  three # c\nb: 1\n", "a", "x", "a: x # c\nb: 1\n"),
    ('a: "one\n  two" # c\n', "a", "x", 'a: "x" # c\n'),
    # Nulls.
    ("a:\n", "a", "x", "a: x\n"),
    ("a:", "a", "x", "a: x"),
    ("a: # c\n", "a", "x", "a: x # c\n"),
    ("a:\n# c\nb: 1\n", "a", "x", "a: x\n# c\nb: 1\n"),
    ("a: ~\n", "a", "x", "a: x\n"),
    ("a: null # c\n", "a.b", 1, "a: # c\n  b: 1\n"),
    ("a:\nb: 1\n", "a.b.c", 1, "a:\n  b:\n    c: 1\nb: 1\n"),
    ("a:\n", "a[0]", "x", "a:\n  - x\n"),
    ("? a\n", "a", "x", "? a\n: x\n"),
    ("m:\n  ? a\n  ? b\n", "m.a.c", "x", "m:\n  ? a\n  :\n    c: x\n  ? b\n"),
    ("- \n- b\n", "[0]", "x", "- x\n- b\n"),
    ("-\n- b\n", "[0]", "x", "- x\n- b\n"),
    ("-\n", "[0].a", "x", "- a: x\n"),
    # Blocks.
    ("a: |\n  old\n", "a", "new\n", "a: |\n  new\n"),
    ("a: |\n  old\nb: 1\n", "a", "one\ntwo\n", "a: |\n  one\n  two\nb: 1\n"),
    ("a: |  # c\n     old\nb: 1\n", "a", "one\ntwo", "a: |-  # c\n     one\n     two\nb: 1\n"),
    ("a: |+\n  old\n\nb: 1\n", "a", "one\n\n", "a: |+\n  one\n\nb: 1\n"),
    ("a: |\n  old\n\n\nb: 1\n", "a", "new\n", "a: |\n  new\n\n\nb: 1\n"),
    ("a: |2-\n    old\n", "a", "new", "a: |-\n    new\n"),
    ("a: >-\n  old\n  text\n", "a", "new", "a: >-\n  new\n"),
    ("a: >\n  old\n", "a", "one\ntwo\n", "a: |\n  one\n  two\n"),
    ("a: |\n  old\n", "a", " leading\n", 'a: " leading\\n"\n'),
    ("a: |\n  old\n", "a", 5, "a: 5\n"),
    ("a: |\n  old", "a", "new\n", 'a: "new\\n"'),
    ("a: |\n  old", "a", "new", "a: |-\n  new"),
    ("a: old\n", "a", PEM, "a: |\n  -----BEGIN-----\n  MIIE\n  -----END-----\n"),
    ('a: "" # pem\nb: 1\n', "a", PEM, "a: | # pem\n  -----BEGIN-----\n  MIIE\n  -----END-----\nb: 1\n"),
    ("a:\n    b: old\n", "a.b", "x\ny", "a:\n    b: |-\n        x\n        y\n"),
    ("- old\n", "[0]", "x\ny\n", "- |\n  x\n  y\n"),
    ("- a: old\n", "[0].a", "x\ny\n", "- a: |\n    x\n    y\n"),
    ("a: old\n", "a", "x\n\n", "a: |+\n  x\n\n"[:0] + 'a: "x\\n\\n"\n'),
    ("a: old\n", "a", "x\n\ty\n", 'a: "x\\n\\ty\\n"\n'),
    ("a: old\n", "a", "x\r\ny\n", 'a: "x\\r\\ny\\n"\n'),
    # Collections replaced.
    ("a:\n  b: 1\n  c: 2\nd: 3\n", "a", 5, "a: 5\nd: 3\n"),
    ("a: # c\n  b: 1\nd: 3\n", "a", 5, "a: 5 # c\nd: 3\n"),
    ("a:\n- 1\n- 2\nd: 3\n", "a", "x", "a: x\nd: 3\n"),
    ("a: {b: 1} # c\nd: 3\n", "a", "x", "a: x # c\nd: 3\n"),
    ("a: 5 # c\nd: 3\n", "a", {"x": 1, "p": [1, 2]}, "a: # c\n  x: 1\n  p:\n    - 1\n    - 2\nd: 3\n"),
    ("l:\n- 1\na: 5\n", "a", [1, {"b": 2, "c": [3]}], "l:\n- 1\na:\n- 1\n- b: 2\n  c:\n  - 3\n"),
    ("a: [1, 2]\n", "a", [3], "a: [3]\n"),
    ("a: {b: 1}\n", "a", {"c": "x y"}, 'a: {c: "x y"}\n'),
    ("a: [1, 2]\n", "a", {"c": 1}, "a: {c: 1}\n"),
    ("- 5\n- 6\n", "[0]", {"a": 1, "b": 2}, "- a: 1\n  b: 2\n- 6\n"),
    ("- - 1\n  - 2\n- 6\n", "[0]", "x", "- x\n- 6\n"),
    ("- a: 1\n  b: 2\n- 6\n", "[0]", "x", "- x\n- 6\n"),
    ("-\n  a: 1\n  b: 2\n- 6\n", "[0]", "x", "- x\n- 6\n"),
    # New keys.
    ("a: 1\n", "b", "x", "a: 1\nb: x\n"),
    ("a: 1", "b", "x", "a: 1\nb: x"),
    ("a: 1\r\n", "b", "x\ny\n", "a: 1\r\nb: |\r\n  x\r\n  y\r\n"),
    ("a: 1 # c\n", "b", "x", "a: 1 # c\nb: x\n"),
    ("a:\n  b: 1\nc: 2\n", "a.d", "x", "a:\n  b: 1\n  d: x\nc: 2\n"),
    ("a:\n    b: 1\n\n\nc: 2\n", "a.d", "x", "a:\n    b: 1\n    d: x\n\n\nc: 2\n"),
    ("a:\n  b: 1\n  # inner\n# outer\nc: 2\n", "a.d", "x", "a:\n  b: 1\n  # inner\n  d: x\n# outer\nc: 2\n"),
    ("a:\n  b: 1\n# outer\nc: 2\n", "a.d", "x", "a:\n  b: 1\n  d: x\n# outer\nc: 2\n"),
    ("a:\n  b: |\n    text\n\nc: 2\n", "a.d", "x", "a:\n  b: |\n    text\n  d: x\n\nc: 2\n"),
    ("a:\n  b: |+\n    text\n\nc: 2\n", "a.d", "x", "a:\n  b: |+\n    text\n\n  d: x\nc: 2\n"),
    ("a:\n  b:\n", "a.d", "x", "a:\n  b:\n  d: x\n"),
    ("a: 1\n", "x.p.z", "v", "a: 1\nx:\n  p:\n    z: v\n"),
    ("a:\n    b: 1\n", "x.p", "v", "a:\n    b: 1\nx:\n    p: v\n"),
    ("a: 1\n", "x[0].p", "v", "a: 1\nx:\n  - p: v\n"),
    ("a: {}\n", "a.b", 1, "a:\n  b: 1\n"),
    ("a: {} # c\nz: 1\n", "a.b", 1, "a: # c\n  b: 1\nz: 1\n"),
    ("a: []\n", "a[0]", 1, "a:\n  - 1\n"),
    ("- {}\n", "[0].a", 1, "- a: 1\n"),
    ("- a: 1\n  b: 2\n- c: 3\n", "[0].d", 4, "- a: 1\n  b: 2\n  d: 4\n- c: 3\n"),
    ("a: 1\n", '["tls.crt"]', "x", "a: 1\ntls.crt: x\n"),
    ("a: 1\n", '["on"]', "x", 'a: 1\n"on": x\n'),
    ("a: 1\n", '["a: b"]', "x", 'a: 1\n"a: b": x\n'),
    ("a: 1\n", '["8080"]', "x", 'a: 1\n"8080": x\n'),
    ("a: 1\n...\n", "b", 2, "a: 1\nb: 2\n...\n"),
    ("a: 1\n---\nb: 2\n", "c", 3, "a: 1\nc: 3\n---\nb: 2\n"),
    ("? a\n: 1\n", "b", 2, "? a\n: 1\nb: 2\n"),
    # New keys and items in flow collections.
    ("a: {b: 1}\n", "a.c", "x", "a: {b: 1, c: x}\n"),
    ("a: { b: 1 }\n", "a.c", "x, y", 'a: { b: 1, c: "x, y" }\n'),
    ("a: {b: 1,c: 2}\n", "a.d", 3, "a: {b: 1,c: 2,d: 3}\n"),
    ("a: {\n  b: 1,\n  c: 2\n}\n", "a.d", 3, "a: {\n  b: 1,\n  c: 2,\n  d: 3\n}\n"),
    ("a: {\n  b: 1\n}\n", "a.d", 3, "a: {\n  b: 1,\n  d: 3\n}\n"),
    ("a: {\n  b: 1,\n}\n", "a.d", 3, "a: {\n  b: 1,\n  d: 3\n}\n"),
    ("a: [1, 2]\n", "a[2]", "x", "a: [1, 2, x]\n"),
    ("a: [[], 2]\n", "a[0][0]", "x", "a: [[x], 2]\n"),
    ("a: [{}]\n", "a[0].b", "x\ny", 'a: [{b: "x\\ny"}]\n'),
    ('{"a": 1}\n', "b", [1, {"c": None}], '{"a": 1, b: [1, {c: null}]}\n'),
    ("a: {b, c: 1}\n", "a.b", 5, "a: {b: 5, c: 1}\n"),
    ("a: [1,2]\n", "a[1]", 9, "a: [1,9]\n"),
    ('{"a":1}\n', "a", "x", '{"a":x}\n'),
    ("a: {b: }\n", "a.b", 5, "a: {b: 5 }\n"),
    ("a: {b: x, c: 1}\n", "a.b", "p q", 'a: {b: "p q", c: 1}\n'),
    ("a: ['x', 1]\n", "a[0]", "p, q", "a: ['p, q', 1]\n"),
    ("a: [x: 1]\n", "a[0].x", 2, "a: [x: 2]\n"),
    # Lists.
    ("a:\n- 1\n- 2\n", "a[1]", "x", "a:\n- 1\n- x\n"),
    ("a:\n- 1\n- 2\n", "a[2]", "x", "a:\n- 1\n- 2\n- x\n"),
    ("a:\n  - 1\nb: 2\n", "a[1]", {"c": 1, "d": 2}, "a:\n  - 1\n  - c: 1\n    d: 2\nb: 2\n"),
    ("- 1\n", "[1]", [2, 3], "- 1\n- - 2\n  - 3\n"),
    ("- 1\n", "[1].a.b", "x", "- 1\n- a:\n    b: x\n"),
    # Anchors, aliases, tags, merge keys.
    ("a: &x old\nb: 1\n", "a", "new", "a: &x new\nb: 1\n"),
    ("a: &x old\nb: *x\n", "a", "old", "a: &x old\nb: *x\n"),
    ("a: &x old\nb: *x\n", "b", "new", "a: &x old\nb: new\n"),
    ("a: &x\n  b: 1\nc: 2\n", "a", 5, "a: &x 5\nc: 2\n"),
    ("a: &x\n  b: 1\nc: *x\n", "a.d", 5, "a: &x\n  b: 1\n  d: 5\nc: *x\n"),
    ("a: &x\nb: 1\n", "a", 5, "a: &x 5\nb: 1\n"),
    ("a: &x {}\n", "a.b", 5, "a: &x\n  b: 5\n"),
    ("a: !!int 5\n", "a", "x", "a: x\n"),
    ("a: &x !!int 5\n", "a", "x", "a: &x x\n"),
    ("a: !!map\n  b: 1\n", "a", "x", "a: x\n"),
    ("a: !vault x\n", "a", "z", "a: !vault z\n"),
    ("- !!seq\n  - 1\n", "[0]", [2, [3]], "- !!seq\n  - 2\n  - - 3\n"),
    ("- &x {a: 1}\n", "[0]", {"b": 2}, "- &x {b: 2}\n"),
    ("- &x 1\n", "[0]", {"b": 2, "c": 3}, "- &x\n  b: 2\n  c: 3\n"),
    ("a: !vault x\n", "a", 5, "a: 5\n"),
    ("b: &b {x: 1}\na:\n  <<: *b\n", "a.x", 2, "b: &b {x: 1}\na:\n  <<: *b\n  x: 2\n"),
    # Whole documents, empty texts, byte order marks.
    ("", "a", 1, "a: 1\n"),
    ("", "a.b[0]", 1, "a:\n  b:\n    - 1\n"),
    ("", ".", "x", "x\n"),
    ("# c\n", "a", 1, "# c\na: 1\n"),
    ("# c", "a", 1, "# c\na: 1"),
    ("---\n", "a", 1, "---\na: 1\n"),
    ("---", "a", 1, "---\na: 1"),
    ("---\n---\nb: 2\n", "a", 1, "---\na: 1\n---\nb: 2\n"),
    ("null\n", "a", 1, "a: 1\n"),
    ("--- ~\n", "a", 1, "---\na: 1\n"),
    ("{}\n", "a", 1, "a: 1\n"),
    ("[]\n", "[0]", 1, "- 1\n"),
    ("old\n", ".", "new", "new\n"),
    ("a: 1\nb: 2 # c\n", ".", {"z": 1}, "z: 1 # c\n"),
    ("\ufeffa: 1\n", "a", 2, "\ufeffa: 2\n"),
    ("\ufeffa: 1\r\nb: 2\r\n", "a", {"c": 2}, "\ufeffa:\r\n  c: 2\r\nb: 2\r\n"),
]

UNSET: list[tuple[str, str, str]] = [
    ("a: 1\nb: 2\nc: 3\n", "b", "a: 1\nc: 3\n"),
    ("a: 1\nb: 2\n", "a", "b: 2\n"),
    ("a: 1\nb: 2\n", "b", "a: 1\n"),
    ("a: 1\nb: 2", "b", "a: 1"),
    ("a: 1\r\nb: 2", "b", "a: 1"),
    ("a: 1\r\nb: 2\r\nc: 3\r\n", "b", "a: 1\r\nc: 3\r\n"),
    ("a: 1\nb: 2 # gone\n# stays\nc: 3\n", "b", "a: 1\n# stays\nc: 3\n"),
    ("a: 1\nb:\n  c: 1\n  d: 2\ne: 3\n", "b", "a: 1\ne: 3\n"),
    ("a: 1\nb: |\n  text\n\nc: 3\n", "b", "a: 1\n\nc: 3\n"),
    ("a: 1\nb: |+\n  text\n\nc: 3\n", "b", "a: 1\nc: 3\n"),
    ("a:\n  b: 1\nc: 2\n", "a.b", "a: {}\nc: 2\n"),
    ("a:\n- 1\nc: 2\n", "a[0]", "a: []\nc: 2\n"),
    ("a: # c\n  b: 1\nc: 2\n", "a.b", "a: {} # c\nc: 2\n"),
    ("a: 1\n", "a", "{}\n"),
    ("- 1\n", "[0]", "[]\n"),
    ("a:\n- 1\n- 2\n- 3\n", "a[1]", "a:\n- 1\n- 3\n"),
    ("a:\n- 1\n- 2\n", "a[1]", "a:\n- 1\n"),
    ("- a: 1\n  b: 2\n  c: 3\n- z\n", "[0].a", "- b: 2\n  c: 3\n- z\n"),
    ("- a: 1\n  # about b\n  b: 2\n", "[0].a", "-\n  # about b\n  b: 2\n"),
    ("- a: 1\n  b: 2\n- z\n", "[0].b", "- a: 1\n- z\n"),
    ("- - 1\n  - 2\n", "[0][0]", "- - 2\n"),
    ("a: {b: 1, c: 2, d: 3}\n", "a.b", "a: {c: 2, d: 3}\n"),
    ("a: {b: 1, c: 2, d: 3}\n", "a.c", "a: {b: 1, d: 3}\n"),
    ("a: {b: 1, c: 2, d: 3}\n", "a.d", "a: {b: 1, c: 2}\n"),
    ("a: {b: 1}\n", "a.b", "a: {}\n"),
    ("a: { b: 1, }\n", "a.b", "a: {}\n"),
    ("a: [1, 2, 3]\n", "a[2]", "a: [1, 2]\n"),
    ("a: [1, 2, 3]\n", "a[0]", "a: [2, 3]\n"),
    ("a: [1]\n", "a[0]", "a: []\n"),
    ("a: {\n  b: 1,\n  c: 2\n}\n", "a.c", "a: {\n  b: 1\n}\n"),
    ("? a\n: 1\nb: 2\n", "a", "b: 2\n"),
    ("a:\nb: 2\n", "a", "b: 2\n"),
    ("a: &x 1\nb: *x\n", "b", "a: &x 1\n"),
    ("a: &x 1\nb: 2\n", "a", "b: 2\n"),
    ("a: &x\n  b: 1\nc: *x\n", "a.b", "a: &x {}\nc: *x\n"),
    ("x: &x {y: 1}\na:\n  <<: *x\n  z: 1\n", "a.z", "x: &x {y: 1}\na:\n  <<: *x\n"),
    ("\ufeffa: 1\nb: 2\n", "a", "\ufeffb: 2\n"),
    ("a: 1\n---\nb: 2\n", "a", "{}\n---\nb: 2\n"),
]


@pytest.mark.parametrize(("text", "path", "value", "expected"), SET)
def test_set(text: str, path: str, value: Any, expected: str) -> None:
    assert set_value(text, parse(path), value) == expected


@pytest.mark.parametrize(("text", "path", "expected"), UNSET)
def test_unset(text: str, path: str, expected: str) -> None:
    assert unset_value(text, parse(path)) == expected


REFUSED: list[tuple[str, str, Any, type[KsecretsError], str]] = [
    ("a: &x 1\nb: *x\n", "a", 2, SyntaxRefused, "anchor &x is in use in line 2"),
    ("a:\n  c: &x 1\nb: *x\n", "a", 2, SyntaxRefused, "anchor &x is in use in line 3"),
    ("a: &x {c: 1}\nb: *x\n", "b.c", 2, KsecretsError, "alias"),
    ("a: 1\na: 2\n", "a", 3, SyntaxRefused, "twice"),
    ("a: 1\n", "a.b", 3, KsecretsError, "not a mapping"),
    ("a: [1]\n", "a[2]", 3, KsecretsError, "list of 1"),
    ("a: [1]\n", "a.b", 3, KsecretsError, "index"),
    ("a: [1]\n", "a[-1]", 3, KsecretsError, "from 0"),
    ("a: {b: 1}\n", "a[0]", 3, KsecretsError, "no index"),
    ("a: 1\n", "b[1]", 3, KsecretsError, "index 0"),
    ("a: [x: 1]\n", "a[0].y", 3, SyntaxRefused, "one entry"),
    ("a: 1\n", "a", 2**64, UsageError, "64 bits"),
    ("a: 1\n", "a", b"x", UsageError, "bytes"),
    ("a: 1\n", "a", {1: 2}, UsageError, "key"),
    ("a: 1\n", "a", "\ud800", UsageError, "surrogate"),
    ("a: [1\n", "a", 1, SyntaxRefused, "not YAML"),
]


@pytest.mark.parametrize(("text", "path", "value", "error", "words"), REFUSED)
def test_set_refused(text: str, path: str, value: Any, error: type[KsecretsError], words: str) -> None:
    with pytest.raises(error, match=words):
        set_value(text, parse(path), value)


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("a: &x 1\nb: *x\n", "a", "in use"),
        ("&x a: 1\nb: *x\n", "a", "in use"),
        ("a: 1\n", "b", "no such value"),
        ("a: 1\n", "a.b", "no such value"),
        ("", "a", "no such value"),
        ("a: 1\na: 2\n", "a", "twice"),
        ("a: 1\n", ".", "whole document"),
    ],
)
def test_unset_refused(text: str, path: str, words: str) -> None:
    with pytest.raises(KsecretsError, match=words):
        unset_value(text, parse(path))


def test_another_document() -> None:
    assert set_value("a: 1\n---\na: 2\n", ("a",), 3, document=1) == "a: 1\n---\na: 3\n"
    assert unset_value("a: 1\n---\na: 2\nb: 1\n", ("a",), document=1) == "a: 1\n---\nb: 1\n"
    with pytest.raises(KsecretsError, match="documents"):
        set_value("a: 1\n", ("a",), 3, document=1)


@pytest.mark.parametrize("source", sources())
@pytest.mark.parametrize("template", ["a: 0\nk: {}\nz: 1 # c\n", "k: {}\n"])
def test_every_form_of_scalar_can_be_replaced_and_removed(source: str, template: str) -> None:
    text = template.format(source)
    for value in ("new", 'a "b"\nc', 5, None, {"x": ["y"]}):
        changed = set_value(text, ("k",), value)
        assert found(changed, "k") == list(records(value))
        assert changed.startswith("a: 0\n") == text.startswith("a: 0\n")
        assert changed.endswith("\nz: 1 # c\n") == text.endswith("\nz: 1 # c\n")
    rest = unset_value(text, ("k",))
    assert "k:" not in rest
    if template.startswith("a"):
        # What may stay is what stood behind the value: blank lines, and comments on lines of their own.
        assert [line for line in rest.split("\n") if line.strip() and line != "  # more"] == ["a: 0", "z: 1 # c"]
    else:
        assert "{}" in rest


def found(text: str, key: str) -> list[Any]:
    composed = Composed(text)
    (item,) = [entry for name, entry in composed.roots[0].entries if name is not None and name.value == key]
    return meanings(composed.records[item.first : item.last])


TEXT = st.text(max_size=20) | st.text("ab \t\n#:-'\"|>[]{},&*!%?\x85\u2028é", max_size=12)
KEYS = st.text("abc", min_size=1, max_size=2) | TEXT
LEAF = st.one_of(TEXT, st.integers(-(2**63), 2**64 - 1), st.floats(), st.booleans(), st.none())
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
LAYOUT = st.builds(Layout, st.integers(1, 5), st.integers(0, 5), st.booleans())


def walk(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, child in inner for deeper in walk(child, (*path, key)))]


def changed_copy(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = changed_copy(value[path[0]], path[1:], new)  # type: ignore[index]
    return copied


@given(st.dictionaries(KEYS, VALUE, min_size=1, max_size=4), LAYOUT, VALUE, st.data(), st.sampled_from(["\n", "\r\n"]))
def test_set_then_read_back(tree: dict[str, Any], layout: Layout, value: Any, data: st.DataObject, end: str) -> None:
    tree = dict(plain_data(tree))  # type: ignore[arg-type]
    text = "".join(line + end for line in block_lines(tree, 0, layout))
    assume(meanings(Composed(text).records[1:]) == list(records(tree)))
    path = data.draw(st.sampled_from(walk(tree)))
    changed = set_value(text, path, value)
    assert meanings(Composed(changed).records[1:]) == list(records(changed_copy(tree, path, value)))
    assert set_value(changed, path, value) == changed


@given(st.dictionaries(KEYS, VALUE, max_size=4), LAYOUT, KEYS, VALUE)
def test_add_then_remove_gives_the_text_back(tree: dict[str, Any], layout: Layout, key: str, value: Any) -> None:
    assume(key not in tree and tree)
    text = "".join(line + "\n" for line in block_lines(tree, 0, layout))
    assume(meanings(Composed(text).records[1:]) == list(records(tree)))
    added = set_value(text, (key,), value)
    assert added.startswith(text)
    assert meanings(Composed(added).records[1:]) == list(records({**tree, key: value}))
    assert unset_value(added, (key,)) == text
