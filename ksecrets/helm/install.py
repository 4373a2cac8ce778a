"""Put the two plugins, `helm secrets` and the getter of secrets://, into the plugin folder of a Helm, or take them out.

They are the folders of helm-plugin/, with a launcher that starts this very ksecrets by absolute path instead of the
one of the PATH. The launcher is a script, because Helm splits commands at spaces, expands `$` in them, and looks for a
getter's command only inside its plugin's folder (Helm 3 and 4, pkg/getter and pkg/plugin). Two folders, because Helm 4
makes nothing but a getter of a plugin that has one; no apiVersion, because Helm 3 loads no plugin at all beside one
manifest that has it.
"""

from __future__ import annotations

import os
import sys

from ksecrets._version import __version__
from ksecrets.errors import KsecretsError
from ksecrets.helm.address import PROTOCOLS
from ksecrets.start import command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGINS = {"secrets": "wrap", "secrets-getter": "getter"}
"""The plugins, which are folders too, and the command of ``ksecrets helm`` behind each."""

NAMES = frozenset({*PLUGINS, "secrets-post-renderer"})
"""The names that nobody else may have. The third is that of the post-renderer that evaluate.py shows to Helm 4, and of
helm-secrets's; Helm 4 loads no plugin at all where two have one name."""

PLUGIN_VERSION = f"4.8.0+ksecrets.{__version__}"
"""The version of both plugins: of the helm-secrets whose words they have, and ours as build metadata. helmfile calls
`decrypt` from 4 on, `view` before, and `helmfile init` wants 4.7.4."""

_PROTOCOLS = frozenset(PROTOCOLS)
_MANIFEST = "plugin.yaml"
_MARK = "# A plugin of ksecrets."
_FILES = (_MANIFEST, "launch", "launch.cmd")


def install(helm: str | None = None, *, force: bool = False) -> list[str]:
    """Install both plugins for one Helm, or bring them up to date; run again, it changes nothing.

    helm: its path or name; by default HELM_BIN, else `helm` of the PATH. force: take out other plugins that stand in
    the way, and their folders with them.

    Returns lines to print. Raises KsecretsError where there is no Helm, where another plugin has one of the names or
    serves secrets://, or where Helm does not show the plugins in the end.
    """
    helm = helm or os.environ.get("HELM_BIN") or "helm"
    folder = _plugins_folder(helm)
    lines = _make_room(folder, force)
    for name, verb in PLUGINS.items():
        target = os.path.join(folder, name)
        manifest = _manifest(name)
        launcher = "launch.cmd" if os.name == "nt" else "launch"
        try:
            if os.path.islink(target):  # from `helm plugin install` of a clone, which is not ours to write to
                lines.append(f"took out the link {target} -> {os.readlink(target)}")
                os.unlink(target)
            os.makedirs(target, exist_ok=True)
            # The manifest goes last: from then on Helm knows the plugin.
            changed = _write(os.path.join(target, launcher), _launcher(verb), 0o755)
            changed |= _write(os.path.join(target, _MANIFEST), manifest, 0o644)
        except OSError as error:
            raise _cannot("written", target, error) from None
        state = "installed" if changed else "is up to date:"
        lines.append(f"{name} {__version__} {state} {'in ' if changed else ''}{target}")
    _verify(helm, folder)
    return lines


def uninstall(helm: str | None = None) -> list[str]:
    """Take both plugins out of one Helm. Returns lines to print; plugins of others stay. Raises KsecretsError."""
    helm = helm or os.environ.get("HELM_BIN") or "helm"
    folder = _plugins_folder(helm)
    lines = []
    for found in _found(folder):
        if not found.ours:
            continue
        try:
            if os.path.islink(found.folder):
                os.unlink(found.folder)
            else:
                for name in _FILES:
                    if os.path.lexists(path := os.path.join(found.folder, name)):
                        os.unlink(path)
                if not os.listdir(found.folder):
                    os.rmdir(found.folder)
        except OSError as error:
            raise _cannot("removed", found.folder, error) from None
        lines.append(f"{found.name} removed from {folder}")
    return lines or [f"nothing of ksecrets is in {folder}"]


class _Found:
    """A plugin that is in the folder. ours: one of PLUGINS, written by ksecrets or linked to its helm-plugin/."""

    __slots__ = ("folder", "name", "ours", "protocols")

    def __init__(self, folder: str, name: str, protocols: list[str], ours: bool) -> None:
        self.folder = folder
        self.name = name
        self.protocols = protocols
        self.ours = ours


def _found(folder: str) -> Iterator[_Found]:
    """The plugins in a folder, by the manifests that we can read: Helm says itself what it thinks of the others."""
    import yaml

    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _cannot("read", folder, error) from None
    for name in names:
        place = os.path.join(folder, name)
        try:
            with open(os.path.join(place, _MANIFEST), encoding="utf-8") as stream:
                text = stream.read()
            manifest = yaml.safe_load(text)
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue
        if not isinstance(manifest, dict):
            continue
        title = str(manifest.get("name"))
        yield _Found(place, title, _protocols(manifest), text.startswith(_MARK) and title in PLUGINS)


