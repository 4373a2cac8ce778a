"""One environment of `.ksecrets.yaml`: its files, its readers, and the rules inside it, which only narrow.

Settings go from `defaults` to the environment to the first rule that matches. A rule may take readers away, never
add one, and may require a seal, never waive it. `defaults.readers` (recovery keys) read every file of every
environment, whatever the environment or a rule says; only `shares` stand alone.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError
from ksecrets.rules.globs import Glob
from ksecrets.rules.policy import Policy, Reader, Shares
from ksecrets.rules.reading import Part, nearest, texts
from ksecrets.rules.selector import Selector
from ksecrets.text.tree import Mapping, Scalar, Sequence, short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ksecrets.rules.config import Config
    from ksecrets.rules.policy import Comments, Compatible

SETTINGS = ("encrypt", "comments", "seal", "mac-only-encrypted", "min-readers", "rotate-after")
ALWAYS = "defaults.readers"
"""The name under which `Policy.origins` has the line of the readers of every file."""
_ENVIRONMENT = ("files", "readers", "shares", "rules", *SETTINGS)
_RULE = ("files", "readers", "encrypt", "comments", "seal", "mac-only-encrypted", "min-readers")
_COMMENTS: tuple[Literal["auto"], Literal["keep"], Literal["encrypt"]] = ("auto", "keep", "encrypt")

_SELECTORS = {
    "key-regex": "encrypted_regex",
    "key-suffix": "encrypted_suffix",
    "comment-regex": "encrypted_comment_regex",
    "except-key-regex": "unencrypted_regex",
    "except-key-suffix": "unencrypted_suffix",
    "except-comment-regex": "unencrypted_comment_regex",
}
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


class Settings:
    """What `defaults`, an environment and a rule can each say; None: nothing was said."""

    __slots__ = ("comments", "lines", "mac_only", "min_readers", "rotate_after", "seal", "selector", "selector_line")

    def __init__(self) -> None:
        self.selector: Selector | None = None
        self.selector_line = 0
        self.comments: Comments | None = None
        self.seal: bool | None = None
        self.mac_only: bool | None = None
        self.min_readers: int | None = None
        self.rotate_after: int | None = None
        self.lines: dict[str, int] = {}  # setting -> where it was said


def settings(part: Part, base: Settings) -> Settings:
    """The settings of a part, those of `base` where it says nothing. Raises ConfigError."""
    made = Settings()
    selector = _selector(part)
    made.selector = selector or base.selector
    made.selector_line = part.line_of("encrypt") if selector else base.selector_line
    made.comments = part.word("comments", _COMMENTS) or base.comments
    seal = part.word("seal", ("required", "optional"))
    made.seal = base.seal if seal is None else seal == "required"
    mac_only = part.flag("mac-only-encrypted")
    made.mac_only = base.mac_only if mac_only is None else mac_only
    made.min_readers = part.number("min-readers") or base.min_readers
    made.rotate_after = _days(part) or base.rotate_after
    made.lines = {**base.lines, **{name: part.line_of(name) for name in SETTINGS if part.has(name)}}
    return made


def _selector(part: Part) -> Selector | None:
    if not part.has("encrypt"):
        return None
    value = part.tree["encrypt"]
    if isinstance(value, Scalar):
        part.word("encrypt", ("all",))
        return Selector()
    selectors = part.part("encrypt")
    for key in selectors.tree:
        if key not in _SELECTORS:
            ours = {theirs: name for name, theirs in _SELECTORS.items()}
            hint = f"it is `{ours[key]}` here" if key in ours else nearest(key, _SELECTORS)
            raise selectors.error(f"no selector is called {short(key)}", key, hint=hint)
    if len(selectors.tree) != 1:
        raise part.error("`all` or exactly one selector is expected here", "encrypt", hint=", ".join(_SELECTORS))
    (key,) = selectors.tree
    text = selectors.text(key)
    assert text is not None
    return Selector(_SELECTORS[key], text)


def _days(part: Part) -> int | None:
    value = part.text("rotate-after")
    if value is None:
        return None
    count, unit = value[:-1], value[-1:]
    if unit not in _DAYS or not (count.isascii() and count.isdigit() and len(count) < 6 and int(count) > 0):
        raise part.error("a number of days, weeks, months or years is expected", "rotate-after", hint="such as 90d")
    return int(count) * _DAYS[unit]


def readers_of(part: Part, key: str, config: Config) -> tuple[Reader, ...] | None:
    """The recipients that a list of names stands for, groups spread out, or None where the key is missing."""
    names = part.texts(key)
    return None if names is None else _spread(names, part, key, config)


def _spread(names: list[tuple[str, int]], part: Part, key: str, config: Config) -> tuple[Reader, ...]:
    found: dict[str, Reader] = {}
    for name, line in names:
        if name not in config.groups and name not in config.recipients:
            hint = nearest(name, (*config.recipients, *config.groups))
            raise part.error(f"no recipient or group is called {short(name)}", key, line=line, hint=hint)
        for member in config.groups.get(name, (name,)):
            found[member] = config.recipients[member]
    return tuple(found.values())


class Rule:
    """A rule in an environment: for some of its files, something narrower."""

    __slots__ = ("globs", "line", "name", "readers", "readers_line", "settings")

    def __init__(self, part: Part, config: Config, base: Settings, allowed: tuple[Reader, ...] | None) -> None:
        self.line = part.line
        self.name = part.path
        self.globs = _globs(part)
        self.settings = settings(part, base)
        if base.seal and not self.settings.seal:
            raise part.error("a rule only narrows: the environment requires a seal", "seal")
        self.readers = readers_of(part, "readers", config)
        self.readers_line = part.line_of("readers")
        if self.readers is None:
            return
        if allowed is None:
            raise part.error("an environment with `shares` has no readers to choose from", "readers")
        for reader in self.readers:
            if reader not in allowed:
                raise part.error(
                    f"a rule only narrows: {reader.name} does not read the environment",
                    "readers",
                    hint="add it to the environment's readers, and narrow the other rules",
                )
        if not self.readers:
            raise part.error("nobody would read these files", "readers")


class Environment:
    """One environment: `name`, `line`, `readers` (those of the defaults last), `shares` or None."""

    __slots__ = ("_always", "_readers_line", "globs", "line", "name", "readers", "rules", "settings", "shares")

    def __init__(self, part: Part, name: str, config: Config, base: Settings, always: tuple[Reader, ...]) -> None:
        """Raises ConfigError."""
        self.name = name
        self.line = part.line
        Part(part.tree, part.file, part.path, part.line, known=_ENVIRONMENT)
        self.globs = _globs(part)
        self.settings = settings(part, base)
        self._always = always
        self.shares = _shares(part, config)
        self._readers_line = part.line_of("readers" if self.shares is None else "shares")
        own = readers_of(part, "readers", config)
        if (own is None) == (self.shares is None):
            raise part.error("an environment has either `readers` or `shares`")
        if own is not None and not own:
            raise part.error("nobody would read these files", "readers")
        if self.shares is not None:
            self.readers = tuple(dict.fromkeys(reader for group in self.shares.groups for reader in group))
        else:
            self.readers = tuple(dict.fromkeys((*(own or ()), *always)))
        allowed = None if self.shares is not None else self.readers
        self.rules = [Rule(rule, config, self.settings, allowed) for rule in _rules(part)]

    def has(self, path: str) -> bool:
        """Whether the environment's files include this one."""
        return any(glob.matches(path) for glob in self.globs)

    def policy(self, path: str, file: str, sops_compatible: Compatible) -> Policy:
        """What holds for a file of this environment."""
        rule = next((rule for rule in self.rules if any(glob.matches(path) for glob in rule.globs)), None)
        return self.policy_of(rule, file, sops_compatible)

    def policy_of(self, rule: Rule | None, file: str, sops_compatible: Compatible) -> Policy:
        """What holds for the files of one of its rules, or for those that no rule is about."""
        chosen = self.settings if rule is None else rule.settings
        readers = self.readers
        line = self._readers_line
        if rule is not None and rule.readers is not None:
            readers = tuple(dict.fromkeys((*rule.readers, *self._always)))
            line = rule.readers_line
        return Policy(
            environment=self.name,
            source=f"{file}:{self.line} environments.{self.name}",
            rule=None if rule is None else f"{file}:{rule.line} {rule.name}",
            recipients=readers,
            shares=self.shares,
            selector=chosen.selector,
            mac_only_encrypted=bool(chosen.mac_only),
            comments=chosen.comments or "auto",
            seal_required=bool(chosen.seal),
            sops_compatible=sops_compatible,
            min_readers=chosen.min_readers or 1,
            rotate_after=chosen.rotate_after,
            origins={**chosen.lines, "readers" if self.shares is None else "shares": line},
        )

    def check(self, file: str) -> None:
        """Raises ConfigError where a regular expression of this environment cannot be used."""
        for chosen in (self.settings, *(rule.settings for rule in self.rules)):
            if chosen.selector is not None:
                try:
                    chosen.selector.check()
                except ConfigError as error:
                    raise ConfigError(error.message, file=file, line=chosen.selector_line, hint=error.hint) from None


