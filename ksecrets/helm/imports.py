"""Keys that an address brings along: an age or PGP key from a file, or from a Secret of the cluster.

A key makes an environment in which a session looks for identities; it is never written to a disk, and no other
program gets it, but for gpg, which reads keys from nothing but a keyring: that one is in a private folder in memory,
and a process of its own removes it when we end, whatever ends us.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError
from ksecrets.helm.confine import check_key
from ksecrets.helm.settings import not_allowed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from ksecrets.helm.address import Key
    from ksecrets.helm.settings import Settings

_SECONDS = 60


def environment(key: Key, settings: Settings, child: Mapping[str, str], rings: Keyrings) -> dict[str, str]:
    """The environment in which the key of an address is found, beside those of the user.

    child: the environment for kubectl and gpg. Raises KsecretsError where the key is not allowed, or not there.
    """
    name = f"{key.service.upper()}_IMPORT" + ("_KUBERNETES" if key.in_cluster else "")
    if name not in settings.imports:
        scheme = f"secrets+{key.service}-import" + ("-kubernetes" if key.in_cluster else "")
        raise not_allowed(f"{scheme}://", f"ALLOW_{name}")
    if key.in_cluster:
        from ksecrets.references.cluster import key_of_secret

        content = key_of_secret(key.where, settings.kubectl, child)
    else:
        check_key(key.where, settings)
    environ = dict(settings.environ)
    if key.service == "gpg":
        sources: list[str | bytes] = [content if key.in_cluster else key.where]
        environ["GNUPGHOME"] = rings.make(sources, environ)
    elif key.in_cluster:
        theirs = environ.get("SOPS_AGE_KEY", "")
        environ["SOPS_AGE_KEY"] = content.decode("utf-8", "replace") + ("\n" + theirs if theirs else "")
    else:
        environ["SOPS_AGE_KEY_FILE"] = key.where
    return environ


def loaded(settings: Settings, rings: Keyrings) -> dict[str, str]:
    """The environment with the PGP keys of HELM_SECRETS_LOAD_GPG_KEYS: files, or folders of files."""
    sources: list[str | bytes] = []
    for path in settings.keyrings:
        try:
            names = sorted(os.listdir(path)) if os.path.isdir(path) else None
        except OSError as error:
            raise KsecretsError(f"cannot be read: {error.strerror}", file=path) from None
        sources += [path] if names is None else [os.path.join(path, name) for name in names]
    environ = dict(settings.environ)
    environ["GNUPGHOME"] = rings.make(sources, environ)
    return environ


class Keyrings:
    """The keyrings that were made; gone at the end of the `with` block, and when this process is killed."""

    __slots__ = ("_keepers",)

    def __init__(self) -> None:
        self._keepers: list[tuple[int, int]] = []

    def __enter__(self) -> Keyrings:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._keepers:
            lifeline, child = self._keepers.pop()
            os.close(lifeline)
            os.waitpid(child, 0)

    def make(self, sources: Sequence[str | bytes], environ: Mapping[str, str]) -> str:
        """A new keyring with the private keys of files, or given as bytes; returns its folder.

        Raises KsecretsError where gpg does not take one.
        """
        if not hasattr(os, "fork"):
            raise KsecretsError("a PGP key cannot be imported for one command on this system", hint="gpg --import FILE")
        import shutil

        from ksecrets.storage.private import Folder

        gpg = shutil.which(environ.get("SOPS_GPG_EXEC") or "gpg", path=environ.get("PATH"))
        if gpg is None or not os.path.isabs(gpg):
            raise KsecretsError("there is no gpg on the PATH", hint="install GnuPG")
        folder = Folder()
        self._keep(folder)
        for source in sources:
            _import(gpg, folder.path, source, environ)
        return folder.path

    def _keep(self, folder: object) -> None:
        """Make the folder in a child, which removes it at the end of a lifeline that dies with us."""
        from ksecrets.storage.private import Folder

        assert isinstance(folder, Folder)
        alive, ours = os.pipe()
        ready, tell = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(ours)
                os.close(ready)
                os.setsid()
                null = os.open(os.devnull, os.O_RDWR)
                for stream in range(3):
                    os.dup2(null, stream)
                with folder:
                    os.write(tell, b"+")
                    os.close(tell)
                    os.read(alive, 1)
                    _stop_agent(folder.path)
            finally:
                os._exit(0)
        os.close(alive)
        os.close(tell)
        self._keepers.append((ours, child))
        made = os.read(ready, 1)
        os.close(ready)
        if not made:
            raise KsecretsError("cannot make a private folder", file=folder.path)


def _import(gpg: str, home: str, source: str | bytes, environ: Mapping[str, str]) -> None:
    import subprocess

    argv = [gpg, "--homedir", home, "--batch", "--no-permission-warning", "--quiet", "--import"]
    name = source if isinstance(source, str) else "the key of the Secret"
    try:
        if isinstance(source, str):
            with open(source, "rb") as stream:
                source = stream.read()
        done = subprocess.run(argv, input=source, env=dict(environ), capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise KsecretsError(f"gpg does not answer in {_SECONDS} s", file=name) from None
    except OSError as error:
        raise KsecretsError(f"cannot be read: {error.strerror}", file=name) from None
    if done.returncode:
        raise KsecretsError("gpg does not take this key", file=name)


def _stop_agent(home: str) -> None:
    """The agent that gpg left behind for this keyring; it ends by itself, too, when its folder goes."""
    import subprocess

    argv = ["gpgconf", "--homedir", home, "--kill", "all"]
    try:
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        pass
