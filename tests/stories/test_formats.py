"""JSON and binary files, and types that are named: what people type, with the real git, Helm and sops beside it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo
from tests.pipe import alice

FILE = "conf/secrets.json"
PLAIN = """\
{
  "db": {"password": "s3cr\\u0065t", "port": 5432, "ratio": 1.0},
  "hosts": ["a", "b"],
  "none": null
}
"""
BYTES = bytes(range(256)) * 4


@pytest.fixture
def team(repo: Repo, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """An environment of everything below conf/; alice's key where sops looks."""
    monkeypatch.setenv("SOPS_AGE_KEY", alice().secret)
    repo.write(
        ".ksecrets.yaml",
        f"version: 1\nrecipients:\n  alice: {{age: {alice().public}}}\n"
        'environments:\n  dev: {files: ["conf/**"], readers: [alice]}\n',
    )
    repo.write(FILE, PLAIN)
    repo.write("conf/tls.p12", BYTES)
    cli("encrypt", "-i", FILE, "conf/tls.p12").ok()
    repo.commit()
    return repo


def run_sops(sops: str, *words: str, cwd: Path) -> bytes:
    environment = {**os.environ, "SOPS_DISABLE_VERSION_CHECK": "1"}
    return subprocess.run([sops, *words], env=environment, cwd=cwd, check=True, capture_output=True, timeout=60).stdout


def test_every_command_works_on_json(team: Repo, cli: Cli, sops: str) -> None:
    assert cli("decrypt", FILE).ok().stdout == PLAIN
    assert cli("get", FILE, "db.password").ok().stdout == "s3cret"
    assert cli("get", FILE, "db.ratio").ok().stdout == "1.0"
    assert cli("get", FILE, "hosts").ok().stdout == '["a", "b"]'
    assert cli("decrypt", "--extract", '["db"]["port"]', FILE).ok().stdout == "5432"
    cli("set", FILE, "db.user", "me").ok()
    cli("set", "--json", FILE, "more", '{"x": [1, 2.50]}').ok()
    cli("unset", FILE, "hosts[0]").ok()
    changed = (
        PLAIN.replace("1.0}", '1.0, "user": "me"}')
        .replace('["a", "b"]', '["b"]')
        .replace("null\n", 'null,\n  "more": {\n    "x": [\n      1,\n      2.5\n    ]\n  }\n')
    )
    assert cli("decrypt", FILE).ok().stdout == changed
    assert json.loads(run_sops(sops, "decrypt", FILE, cwd=team.path)) == json.loads(changed)
    cli("edit", FILE, env={"EDITOR": "sed -i s/5432/5433/"}).ok()
    changed = changed.replace("5432", "5433")
    cli("rotate", FILE).ok()
    cli("updatekeys", FILE).ok()
    assert cli("decrypt", FILE).ok().stdout == changed
    assert "values       7 encrypted" in cli("info", FILE).ok().stdout
    assert cli("filestatus", FILE).ok().stdout == '{"encrypted":true}\n'
    cli("check").ok()
    assert cli("encrypt", "-i", FILE).ok().stderr.endswith("already encrypted, unchanged\n")
    cli("decrypt", "-i", FILE).ok()
    assert (team / FILE).read_text() == changed
    assert cli("check").code != 0
    cli("encrypt", "-i", FILE).ok()
    cli("check").ok()


def test_git_shows_json_by_its_values(team: Repo, cli: Cli) -> None:
    before = (team / FILE).read_text().split('"sops"')[0].splitlines()
    cli("set", FILE, "db.password", "other").ok()
    after = (team / FILE).read_text().split('"sops"')[0].splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert ['"password"' in line for line in changed] == [True]
    shown = cli("diff").ok().stdout
    assert "db.password" in shown
    assert "db.port" not in shown
    assert cli("git", "textconv", FILE).ok().stdout == PLAIN.replace("s3cr\\u0065t", "other")


