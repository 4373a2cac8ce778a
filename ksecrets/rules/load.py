"""Which configuration rules a file: found from the file upwards, read once, asked by path.

docs/threat-model.md: inside git only the `.ksecrets.yaml` at the top counts, so that a folder of a pull request cannot
bring rules of its own. No process is started: the top is where `.git` is.
"""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError, RuleViolation
from ksecrets.rules import FILE, SOPS_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Literal

    from ksecrets.rules import config, sopsconfig
    from ksecrets.rules.policy import Policy

_MAX_SIZE = 4 * 1024 * 1024  # characters; far above any configuration, far below what would hurt


class Rules:
    """A configuration and the folder that its paths are relative to.

    root: absolute path without symlinks. file: absolute path of the configuration. kind: `ksecrets` or `sops`.
    config: the parsed file. chosen: the user named it, so that it rules files outside of its folder, too, by their
    absolute paths (sops, config/config.go).
    """

    __slots__ = ("chosen", "config", "file", "kind", "root")

    def __init__(self, file: str, found: config.Config | sopsconfig.SopsConfig, *, chosen: bool = False) -> None:
        self.root = os.path.dirname(file)
        self.file = file
        self.config = found
        self.chosen = chosen
        self.kind: Literal["ksecrets", "sops"] = "ksecrets" if os.path.basename(file) == FILE and not chosen else "sops"

    def policy(self, path: str) -> Policy | None:
        """What holds for a file, by its path below `root` with `/`; None where nothing is said about it.

        Raises ConfigError, among others where two environments name the file.
        """
        return self.config.policy(path)

    def policy_for(self, path: str) -> Policy | None:
        """What holds for a file on the disk (it need not exist yet): the policy of what its path really leads to.

        Raises RuleViolation where the path goes through a symlink and by its own name would have another policy.
        """
        real = self.relative(os.path.realpath(path))
        policy = None if real is None else self.policy(real)
        own = os.path.abspath(path)
        if os.path.realpath(own) == own:
            return policy
        named = _policy_by_name(own, self)
        if named is not None and _origin(named) != _origin(policy):
            raise RuleViolation(
                f"a symlink from {named.environment or named.source} to"
                f" {'a file without rules' if policy is None else policy.environment or policy.source}",
                file=path,
                hint="name the file itself, or keep the link and its target in one environment",
            )
        return policy

    def relative(self, path: str) -> str | None:
        """The path below `root` with `/`, or None where the (absolute, real) path is elsewhere (see `chosen`)."""
        root = self.root.rstrip(os.sep) + os.sep
        if not path.startswith(root):
            return path.replace(os.sep, "/") if self.chosen else None
        return path[len(root) :].replace(os.sep, "/")

    def indent(self, format: str) -> int | None:
        """Spaces a level where lines of a format are written anew; None where nothing is said (as in our own rules)."""
        indents: Mapping[str, int] = getattr(self.config, "indents", {})
        return indents.get(format)

    def name_of(self, service: str, fields: Mapping[str, str]) -> str | None:
        """The recipient's name for a key as it stands in metadata; None for unknown keys, and under `.sops.yaml`."""
        names: Callable[..., str | None] | None = getattr(self.config, "name_of", None)
        return names(service, fields) if names is not None else None


def find(start: str, chosen: str | None = None) -> Rules | None:
    """The configuration that rules a file or folder (which need not exist), or None where there is none.

    chosen: the path of a `.sops.yaml` by the user's own word (SOPS_CONFIG), instead of the nearest one.

    In git: `.ksecrets.yaml` at the top of the working tree; one in a folder between is an error. Outside git: the
    nearest one upwards. Where there is none: `chosen`, else the nearest `.sops.yaml` upwards. Symlinks are followed
    first. Raises ConfigError.
    """
    real = os.path.realpath(start)
    folders = list(_upwards(real if os.path.isdir(real) else os.path.dirname(real)))
    top = next((folder for folder in folders if os.path.lexists(os.path.join(folder, ".git"))), None)
    for folder in folders:
        file = os.path.join(folder, FILE)
        if os.path.lexists(file):
            if top is not None and folder != top:
                raise ConfigError(
                    f"only the {FILE} at the top of the repository counts, and this is another one",
                    file=file,
                    hint=f"move its environments to {os.path.join(top, FILE)} and delete it",
                )
            from ksecrets.rules import config

            return Rules(file, config.parse(_read(file), shown(file)))
        if folder == top:
            break
    if chosen:
        from ksecrets.rules import sopsconfig

        return Rules(os.path.realpath(chosen), sopsconfig.parse(_read(chosen), chosen), chosen=True)
    for folder in folders:
        file = os.path.join(folder, SOPS_FILE)
        if os.path.isfile(file):
            from ksecrets.rules import sopsconfig

            return Rules(file, sopsconfig.parse(_read(file), shown(file)))
    return None


def shown(file: str) -> str:
    """A path for messages: relative to the working folder where that is shorter."""
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive
        return file
    return relative if len(relative) < len(file) else file


def _policy_by_name(own: str, rules: Rules) -> Policy | None:
    """The policy of an absolute path taken by its own name, up to the folder in which rules are found."""
    below = ""
    folder, name = os.path.split(own)
    while True:
        below = f"{name}/{below}" if below else name
        real = os.path.realpath(folder)
        if real == rules.root:
            return rules.policy(below)
        if any(os.path.lexists(os.path.join(real, entry)) for entry in (".git", FILE)):
            other = find(real)
            if other is not None and other.root == real:
                return other.policy(below)
        if folder == os.path.dirname(folder):
            return None
        folder, name = os.path.split(folder)


def _origin(policy: Policy | None) -> tuple[str, ...] | None:
    """What two paths must share: the environment, or under `.sops.yaml` the rule."""
    return None if policy is None else (policy.environment or policy.source,)


def _upwards(folder: str) -> Iterator[str]:
    while True:
        yield folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return
        folder = parent


def _read(file: str) -> str:
    try:
        if not os.path.isfile(file):
            raise ConfigError("not a file", file=file)
        with open(file, encoding="utf-8", newline="") as stream:
            text = stream.read(_MAX_SIZE + 1)
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", file=file) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {(error.strerror or 'unknown error').lower()}", file=file) from None
    if len(text) > _MAX_SIZE:
        raise ConfigError("too big for a configuration", file=file)
    return text
