"""The binding of libyaml: the same events in both modes, clean errors, and a real yaml package afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from ksecrets.errors import SyntaxRefused
from ksecrets.text import libyaml

TEXTS = [
    "",
    "a: 1\n",
    "\ufeffa: \u00e9\nb: [1, 'x', {c: d}]\n",
    "---\na: &x 1\n---\nb: *x\n...\n",
    "k: |\r\n  text \U0001f600\r\nl: >-\n  t\u2028  u\n",
    "# only a comment\n",
    "a: " + "\u00e9\U0001f600" * 20_000 + "\nb: 2\n",
]


def plain(event: object) -> tuple[object, ...]:
    marks = [
        (mark.index, mark.line, mark.column)
        for mark in (event.start_mark, event.end_mark)  # type: ignore[attr-defined]
    ]
    return (type(event).__name__, repr(event), *marks)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("read", [libyaml.events, lambda text: list(iter(libyaml.reader(text), None))])
def test_events_are_those_of_the_c_loader(text: str, read: object) -> None:
    expected = list(map(plain, yaml.parse(text, yaml.CSafeLoader)))
    assert list(map(plain, read(text))) == expected  # type: ignore[operator]
    assert len(expected) >= 2


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: [hunter2\nb: }\n", 2, "flow sequence"),
        ("a: 1\n@b: hunter2\n", 2, "found character that cannot start any token"),
        ("a: 'hunter2\n", 2, "found unexpected end of stream"),
        ("a: b\nc: hunter2\x01\n", 2, "control characters are not allowed"),
        ("a: \u00e9\u00e9\u00e9\n\r\nc:\n- \x00hunter2\n", 4, "control characters are not allowed"),
        ("a: b\nc: hunter2\ud800\n", 2, "surrogate"),
        ("hunter2: 1\nx: !y!z 1\n", 2, "undefined tag handle"),
        ("a: 1\nb: \ufffe\n", 2, "control characters are not allowed"),
    ],
)
def test_refusals_name_line_and_reason_and_show_no_text(text: str, line: int, reason: str) -> None:
    with pytest.raises(SyntaxRefused) as caught:
        list(libyaml.events(text))
    assert caught.value.line == line
    assert reason in caught.value.message
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_surrogate_far_into_the_text_has_its_own_line() -> None:
    with pytest.raises(SyntaxRefused) as caught:
        list(libyaml.events("a: b\n" * 100_000 + "c: \udfff\n"))
    assert caught.value.line == 100_001


def test_refused_leaves_other_exceptions_alone() -> None:
    assert libyaml.refused(ValueError("x"), "a: 1") is None


def run(code: str) -> str:
    """A fresh interpreter, since what is tested is the state of `sys.modules`."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


LEAN = """
import sys
from ksecrets.text import libyaml
from ksecrets import lean; lean.ON = True
assert "yaml" not in sys.modules
events = list(libyaml.events("a: [1, x]"))
assert "yaml.constructor" not in sys.modules and "re" not in sys.modules, "not lean"
"""

REAL = """
import yaml
assert yaml.load("a: [1, 2020-01-01]", yaml.CSafeLoader)["a"][0] == 1
assert yaml.safe_load("x: 1.5") == {"x": 1.5}
assert yaml.dump({"a": [1]}, Dumper=yaml.CSafeDumper) == "a:\\n- 1\\n"
assert yaml.events.ScalarEvent is yaml.ScalarEvent and yaml.error.YAMLError is yaml.YAMLError
assert yaml._yaml.CParser is yaml.cyaml.CParser
assert yaml.__version__ and yaml.__with_libyaml__
scanner, parser, reader = yaml.scanner.ScannerError, yaml.parser.ParserError, yaml.reader.ReaderError
for kind, text in ((scanner, "a: 'x"), (parser, "[}"), (reader, "\\x01")):
    try:
        yaml.load(text, yaml.CSafeLoader)
    except kind as error:
        assert isinstance(error, yaml.YAMLError)
    else:
        raise AssertionError(kind)
"""


