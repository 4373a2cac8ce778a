"""config show: every setting of a file with the line that decided it."""

from __future__ import annotations

import json

import pytest

import ksecrets
from ksecrets.errors import ConfigError
from tests.conftest import Cli, Repo
from tests.team import person

CONFIG = f"""\
version: 1
sops-compatible: require
recipients:
  alice: {{age: {person("alice").public}}}
  ci: {{age: {person("ci").public}, kind: machine}}
  safe: {{age: {person("safe").public}, kind: recovery}}
defaults:
  readers: [safe]
  min-readers: 4
environments:
  prod:
    files: ["prod/**"]
    readers: [alice, ci]
    rotate-after: 12w
    rules:
      - files: ["prod/pay/**"]
        readers: [ci]
        seal: required
        encrypt: {{key-regex: ^pass}}
  root:
    files: [root.yaml]
    shares: {{need: 2, of: [[alice], [ci], [safe]]}}
"""


def settings(path: str) -> dict[str, tuple[object, str | None]]:
    data = json.loads(json.dumps(ksecrets.explain(path).to_json()))
    return {name: (each["value"], each["decided_by"]) for name, each in data["settings"].items()}


def test_every_setting_has_its_line(repo: Repo) -> None:
    repo.write(".ksecrets.yaml", CONFIG)
    found = settings("prod/pay/x.yaml")
    readers, where = found.pop("readers")
    assert [each["name"] for each in readers] == ["ci", "safe"]  # type: ignore[attr-defined]
    assert where == ".ksecrets.yaml:17 and .ksecrets.yaml:8"
    assert found == {
        "shares": (None, None),
        "encrypt": ({"encrypted_regex": "^pass"}, ".ksecrets.yaml:19"),
        "comments": ("auto", None),
        "seal": ("required", ".ksecrets.yaml:18"),
        "mac-only-encrypted": (False, None),
        "min-readers": (4, ".ksecrets.yaml:9"),
        "rotate-after": ("84d", ".ksecrets.yaml:14"),
        "sops-compatible": ("require", ".ksecrets.yaml:2"),
    }
    assert settings("prod/x.yaml")["seal"] == ("optional", None)


def test_shares_stand_alone(repo: Repo) -> None:
    repo.write(".ksecrets.yaml", CONFIG)
    assert settings("root.yaml")["shares"] == (
        {"need": 2, "of": [["alice"], ["ci"], ["safe"]]},
        ".ksecrets.yaml:22",
    )


def test_a_sops_configuration_names_its_rule(repo: Repo) -> None:
    repo.write(".sops.yaml", f"creation_rules:\n  - path_regex: a\n    age: {person('alice').public}\n")
    assert settings("a.yaml")["readers"][1] == ".sops.yaml:2"


def test_where_nothing_is_said(repo: Repo) -> None:
    with pytest.raises(ConfigError, match="no configuration"):
        ksecrets.explain("prod/x.yaml")
    repo.write(".ksecrets.yaml", CONFIG)
    with pytest.raises(ConfigError, match=r"no rule in \.ksecrets\.yaml"):
        ksecrets.explain("other.yaml")


def test_as_the_terminal_shows_it(repo: Repo, cli: Cli) -> None:
    repo.write(".ksecrets.yaml", CONFIG)
    done = cli("config", "show", "prod/pay/x.yaml").ok()
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    assert ["environment", "prod"] in [[part.strip() for part in line if part.strip()] for line in lines]
    assert "ci (machine), safe (recovery)  .ksecrets.yaml:17 and .ksecrets.yaml:8" in done.stdout
    assert done.stdout.count("(default)") == 2
    assert "warn: prod has 2 readers, min-readers asks for 4" in done.stderr
