"""What the stories about Helm share: one repository, and the plugins of each Helm, made once a run."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.charts import Made, Pgp, Shop, checkout
from tests.conftest import Cli
from tests.keys.test_pgp import new_key


@pytest.fixture(scope="session")
def made(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"), cli)


@pytest.fixture(scope="session")
def plugin_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {}


@pytest.fixture
def shop(
    helm: str,
    made: Made,
    plugin_folders: dict[str, Path],
    cli: Cli,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    if helm not in plugin_folders:
        plugin_folders[helm] = tmp_path_factory.mktemp("plugins")
        cli("helm", "install-plugin", env={"HELM_BIN": helm, "HELM_PLUGINS": str(plugin_folders[helm])}).ok()
    monkeypatch.setenv("HELM_PLUGINS", str(plugin_folders[helm]))
    return Shop(checkout(made, tmp_path, monkeypatch), helm)


@pytest.fixture
def pgp(shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch, peer: Callable[[str], str]) -> Iterator[Pgp]:
    peer("gpg")
    home = Path(tempfile.mkdtemp(prefix="kg"))  # short: gpg's sockets are in it
    empty = Path(tempfile.mkdtemp(prefix="kg"))
    fingerprint = new_key(home, "somebody")
    armored = subprocess.run(
        ["gpg", "--homedir", home, "--batch", "--armor", "--export-secret-keys", fingerprint],
        capture_output=True,
        check=True,
    ).stdout
    key = shop.folder.parent / "keys/private.asc"
    key.parent.mkdir()
    key.write_bytes(armored)
    file = shop.folder.parent / "pgp.yaml"
    file.write_text("order: pgp\n")
    rules = shop.folder.parent / ".sops.yaml"
    rules.write_text(f"creation_rules: [{{pgp: {fingerprint}}}]\n")
    cli("encrypt", "-i", file, env={"GNUPGHOME": str(home)}).ok()
    rules.unlink()
    monkeypatch.setenv("GNUPGHOME", str(empty))
    empty.chmod(0o700)
    yield Pgp(empty, str(key), str(file))
    for each in (home, empty):
        subprocess.run(["gpgconf", "--homedir", each, "--kill", "all"], check=False)
        shutil.rmtree(each, ignore_errors=True)
