"""The command line of Helm: which files it names, and what becomes of every other word."""

from __future__ import annotations

import csv
import io
import re
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import UsageError
from ksecrets.helm import arguments
from ksecrets.helm.address import Address
from ksecrets.helm.arguments import has_option, rewrite, split_csv, verb


def new(line: str | list[str], gone: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """The new words, and the files that were named; each file becomes NEW<file>, those of `gone` are left out."""
    seen: list[str] = []

    def replace(each: Address, set_file: bool) -> str | None:
        seen.append(each.file)
        return None if each.file in gone else f"NEW<{each.file}>"

    return rewrite(line.split(" ") if isinstance(line, str) else line, replace), seen


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("template r c -f a.yaml", "template r c -f NEW<a.yaml>"),
        ("template r c -fa.yaml", "template r c -fNEW<a.yaml>"),
        ("template r c -f=a.yaml", "template r c -f=NEW<a.yaml>"),
        ("template r c --values a.yaml", "template r c --values NEW<a.yaml>"),
        ("template r c --values=a.yaml", "template r c --values=NEW<a.yaml>"),
        ("-f a.yaml template r c", "-f NEW<a.yaml> template r c"),
        ("-n shop template r c -f a.yaml", "-n shop template r c -f NEW<a.yaml>"),
        ("upgrade -if a.yaml r c", "upgrade -if NEW<a.yaml> r c"),
        ("upgrade -ifa.yaml r c", "upgrade -ifNEW<a.yaml> r c"),
        ("upgrade -if=a.yaml r c", "upgrade -if=NEW<a.yaml> r c"),
        ("upgrade r c -f a,b -f c", "upgrade r c -f NEW<a>,NEW<b> -f NEW<c>"),
        ("template r c -f secrets://a.yaml", "template r c -f NEW<a.yaml>"),
        ("template r c -f secrets:///etc/a.yaml", "template r c -f NEW</etc/a.yaml>"),
        ("template r c -f ?a.yaml", "template r c -f NEW<a.yaml>"),
        ("template r c -f secrets://?a.yaml,?secrets://b", "template r c -f NEW<a.yaml>,NEW<b>"),
        ("template r c -f -", "template r c -f NEW<->"),
        ("template r c -f C:\\a.yaml", "template r c -f NEW<C:\\a.yaml>"),
        ("template r c --set-file k=a.yaml", "template r c --set-file k=NEW<a.yaml>"),
        ("template r c --set-file=k=a,l.m[0].n=b", "template r c --set-file=k=NEW<a>,l.m[0].n=NEW<b>"),
        ("template r c --set-file k={a,b},l=c", "template r c --set-file k={NEW<a>,NEW<b>},l=NEW<c>"),
        ("template r c --set-file k\\,k\\=l=a\\,b", "template r c --set-file k\\,k\\=l=NEW<a\\,b>"),
        ("template r c --dry-run -f a", "template r c --dry-run -f NEW<a>"),
        ("upgrade r c --wait -f a", "upgrade r c --wait -f NEW<a>"),
        ("template r c --server-side -f a", "template r c --server-side -f NEW<a>"),
        ("template r c --new-option -f a", "template r c --new-option -f NEW<a>"),
        ("template r c --set a=b=c --description -f -f a", "template r c --set a=b=c --description -f -f NEW<a>"),
        ("diff upgrade r c --color -f a -q --values b", "diff upgrade r c --color -f NEW<a> -q --values NEW<b>"),
        ("diff upgrade r c -C 3 -f a", "diff upgrade r c -C 3 -f NEW<a>"),
        ("template r c -f https://e.org/a,git+ssh://b", "template r c -f NEW<https://e.org/a>,NEW<git+ssh://b>"),
        ("template r c --set-file k=https://e.org/a", "template r c --set-file k=NEW<https://e.org/a>"),
        ("template r c -f sops!a --values=?vals!b", "template r c -f NEW<a> --values=NEW<b>"),
        ("-- template r c", "-- template r c"),
    ],
)
def test_every_form_of_a_values_file(before: str, after: str) -> None:
    assert " ".join(new(before)[0]) == after


@pytest.mark.parametrize(
    "line",
    [
        "template r c",
        "template r c --set -f",
        "template r c --set-string --values",
        "template r c --post-renderer-args -f --post-renderer-args --values=a",
        "template r c -s -f",
        "template r c -o-f",
        "template r -- -f a.yaml --values b.yaml",
        "list -f ^a.*",
        "-n shop ls -f ^a.*",
        "template r c --set-file k",
        "template r c --set-file k,l=a",
        "template r c --set-file k={a",
        "template r c --set-file k={}",
        "template r c -f",
        "template r c --values",
        "template r c --values=",
        "template r c -x",
        "template r c --valuesfile=a --values-x a --setfile a=b",
    ],
)
def test_what_is_no_file_stays(line: str) -> None:
    """Nothing of these is replaced; an unfinished list of --set-file is Helm's to refuse."""
    assert new(line)[0] == line.split(" ")


def test_a_bare_minus_is_a_positional_and_an_empty_word_too() -> None:
    assert new(["template", "-", "", "-f", "a"])[0] == ["template", "-", "", "-f", "NEW<a>"]


def test_the_order_of_the_files() -> None:
    assert new("template -f b,a r c --set-file k=z -f a --values=c")[1] == ["b", "a", "z", "a", "c"]


def test_a_file_that_comes_back_as_it_was_leaves_the_word_alone() -> None:
    words = ["template", "-f", '"a,b.yaml",c.yaml', "--set-file", r"k=a\.b,l=\{x", "-f=d"]
    assert rewrite(words, lambda each, _: each.file) == words


