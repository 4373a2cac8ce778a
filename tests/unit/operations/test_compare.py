"""Two texts, value by value: shape and compare."""

from __future__ import annotations

import pytest

from ksecrets.operations.compare import Change, comments_changed, compare
from ksecrets.operations.shape import READABLE, STRUCTURE, VALUES, shape
from ksecrets.text.path import format as format_path
from tests.pipe import seal


def changes(old: str, new: str, how: int = VALUES, *, show: bool = True) -> list[str]:
    """Each change as ``~ path old -> new``, with types where they are no strings."""
    lines = []
    for change in compare(shape(old, how), shape(new, how), show=show):
        sign = {"added": "+", "removed": "-", "changed": "~"}[change.kind]
        where = format_path(change.path)
        if change.document is not None:
            where = f"{change.document}:{where}"
        sides = ((change.old, change.old_type), (change.new, change.new_type))
        shown = [text if kind == "str" else f"{kind}({text})" for text, kind in sides if text is not None]
        lines.append(f"{sign} {where} {' -> '.join(shown)}".rstrip())
    return lines


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a: b\n", "a: b\n", []),
        ("a: b\n", "# c\na:   'b'  # d\n", []),
        ("a: |\n  x\n", 'a: "x\\n"\n', []),
        ("a: b\n", "a: c\n", ["~ a b -> c"]),
        ("a: '8080'\n", "a: 8080\n", ["~ a 8080 -> int(8080)"]),
        ("a: 1.10\n", "a: 1.1\n", ["~ a float(1.10) -> float(1.1)"]),
        ("a: ~\n", "a: null\n", []),
        ("a: null\n", "a: ''\n", ["~ a null(null) ->"]),
        ("a: !!str 1\n", "a: '1'\n", []),
        ("a: !x 1\n", "a: 1\n", ["~ a !x(1) -> int(1)"]),
        ("a: 1\nb: 2\nc: 3\n", "c: 3\na: 1\n", ["- b int(2)"]),
        ("a: 1\nc: 3\n", "a: 1\nb: {x: y, z: [1]}\nc: 3\n", ["+ b.x y", "+ b.z[0] int(1)"]),
        ("a: {}\n", "a: []\n", ["- a map({})", "+ a list([])"]),
        ("a: {}\n", "a: {b: c}\n", ["+ a.b c"]),
        ("a: {b: c}\n", "a: {}\n", ["- a.b c"]),
        ("a: x\n", "a: {b: c}\n", ["- a x", "+ a.b c"]),
        ("a: [1, 2, 3]\n", "a: [2, 3]\n", ["- a[0] int(1)"]),
        ("a: [1, 3]\n", "a: [1, 2, 3, 4]\n", ["+ a[1] int(2)", "+ a[3] int(4)"]),
        ("a: [x, y, z]\n", "a: [x, w, z]\n", ["~ a[1] y -> w"]),
        ("a: [{n: 1, v: x}, {n: 2, v: y}]\n", "a: [{n: 0}, {n: 1, v: x}, {n: 2, v: z}]\n", None),
        ("k: 1\nk: 2\n", "k: 1\nk: 3\n", ["~ k int(2) -> int(3)"]),
        ("a: 1\n---\nb: 1\n", "a: 1\n---\nb: 2\n", ["~ 1:b int(1) -> int(2)"]),
        ("a: 1\n", "a: 1\n---\nb: 2\n", ["+ 1:b int(2)"]),
        ("- a\n", "- b\n", ["~ [0] a -> b"]),
        ("a\n", "b\n", ["~ . a -> b"]),
        ("", "a: 1\n", ["+ a int(1)"]),
        ("a: 1\n", "# gone\n", ["- a int(1)"]),
        ("a: &x s\nb: *x\n", "a: &x t\nb: *x\n", ["~ a s -> t"]),
        ("a: &x s\nb: *x\n", "a: &x s\nb: s\n", ["~ b alias(*x) -> s"]),
        ("? [a, b]\n: c\n", "? [a, b]\n: d\n", ["~ ?a,b c -> d"]),
        ("\ufeffa: b\r\n", "a: b\n", []),
    ],
)
def test_what_differs(old: str, new: str, expected: list[str] | None) -> None:
    if expected is None:  # an item that came in front and one that changed: not all of the list
        expected = ["+ a[0].n int(0)", "~ a[2].v y -> z"]
    assert changes(old, new) == expected
    assert len(changes(new, old)) == len(expected)


def test_removed_values_stand_where_they_stood() -> None:
    assert changes("x: 1\na: 1\nb: 2\nc: 3\n", "a: 1\nc: 4\nd: 5\n") == [
        "- x int(1)",
        "- b int(2)",
        "~ c int(3) -> int(4)",
        "+ d int(5)",
    ]


def test_tokens_under_one_data_key_tell_what_changed_and_no_value() -> None:
    old, new = seal("a: s3cret\nb: 1\nc_unencrypted: x\n").text, seal("a: t0p\nd: 1\nc_unencrypted: y\n").text
    assert changes(old, new) == ["~ a", "- b", "+ d", "~ c_unencrypted x -> y"]
    assert changes(old, new, show=False) == ["~ a", "- b", "+ d", "~ c_unencrypted"]
    assert len(shape(old).tokens) == 2


def test_tokens_under_two_data_keys_tell_nothing_but_keys() -> None:
    old, new = seal("a: s3cret\nb: 1\nc_unencrypted: x\n").text, seal("a: t0p\nd: 1\nc_unencrypted: y\n").text
    assert changes(old, new, READABLE) == ["- b", "+ d", "~ c_unencrypted x -> y"]
    assert changes(old, "a: t0p\nc_unencrypted: z\n", STRUCTURE, show=False) == ["- b"]


@pytest.mark.parametrize("text", ["- a\n", "a: b\n---\nc: d\n", "x\n", "", "# c\n", "{a: b}\n"])
def test_the_metadata_block_is_no_part_of_the_shape(text: str) -> None:
    encrypted = shape(seal(text).text, STRUCTURE)
    assert changes(seal(text).text, text, STRUCTURE, show=False) == []
    assert len(encrypted.documents) <= max(1, len(shape(text).documents))


def test_comments_are_counted() -> None:
    old, new = shape("# a\n# b\nx: 1 # c\n"), shape("#  b\n# d\nx: 1 # c\n# c\n")
    assert comments_changed(old, new) == 2
    assert comments_changed(new, new) == 0


def test_long_lists_and_deep_texts_end() -> None:
    old = "\n".join(f"- {number}" for number in range(3000))
    new = "\n".join(f"- {number}" for number in reversed(range(3000)))
    assert len(changes(old, new)) == 3000
    deep = "[" * 400 + "a" + "]" * 400
    assert [change.kind for change in compare(shape(deep), shape(deep.replace("a", "b")), show=True)] == ["changed"]


def test_a_change_shows_nothing_by_itself() -> None:
    change = Change("changed", ("a", 0), old="s3cret", new="t0p", old_type="str", new_type="str")
    assert repr(change) == "<Change changed ('a', 0)>"
