"""The rules that a tree brings along: its `.ksecrets.yaml`, else the nearest `.sops.yaml` of each file.

The same choice as `rules.load.find` makes on the disk, from objects of git.
"""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.operations.findings import Finding
from ksecrets.operations.session import Place
from ksecrets.operations.wanted import Wanted
from ksecrets.rules import FILE, SOPS_FILE
from ksecrets.rules.load import Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.findings import Severity
    from ksecrets.operations.review.snapshot import Snapshot
    from ksecrets.rules.config import Config
    from ksecrets.rules.policy import Policy

OWN = (FILE, SOPS_FILE, ".gitattributes", ".gitignore", ".gitmodules")


class TreeRules:
    """The rules of one tree. top: of the repository, for names of files. problems: what is wrong with them.

    own: the Rules of `.ksecrets.yaml`, None where the tree has none or it is broken. broken: it is there, and broken.
    """

    __slots__ = ("_folders", "_snapshot", "_wanted", "broken", "own", "problems", "top")

    def __init__(self, snapshot: Snapshot, top: str) -> None:
        self.top = top
        self.problems: list[Finding] = []
        self.own: Rules | None = None
        self.broken = False
        self._snapshot = snapshot
        self._folders: dict[str, Rules | None] = {}
        self._wanted = Wanted()
        if FILE in snapshot.entries:
            self.own = self._parse(FILE)
            self.broken = self.own is None

    @property
    def exist(self) -> bool:
        """Whether the tree has any rules, readable or not."""
        entries = self._snapshot.entries
        return FILE in entries or any(path.rsplit("/", 1)[-1] == SOPS_FILE for path in entries)

    @property
    def config(self) -> Config | None:
        """The parsed `.ksecrets.yaml`."""
        return self.own.config if self.own is not None else None  # type: ignore[return-value]

    def policy(self, path: str) -> Policy | None:
        """What holds for a file. Raises ConfigError."""
        rules = self._rules(path)
        if rules is None:
            return None
        below = rules.relative(os.path.join(self.top, *path.split("/")))
        return rules.policy(below) if below is not None else None

    def environment(self, path: str) -> str | None:
        """The environment of a file; None where there is none, or the rules do not say one thing."""
        try:
            policy = self.policy(path)
        except ConfigError:
            return None
        return policy.environment if policy is not None else None

    def place(self, path: str) -> Place:
        """The place of a file under these rules. It has no place on the disk. Raises ConfigError."""
        policy = self.policy(path)
        return Place(path, None, self.top, path, self._rules(path), policy)

    def plaintext(self, place: Place) -> Severity | None:
        """What a plaintext file at this place is (see `wanted.Wanted`)."""
        return self._wanted.plaintext(place)

    def _rules(self, path: str) -> Rules | None:
        if self.own is not None or self.broken:
            return self.own
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            file = f"{folder}/{SOPS_FILE}" if folder else SOPS_FILE
            if file in self._snapshot.entries:
                if file not in self._folders:
                    self._folders[file] = self._parse(file)
                return self._folders[file]
        return None

    def _parse(self, file: str) -> Rules | None:
        from ksecrets.rules import config, sopsconfig

        try:
            if not self._snapshot.entries[file].is_file:
                raise ConfigError("is a symbolic link, and a configuration is a file", file=file)
            text = self._snapshot.text(file)
            if text is None:
                raise ConfigError("not UTF-8 text, or too large", file=file)
            where = os.path.join(self.top, *file.split("/"))
            if not file.endswith(FILE):
                return Rules(where, sopsconfig.parse(text, file))
            parsed = config.parse(text, file)
            parsed.check()
            return Rules(where, parsed)
        except KsecretsError as error:
            self.problems.append(Finding.of(error, "config", file))
            return None
