"""`.ksecrets.yaml`: who there is, and which environment says what about which file.

`parse` reads the whole file and refuses anything it does not know: a misspelt setting that is ignored is a secret in
plaintext. What a name or glob means is settled here, once; `Config.policy` then only matches paths. The rules of the
format are in docs/configuration.md and, for editors, in rules/schema.json.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError
from ksecrets.rules import FILE
from ksecrets.rules.environment import ALWAYS, SETTINGS, Environment, Settings, readers_of, settings
from ksecrets.rules.fields import SERVICES, aws_kms, from_url, pkcs11
from ksecrets.rules.policy import NOT_IN_SOPS, Policy, Reader, identity
from ksecrets.rules.reading import Part, load, nearest
from ksecrets.text.tree import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from ksecrets.rules.policy import Compatible, Kind

VERSION = 1

_TOP = ("version", "sops-compatible", "recipients", "groups", "pending", "defaults", "environments")
_EXTRAS = {"aws-kms": ("context", "role", "profile"), "pkcs11": ("algorithm",)}


class Pending:
    """Somebody who asked to read: a reader that opens nothing yet, and the environments wanted."""

    __slots__ = ("line", "reader", "wants")

    def __init__(self, reader: Reader, wants: tuple[str, ...], line: int) -> None:
        self.reader = reader
        self.wants = wants
        self.line = line


class Config:
    """A parsed `.ksecrets.yaml`. Mappings are in the file's order.

    file: its name for messages. sops_compatible: `prefer` or `require`. recipients: by name. groups: name ->
    the recipients' names in it. pending, environments: by name.
    """

    __slots__ = ("_names", "environments", "file", "groups", "pending", "recipients", "sops_compatible")

    def __init__(self, file: str) -> None:
        self.file = file
        self.sops_compatible: Compatible = "prefer"
        self.recipients: dict[str, Reader] = {}
        self.groups: dict[str, tuple[str, ...]] = {}
        self.pending: dict[str, Pending] = {}
        self.environments: dict[str, Environment] = {}
        self._names: dict[tuple[object, ...], str] | None = None  # by key; once all recipients are there

    def environment_of(self, path: str) -> Environment | None:
        """The environment of a file (path below the top, parts joined by `/`), or None where no rule names it.

        Raises ConfigError where two environments do.
        """
        found = [environment for environment in self.environments.values() if environment.has(path)]
        if len(found) > 1:
            raise ConfigError(
                f"{path} is in two environments, {found[0].name} and {found[1].name}",
                file=self.file,
                line=found[1].line,
                hint="change `files` of one of them: each file has one environment",
            )
        return found[0] if found else None

    def policy(self, path: str) -> Policy | None:
        """What holds for a file, or None where no environment names it. Raises ConfigError as `environment_of`."""
        environment = self.environment_of(path)
        return environment.policy(path, self.file, self.sops_compatible) if environment else None

    def name_of(self, service: str, fields: Mapping[str, str]) -> str | None:
        """The name of the recipient with this key, if it has one (fields as in metadata; more may be there)."""
        if self._names is None:
            named = reversed(self.recipients.values())  # of two names for one key, the first
            self._names = {identity(reader.service, reader.fields): reader.name for reader in named}
        return self._names.get(identity(service, fields))

    def check(self) -> None:
        """What `parse` leaves for later because it is dear: that every regular expression can be used."""
        for environment in self.environments.values():
            environment.check(self.file)


def parse(text: str, file: str = FILE) -> Config:
    """A `.ksecrets.yaml`. Raises ConfigError with file, line and, for names, the nearest known one."""
    top = Part(load(text.removeprefix("\ufeff"), file), file, "", 1, known=_TOP)
    _version(top)
    config = Config(file)
    config.sops_compatible = top.word("sops-compatible", _COMPATIBLE) or "prefer"
    _recipients(top, config)
    _groups(top, config)
    defaults = top.part("defaults", known=("readers", *SETTINGS))
    base = settings(defaults, Settings())
    if top.has("sops-compatible"):
        base.lines["sops-compatible"] = top.line_of("sops-compatible")
    if defaults.has("readers"):
        base.lines[ALWAYS] = defaults.line_of("readers")
    always = readers_of(defaults, "readers", config) or ()
    environments = top.part("environments")
    for name in environments.tree:
        _check_name(environments, name, "an environment")
        config.environments[name] = Environment(environments.part(name), name, config, base, always)
    if config.sops_compatible == "require":
        _check_sops_opens(config)
    _pending(top, config)
    return config


_COMPATIBLE: tuple[Literal["prefer"], Literal["require"]] = ("prefer", "require")
_KINDS: tuple[Literal["person"], Literal["machine"], Literal["recovery"]] = ("person", "machine", "recovery")


def _version(top: Part) -> None:
    if not top.has("version"):
        raise top.error("`version: 1` is missing", hint=f"put `version: {VERSION}` at the top")
    if top.text("version") != str(VERSION):
        raise top.error(
            f"this ksecrets reads version {VERSION} of the configuration",
            "version",
            hint="a newer ksecrets may read it",
        )


def _recipients(top: Part, config: Config) -> None:
    keys: dict[tuple[object, ...], str] = {}
    recipients = top.part("recipients")
    for name in recipients.tree:
        reader = _reader(recipients, name, more=())
        key = identity(reader.service, reader.fields)
        if key in keys:
            raise recipients.error(f"{name} has the same key as {keys[key]}", name)
        keys[key] = name
        config.recipients[name] = reader


def _reader(parent: Part, name: str, *, more: tuple[str, ...]) -> Reader:
    _check_name(parent, name, "a recipient")
    known = ("kind", *SERVICES, *(extra for extras in _EXTRAS.values() for extra in extras), *more)
    part = parent.part(name, known=known)
    services = [service for service in SERVICES if part.has(service)]
    if len(services) != 1:
        raise parent.error("a recipient has exactly one key", name, hint="one of " + ", ".join(SERVICES))
    service = services[0]
    for extra in part.tree:
        if extra not in ("kind", service, *_EXTRAS.get(service, ()), *more):
            raise part.error(f"{short(extra)} does not go with `{service}`", extra)
    kind: Kind = part.word("kind", _KINDS) or "person"
    text = part.text(service)
    assert text is not None
    try:
        if service == "aws-kms":
            context = part.part("context")
            pairs = {key: context.text(key) or "" for key in context.tree}
            made = aws_kms(text, part.text("role") or "", part.text("profile") or "", pairs)
        elif service == "pkcs11":
            made = pkcs11(text, part.text("algorithm") or "")
        else:
            made = from_url(service, text)
    except ConfigError as error:
        raise part.error(error.message, service, hint=error.hint) from None
    return Reader(name, kind, *made)


def _check_sops_opens(config: Config) -> None:
    if not any(reader.service in NOT_IN_SOPS for reader in config.recipients.values()):
        return
    for environment in config.environments.values():
        for rule in (None, *environment.rules):
            if not environment.policy_of(rule, config.file, "require").sops_opens:
                raise ConfigError(
                    f"{environment.name}: sops does not know the services of these readers, and the rules require that"
                    " it reads the files",
                    file=config.file,
                    line=environment.line if rule is None else rule.line,
                    hint="add a reader that sops knows, or set `sops-compatible: prefer`",
                )


def _groups(top: Part, config: Config) -> None:
    groups = top.part("groups")
    for name in groups.tree:
        _check_name(groups, name, "a group")
        if name in config.recipients:
            raise groups.error(f"{name} is a recipient, too", name)
        members = groups.texts(name)
        assert members is not None
        for member, line in members:
            if member in groups.tree:
                raise groups.error(f"the group {member} stands in a group; name its recipients", name, line=line)
            if member not in config.recipients:
                hint = nearest(member, config.recipients)
                raise groups.error(f"no recipient is called {short(member)}", name, line=line, hint=hint)
        config.groups[name] = tuple(dict.fromkeys(member for member, _line in members))


def _pending(top: Part, config: Config) -> None:
    pending = top.part("pending")
    for name in pending.tree:
        reader = _reader(pending, name, more=("wants",))
        part = pending.part(name)
        known = config.recipients.get(name)
        if known is not None and not known.same_key(reader.service, reader.fields):
            raise pending.error(f"{name} is a recipient with another key", name)
        wants = part.texts("wants") or []
        for wanted, line in wants:
            if wanted not in config.environments:
                hint = nearest(wanted, config.environments)
                raise part.error(f"no environment is called {short(wanted)}", "wants", line=line, hint=hint)
        config.pending[name] = Pending(reader, tuple(wanted for wanted, _line in wants), pending.line_of(name))


def _check_name(part: Part, name: str, what: str) -> None:
    """Names are printed in lists and stand in commands: letters, digits and a few signs."""
    if not name or not all(char.isalnum() or char in "._@+-" for char in name) or name[0] in "-.+@":
        raise part.error(f"{short(name)} cannot be the name of {what}", name, hint="letters, digits and . _ @ + -")
