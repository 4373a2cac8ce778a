"""Which plugins of the Helm at hand stand in the way of ours; for `doctor`."""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError
from ksecrets.helm.install import _PROTOCOLS, PLUGINS, _found, _plugins_folder
from ksecrets.operations.doctor import Trouble


def clashes() -> list[Trouble]:
    """Plugins with one of our names, or that serve secrets://. None where there is no Helm, or it does not answer."""
    import shutil

    helm = os.environ.get("HELM_BIN") or shutil.which("helm")
    if not helm:
        return []
    try:
        others = [plugin for plugin in _found(_plugins_folder(helm)) if not plugin.ours]
    except KsecretsError:
        return []
    fix = "ksecrets helm install-plugin --force"
    return [
        Trouble("helm-plugin", "warning", f"Helm has another plugin {plugin.name!r} in {plugin.folder}", fix)
        for plugin in others
        if plugin.name in PLUGINS or _PROTOCOLS.intersection(plugin.protocols)
    ]
