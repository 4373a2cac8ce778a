"""`stores` of `.sops.yaml`: what ksecrets writes anew is indented as the real sops does it, and nothing else is."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.conftest import Cli, Repo
from tests.pipe import alice

YAML = "a: x\nb:\n      c: [1, 2]\n"


def rules(repo: Repo, stores: str) -> None:
    repo.write(".sops.yaml", f"creation_rules:\n  - age: {alice().public}\nstores: {stores}\n")


@pytest.fixture
def team(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.setenv("SOPS_AGE_KEY", alice().secret)
    return repo


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout


def layout(text: str) -> list[str]:
    """The metadata without values: the margin and the key of each line; without our own part and the default selector,
    which sops leaves out of a binary file."""
    text = re.sub(r'[ \t]*"ksecrets": \{[^{}]*\},\n', "", text)
    text = re.sub(r"^( +)ksecrets:\n(?:\1 +.*\n)*", "", text, flags=re.MULTILINE)
    block = text[re.search(r'^[ \t]*"?sops"?:', text, re.MULTILINE).start() :]  # type: ignore[union-attr]
    found = re.findall(r'^[ \t]*(?:(?:- )?"?\w+"?:|[][{}])', block, re.MULTILINE)
    return [line for line in found if "unencrypted_suffix" not in line]


@pytest.mark.parametrize("indent", [0, 1, 2, 3, 5, 8, 9, 10])
def test_the_block_of_yaml(indent: int, team: Repo, cli: Cli, sops: str) -> None:
    rules(team, f"{{yaml: {{indent: {indent}}}}}")
    team.write("ours.yaml", YAML)
    team.write("theirs.yaml", YAML)
    cli("encrypt", "-i", "ours.yaml").ok()
    run(sops, "encrypt", "-i", "theirs.yaml")
    ours = (team / "ours.yaml").read_text()
    assert layout(ours) == layout((team / "theirs.yaml").read_text())
    assert cli("decrypt", "ours.yaml").ok().stdout == YAML
    assert cli("encrypt", "-i", "ours.yaml").ok().stderr.endswith("unchanged\n")
    run(sops, "set", "ours.yaml", '["a"]', '"y"')
    assert layout(ours) == layout((team / "ours.yaml").read_text())


@pytest.mark.parametrize("indent", [-1, 0, 2, 8])
@pytest.mark.parametrize(
    ("name", "text"), [("f.json", "{\n}\n"), ("f.p12", "x"), ("f.json", '{\n"a": {\n"b": 1\n}\n}\n')]
)
def test_the_entry_of_json(indent: int, name: str, text: str, team: Repo, cli: Cli, sops: str) -> None:
    """Where the text shows no indentation of its own: a new object, a binary file, lines that begin in column 0."""
    store = "json" if name.endswith("json") else "json_binary"
    rules(team, f"{{{store}: {{indent: {indent}}}, yaml: {{indent: 7}}}}")
    team.write(name, text)
    cli("encrypt", "-i", name).ok()
    encrypted = (team / name).read_text()
    assert cli("decrypt", name).ok().stdout == text
    (team / name).write_text(text)
    run(sops, "encrypt", "-i", name)
    theirs = (team / name).read_text()
    if '"a"' not in text:
        assert layout(encrypted) == layout(theirs)
    assert ("\n\t" in encrypted) == (indent == -1)


def test_a_text_that_shows_its_indentation_keeps_it(team: Repo, cli: Cli) -> None:
    rules(team, "{json: {indent: 8}}")
    for text in ('{\n   "a": [\n      1\n   ]\n}\n', '{\n\n\t"a": 1\n}\n', '{"a": 1}\n'):
        team.write("f.json", text)
        cli("encrypt", "-i", "f.json").ok()
        assert " " * 8 + '"' not in re.sub(r"\n(   )+", "\n", (team / "f.json").read_text())
        assert cli("decrypt", "f.json").ok().stdout == text
        cli("set", "f.json", "b", "x").ok()
        assert cli("decrypt", "f.json").ok().stdout.startswith(text.rstrip("\n}"))


@pytest.mark.parametrize("indent", [2, 3, 6])
def test_another_format(indent: int, team: Repo, cli: Cli, sops: str) -> None:
    rules(team, f"{{yaml: {{indent: {indent}}}, json: {{indent: {indent}}}}}")
    text = '{"a": {"b": {"c": [1, {"d": "x"}]}}, "e": []}'
    team.write("f.json", text)
    cli("encrypt", "-i", "f.json").ok()
    as_yaml = cli("decrypt", "--output-type", "yaml", "f.json").ok().stdout
    assert as_yaml == run(sops, "decrypt", "--output-type", "yaml", "f.json")
    team.write("f.yaml", as_yaml)
    cli("encrypt", "-i", "f.yaml").ok()
    as_json = cli("decrypt", "--output-type", "json", "f.yaml").ok().stdout
    assert as_json == json.dumps(json.loads(text), indent=indent) + "\n"
    assert as_json.strip() == run(sops, "decrypt", "--output-type", "json", "f.yaml").strip()
    assert layout(
        cli("encrypt", "--output-type", "json", "--filename-override", "g.yaml", "-", input=as_yaml).ok().stdout
    )[0].startswith(" " * indent + '"sops"')


@pytest.mark.parametrize(
    "stores", ["{yaml: {indent: -1}}", "{json: {indent: -2}}", "{yaml: {indent: x}}", "{json: {indent: '2'}}", "[]"]
)
def test_what_sops_does_not_take(stores: str, team: Repo, cli: Cli, sops: str) -> None:
    rules(team, stores)
    for name, text in (("f.yaml", YAML), ("f.json", "{}")):
        team.write(name, text)
        assert cli("encrypt", "-i", name).code == 1
    tried = [subprocess.run([sops, "encrypt", name], capture_output=True).returncode for name in ("f.yaml", "f.json")]
    assert any(tried)


def test_a_number_that_would_fill_the_memory(team: Repo, cli: Cli) -> None:
    rules(team, "{json: {indent: 999999999}}")
    team.write("f.json", "{}")
    done = cli("encrypt", "-i", "f.json")
    assert (done.code, "no indentation for people" in done.stderr) == (1, True)


@pytest.mark.parametrize("indent", [1, 3, 6])
def test_a_new_mapping(indent: int, team: Repo, cli: Cli, sops: str) -> None:
    """Where the text has none that shows how far it is indented; where it has one, that counts."""
    rules(team, f"{{yaml: {{indent: {indent}}}, json: {{indent: {indent}}}}}")
    for name, text in (("f.yaml", "a: x\n"), ("f.json", "{\n}\n")):
        team.write(name, text)
        cli("encrypt", "-i", name).ok()
        cli("set", name, '["b"]', '{"c": {"d": "e"}, "l": ["m"]}').ok()
        plain = cli("decrypt", name).ok().stdout
        assert plain.rstrip("\n") == run(sops, "decrypt", name).rstrip("\n")
    team.write("g.yaml", "a:\n    b: x\n")
    cli("encrypt", "-i", "g.yaml").ok()
    cli("set", "g.yaml", "c.d", "z").ok()
    assert cli("decrypt", "g.yaml").ok().stdout == "a:\n    b: x\nc:\n    d: z\n"
