"""What people and scripts type who know sops: command lines, values in JSON, variables, standard input."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ksecrets.cli.main import main
from tests.conftest import Cli, Repo
from tests.team import person

FILE = "secrets.yaml"
PLAIN = "a: one\nb:\n  c: 2\n"


@pytest.fixture
def shop(repo: Repo, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A file of alice's under a `.sops.yaml`; her key where sops looks."""
    monkeypatch.setenv("SOPS_AGE_KEY", person("alice").secret)
    repo.write(".sops.yaml", f"creation_rules:\n  - age: {person('alice').public}\n")
    repo.write(FILE, PLAIN)
    cli("encrypt", "-i", FILE).ok()
    return repo


def value(cli: Cli, path: str = "a") -> str:
    return cli("decrypt", "--extract", path, FILE).ok().stdout


# -- command lines of old ----------------------------------------------------------------------------------------------


def test_old_command_lines(shop: Repo, cli: Cli) -> None:
    assert cli("-d", FILE).ok().stdout == PLAIN
    assert cli("--decrypt", "--extract", '["b"]["c"]', FILE).ok().stdout == "2"
    cli("--set", '["b"]["c"] {"x": -1.5}', FILE).ok()
    assert cli("-d", FILE).ok().stdout == "a: one\nb:\n  c:\n    x: -1.5\n"
    before = (shop / FILE).read_text()
    cli("-r", "-i", FILE).ok()
    assert (shop / FILE).read_text() != before
    cli("-d", "-i", FILE).ok()
    cli("-e", "-i", FILE).ok()
    assert "ENC[" in (shop / FILE).read_text()
    cli(FILE, env={"EDITOR": "sed -i s/one/two/"}).ok()
    assert value(cli) == "two"


def test_no_file_is_standard_input(shop: Repo, cli: Cli) -> None:
    text = (shop / FILE).read_bytes()
    assert cli("decrypt", input=text).ok().stdout == PLAIN
    encrypted = cli("encrypt", "--filename-override", "other.yaml", input=PLAIN).ok().out
    assert cli("-d", "-", input=encrypted).ok().stdout == PLAIN
    assert cli("encrypt", "-i", input=PLAIN).code == 2


def test_no_file_at_a_terminal_does_not_wait(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = os.openpty()[1]
    with open(terminal, encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert main(["decrypt"]) == 2
    assert "name a file, or - for standard input" in capsys.readouterr().err


def test_extract_of_a_file_that_may_be_forged(shop: Repo, cli: Cli) -> None:
    shop.write(FILE, "new: ''\n" + (shop / FILE).read_text())
    assert cli("decrypt", "--extract", "a", FILE).code == 5
    done = cli("decrypt", "--ignore-mac", "--extract", '["a"]', FILE).ok()
    assert (done.stdout, "NOT checked" in done.stderr) == ("one", True)


def test_output_is_for_one_reader_only(shop: Repo, cli: Cli, tmp_path: Path) -> None:
    """sops creates it for everybody whom the umask lets in."""
    out = tmp_path / "plain.yaml"
    cli("decrypt", "--output", out, FILE).ok()
    assert (out.read_text(), oct(out.stat().st_mode & 0o777)) == (PLAIN, "0o600")


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "given", "line"),
    [
        ('["a"]', '"text"', "a: text"),
        ('["a"]', '"two\\nlines"', None),
        ('["a"]', "5", "a: 5"),
        ('["a"]', "true", "a: true"),
        ('["a"]', "null", "a: null"),
        ('["a"]', "plain", "a: plain"),
        ('["a"]', "007", 'a: "007"'),
        ('["a"]', '{"x": ["y"]}', "a:"),
        ("a", "5", 'a: "5"'),
        ("a", "true", 'a: "true"'),
        ("a", "{}", 'a: "{}"'),
    ],
)
def test_a_value_means_what_the_form_of_its_path_says(
    shop: Repo, cli: Cli, path: str, given: str, line: str | None
) -> None:
    cli("set", FILE, path, given).ok()
    text = cli("decrypt", FILE).ok().stdout
    if line is None:
        assert value(cli) == "two\nlines"
    else:
        assert line in (each.replace("'", '"') for each in text.splitlines())
    stdin = cli("set", FILE, path, "--value-stdin", input=given)
    assert stdin.ok().stderr == f"{FILE}  unchanged\n"


