"""What the stories about Helm share: one repository, and the plugins of each Helm, made once a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.charts import Made, Shop, checkout
from tests.conftest import Cli


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
