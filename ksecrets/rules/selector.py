"""Which values of a file are encrypted: exactly one of the six selectors of sops.

A suffix or regular expression is tested against every mapping key on the way to a value (sops.go,
`shouldBeEncrypted`; list indices are no components), a comment expression against the comments before it.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KINDS = (
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
)
DEFAULT_KIND = "unencrypted_suffix"
DEFAULT_VALUE = "_unencrypted"


class Selector:
    """One selector: `kind` is the name of sops's field for it, `value` its suffix or regular expression (Go's).

    An empty value means for sops that nothing was said, and so it does here: the selector is then the default,
    `unencrypted_suffix: _unencrypted`. A regular expression is compiled at the first test.

    by_comment: it is tested against comments, not against keys.
    picks_matches: what matches is encrypted; otherwise what matches stays readable.
    test(component): whether this key (or this comment, as text after `#`) matches; ConfigError where the expression
        is not one of Go's, or not one that ksecrets translates (rules/re2.py).
    """

    __slots__ = ("by_comment", "kind", "picks_matches", "test", "value")

    test: Callable[[str], bool]

    def __init__(self, kind: str = DEFAULT_KIND, value: str = DEFAULT_VALUE) -> None:
        if kind not in KINDS:
            raise ConfigError(f"no selector is called `{kind}`", hint="one of " + ", ".join(KINDS))
        if not value:
            kind, value = DEFAULT_KIND, DEFAULT_VALUE
        self.kind = kind
        self.value = value
        self.by_comment = kind.endswith("_comment_regex")
        self.picks_matches = kind.startswith("encrypted")
        self.test = (lambda component: component.endswith(value)) if kind.endswith("_suffix") else self._compile_first

    def check(self) -> None:
        """Raises ConfigError where the selector's regular expression cannot be used."""
        if not self.kind.endswith("_suffix"):
            self._compile()

    def _compile_first(self, component: str) -> bool:
        self._compile()
        return self.test(component)

    def _compile(self) -> None:
        from ksecrets.rules import re2

        search = re2.compile(self.value).search
        self.test = lambda component: search(component) is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selector):
            return NotImplemented
        return (self.kind, self.value) == (other.kind, other.value)

    def __hash__(self) -> int:
        return hash((self.kind, self.value))

    def __repr__(self) -> str:
        return f"Selector({self.kind!r}, {self.value!r})"


def choose(fields: Mapping[str, str | None]) -> Selector:
    """The selector among fields of sops's names, as sops finds it: empty ones say nothing, none is the default.

    Raises ConfigError where more than one is given.
    """
    given = [(kind, value) for kind in KINDS if (value := fields.get(kind))]
    if len(given) > 1:
        names = " and ".join(f"`{kind}`" for kind, _value in given)
        raise ConfigError(f"{names} are given, and only one selector can be")
    return Selector(*given[0]) if given else Selector()