def test_quotes_that_may_be_meant_or_not_are_asked_about(shop: Repo, cli: Cli) -> None:
    """`ksecrets set f a '"x"'` by somebody who knows sops must not store the quotes in silence."""
    done = cli("set", FILE, "a", '"text"')
    assert (done.code, "--json takes it as JSON, --text with its quotes" in done.stderr) == (2, True)
    assert value(cli) == "one"
    cli("set", FILE, "a", '"text"', "--text").ok()
    assert value(cli) == '"text"'
    cli("set", FILE, '["a"]', '"text"', "--text").ok()
    assert value(cli) == '"text"'
    cli("set", FILE, "a", '"text"', "--json").ok()
    assert value(cli) == "text"
    assert cli("set", FILE, "a", "x", "--json", "--text").code == 2


def test_a_file_of_json_stays_text(shop: Repo, cli: Cli) -> None:
    shop.write("account.json", '{"key": "x"}\n')
    cli("set", FILE, '["a"]', "--value-file", "account.json").ok()
    assert value(cli) == '{"key": "x"}\n'


def test_idempotent(shop: Repo, cli: Cli) -> None:
    before = (shop / FILE).read_text()
    assert cli("unset", FILE, '["none"]').code == 1
    cli("unset", "--idempotent", FILE, '["none"]').ok()
    cli("set", "--idempotent", FILE, '["a"]', '"one"').ok()
    assert (shop / FILE).read_text() == before
    cli("unset", "--idempotent", FILE, '["a"]').ok()
    assert cli("decrypt", FILE).ok().stdout == "b:\n  c: 2\n"


@pytest.mark.parametrize("given", ["-1", "-1.5", "-0x1f"])
def test_a_number_with_a_minus_is_no_option(shop: Repo, cli: Cli, given: str) -> None:
    cli("set", FILE, '["a"]', given, "--idempotent").ok()
    assert value(cli) == given
    assert cli("set", FILE, '["a"]', "-x").code == 2


def test_json_that_would_lose_something_is_refused(shop: Repo, cli: Cli) -> None:
    """sops writes a file with a key that stands twice, and cannot read it afterwards."""
    for given, message in (
        ('{"x": 1, "x": 2}', "twice"),
        ("1e400", "64-bit float"),
        ('[{"y": -1e999}]', "64-bit float"),
    ):
        for words in (["set", FILE, '["a"]', given], ["set", "--json", FILE, "a", given]):
            done = cli(*words)
            assert (done.code, message in done.stderr, given in done.stderr) == (2, True, False)
    assert value(cli) == "one"


def test_extract_in_another_format(shop: Repo, cli: Cli, sops: str) -> None:
    """As sops prints it; an alias to what is elsewhere in the file comes along."""
    shop.write(FILE, "b: {c: 1.10, d: [x, {e: 'y: z'}], n: null, t: 2001-01-01}\nl: [1, [2]]\ns: x\n")
    cli("encrypt", "-i", FILE).ok()
    for path in ('["b"]', '["b"]["d"]', '["l"]', '["b"]["d"][1]'):
        words = ("decrypt", "--extract", path, "--output-type", "json", FILE)
        assert cli(*words).ok().stdout.rstrip("\n") == run(sops, *words).decode().rstrip("\n")
    assert cli("decrypt", "--extract", '["s"]', "--output-type", "binary", FILE).ok().stdout == "x"
    shop.write(FILE, "l: &l [1]\nk: {m: *l}\n")
    cli("encrypt", "-i", FILE).ok()
    assert json.loads(cli("decrypt", "--extract", "k", "--output-type", "json", FILE).ok().stdout) == {"m": [1]}
    shop.write("one.json", '{"A": {"B": "x", "C": 1.0}}')
    cli("encrypt", "-i", "one.json").ok()
    assert cli("decrypt", "--extract", "A", "--output-type", "dotenv", "one.json").ok().stdout == "B=x\nC=1.0\n"
    assert cli("decrypt", "--extract", "A", "--output-type", "yaml", "one.json").ok().stdout == "B: x\nC: 1.0\n"
    assert cli("decrypt", "--extract", "A.B", "--output-type", "toml", "one.json").code == 2


