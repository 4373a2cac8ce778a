"""The plugin folder: what is written, what stands in the way, and what is left alone. Helm is a script here."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ksecrets import __version__
from ksecrets.errors import KsecretsError
from ksecrets.helm.clashes import clashes
from ksecrets.helm.install import PLUGINS, install, uninstall
from ksecrets.start import command
from tests.conftest import ROOT, Cli

FOREIGN = "name: secrets\nversion: 4.6.5\nplatformCommand: [{command: x}]\n"
FOREIGN_GETTER = "name: other\nversion: 1.0.0\ndownloaders: [{command: x, protocols: [a, secrets]}]\n"
FOREIGN_V1 = "apiVersion: v1\nname: other\ntype: getter/v1\nconfig: {protocols: [secrets]}\n"


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plugin folder of a Helm that lists every folder in it."""
    folder = tmp_path / "with space" / "plugins"
    helm = tmp_path / "helm"
    place = shlex.quote(str(folder))
    helm.write_text(
        f'#!/bin/sh\nif test "$1" = env; then echo {place}; else for p in {place}/*; do basename "$p"; done; fi\n'
    )
    helm.chmod(0o755)
    monkeypatch.setenv("HELM_BIN", str(helm))
    return folder


def foreign(plugins: Path, folder: str, manifest: str) -> Path:
    (plugins / folder).mkdir(parents=True)
    (plugins / folder / "plugin.yaml").write_text(manifest)
    return plugins / folder


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(each.relative_to(folder)): (each.read_bytes(), each.stat().st_mtime_ns)
        for each in folder.rglob("*")
        if each.is_file()
    }


def test_two_folders_without_api_version_and_an_absolute_isolated_launcher(plugins: Path) -> None:
    lines = install()
    assert [line.split(" in ")[0] for line in lines] == [f"{name} {__version__} installed" for name in PLUGINS]
    assert sorted(each.name for each in plugins.iterdir()) == ["secrets", "secrets-getter"]
    for name, verb in PLUGINS.items():
        assert sorted(each.name for each in (plugins / name).iterdir()) == ["launch", "plugin.yaml"]
        manifest = (plugins / name / "plugin.yaml").read_text()
        assert f'\nversion: "4.8.0+ksecrets.{__version__}"\n' in manifest
        assert "\napiVersion" not in manifest
        launcher = plugins / name / "launch"
        assert stat.S_IMODE(launcher.stat().st_mode) == 0o755
        expected = shlex.join(
            [os.path.abspath(sys.executable), "-I", "-S", str(ROOT / "ksecrets/__main__.py"), "helm", verb]
        )
        assert f'\nexec {expected} "$@"\n' in launcher.read_text()


def test_again_changes_nothing_and_repairs_what_was_changed(plugins: Path) -> None:
    install()
    before = tree(plugins)
    assert all("is up to date" in line for line in install())
    assert tree(plugins) == before
    (plugins / "secrets/plugin.yaml").write_text((plugins / "secrets/plugin.yaml").read_text().replace("0.", "9."))
    (plugins / "secrets-getter/launch").chmod(0o600)
    assert all("installed" in line for line in install())
    assert {name: content for name, (content, _) in tree(plugins).items()} == {
        name: content for name, (content, _) in before.items()
    }
    assert os.access(plugins / "secrets-getter/launch", os.X_OK)


@pytest.mark.parametrize(
    ("folder", "manifest"),
    [
        ("helm-secrets", FOREIGN),
        ("secrets", FOREIGN),
        ("other", FOREIGN_GETTER),
        ("other", FOREIGN_V1),
        ("secrets", "not: a plugin"),
    ],
)
def test_another_plugin_is_in_the_way(plugins: Path, folder: str, manifest: str) -> None:
    """Of the same name, or of the same protocol, in whatever folder: refused, and nothing was written; or --force."""
    place = foreign(plugins, folder, manifest)
    bystander = foreign(plugins, "diff", "name: diff\nversion: 3.9.0\n")
    before = tree(plugins)
    with pytest.raises(KsecretsError) as caught:
        install()
    assert caught.value.file == str(place)
    assert "--force" in str(caught.value)
    assert tree(plugins) == before
    install(force=True)
    assert sorted(each.name for each in plugins.iterdir()) == ["diff", "secrets", "secrets-getter"]
    assert tree(bystander)


def test_a_link_to_a_clone_is_replaced_and_the_clone_left_alone(plugins: Path) -> None:
    """What `helm plugin install ./helm-plugin/secrets` makes."""
    plugins.mkdir(parents=True)
    clone = tree(ROOT / "helm-plugin")
    (plugins / "secrets").symlink_to(ROOT / "helm-plugin/secrets")
    assert install()[0].startswith("took out the link")
    assert not (plugins / "secrets").is_symlink()
    assert tree(ROOT / "helm-plugin") == clone


