"""Setting and removing values in JSON texts: every other byte stays."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from ksecrets.errors import KsecretsError, SyntaxRefused, UsageError
from ksecrets.text.jsonpatch import set_value, unset_value
from tests.jsondocs import Writer

TEXT = '{\n  "a": 1,\n  "l": [1, 2],\n  "e": {},\n  "o": {\n    "x": "y"\n  }\n}\n'


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("a",), "z", '"a": 1', '"a": "z"'),
        (("a",), 1, "", ""),
        (("a",), {"b": [True, None]}, '"a": 1', '"a": {\n    "b": [\n      true,\n      null\n    ]\n  }'),
        (("l", 0), "é\n", "[1,", '["é\\n",'),
        (("l", 2), 3.5, "2]", "2, 3.5]"),
        (("e", "q"), 1, "{}", '{\n    "q": 1\n  }'),
        (("o", "n"), [], '"y"', '"y",\n    "n": []'),
        (("new", "x"), 1, "  }\n}", '  },\n  "new": {\n    "x": 1\n  }\n}'),
        (("o",), {}, '{\n    "x": "y"\n  }', "{}"),
    ],
)
def test_a_value_is_set_in_the_layout_around_it(path: Any, value: object, old: str, new: str) -> None:
    assert set_value(TEXT, path, value) == TEXT.replace(old, new, 1)
    for mark in ("", "\ufeff"):
        windows = mark + TEXT.replace("\n", "\r\n")
        expected = mark + TEXT.replace(old, new, 1).replace("\n", "\r\n")
        assert set_value(windows, path, value) == expected


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("{}", ("a",), 1, '{"a": 1}'),
        ('{"a":1,"b":2}', ("c",), 3, '{"a":1,"b":2,"c":3}'),
        ('{"a": null}', ("a", "b"), 1, '{"a": {"b": 1}}'),
        ('{"a": null}', ("a", 0), 1, '{"a": [1]}'),
        ('{"a": 1.0}', ("a",), 1.0, '{"a": 1.0}'),
        ('{"a": 1.0}', ("a",), 1, '{"a": 1}'),
        ('{"a": "\\u0041"}', ("a",), "A", '{"a": "\\u0041"}'),
        ("{\n}", ("a",), 1, '{\n  "a": 1\n}'),
        ('{\n\t"a": [\n\t\t1\n\t]\n}', ("a", 1), 2, '{\n\t"a": [\n\t\t1,\n\t\t2\n\t]\n}'),
        ('{"x": 1}', (), {"y": 2}, '{"y": 2}'),
    ],
)
def test_short_texts(text: str, path: Any, value: object, expected: str) -> None:
    assert set_value(text, path, value) == expected


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (("a",), '"a": 1,\n  ', ""),
        (("l", 0), "1, ", ""),
        (("l", 1), ", 2", ""),
        (("o", "x"), '\n    "x": "y"\n  ', ""),
        (("o",), ',\n  "o": {\n    "x": "y"\n  }', ""),
        (("e",), ',\n  "e": {}', ""),
    ],
)
def test_a_value_is_removed_with_its_comma(path: Any, old: str, new: str) -> None:
    assert unset_value(TEXT, path) == TEXT.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "path", "value", "message"),
    [
        ('{"a": 1}', ("a", "b"), 1, "a single value"),
        ('{"a": [1]}', ("a", 2), 1, "a list of 1"),
        ('{"a": [1]}', ("a", "b"), 1, "its items have an index"),
        ('{"a": {"b": 1}}', ("a", 0), 1, "has no index"),
        ('{"a": 1, "a": 2}', ("a",), 3, "twice"),
        ('{"a": 1}', ("b", 1), 1, "starts with the index 0"),
        ('{"a": 1}', (), 1, "is an object"),
        ('{"a": 1}', ("a",), float("nan"), "no infinities"),
        ('{"a": 1}', ("a",), 2**64, "past 64 bits"),
        ('{"a": 1}', ("a",), "\ud800", "surrogate"),
        ('{"a": 1}', ("a",), {1: 2}, "a key is a string"),
        ('{"a": 1}', ("a",), b"x", "no place in JSON"),
        ("{", ("a",), 1, "not JSON"),
    ],
)
def test_what_cannot_be_set(text: str, path: Any, value: object, message: str) -> None:
    with pytest.raises((KsecretsError, UsageError, SyntaxRefused), match=message):
        set_value(text, path, value)


def paths(value: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [above] if above else []
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        found += paths(inner, (*above, key))
    return found


DOUBLED = "a key twice"


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(pairs) if len(dict(pairs)) == len(pairs) else {DOUBLED: None}


def test_generated_texts_change_in_one_place_only() -> None:
    random = Random(20261121)
    done = 0
    while done < 300:
        text = Writer(random).document()
        value = json.loads(text, object_pairs_hook=unique)
        there = paths(value)
        if not there or DOUBLED in json.dumps(value) or "\\ud" in text.lower():
            continue
        done += 1
        path = random.choice(there)
        new = random.choice(("text", 5, None, [1, {"a": "b"}], {"c": []}))
        around: Any = value
        for part in path[:-1]:
            around = around[part]
        old = around[path[-1]]
        around[path[-1]] = new
        changed = set_value(text, path, new)
        assert json.loads(changed) == value, (text, path)
        if changed != text:
            back = set_value(changed, path, old)
            assert len(back) < 3 * len(text) + 500
        del around[path[-1]]
        assert json.loads(unset_value(text, path)) == value, (text, path)