def _protocols(manifest: dict[object, object]) -> list[str]:
    """What a getter serves: `downloaders` of a legacy manifest, `config.protocols` of one with apiVersion v1."""
    downloaders = manifest.get("downloaders")
    parts = [*downloaders] if isinstance(downloaders, list) else []
    parts.append(manifest.get("config"))
    served: list[str] = []
    for part in parts:
        protocols = part.get("protocols") if isinstance(part, dict) else None
        served += [str(each) for each in protocols] if isinstance(protocols, list) else []
    return served


def _make_room(folder: str, force: bool) -> list[str]:
    """Refuse, or with `force` take out, whatever else has our names, our protocol or our places."""
    lines = []
    ours = set()
    for found in _found(folder):
        at_home = os.path.basename(found.folder) == found.name
        if found.ours and at_home:
            ours.add(found.name)
            continue
        if found.name in NAMES:
            why = f"another plugin is called {found.name}"
        elif served := sorted(_PROTOCOLS.intersection(found.protocols)):
            why = f"the plugin {found.name} serves {served[0]}:// already"
        else:
            continue
        # Two plugins of one name, and Helm 4 loads none at all.
        _take_out(found.folder, why, force or found.ours)
        lines.append(f"took out the plugin {found.name} of {found.folder}")
    for name in PLUGINS:
        place = os.path.join(folder, name)
        if name not in ours and os.path.lexists(place) and not _is_empty(place):
            _take_out(place, "something else is in the place of the plugin", force)
            lines.append(f"took out {place}")
    return lines


def _is_empty(place: str) -> bool:
    return os.path.isdir(place) and not os.path.islink(place) and not os.listdir(place)


def _take_out(place: str, why: str, allowed: bool) -> None:
    if not allowed:
        raise KsecretsError(why, file=place, hint="take it out with `helm plugin uninstall`, or use --force")
    import shutil

    try:
        if os.path.isdir(place) and not os.path.islink(place):
            shutil.rmtree(place)
        else:
            os.unlink(place)
    except OSError as error:
        raise _cannot("removed", place, error) from None


def _manifest(name: str) -> str:
    """The manifest of helm-plugin/, with the version of this ksecrets in it."""
    here = os.path.dirname(os.path.abspath(__file__))
    # In a wheel the folder is inside the package; in a clone it stands at the top.
    for root in (os.path.join(here, "plugin"), os.path.join(here, "..", "..", "helm-plugin")):
        try:
            with open(os.path.join(root, name, _MANIFEST), encoding="utf-8", newline="") as stream:
                lines = stream.read().split("\n")
        except FileNotFoundError:
            continue
        return "\n".join(f'version: "{PLUGIN_VERSION}"' if line.startswith("version:") else line for line in lines)
    raise KsecretsError("the folder helm-plugin is missing from this ksecrets", hint="install ksecrets again")


def _launcher(verb: str) -> str:
    """The script that Helm starts."""
    words = [*command(), "helm", verb]
    if os.name == "nt":
        return "@" + " ".join('"' + word.replace("%", "%%") + '"' for word in words) + " %*\r\n"
    import shlex

    python, start = shlex.quote(words[0]), shlex.quote(words[-3])
    return f"""\
#!/bin/sh
# Written by `ksecrets helm install-plugin`; run it again after ksecrets or its Python has moved.
test -x {python} && test -f {start} || {{
    echo "error: the ksecrets that installed this plugin of Helm is gone" >&2
    echo "hint: ksecrets helm install-plugin" >&2
    exit 127
}}
exec {shlex.join(words)} "$@"
"""


def _write(path: str, text: str, mode: int) -> bool:
    """Put a file in its place at once; returns whether it changed. Raises OSError."""
    data = text.encode()
    try:
        with open(path, "rb") as stream:
            if stream.read() == data and (os.name == "nt" or os.stat(path).st_mode & 0o777 == mode):
                return False
    except FileNotFoundError:
        pass
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise
    return True


def _plugins_folder(helm: str) -> str:
    """Where this Helm looks for plugins; of several folders the first. Helm 3 and 4 use the same one by default."""
    answer = _ask(helm, "env", "HELM_PLUGINS").strip()
    folder = answer.split(os.pathsep)[0]
    if not folder:
        raise KsecretsError(f"{helm} does not say where its plugins are", hint="set HELM_PLUGINS")
    return os.path.abspath(folder)


def _verify(helm: str, folder: str) -> None:
    """See the plugins as Helm does."""
    listed = {line.split("\t")[0].strip() for line in _ask(helm, "plugin", "list").splitlines()}
    missing = [name for name in PLUGINS if name not in listed]
    if missing:
        raise KsecretsError(
            f"{helm} does not load the plugin {missing[0]}",
            file=folder,
            hint=f"see what `{helm} plugin list` says; Helm 3 loads none beside one that is for Helm 4 only, "
            "and Helm 4 none where HELM_CACHE_HOME cannot be written",
        )


def _ask(helm: str, *argv: str) -> str:
    """What Helm prints; its standard error is the user's to see."""
    import subprocess

    try:
        done = subprocess.run([helm, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    except OSError as error:
        raise KsecretsError(f"cannot start {helm}: {error.strerror}", hint="set HELM_BIN to the path of Helm") from None
    if done.returncode:
        raise KsecretsError(f"`{helm} {' '.join(argv)}` failed (exit {done.returncode})")
    return done.stdout.decode(sys.getfilesystemencoding(), "replace")


def _cannot(done: str, path: str, error: OSError) -> KsecretsError:
    return KsecretsError(f"cannot be {done}: {error.strerror}", file=path)