def test_another_helm_by_option(plugins: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    helm = os.environ["HELM_BIN"]
    monkeypatch.setenv("HELM_BIN", "/no/helm")
    cli("helm", "install-plugin", "--helm", helm).ok()
    assert sorted(path.name for path in plugins.iterdir()) == ["secrets", "secrets-getter"]
    cli("helm", "uninstall-plugin", f"--helm={helm}").ok()
    assert list(plugins.iterdir()) == []
    assert cli("helm", "install-plugin").code == 1


def test_what_is_of_no_use_any_more(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """doctor names variables that only helm-secrets knows, and not those that mean the same here."""
    monkeypatch.setenv("HELM_SECRETS_SOPS_PATH", "/usr/bin/sops")
    monkeypatch.setenv("HELM_SECRETS_QUIET", "true")
    assert [(each.code, each.fix) for each in clashes()] == [("helm-variable", "unset HELM_SECRETS_SOPS_PATH")]
    foreign(plugins, "other", FOREIGN_GETTER.replace("secrets]", "secrets+age-import]"))
    assert [each.code for each in clashes()] == ["helm-plugin", "helm-variable"]


def test_a_cache_folder_that_helm_cannot_write_to(
    plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file stands in its way, at the folder or above it; one that is not there yet is none."""
    helm = Path(os.environ["HELM_BIN"])
    helm.write_text(
        helm.read_text().replace(
            'if test "$1" = env;', 'if test "$2" = HELM_CACHE_HOME; then echo "$CACHE"; elif test "$1" = env;'
        )
    )
    (tmp_path / "file").write_text("")
    for cache in (tmp_path / "file", tmp_path / "file/helm/cache"):
        monkeypatch.setenv("CACHE", str(cache))
        (trouble,) = clashes()
        assert (trouble.code, trouble.fix) == ("helm-cache", "export HELM_CACHE_HOME=$(mktemp -d)")
        assert str(cache) in trouble.message
    for good in (str(tmp_path), str(tmp_path / "not/yet"), ""):
        monkeypatch.setenv("CACHE", good)
        assert clashes() == []


def test_uninstall_takes_out_what_is_ours(plugins: Path) -> None:
    install()
    foreign(plugins, "diff", "name: diff\nversion: 3.9.0\n")
    assert len(uninstall()) == 2
    assert [each.name for each in plugins.iterdir()] == ["diff"]
    assert uninstall() == [f"nothing of ksecrets is in {plugins}"]
    foreign(plugins, "helm-secrets", FOREIGN)
    uninstall()
    assert (plugins / "helm-secrets/plugin.yaml").exists()


def test_uninstall_takes_a_link_and_leaves_its_target(plugins: Path) -> None:
    plugins.mkdir(parents=True)
    (plugins / "secrets").symlink_to(ROOT / "helm-plugin/secrets")
    uninstall()
    assert list(plugins.iterdir()) == []
    assert (ROOT / "helm-plugin/secrets/plugin.yaml").exists()


def test_a_helm_that_does_not_show_the_plugins(plugins: Path, tmp_path: Path) -> None:
    (tmp_path / "helm").write_text(f'#!/bin/sh\ntest "$1" = env && echo {shlex.quote(str(plugins))}; exit 0\n')
    with pytest.raises(KsecretsError, match="does not load the plugin secrets"):
        install()


@pytest.mark.parametrize("helm", ["/nowhere/helm", "false"])
def test_no_helm(helm: str) -> None:
    with pytest.raises(KsecretsError, match=helm):
        install(helm)


def test_the_launcher_says_when_its_ksecrets_is_gone(plugins: Path) -> None:
    install()
    launcher = plugins / "secrets/launch"
    launcher.write_text(launcher.read_text().replace(os.path.abspath(sys.executable), "/gone/python"))
    done = subprocess.run([launcher, "template"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr.splitlines()[1] == "hint: ksecrets helm install-plugin"


def test_the_start_of_ksecrets_works_from_anywhere(tmp_path: Path) -> None:
    """Also where the working folder has modules of our names."""
    (tmp_path / "ksecrets.py").write_text("raise SystemExit('a planted module')")
    (tmp_path / "yaml.py").write_text("raise SystemExit('a planted module')")
    done = subprocess.run([*command(), "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == f"ksecrets {__version__}\n"


@pytest.mark.parametrize("name", PLUGINS)
def test_the_folders_of_the_repository(name: str) -> None:
    """They carry our version, and `helm plugin install` of them finds an executable launcher."""
    folder = ROOT / "helm-plugin" / name
    manifest = (folder / "plugin.yaml").read_text()
    assert f"\nname: {name}\n" in manifest
    assert f'\nversion: "4.8.0+ksecrets.{__version__}"\n' in manifest
    assert os.access(folder / "launch", os.X_OK)
    assert f"exec ksecrets helm {PLUGINS[name]} " in (folder / "launch").read_text()
    assert f"ksecrets helm {PLUGINS[name]} %*" in (folder / "launch.cmd").read_text()
