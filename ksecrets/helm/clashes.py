"""What is in the way of the plugins, and what of helm-secrets is of no use any more; for `doctor`."""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError
from ksecrets.helm.install import _PROTOCOLS, NAMES, _ask, _found, _plugins_folder
from ksecrets.helm.settings import meaningless
from ksecrets.operations.doctor import Trouble


def clashes() -> list[Trouble]:
    """Plugins with one of our names, or that serve secrets://, a cache folder that Helm cannot write to, and variables
    of helm-secrets that change nothing.

    Nothing of Helm where there is no Helm, or where it does not answer.
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
        cache = _cache(helm)
    except KsecretsError:
        return []
    fix = "ksecrets helm install-plugin --force"
    return cache + [
        Trouble("helm-plugin", "warning", f"Helm has another plugin {plugin.name!r} in {plugin.folder}", fix)
        for plugin in others
        if plugin.name in NAMES or _PROTOCOLS.intersection(plugin.protocols)
    ]


def _cache(helm: str) -> list[Trouble]:
    """Helm 4 makes its cache folder before it loads a plugin, and loads none, without a word, where it cannot."""
    folder = _ask(helm, "env", "HELM_CACHE_HOME").strip()
    if not os.path.isabs(folder):
        return []
    place = folder
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
        return []
    what = f"Helm cannot write to its cache folder {folder}, and Helm 4 then loads no plugin"
    return [Trouble("helm-cache", "warning", what, "export HELM_CACHE_HOME=$(mktemp -d)")]
