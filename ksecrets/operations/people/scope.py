"""The configuration of a repository and the files of its environments, as the commands about people need them."""

from __future__ import annotations

import os
import stat

from ksecrets.errors import ConfigError, KsecretsError, NotEncrypted
from ksecrets.files.open import read_metadata
from ksecrets.rules import FILE
from ksecrets.rules.config import Config, parse
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.operations.session import Session
    from ksecrets.repository.repository import Repository
    from ksecrets.storage.atomic import Source


class Secret:
    """One file that an environment names.

    path: from the working folder, for messages and commands. relative: below the top, with `/`. metadata: None for a
    file that is plaintext.
    """

    __slots__ = ("environment", "metadata", "path", "relative")

    def __init__(self, path: str, relative: str, environment: str, metadata: Metadata | None) -> None:
        self.path = path
        self.relative = relative
        self.environment = environment
        self.metadata = metadata


class Scope:
    """A `.ksecrets.yaml` with its text, and the folder that it rules.

    root: absolute. file: the configuration's path, for messages. repository: None outside of git.
    """

    __slots__ = ("config", "file", "repository", "root", "source")

    def __init__(self, root: str, repository: Repository | None, source: Source) -> None:
        self.root = root
        self.repository = repository
        self.source = source
        self.file = source.path
        self.config: Config = parse(source.text, FILE)

    def files(self, environments: Collection[str] | None = None) -> Iterator[Secret]:
        """The files of these environments (None: of all), by path. Links are left out, and what is not there.

        Raises KsecretsError for a file whose metadata cannot be read, and where two environments name one file.
        """
        for relative in self._names():
            environment = self.config.environment_of(relative)
            if environment is None or (environments is not None and environment.name not in environments):
                continue
            real = os.path.join(self.root, *relative.split("/"))
            try:
                if not stat.S_ISREG(os.lstat(real).st_mode):
                    continue
            except OSError:
                continue
            path = os.path.relpath(real)
            try:
                metadata = read_metadata(atomic.read(path).text)
            except NotEncrypted:
                metadata = None
            except KsecretsError as error:
                raise error.at(path) from None
            yield Secret(path, relative, environment.name, metadata)

    def _names(self) -> list[str]:
        if self.repository is not None:
            return self.repository.ls_files(untracked=True)
        found = []
        for above, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name != ".git"]
            below = os.path.relpath(above, self.root).replace(os.sep, "/")
            found += [name if below == "." else f"{below}/{name}" for name in names]
        return sorted(found)


def scope(session: Session, path: str = ".") -> Scope:
    """The configuration that rules a folder. Raises ConfigError where there is none, or only a `.sops.yaml`."""
    place = session.place(os.path.join(path, "ksecrets: a path that no file has"))
    if place.rules is None or place.rules.kind != "ksecrets":
        raise ConfigError(f"there is no {FILE} here", hint="ksecrets init")
    repository = session.repository(place)
    source = atomic.read(os.path.relpath(place.rules.file))
    return Scope(place.rules.root, repository, source)