def test_lean_then_real_yaml() -> None:
    run(LEAN + "assert {type(e).__module__ for e in events} == {'ksecrets.text.events'}\n" + REAL
        + "again = list(libyaml.events('a: [1, x]'))\n"
        "assert {type(e).__module__ for e in again} == {'yaml.events'}\n"
        "assert list(yaml.parse('a: 1', yaml.CSafeLoader))[0].__class__ is yaml.StreamStartEvent\n"
        "assert [type(e).__name__ for e in events] == [type(e).__name__ for e in again]\n")  # fmt: skip


def test_the_yaml_package_may_wake_while_a_text_is_read() -> None:
    run(LEAN + "from ksecrets.text.yaml import scan\n"
        "nodes = scan('a: 1\\nb: [x]\\n')\nfirst = [next(nodes) for _ in range(3)]\n"
        "import yaml; yaml.YAMLObject\n"
        "assert [n.value for n in [*first, *nodes] if n.kind == 0] == ['1', 'x']\n")  # fmt: skip


def test_events_are_those_of_pyyaml() -> None:
    import inspect

    import yaml

    from ksecrets.text import events

    ours = {name: cls for name, cls in vars(events).items() if name.endswith("Event") and name != "Event"}
    for name, cls in ours.items():
        theirs = inspect.signature(getattr(yaml.events, name))
        assert list(inspect.signature(cls).parameters) == list(theirs.parameters)
    assert {name for name in vars(yaml.events) if name.endswith("Event")} - {
        "Event",
        "NodeEvent",
        "CollectionEndEvent",
    } == set(ours)


def test_real_yaml_then_lean() -> None:
    run("import yaml\nbefore = yaml\n" + LEAN.split("assert")[0] + REAL + "list(libyaml.events('a: 1'))\n"
        "import sys\nassert sys.modules['yaml'] is before\n")  # fmt: skip


@pytest.mark.parametrize(
    "use",
    [
        "from yaml import safe_load\nassert safe_load('a: 1') == {'a': 1}",
        "from yaml import *\nassert safe_load('a: 1') == {'a': 1}",
        "import yaml.scanner\nassert yaml.scanner.ScannerError\nassert yaml.YAMLError",
        "from yaml.loader import SafeLoader\nimport yaml\nassert yaml.load('a: 1', SafeLoader) == {'a': 1}",
        "import yaml\nassert not hasattr(yaml, 'nothing_such')",
        "import yaml, threading\nseen = []\n"
        "threads = [threading.Thread(target=lambda: seen.append(yaml.safe_load('a: 1'))) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\nassert seen == [{'a': 1}] * 8, seen",
        "import ruamel.yaml\nassert ruamel.yaml.YAML(typ='safe').load('a: 1') == {'a': 1}",
    ],
)
def test_every_way_to_import_yaml_works_after_lean(use: str) -> None:
    run(LEAN + use)


def test_lean_errors_are_the_same() -> None:
    code = """
from ksecrets.errors import SyntaxRefused
for text in ("a: 'x", "[}", "a\\n\\x01", "\\ud800"):
    try:
        list(libyaml.events(text))
    except SyntaxRefused as error:
        print(error)
"""
    lean = run(LEAN + code)
    assert lean == run("from ksecrets.text import libyaml\n" + code)
    assert len(lean.splitlines()) == 4


def test_not_lean_by_default() -> None:
    run(
        "import sys\nfrom ksecrets.text import libyaml\nlist(libyaml.events('a'))\n"
        "assert 'yaml.constructor' in sys.modules"
    )


def test_lean_way_that_fails_falls_back_to_the_public_import() -> None:
    run(
        "import sys\nfrom ksecrets.text import libyaml\nfrom ksecrets import lean; lean.ON = True\n"
        "def broken(name): raise RuntimeError\nlibyaml._put_off = broken\n"
        "assert len(list(libyaml.events('a'))) == 5 and 'yaml.constructor' in sys.modules"
    )


def test_lean_way_that_fails_half_way_leaves_nothing_behind() -> None:
    run(
        "import sys\nfrom ksecrets.text import libyaml\nfrom ksecrets import lean; lean.ON = True\n"
        "kept = libyaml._Body._while_binding\n"
        "def broken(self, name):\n"
        "    if name == 'emitter': raise AttributeError(name)\n"
        "    return kept(self, name)\n"
        "libyaml._Body._while_binding = broken\n"
        "assert len(list(libyaml.events('a'))) == 5 and 'yaml.constructor' in sys.modules\n" + REAL
    )
