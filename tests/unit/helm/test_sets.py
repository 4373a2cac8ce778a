"""Secrets of --set: out of the command line, and with the meaning that Helm would have given them."""

from __future__ import annotations

import pytest

from ksecrets.errors import KsecretsError, UsageError
from ksecrets.helm import arguments
from ksecrets.helm.sets import Resolved, plan


def resolve(value: str, key: str) -> Resolved | None:
    """``<x>`` is a secret whose text is x; ``=x`` is no secret, and becomes x."""
    if value.startswith("<"):
        return Resolved(value.strip("<>"), secret=True)
    return Resolved(value[1:], secret=False) if value.startswith("=") else None


def planned(line: str) -> tuple[str, list[tuple[str, str]], dict[str, object]]:
    """The new command line with each file as ``FILE<content>``, the files, and the last values file."""
    argv = ["template", *line.split(" ")]
    made = plan(arguments.sets(argv), resolve)
    behind: list[list[str]] = [[] for _ in made.texts]
    for number, key, text in made.files:
        behind[number] += ["--set-file", f"{key}=FILE<{text}>"]
    words = arguments.with_sets(argv, made.texts, behind, [])
    return " ".join(words[1:]), [(key, text) for _, key, text in made.files], made.typed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("--set a=<s>", "--set a= --set-file a=FILE<s>"),
        ("--set=a=<s>", "--set=a= --set-file a=FILE<s>"),
        ("--set-string a=<12>", "--set-string a= --set-file a=FILE<12>"),
        ("--set b=1,a=<s>,c=2", "--set b=1,a=,c=2 --set-file a=FILE<s>"),
        ("--set a.b[0].c\\.d=<s>", "--set a.b[0].c\\.d= --set-file a.b[0].c\\.d=FILE<s>"),
        ("--set a={x,<s>,y\\,z}", "--set a={x,,y\\,z} --set-file a[1]=FILE<s>"),
        ("--set a={<s>,<t>},b=1", "--set a={,},b=1 --set-file a[0]=FILE<s> --set-file a[1]=FILE<t>"),
        ("--set a==x\\,y", "--set a=x\\,y"),
        ("--set a={=x\\}}", "--set a={x\\}}"),
        ("--set-literal a==x,y", "--set-literal a=x,y"),
        ("--set a=b=c --set x=y,z=", "--set a=b=c --set x=y,z="),
        ("--set a={b,c --set x --set [0]=y", "--set a={b,c --set x --set [0]=y"),
        ('--set-json a={"b":"c"},d=[1]', '--set-json a={"b":"c"},d=[1]'),
        ('--set-json a={"b":["<s>"]}', '--set-json a={"b": [""]} --set-file a.b[0]=FILE<s>'),
        ('--set-json {"a":{"b.c":"<s>"},"d":1}', '--set-json {"a": {"b.c": ""}, "d": 1} --set-file a.b\\.c=FILE<s>'),
        ('--set-json a=[{"b":"<s>"}],c=1', '--set-json a=[{"b": ""}],c=1 --set-file a[0].b=FILE<s>'),
        ('--set-json a={"b":"<s>"} --set a.b=x', '--set-json a={"b": ""} --set a.b=x'),
        ('--set-json a={"b":"=x"}', '--set-json a={"b": "x"}'),
        ("diff upgrade --set a=<s> --no", "diff upgrade --set a= --set-file a=FILE<s> --no"),
    ],
)
def test_texts(before: str, after: str) -> None:
    assert planned(before)[0] == after


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("--set a=<s> --set a=x", []),
        ("--set a=x --set a=<s>", ["a"]),
        ("--set a=<s>,a=x", []),
        ("--set-string a=<s> --set a=x", ["a"]),  # Helm goes by --set first, wherever it stands
        ("--set a=<s> --set-string a=x", []),
        ("--set a=<s> --set-file a=f", []),
        ("--set-file a=f --set a=<s>", []),
        ("--set a=<s> --set-literal a=x", []),
        ('--set a=<s> --set-json a="x"', ["a"]),
        ("--set a.b=<s> --set a=x", []),
        ("--set a.b=<s> --set a.bc=x", ["a.b"]),
        ("--set a={<s>,<t>} --set a[1]=x", ["a[0]"]),
        ("--set a={<s>,<t>} --set a={x}", []),
        ("--set a\\.b=<s> --set a.b=x", ["a\\.b"]),
        ("--set a=<s> --set a=<t>", ["a"]),
    ],
)
def test_what_a_later_option_overwrites_is_not_handed_over(line: str, kept: list[str]) -> None:
    assert [key for key, _ in planned(line)[1]] == kept


@pytest.mark.parametrize(
    ("line", "typed", "texts"),
    [
        ("--set a=<82>", {"a": 82}, "--set "),
        ("--set x=1,a.b=<true>", {"a": {"b": True}}, "--set x=1"),
        ("--set a=<NULL>", {"a": None}, "--set "),
        ("--set a=<0>,b=<-5>", {"a": 0, "b": -5}, "--set "),
        ("--set a=<082>", {}, "--set a= --set-file a=FILE<082>"),
        ("--set a=<1.5>", {}, "--set a= --set-file a=FILE<1.5>"),
        ("--set a=<12345678>", {}, "--set a= --set-file a=FILE<12345678>"),  # a float64 from a file: 1.2345678e+07
        ("--set a[0]=<82>", {}, "--set a[0]= --set-file a[0]=FILE<82>"),
        ("--set a=x --set a=<82>", {}, "--set a=x --set a= --set-file a=FILE<82>"),
        ("--set a.b=x --set a=<82>", {}, "--set a.b=x --set a= --set-file a=FILE<82>"),
        ('--set a.b=<82> --set-json a={"c":1}', {}, '--set a.b= --set-file a.b=FILE<82> --set-json a={"c":1}'),
        ('--set a=<82> --set-json {"c":1}', {}, '--set a= --set-file a=FILE<82> --set-json {"c":1}'),
        ("--set a=<82> --set a=5", {}, "--set  --set a=5"),
    ],
)
def test_numbers_and_truths_keep_their_type_where_nothing_is_in_the_way(
    line: str, typed: dict[str, object], texts: str
) -> None:
    after, _, tree = planned(line)
    assert (tree, after) == (typed, texts)


@pytest.mark.parametrize(
    "line",
    ['--set-json a="<s>"', '--set-json {"<s>":"a"}', '--set-json {"":"<s>"}', "--set-json <s>", "--set-literal a=<s>"],
)
def test_where_a_secret_cannot_be_handed_over(line: str) -> None:
    with pytest.raises(UsageError, match="cannot be handed to Helm"):
        planned(line)


def test_every_value_is_looked_at_as_helm_reads_it() -> None:
    seen = []

    def look(value: str, key: str) -> None:
        seen.append((key, value))

    texts = ["a=b\\,c,d={e,f\\}},g.h[1]=i", "=", "x\\=y=z"]
    plan([("set", text) for text in texts], look)
    assert seen == [("a", "b,c"), ("d", "e"), ("d", "f}"), ("g.h[1]", "i"), ("", ""), ("x\\=y", "z")]


def test_a_refusal_stops() -> None:
    def refuse(value: str, key: str) -> None:
        raise KsecretsError("no", path=key)

    with pytest.raises(KsecretsError, match="no"):
        plan([("set", "a=1")], refuse)