def test_a_missing_file_is_left_out() -> None:
    gone = ("no",)
    assert new("template -f a,?no,b", gone)[0] == ["template", "-f", "NEW<a>,NEW<b>"]
    assert new("template --values=?no", gone)[0] == ["template", "--values=/dev/null"]
    assert new("upgrade -if?no", gone)[0] == ["upgrade", "-if/dev/null"]


def test_a_missing_file_of_set_file_is_empty() -> None:
    """Its key has a value all the same, as with helm-secrets and by the getter."""
    gone = ("no",)
    for before, after in (
        ("k=?no,l=a", "k=/dev/null,l=NEW<a>"),
        ("k=a,l=?no", "k=NEW<a>,l=/dev/null"),
        ("k={?no,a},l={?no}", "k={/dev/null,NEW<a>},l={/dev/null}"),
        ("k=?no", "k=/dev/null"),
    ):
        assert new(f"template --set-file {before}", gone)[0] == ["template", "--set-file", after]


def test_a_path_is_quoted_for_the_list_that_it_stands_in() -> None:
    awkward = '{a},b"c\\d'
    assert rewrite(["template", "-f", "x,y"], lambda *_: awkward)[2] == '"{a},b""c\\d","{a},b""c\\d"'
    assert rewrite(["template", "--set-file", "k=x"], lambda *_: awkward)[2] == 'k=\\{a}\\,b"c\\\\d'
    assert rewrite(["template", "--set-file", "k={x}"], lambda *_: awkward)[2] == 'k={\\{a\\}\\,b"c\\\\d}'


# -- lists in CSV ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("", []),
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("a,", ["a", ""]),
        (",", ["", ""]),
        ('"a,b",c', ["a,b", "c"]),
        ('"a""b"', ['a"b']),
        ('""', [""]),
        (" a , b ", [" a ", " b "]),
        ("'a,b'", ["'a", "b'"]),
    ],
)
def test_csv_as_go_reads_it(line: str, fields: list[str]) -> None:
    assert split_csv(line) == fields


@pytest.mark.parametrize("line", ['"a', '"a"b', 'a"b', 'a,b"', '"a" ,b', "a\nb", '"a\r\nb"'])
def test_csv_that_go_refuses_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        split_csv(line)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")), min_size=1))
def test_csv_both_ways(paths: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(paths)
    assert split_csv(out.getvalue()) == paths
    given_back = rewrite(["template", "-f", ",".join("x" * len(paths))], iter_replace(paths))[2]
    assert split_csv(given_back) == paths


def iter_replace(paths: list[str]) -> Callable[[Address, bool], str]:
    rest = iter(paths)
    return lambda _, __: next(rest)


# -- names, verbs, options ---------------------------------------------------------------------------------------------


def test_the_verb_is_the_first_word_that_is_no_option_and_no_value() -> None:
    assert (
        verb(["--kube-context", "list", "-nlist", "--namespace", "list", "--debug", "-f", "list", "template", "list"])
        == "template"
    )
    assert verb(["--", "template"]) == "template"
    assert verb(["--debug"]) is verb([]) is verb(["--"]) is None


def test_an_option_is_not_the_value_of_another() -> None:
    assert has_option(["template", "--ignore-mac", "r"], "ignore-mac")
    assert has_option(["diff", "x", "--ignore-mac=true"], "ignore-mac")
    assert not has_option(["template", "--description", "--ignore-mac", "r"], "ignore-mac")
    assert not has_option(["template", "r", "--", "--ignore-mac"], "ignore-mac")


# -- the table against the real Helm -----------------------------------------------------------------------------------

_HELP = re.compile(r"^ +(?:-(?P<short>\w), )?--(?P<long>[\w-]+)(?P<value> [\w\[\]\"=]+)?(?: {2,}|$)", re.M)


def test_the_options_of_helm_are_known(helm: str) -> None:
    """Each option of the global ones and of VALUES_VERBS, by the help: it takes a value where our table says so."""
    with_value: set[str] = set()
    without: set[str] = set()
    for command in ("", *sorted(arguments.VALUES_VERBS)):
        shown = subprocess.run([helm, *command.split(), "--help"], capture_output=True, text=True, check=True).stdout
        options = list(_HELP.finditer(shown))
        assert len(options) > 10, shown
        for option in options:
            value = option["value"]
            # [="client"]: without a value of its own it has this one, and never takes the next word
            group = with_value if value is not None and "[" not in value else without
            group.update(filter(None, (option["long"], option["short"])))
    ambiguous = with_value & without
    assert ambiguous <= {"server-side"}
    assert {name for name in with_value - ambiguous if len(name) > 1} <= arguments.LONG_WITH_VALUE
    assert {name for name in with_value if len(name) == 1} <= arguments.SHORT_WITH_VALUE
    assert {name for name in without if len(name) == 1} <= arguments.SHORT_WITHOUT_VALUE
    assert not without & (arguments.LONG_WITH_VALUE | arguments.SHORT_WITH_VALUE)


def test_the_table_has_nothing_that_neither_helm_knows(helm3: str, helm4: str) -> None:
    known: set[str] = set()
    for program in (helm3, helm4):
        for command in ("", *arguments.VALUES_VERBS):
            shown = subprocess.run([program, *command.split(), "--help"], capture_output=True, text=True, check=True)
            for option in _HELP.finditer(shown.stdout):
                known.update(filter(None, (option["long"], option["short"])))
    assert known >= arguments.LONG_WITH_VALUE | arguments.SHORT_WITH_VALUE | arguments.SHORT_WITHOUT_VALUE
