"""set and unset in dotenv and INI: one value is another, every other byte is what it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import KsecretsError, SyntaxRefused, UsageError
from ksecrets.text import dotenv, dotenvpatch, ini, inipatch
from ksecrets.text.node import SCALAR


@pytest.mark.parametrize(
    ("text", "name", "value", "expected"),
    [
        ("A=1\nB=2\n", "A", "x", "A=x\nB=2\n"),
        ("A=1\nB=2", "B", "x", "A=1\nB=x"),
        ("A=1\n", "B", "x", "A=1\nB=x\n"),
        ("A=1", "B", "x", "A=1\nB=x\n"),
        ("", "A", "x", "A=x\n"),
        ("A=1\r\n", "A", "x", "A=x\r\n"),
        ("A=1\r\n", "B", "x", "A=1\r\nB=x\r\n"),
        ("export A=1\n", "A", "x", "export A=x\n"),
        ("export A=1\n", "export A", "x", "export A=x\n"),
        (" A = 1\n", "A", "x", " A =x\n"),
        ("A=1\nexport A=2\n", "A", "x", "A=x\nexport A=2\n"),
        ("A='1' # c\n", "A", "'x'", "A='x'\n"),
        ("#A=1\n", "A", "x", "#A=1\nA=x\n"),
        ("A=1\n\n# end\n", "B", "x", "A=1\n\n# end\nB=x\n"),
        ("A=1\n", "A", "x\ny", "A=x\\ny\n"),
        ("A=1\n", "A", True, "A=true\n"),
        ("A=1\n", "A", 12, "A=12\n"),
        ("A=1\n", "A", 1.5, "A=1.5\n"),
        ("A=1\n", "A", None, "A=\n"),
        ("A=1\n", "A", "", "A=\n"),
        ("\ufeffA=1\n", "A", "x", "\ufeffA=x\n"),
    ],
)
def test_set_in_dotenv(text: str, name: str, value: object, expected: str) -> None:
    assert dotenvpatch.set_value(text, (name,), value) == expected


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("A=1\nB=2\n", "A", "B=2\n"),
        ("A=1\nB=2", "B", "A=1\n"),
        ("A=1\n", "A", ""),
        ("A=1\r\nB=2\r\n", "B", "A=1\r\n"),
        ("# c\nexport A=1\n", "A", "# c\n"),
    ],
)
def test_unset_in_dotenv(text: str, name: str, expected: str) -> None:
    assert dotenvpatch.unset_value(text, (name,)) == expected


@pytest.mark.parametrize(
    ("text", "section", "name", "value", "expected"),
    [
        ("[s]\na = 1\nb = 2\n", "s", "a", "x", "[s]\na = x\nb = 2\n"),
        ("[s]\na=1", "s", "a", "x", "[s]\na=x"),
        ("[s]\na = 1 ; c\n", "s", "a", "x", "[s]\na = x ; c\n"),
        ("[s]\na = '1' ; c\n", "s", "a", "x", "[s]\na = 'x' ; c\n"),
        ("[s]\na = '1'\n", "s", "a", "it's", "[s]\na = it's\n"),
        ('[s]\na = """x\ny""" ; c\nb = 1\n', "s", "a", "z", '[s]\na = """z""" ; c\nb = 1\n'),
        ("[s]\na = 1\n", "s", "a", "x\ny", '[s]\na = """x\ny"""\n'),
        ("[s]\na = 1\n", "s", "a", "x#y", "[s]\na = `x#y`\n"),
        ("[s]\na =\n", "s", "a", "x", "[s]\na = x\n"),
        ("[s]\na =  ; c\n", "s", "a", "x", "[s]\na =  x ; c\n"),
        ("[s]\na = 1\n", "s", "a", "", "[s]\na = \n"),
        ("[s]\na = x ; c\n", "s", "a", "x", "[s]\na = x ; c\n"),
        ("[s]\r\na = 1\r\n", "s", "a", "x", "[s]\r\na = x\r\n"),
        ("[s]\na = 1\n\n[t]\nb = 2\n", "s", "c", "x", "[s]\na = 1\nc = x\n\n[t]\nb = 2\n"),
        ("[s]\n\n[t]\nb = 2\n", "s", "c", "x", "[s]\nc = x\n\n[t]\nb = 2\n"),
        ("[s]", "s", "c", "x", "[s]\nc = x\n"),
        ("[s]\na = 1\n", "t", "b", "x", "[s]\na = 1\n\n[t]\nb = x\n"),
        ("[s]\r\na = 1", "t", "b", "x", "[s]\r\na = 1\r\n\r\n[t]\r\nb = x\r\n"),
        ("", "t", "b", "x", "[t]\nb = x\n"),
        ("a = 1\n[s]\n", "DEFAULT", "b", "x", "a = 1\nb = x\n[s]\n"),
        ("[s]\na = 1\n", "DEFAULT", "b", "x", "b = x\n\n[s]\na = 1\n"),
        ("", "DEFAULT", "b", "x", "b = x\n"),
        ("[s]\n", "s", "a=b", "x", "[s]\n`a=b` = x\n"),
    ],
)
def test_set_in_ini(text: str, section: str, name: str, value: object, expected: str) -> None:
    assert inipatch.set_value(text, (section, name), value) == expected


@pytest.mark.parametrize(
    ("text", "section", "name", "expected"),
    [
        ("[s]\na = 1\nb = 2\n", "s", "a", "[s]\nb = 2\n"),
        ("[s]\na = 1", "s", "a", "[s]\n"),
        ('[s]\na = """x\ny""" ; c\nb = 2\n', "s", "b", '[s]\na = """x\ny""" ; c\n'),
        ('; d\n[s]\na = """x\ny"""\nb = 2\n', "s", "a", "; d\n[s]\nb = 2\n"),
        ("a = 1\n[s]\nb = 2\n", "DEFAULT", "a", "[s]\nb = 2\n"),
    ],
)
def test_unset_in_ini(text: str, section: str, name: str, expected: str) -> None:
    assert inipatch.unset_value(text, (section, name)) == expected


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("A=1\n", "A", "1"),
        ("export A=1\n", "A", "1"),
        ("export A=1\n", "export A", "1"),
        ("A=1\r\n", "A", "1"),
        ("\ufeffA=1\n", "A", "1"),
        ("A=1\nexport A=2\nA=3\n", "A", "3"),
        ("export A=1\nexport A=2\n", "A", "2"),
        ('A="x"\n', "A", '"x"'),
        ("A=x\\ny\n", "A", "x\ny"),
        ("A=1\n", "B", None),
    ],
)
def test_get_in_dotenv(text: str, name: str, expected: str | None) -> None:
    assert dotenvpatch.get_value(text, (name,)) == expected


@pytest.mark.parametrize("name", ["", "a=b", "#a", "sops_a", "a\nb"])
def test_names_that_dotenv_cannot_hold(name: str) -> None:
    with pytest.raises(UsageError):
        dotenvpatch.set_value("", (name,), "x")


@pytest.mark.parametrize(
    "path", [("s",), ("s", 0), ("s", "a", "b"), ("", "a"), ("s]", "a"), ("sops", "a"), ("s", ""), ("s", "-")]
)
def test_paths_that_ini_cannot_hold(path: tuple[str | int, ...]) -> None:
    with pytest.raises(UsageError):
        inipatch.set_value("", path, "x")


@pytest.mark.parametrize("name", ["a\nb", "#a", "`=", "[a"])
def test_names_that_ini_cannot_hold(name: str) -> None:
    with pytest.raises(UsageError):
        inipatch.set_value("", ("s", name), "x")


@pytest.mark.parametrize("value", [["x"], {"a": "x"}])
def test_values_of_more_than_text(value: object) -> None:
    with pytest.raises(UsageError, match="text"):
        dotenvpatch.set_value("", ("A",), value)
    with pytest.raises(UsageError, match="text"):
        inipatch.set_value("", ("s", "a"), value)


@pytest.mark.parametrize("path", [("A", "B"), (0,), ()])
def test_paths_that_dotenv_cannot_hold(path: tuple[str | int, ...]) -> None:
    with pytest.raises(UsageError):
        dotenvpatch.set_value("A=1\n", path, "x")


def test_what_stands_there_twice_is_nobodys_guess() -> None:
    with pytest.raises(SyntaxRefused, match="twice") as caught:
        dotenvpatch.set_value("A=1\nA=2\n", ("A",), "x")
    assert caught.value.line == 2
    with pytest.raises(SyntaxRefused, match="twice"):
        inipatch.set_value("[s]\na=1\n[s]\na=2\n", ("s", "a"), "x")
    with pytest.raises(SyntaxRefused, match="twice"):
        inipatch.set_value("[s]\na=1\n[s]\na=2\n", ("s", "b"), "x")


def test_what_is_not_there_cannot_go() -> None:
    with pytest.raises(KsecretsError, match="no such value"):
        dotenvpatch.unset_value("A=1\n", ("B",))
    with pytest.raises(KsecretsError, match="no such value"):
        inipatch.unset_value("[s]\na = 1\n", ("s", "b"))


def test_a_value_that_would_begin_a_quote_over_lines_is_refused() -> None:
    with pytest.raises(SyntaxRefused):
        dotenvpatch.set_value('A=1\nB=y"\n', ("A",), '"x')


@given(st.text("a\"'`#; \\\n=\t") | st.text())
def test_any_value_is_set_or_refused(value: str) -> None:
    try:
        text = inipatch.set_value("[s]\na = 1 ; c\nb = 2\n", ("s", "a"), value)
    except KsecretsError:
        pass
    else:
        found = [(node.key, node.value) for node in ini.scan(text) if node.kind == SCALAR]
        assert found == [("a", value), ("b", "2")]
    try:
        text = dotenvpatch.set_value("A=1\nB=2\n", ("A",), value)
    except KsecretsError:
        return
    found = [(node.key, node.value) for node in dotenv.scan(text) if node.kind == SCALAR]
    assert found == [("A", value.replace("\\n", "\n")), ("B", "2")]