def _globs(part: Part) -> list[Glob]:
    patterns = part.texts("files")
    if not patterns:
        raise part.error("`files` is missing: which files is this about?", hint='files: ["env/prod/*.yaml"]')
    globs = []
    for pattern, line in patterns:
        hint = None
        if pattern.startswith("!"):
            hint = "write the paths that are meant; `\\!` for a name that begins with `!`"
        elif pattern.startswith("/"):
            hint = "patterns begin at the top of the repository: leave out the first `/`"
        elif pattern.endswith("/"):
            hint = f"the files in a folder are `{pattern}**`"
        elif "//" in pattern or any(name in (".", "..") for name in pattern.split("/")):
            hint = "leave out `.`, `..` and doubled `/`"
        if hint is not None:
            raise part.error(f"the pattern {short(pattern)} matches nothing", "files", line=line, hint=hint)
        try:
            globs.append(Glob(pattern))
        except ConfigError as error:
            raise part.error(error.message, "files", line=line) from None
    return globs


def _rules(part: Part) -> list[Part]:
    value = part.tree.get("rules")
    if value is None:
        return []
    if not isinstance(value, Sequence):
        raise part.error("a list of rules is expected here", "rules")
    return [
        Part(item, part.file, f"{part.path}.rules[{index}]", line, known=_RULE)
        for index, (item, line) in enumerate(zip(value, value.lines, strict=True))
    ]


def _shares(part: Part, config: Config) -> Shares | None:
    if not part.has("shares"):
        return None
    shares = part.part("shares", known=("need", "of"))
    of = shares.tree.get("of")
    if not isinstance(of, Sequence) or len(of) < 2 or len(of) > 255:
        raise shares.error("a list of 2 to 255 groups is expected here", "of", hint="of: [[alice], [bob]]")
    groups = []
    for item, line in zip(of, of.lines, strict=True):
        if isinstance(item, Mapping) or item is None or not item:
            raise shares.error("a list of names is expected here", "of", line=line)
        names = texts(item, shares, "of") if isinstance(item, Sequence) else [(str(item), line)]
        groups.append(_spread(names, shares, "of", config))
    need = shares.number("need", least=2, most=len(groups))
    if need is None:
        raise shares.error("`need` is missing: how many of the groups does it take?")
    return Shares(need, tuple(groups))
