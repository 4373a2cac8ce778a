"""Which configuration rules a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ksecrets.errors import ConfigError, RuleViolation
from ksecrets.rules import load
from ksecrets.rules.load import Rules, find
from ksecrets.rules.sopsconfig import SopsConfig

CONFIG = """\
version: 1
recipients: {alice: {age: age1alice}, bob: {age: age1bob}}
environments:
  dev: {files: ["dev/**"], readers: [alice, bob]}
  prod: {files: ["prod/**"], readers: [alice]}
"""
SOPS = "creation_rules: [{path_regex: ^dev/, age: age1dev}, {age: age1rest}]\n"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    for name in ("dev/deep", "prod", "other"):
        (folder / name).mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".ksecrets.yaml").write_text(CONFIG)
    return folder


def rules_of(path: Path) -> Rules:
    found = find(str(path))
    assert found is not None
    return found


@pytest.mark.parametrize("start", [".", "dev", "dev/deep/new.yaml", "nowhere/at/all.yaml", ".ksecrets.yaml"])
def test_the_top_of_the_repository(top: Path, start: str) -> None:
    rules = rules_of(top / start)
    assert (rules.root, rules.kind, rules.file) == (str(top), "ksecrets", str(top / ".ksecrets.yaml"))
    policy = rules.policy("dev/deep/new.yaml")
    assert policy is not None
    assert policy.environment == "dev"
    assert rules.policy("other/x") is None
    assert rules.name_of("age", {"recipient": "age1bob"}) == "bob"


def test_a_git_file_is_a_top_as_well(top: Path) -> None:
    (top / "other/.git").write_text("gitdir: elsewhere\n")
    assert find(str(top / "other/x.yaml")) is None
    (top / "other/.ksecrets.yaml").write_text(CONFIG)
    assert rules_of(top / "other/x.yaml").root == str(top / "other")


@pytest.mark.parametrize("with_top", [True, False])
def test_a_nested_configuration_is_an_error(top: Path, with_top: bool) -> None:
    if not with_top:
        (top / ".ksecrets.yaml").unlink()
    (top / "dev/.ksecrets.yaml").write_text(CONFIG)
    with pytest.raises(ConfigError, match="at the top of the repository counts") as caught:
        find(str(top / "dev/deep/x.yaml"))
    assert caught.value.file == str(top / "dev/.ksecrets.yaml")
    assert (find(str(top / "prod/x.yaml")) is not None) is with_top


def test_above_the_top_nothing_counts(top: Path) -> None:
    (top / ".ksecrets.yaml").rename(top.parent / ".ksecrets.yaml")
    assert find(str(top / "dev/x.yaml")) is None


def test_outside_git_the_nearest(top: Path) -> None:
    (top / ".git").rmdir()
    (top / "dev/.ksecrets.yaml").write_text(CONFIG)
    assert rules_of(top / "dev/deep/x.yaml").root == str(top / "dev")
    assert rules_of(top / "prod/x.yaml").root == str(top)


def test_sops_only_where_there_is_no_ksecrets_yaml(top: Path) -> None:
    (top / "dev/.sops.yaml").write_text(SOPS)
    assert rules_of(top / "dev/deep/x.yaml").kind == "ksecrets"
    (top / ".ksecrets.yaml").unlink()
    rules = rules_of(top / "dev/deep/x.yaml")
    assert (rules.kind, rules.root) == ("sops", str(top / "dev"))
    policy = rules.policy("dev/x.yaml")
    assert policy is not None
    assert [reader.name for reader in policy.recipients] == ["age1dev"]
    assert rules.name_of("age", {"recipient": "age1dev"}) is None
    assert find(str(top / "prod/x.yaml")) is None


def test_found_from_the_file_not_from_the_working_folder(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(top.parent)
    assert rules_of(Path("repo/dev/x.yaml")).root == str(top)
    monkeypatch.chdir(top)
    policy = rules_of(Path("dev/x.yaml")).policy_for("dev/x.yaml")
    assert policy is not None
    assert policy.source == ".ksecrets.yaml:4 environments.dev"


def test_links_inside_one_environment(top: Path) -> None:
    (top / "dev/a.yaml").write_text("")
    (top / "dev/link.yaml").symlink_to("a.yaml")
    (top / "into").symlink_to("dev")
    (top.parent / "outside").symlink_to(top / "prod")
    for path in (top / "dev/link.yaml", top / "into/a.yaml"):
        policy = rules_of(path).policy_for(str(path))
        assert policy is not None
        assert policy.environment == "dev"
    outside = top.parent / "outside/x.yaml"
    policy = rules_of(outside).policy_for(str(outside))
    assert policy is not None
    assert policy.environment == "prod"


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("prod/x.yaml", "dev/x.yaml"),
        ("dev/sub", "prod"),
        ("dev/x.yaml", "other/x.yaml"),
        ("dev/x.yaml", "../away.yaml"),
    ],
)
def test_links_across_environments_are_refused(top: Path, link: str, target: str) -> None:
    (top / link).symlink_to(top / target)
    path = top / link
    if target == "prod":
        path = path / "new.yaml"
    rules = rules_of(top)
    with pytest.raises(RuleViolation, match="a symlink from "):
        rules.policy_for(str(path))


def test_links_into_another_repository_are_refused(top: Path) -> None:
    other = top.parent / "second"
    (other / "dev").mkdir(parents=True)
    (other / ".git").mkdir()
    (other / ".ksecrets.yaml").write_text(CONFIG.replace("dev:", "staging:"))
    (top / "dev/x.yaml").symlink_to(other / "dev/x.yaml")
    path = str(top / "dev/x.yaml")
    with pytest.raises(RuleViolation):
        rules_of(Path(path)).policy_for(path)


def test_links_under_sops_rules(top: Path) -> None:
    (top / ".ksecrets.yaml").unlink()
    (top / ".sops.yaml").write_text(SOPS)
    (top / "dev/x.yaml").symlink_to(top / "prod/x.yaml")
    (top / "prod/y.yaml").symlink_to(top / "other/y.yaml")
    rules = rules_of(top)
    assert rules.policy_for(str(top / "prod/y.yaml")) is not None
    with pytest.raises(RuleViolation):
        rules.policy_for(str(top / "dev/x.yaml"))


def test_unreadable_configurations(top: Path) -> None:
    file = top / ".ksecrets.yaml"
    file.write_bytes(b"version: 1 # \xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        find(str(top))
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigError, match="not a file"):
        find(str(top))
    file.rmdir()
    file.symlink_to("nothing")
    with pytest.raises(ConfigError, match="not a file"):
        find(str(top))


def test_crlf_and_marks_are_fine(top: Path) -> None:
    (top / ".ksecrets.yaml").write_bytes(b"\xef\xbb\xbf" + CONFIG.replace("\n", "\r\n").encode())
    assert rules_of(top).policy("dev/x") is not None


def test_finding_rules_starts_no_process_and_imports_little(top: Path) -> None:
    (top / "dev/x.yaml").write_text("")
    code = (
        "import sys\nfrom ksecrets.text import libyaml\nfrom ksecrets import lean; lean.ON = True\n"
        "from ksecrets.rules.load import find\nrules = find('dev/x.yaml')\n"
        "assert rules.policy_for('dev/x.yaml').selector.test('x_unencrypted')\n"
        "heavy = {'re', 'typing', 'pathlib', 'dataclasses', 'json', 'enum', 'subprocess', 'difflib', 'ruamel',"
        " 'functools', 'collections', 'yaml.constructor', 'logging'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}

    site = [folder for folder in sys.path if "site-packages" in folder]
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {site!r}\n" + code],
        cwd=top, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_paths_of_windows_have_slashes_in_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """sops leaves the backslashes there, and `prod/` matches nothing."""
    rules = Rules("/", SopsConfig(".sops.yaml", None))
    rules.root = "C:\\repo"
    monkeypatch.setattr(load.os, "sep", "\\")
    assert rules.relative("C:\\repo\\prod\\a.yaml") == "prod/a.yaml"
    assert rules.relative("C:\\repository\\a.yaml") is None
    rules.chosen = True
    assert rules.relative("C:\\repository\\a.yaml") == "C:/repository/a.yaml"