def test_sops_and_we_take_turns(team: Repo, cli: Cli, sops: str) -> None:
    for turn in range(3):
        run_sops(sops, "set", FILE, f'["turn{turn}"]', f'"{turn}"', cwd=team.path)
        assert cli("check").code != 0  # the seal is gone, and git has a sealed version
        cli("seal", "--yes", FILE).ok()
        cli("check").ok()
        cli("set", FILE, f"ours{turn}", str(turn)).ok()
        found = json.loads(run_sops(sops, "decrypt", FILE, cwd=team.path))
        assert found == json.loads(cli("decrypt", FILE).ok().stdout)
        assert (found[f"turn{turn}"], found[f"ours{turn}"]) == (str(turn), str(turn))


def test_binary_files(team: Repo, cli: Cli, sops: str) -> None:
    file = "conf/tls.p12"
    assert cli("decrypt", file).ok().out == BYTES
    assert run_sops(sops, "decrypt", file, cwd=team.path) == BYTES
    assert cli("decrypt", file, "--output", "out.p12").ok().out == b""
    assert (team / "out.p12").read_bytes() == BYTES
    cli("rotate", file).ok()
    assert cli("decrypt", file).ok().out == BYTES
    cli("check").ok()
    assert "it is one" in cli("get", file, "data").stderr
    assert "cannot be edited" in cli("edit", file, env={"EDITOR": "true"}).stderr
    assert "no values" in cli("unset", file, "data").stderr
    assert cli("git", "textconv", file).ok().out == BYTES
    cli("decrypt", "-i", file).ok()
    assert (team / file).read_bytes() == BYTES
    found = cli("check")
    assert found.code != 0
    assert "plaintext" in found.stdout + found.stderr
    cli("encrypt", "-i", file).ok()
    cli("check").ok()
    encrypted = cli("encrypt", "--filename-override", "conf/x.der", "-", input=BYTES).ok().out
    assert cli("decrypt", "-", input=encrypted).ok().out == BYTES
    for raw in (b"", b"text"):
        (team / "conf/t.txt").write_bytes(raw)
        cli("encrypt", "-i", "conf/t.txt").ok()
        assert run_sops(sops, "decrypt", "conf/t.txt", cwd=team.path) == raw
        cli("edit", "conf/t.txt", env={"EDITOR": "sh -c 'printf more >> \"$0\"'"}).ok()
        assert cli("decrypt", "conf/t.txt").ok().out == raw + b"more"
        cli("set", "conf/t.txt", "data", "new").ok()
        assert cli("decrypt", "conf/t.txt").ok().out == b"new"


def test_a_new_json_file_is_begun_by_edit(team: Repo, cli: Cli) -> None:
    cli("edit", "conf/new.json", env={"EDITOR": "sed -i 's/^{/{\"a\": 1/'"}).ok()
    assert cli("decrypt", "conf/new.json").ok().stdout == '{"a": 1\n}\n'
    failed = cli("edit", "conf/bad.json", env={"EDITOR": "sed -i 's/^{/{,/'"})
    assert "a key in double quotes is missing" in failed.stderr


def test_malformed_json_names_the_line_and_nothing_is_written(team: Repo, cli: Cli) -> None:
    team.write("conf/bad.json", '{\n  "a": "s3cret",\n}\n')
    failed = cli("encrypt", "-i", "conf/bad.json")
    assert failed.code == 1
    assert "conf/bad.json:3: not JSON: a key in double quotes is missing (column 1)" in failed.stderr
    assert "no comma behind the last entry" in failed.stderr
    assert "s3cret" not in failed.stderr
    assert (team / "conf/bad.json").read_text() == '{\n  "a": "s3cret",\n}\n'
    team.write("conf/list.json", "[1]\n")
    assert "--input-type binary" in cli("encrypt", "-i", "conf/list.json").stderr


