"""What of helm-secrets is in the way or is of no use any more; for `doctor`."""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError
from ksecrets.helm.install import _PROTOCOLS, PLUGINS, _found, _plugins_folder
from ksecrets.helm.settings import meaningless
from ksecrets.operations.doctor import Trouble


def clashes() -> list[Trouble]:
    """Plugins with one of our names, or that serve secrets://, and variables of helm-secrets that change nothing.

    No plugins where there is no Helm, or where it does not answer.
    """
    variables = [
        Trouble("helm-variable", "warning", f"{name} is set, and changes nothing here", f"unset {name}")
        for name in meaningless(os.environ)
    ]
    return [*_plugins(), *variables]


def _plugins() -> list[Trouble]:
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
