"""Where a values file may lie: what a shared machine (Jenkins, Argo CD) allows.

`HELM_SECRETS_VALUES_ALLOW_SYMLINKS`, `_ABSOLUTE_PATH` and `_PATH_TRAVERSAL` forbid by how a path is written, as in
helm-secrets. In Argo CD, where none of them says otherwise, a file must lie in the repository that Helm runs in, by
its real path: `../../values/secrets.yaml` of a monorepo works there, and no link leads out. Files of a second source
(`$values/...`) Argo CD itself gives as absolute paths; `KSECRETS_ARGOCD_CHECKOUTS` says below which folder.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.helm.settings import Settings

_ALLOW = "HELM_SECRETS_VALUES_ALLOW_"


def check_file(path: str, settings: Settings, *, plain: bool) -> None:
    """Raises KsecretsError where the settings do not allow a values file at this path.

    plain: it was written as a path alone, without secrets:// and other prefixes: Argo CD writes no others itself.
    """
    if settings.symlinks is False and os.path.islink(path):
        raise _refused("is a symbolic link, which is not allowed here", path, "SYMLINKS")
    if settings.absolute_paths is False and (path.startswith(("/", "\\")) or ":" in path):
        raise _refused("is an absolute path, which is not allowed here", path, "ABSOLUTE_PATH")
    if settings.traversal is False and ".." in path.replace("\\", "/").split("/"):
        raise _refused("goes up by .., which is not allowed here", path, "PATH_TRAVERSAL")
    if not settings.confined or _said_yes(path, settings):
        return
    top = repository_top(os.getcwd())
    if not is_below(path, top) and not (plain and settings.checkouts and _is_of_argo(path, settings)):
        raise _refused(f"lies outside of {top}", path, "ABSOLUTE_PATH, _PATH_TRAVERSAL or _SYMLINKS to true")


def check_key(path: str, settings: Settings) -> None:
    """Raises KsecretsError where key files must lie somewhere else (HELM_SECRETS_KEY_LOCATION_PREFIX).

    Both the path as it is written and the real one must begin with the prefix, so that neither `..` nor a link helps.
    """
    prefix = settings.key_prefix
    real_prefix = os.path.realpath(prefix) + (os.sep if prefix.endswith("/") else "")
    if prefix and not (path.startswith(prefix) and os.path.realpath(path).startswith(real_prefix)):
        raise KsecretsError("a key file is not allowed here", file=path, hint=f"it has to lie below {prefix}")


def repository_top(folder: str) -> str:
    """The top of the git repository that a folder is in, else the folder itself; both as a real path."""
    folder = os.path.realpath(folder)
    each = folder
    while not os.path.lexists(os.path.join(each, ".git")):
        above = os.path.dirname(each)
        if above == each:
            return folder
        each = above
    return each


def is_below(path: str, top: str) -> bool:
    """Whether a path, followed through all links, is in a folder (a real path)."""
    real = os.path.realpath(path)
    return real == top or real.startswith(top.rstrip(os.sep) + os.sep)


def _is_of_argo(path: str, settings: Settings) -> bool:
    """Whether Argo CD itself can have written this path.

    CHECKOUTS/ID/..., in that very checkout by its real path: no link from one team's repository to another's, or to a
    key. Or a file right in the folder for temporary files, where it puts the `values` of an Application.
    """
    if not os.path.isabs(path) or os.path.normpath(path) != path:
        return False
    base = settings.checkouts.rstrip("/") + "/"
    if path.startswith(base):
        checkout = base + path[len(base) :].split("/")[0]
        return not os.path.islink(checkout) and is_below(path, os.path.realpath(checkout)) and path != checkout
    temporary = (settings.environ.get("TMPDIR") or "/tmp").rstrip("/")
    return os.path.dirname(path) == temporary and not os.path.islink(path)


def _said_yes(path: str, settings: Settings) -> bool:
    """Whether a variable allows explicitly what this path makes use of."""
    if os.path.isabs(path):
        return settings.absolute_paths is True
    if ".." in path.replace("\\", "/").split("/"):
        return settings.traversal is True
    return settings.symlinks is True


def _refused(message: str, path: str, name: str) -> KsecretsError:
    return KsecretsError(message, file=path, hint=f"see {_ALLOW}{name}")