def test_helm_takes_json_values(team: Repo, cli: Cli, helm3: str, tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 0.1.0\n")
    (chart / "templates/a.yaml").write_text("p: {{ .Values.db.password }}\nr: {{ .Values.db.ratio }}\n")
    done = cli("helm", "wrap", "template", "r", str(chart), "-f", FILE, env={"HELM_BIN": helm3}).ok()
    assert "p: s3cret" in done.stdout


# -- types that are named ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "text", "wanted"),
    [
        ("yaml", "json", "a: 1\nb: [x, true, null]\n", {"a": 1, "b": ["x", True, None]}),
        ("yaml", "json", "a: 2020-01-01\n", {"a": "2020-01-01T00:00:00Z"}),
        ("yaml", "json", "a: &x {b: 1.5}\nc: *x\n", {"a": {"b": 1.5}, "c": {"b": 1.5}}),
        ("json", "yaml", '{"a": {"b": [1, "yes", [], {}]}}', {"a": {"b": [1, "yes", [], {}]}}),
        ("json", "yaml", '{"c": "two\\nlines"}', {"c": "two\nlines"}),
        ("dotenv", "json", "A=1\n# note\nB=x y\n", {"A": "1", "B": "x y"}),
        ("dotenv", "yaml", "A=yes\nB=1.10\n", {"A": "yes", "B": "1.10"}),
        ("ini", "json", "[s]\na = 1\n", {"s": {"a": "1"}}),
        ("binary", "json", "any text\n", {"data": "any text\n"}),
        ("binary", "yaml", "any text\n", {"data": "any text\n"}),
    ],
)  # fmt: skip
def test_conversion_gives_what_sops_gives(
    old: str, new: str, text: str, wanted: object, team: Repo, cli: Cli, sops: str
) -> None:
    """Both on the way in and on the way out, and read by sops."""
    team.write("conf/x", text)
    types = ("--input-type", old, "--output-type", new)
    by_us = cli("encrypt", *types, "conf/x").ok().stdout
    team.write("conf/y", by_us)
    read = run_sops(sops, "decrypt", "--input-type", new, "--output-type", "json", "conf/y", cwd=team.path)
    there = json.loads(read)
    assert {key: value for key, value in there.items() if key != ""} == wanted
    plain = cli("decrypt", "--input-type", new, "conf/y").ok().stdout
    assert cli("encrypt", "--input-type", old, "conf/x").ok().stdout != by_us
    team.write("conf/z", cli("encrypt", "--input-type", old, "conf/x").ok().stdout)
    assert cli("decrypt", *types, "conf/z").ok().stdout == plain


def test_flat_formats_take_flat_values(team: Repo, cli: Cli, sops: str) -> None:
    text = '{"A": "x", "B": 5, "C": true, "D": "two\\nlines", "E": 1.0}'
    team.write("conf/x.json", text)
    cli("encrypt", "-i", "conf/x.json").ok()
    ours = cli("decrypt", "--output-type", "dotenv", "conf/x.json").ok().out
    assert ours == run_sops(sops, "decrypt", "--output-type", "dotenv", "conf/x.json", cwd=team.path)
    team.write("conf/s.json", '{"one": {"a": "1", "b": true}, "two": {"c": "x y"}}')
    cli("encrypt", "-i", "conf/s.json").ok()
    ours = cli("decrypt", "--output-type", "ini", "conf/s.json").ok().stdout
    theirs = run_sops(sops, "decrypt", "--output-type", "ini", "conf/s.json", cwd=team.path).decode()
    assert [line.replace(" ", "") for line in ours.split()] == [line.replace(" ", "") for line in theirs.split()]
    team.write("conf/b.json", '{"data": "some \\u0000 bytes"}')
    cli("encrypt", "-i", "conf/b.json").ok()
    assert cli("decrypt", "--output-type", "binary", "conf/b.json").ok().out == b"some \0 bytes"