# -- the configuration -------------------------------------------------------------------------------------------------


def test_a_configuration_of_ones_own_choice(shop: Repo, cli: Cli, tmp_path: Path) -> None:
    elsewhere = tmp_path / "rules"
    elsewhere.mkdir()
    rules = (
        f"creation_rules:\n  - path_regex: other\\.yaml$\n    age: {person('bob').public}\n    encrypted_suffix: c\n"
    )
    (elsewhere / "team.yaml").write_text(rules)
    shop.write("other.yaml", PLAIN)
    for line in (["--config", elsewhere / "team.yaml", "encrypt"], ["encrypt", "--config", elsewhere / "team.yaml"]):
        done = cli(*line, "other.yaml").ok()
        assert "a: one" in done.stdout
        assert person("bob").public in done.stdout
    env = {"SOPS_CONFIG": str(elsewhere / "team.yaml")}
    assert person("bob").public in cli("-e", "other.yaml", env=env).ok().stdout
    assert cli("encrypt", "third.yaml", "--config", elsewhere / "none.yaml").code == 1


def test_a_configuration_of_ones_own_choice_does_not_replace_the_repositorys(
    repo: Repo, cli: Cli, tmp_path: Path
) -> None:
    cli("init").ok()
    file = "env/dev/secrets.yaml"
    repo.write(file, PLAIN)
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"creation_rules:\n  - age: {person('eve').public}\n")
    done = cli("encrypt", "-i", file, "--config", rules).ok()
    assert "SOPS_CONFIG (--config) does not count" in done.stderr
    assert person("eve").public not in (repo / file).read_text()


# -- types -------------------------------------------------------------------------------------------------------------


def run(*argv: str) -> bytes:
    return subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout


def test_a_file_whose_name_says_another_type(repo: Repo, cli: Cli, sops: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of dotenv that are called .yaml, as sops wrote them: every command that changes or describes it."""
    monkeypatch.setenv("SOPS_AGE_KEY", person("alice").secret)
    alice, bob = person("alice").public, person("bob").public
    repo.write(".sops.yaml", f"creation_rules:\n  - age: {alice}\n")
    repo.write(FILE, "A=one\nexport B=2\n")
    types = ["--input-type", "dotenv", "--output-type", "dotenv"]
    (repo / FILE).write_bytes(run(sops, "encrypt", *types, FILE))

    for words in (["rotate"], ["updatekeys"], ["info"], ["seal", "-y"]):
        before = (repo / FILE).read_bytes()
        assert cli(*words, FILE).code == 1, words
        assert (repo / FILE).read_bytes() == before
        done = cli(*words, "--input-type", "dotenv", FILE).ok()
        assert ("2 encrypted" in done.stdout) == (words == ["info"])
        assert ((repo / FILE).read_bytes() == before) == (words[0] != "rotate")
    assert run(sops, "decrypt", *types, FILE) == b"A=one\nexport B=2\n"

    repo.write(".sops.yaml", f"creation_rules:\n  - age: {alice},{bob}\n")
    cli("updatekeys", "-y", "--input-type", "dotenv", FILE).ok()
    monkeypatch.setenv("SOPS_AGE_KEY", person("bob").secret)
    assert run(sops, "decrypt", *types, FILE) == b"A=one\nexport B=2\n"
    os.remove(repo / ".sops.yaml")
    cli("rotate", "-i", *types, "--rm-age", alice, FILE).ok()
    assert alice not in (repo / FILE).read_text()

    assert cli("rotate", "--input-type", "dotenv", "--output-type", "json", FILE).code == 2
    assert cli("rotate", "--input-type", "toml", FILE).code == 2
    repo.write(".sops.yaml", f"creation_rules:\n  - age: {bob}\n")
    done = cli("updatekeys", "--input-type", "dotenv", ".")
    assert (done.code, "for files that are named" in done.stderr) == (2, True)
