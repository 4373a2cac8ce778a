"""The plugins as archives, packaged and signed by the real Helm 4, and installed; and in place of helm-secrets."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.charts import FILES, SECRETS, Shop
from tests.conftest import ROOT, Cli

KEY = "Release <release@example.org>"
PACKAGE = ROOT / "helm-plugin/package.sh"
PLUGINS = ("secrets", "secrets-getter")


class Release:
    """Signed archives in `folder`, and the keyrings beside them."""

    def __init__(self, folder: Path, gpg: str, helm4: str) -> None:
        self.folder = folder
        self.public = folder / "public.gpg"
        self._gpg = gpg
        subprocess.run(
            [gpg, "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", KEY, "default", "default", "never"],
            check=True,
            capture_output=True,
        )
        self.public.write_bytes(self.export("--export"))
        secret = folder / "secret.gpg"
        secret.write_bytes(self.export("--export-secret-keys"))
        subprocess.run(
            ["sh", str(PACKAGE), str(folder), KEY, str(secret)],
            env={**os.environ, "HELM": helm4},
            check=True,
            capture_output=True,
            timeout=60,
        )

    def export(self, option: str) -> bytes:
        return subprocess.run([self._gpg, "--batch", option], check=True, capture_output=True).stdout

    def archive(self, name: str) -> Path:
        (found,) = self.folder.glob(f"{name}-[0-9]*.tgz")
        return found


@pytest.fixture(scope="session")
def release(find_peer: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    gpg, helm4 = find_peer("gpg"), find_peer("helm4")
    home = tempfile.mkdtemp(prefix="kg")  # short: gpg's sockets are in it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNUPGHOME", home)
        yield Release(tmp_path_factory.mktemp("release"), gpg, helm4)
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def on_path(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ksecrets on the PATH, which the archives start; a Helm without any plugin."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ksecrets").write_text(f'#!/bin/sh\nexec {shlex.join(cli.program)} "$@"\n')
    (tmp_path / "bin/ksecrets").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


def assert_both_work(shop: Shop) -> None:
    """By the wrapper and by the getter."""
    done = shop("secrets", "decrypt", SECRETS)
    assert done.stdout == FILES[SECRETS], done.stderr
    values = shop.template("-f", SECRETS)
    assert values == shop.values("template", "r", "app", "-f", f"secrets://{SECRETS}")


@pytest.mark.parametrize("helm", ["helm4"], indirect=True)
def test_signed_archives_are_verified_and_installed(
    shop: Shop, release: Release, on_path: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Helm 4 verifies an archive by default; it installs into its data folder, whatever HELM_PLUGINS says."""
    monkeypatch.delenv("HELM_PLUGINS")
    for name in PLUGINS:
        done = shop("plugin", "verify", str(release.archive(name)), "--keyring", str(release.public))
        assert "Plugin Hash Verified" in done.stdout, done.stderr
        done = shop("plugin", "install", str(release.archive(name)), "--keyring", str(release.public))
        assert done.returncode == 0, done.stderr
    listed = shop("plugin", "list").stdout
    assert [line.split("\t")[4].strip() for line in listed.splitlines()[1:]] == ["signed", "signed"]
    assert_both_work(shop)


@pytest.mark.parametrize("helm", ["helm4"], indirect=True)
def test_a_changed_archive_is_refused(shop: Shop, release: Release, tmp_path: Path) -> None:
    """One byte more, another key, no signature."""
    archive = release.archive("secrets")
    copy = tmp_path / archive.name
    provenance = archive.with_name(archive.name + ".prov")
    copy.write_bytes(archive.read_bytes() + b"\0")
    words = ["--keyring", str(release.public)]
    assert shop("plugin", "install", str(copy), *words).returncode != 0
    shutil.copy(provenance, tmp_path)
    assert shop("plugin", "verify", str(copy), *words).returncode != 0
    assert shop("plugin", "install", str(copy), *words).returncode != 0
    copy.write_bytes(archive.read_bytes())
    (tmp_path / "empty.gpg").write_bytes(b"")
    assert shop("plugin", "verify", str(copy), "--keyring", str(tmp_path / "empty.gpg")).returncode != 0
    assert shop("plugin", "verify", str(copy), *words).returncode == 0


@pytest.mark.parametrize("helm", ["helm3"], indirect=True)
def test_the_same_archives_on_helm_3(
    shop: Shop, release: Release, on_path: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which takes no archive from a disk: it is unpacked into the plugin folder."""
    folder = tmp_path / "unpacked"
    folder.mkdir()
    monkeypatch.setenv("HELM_PLUGINS", str(folder))
    for name in PLUGINS:
        subprocess.run(["tar", "xzf", str(release.archive(name)), "-C", str(folder)], check=True)
    assert_both_work(shop)


def helm_secrets(folder: Path, *, helm3: bool) -> list[str]:
    """What an installed helm-secrets 4.8 looks like: one folder for Helm 3, three for Helm 4. Returns their names."""
    v1 = "apiVersion: v1\nname: {name}\nversion: 4.8.0\ntype: {type}\nruntime: subprocess\nconfig: {config}\n"
    v1 += "runtimeConfig: {runtime}\n"
    command = "platformCommand: [{command: $HELM_PLUGIN_DIR/run.sh}]"
    getters = "[{command: scripts/run.sh, protocols: [secrets, secrets+age-import]}]"
    if helm3:
        manifests = {
            "helm-secrets": f"name: secrets\nversion: 4.8.0\nusage: x\n{command}\ndownloaders: {getters}\n",
        }
    else:
        manifests = {
            name: v1.format(name=name, type=kind, config=config, runtime=runtime)
            for name, kind, config, runtime in (
                ("secrets", "cli/v1", "{usage: x, shortHelp: x}", "{" + command + "}"),
                (
                    "secrets-getter",
                    "getter/v1",
                    "{protocols: [secrets]}",
                    "{protocolCommands: [{protocols: [secrets], " + command + "}]}",
                ),
                ("secrets-post-renderer", "postrenderer/v1", "{}", "{" + command + "}"),
            )
        }
    for name, text in manifests.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "plugin.yaml").write_text(text)
        (folder / name / "run.sh").write_text("#!/bin/sh\nexit 77\n")
        (folder / name / "run.sh").chmod(0o755)
    return list(manifests)


def test_an_upgrade_from_helm_secrets(shop: Shop, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """doctor says what is in the way, the command what it would take out; with --force everything works at once."""
    folder = tmp_path / "plugins"
    names = helm_secrets(folder, helm3=shop("version", "--short").stdout.startswith("v3"))
    monkeypatch.setenv("HELM_PLUGINS", str(folder))
    monkeypatch.setenv("HELM_BIN", shop.helm)
    assert shop("secrets", "version").returncode != 0
    assert cli("doctor").stdout.count("Helm has another plugin") == len(names)
    refused = cli("helm", "install-plugin")
    assert refused.code == 1
    assert "another plugin is called secrets" in refused.stderr
    assert sorted(each.name for each in folder.iterdir()) == sorted(names)
    cli("helm", "install-plugin", "--force").ok()
    assert sorted(each.name for each in folder.iterdir()) == ["secrets", "secrets-getter"]
    assert_both_work(shop)
    assert "Helm" not in cli("doctor").stdout
    rendered = shop("secrets", "--evaluate-templates", "template", "r", "app", "-f", SECRETS)
    assert rendered.returncode == 0, rendered.stderr