@pytest.mark.parametrize(
    ("text", "new", "message"),
    [
        ("a: {b: 1}\n", "dotenv", "a: a collection has no place in a dotenv file"),
        ("a: 1\n", "ini", "sections"),
        ("s: {a: [1]}\n", "ini", "s.a: a collection"),
        ("a: 1\n", "binary", "one text under the key `data`"),
        ("a: 1\n---\nb: 2\n", "json", "several documents"),
        ("- a\n", "json", "mapping at its top"),
        ("a: .inf\n", "json", "no infinities"),
        ("a: !!binary /w==\n", "json", "no text"),
        ("a: 'x\\ny'\n", "dotenv", "a backslash before an n"),
    ],
)
def test_what_another_format_cannot_hold_is_refused(text: str, new: str, message: str, team: Repo, cli: Cli) -> None:
    """sops drops what it cannot express: documents behind the first, for one."""
    team.write("conf/x.yaml", text)
    failed = cli("encrypt", "--output-type", new, "conf/x.yaml")
    assert failed.code == 1
    assert message in failed.stderr
    assert failed.out == b""


def test_types_that_do_not_fit_the_command(team: Repo, cli: Cli) -> None:
    assert "no such format: toml" in cli("decrypt", "--input-type", "toml", FILE).stderr
    assert "does not go with -i" in cli("encrypt", "-i", "--output-type", "yaml", FILE).stderr
    assert "stays in its format" in cli("set", "--output-type", "yaml", FILE, "a", "b").stderr
    assert "stays in its format" in cli("edit", "--input-type", "json", "--output-type", "yaml", FILE).stderr
    cli("set", "--input-type", "json", "--output-type", "json", FILE, "a", "b").ok()
    assert "encrypted already" in cli("encrypt", "--output-type", "yaml", FILE).stderr
    assert (
        cli("decrypt", "--input-type", "yaml", FILE).ok().stdout.endswith('"a": "b"\n}\n')
    )  # it says itself what it is


# -- Kubernetes --------------------------------------------------------------------------------------------------------


def test_a_kubernetes_secret_stays_a_manifest(team: Repo, cli: Cli, sops: str) -> None:
    """The rule of docs/how-to/kubernetes-secrets.md: only `data` and `stringData` are encrypted."""
    rules = (team / ".ksecrets.yaml").read_text()
    team.write(
        ".ksecrets.yaml",
        rules.replace("readers: [alice]", 'readers: [alice], encrypt: {key-regex: "^(data|stringData)$"}'),
    )
    manifest = (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: app  # by us\n  labels: {data-of: app}\n"
        "type: Opaque\ndata:\n  key: cGFzcw==\nstringData:\n  conf.yaml: |\n    a: 1\n"
    )
    for name, text in (("secret.yaml", manifest), ("secret.json", '{"kind": "Secret", "data": {"a": "YQ=="}}\n')):
        file = f"conf/{name}"
        team.write(file, text)
        cli("encrypt", "-i", file).ok()
        encrypted = (team / file).read_text()
        assert "kind" in encrypted
        assert "name: app  # by us" in encrypted or name.endswith("json")
        assert "cGFzcw" not in encrypted
        assert cli("decrypt", file).ok().stdout == text
        assert b"Secret" in run_sops(sops, "decrypt", file, cwd=team.path)
        cli("set", file, "data.new", "bmV3").ok()
        assert "bmV3" not in (team / file).read_text()
    assert encrypted.startswith('{"kind": "Secret", "data": {"a": "ENC[')


def test_helm_gets_the_bytes_of_a_binary_file(team: Repo, cli: Cli) -> None:
    """For --set-file, encrypted or not, and whatever the bytes are."""
    assert cli("helm", "getter", "", "", "", "secrets://conf/tls.p12").ok().out == BYTES
    (team / "logo.bin").write_bytes(BYTES)
    assert cli("helm", "getter", "", "", "", "secrets://logo.bin").ok().out == BYTES
