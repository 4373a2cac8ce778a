"""References in a text: where they stand, and their parts.

    ref+SERVICE://PATH            alone, or within a text, where it ends at a space, a quote, a comma or a `+`
    secretref+SERVICE://PATH      the same
    ...?NAME=VALUE&NAME=VALUE     parameters of the service
    ...#/KEY/KEY                  a value in the mapping that the service gives

One may stand within another; the inner one is resolved first. Source of these rules: helmfile/vals,
pkg/expansion/expand_match.go and vals.go; a PATH of one character, which vals leaves as it stands, counts here.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable

_MARK = "ref+"
_ENDS_NESTING = ' \n\r\t",'
_MAX_NESTING = 10


class Reference:
    """One reference. text: as it is written, `SERVICE://...`. path: decoded. keys: of the fragment."""

    __slots__ = ("keys", "parameters", "path", "service", "text")

    def __init__(self, text: str) -> None:
        from urllib.parse import parse_qsl, unquote

        self.text = text
        rest, _, fragment = text.partition("#")
        rest, _, query = rest.partition("?")
        self.service, _, path = rest.partition("://")
        self.path = unquote(path)
        self.parameters = dict(reversed(parse_qsl(query, keep_blank_values=True)))  # the first of a name counts
        fragment = unquote(fragment).strip("/") if fragment else ""
        self.keys = tuple(fragment.split("/")) if fragment else ()

    def __repr__(self) -> str:
        return f"<Reference {self.service}>"


def has_reference(text: str) -> bool:
    """Whether there is something to resolve."""
    return _MARK in text and _pattern().search(text) is not None


def expand(text: str, lookup: Callable[[Reference], object]) -> object:
    """The text with every reference replaced. A reference alone keeps the type of its value, a mapping too.

    Raises SyntaxRefused where a mapping or a list would have to stand within a text, and what `lookup` raises.
    """
    if _MARK not in text:
        return text
    text = _without_inner(text, lookup)
    pattern = _pattern()
    first = pattern.search(text)
    if first is not None and first.span() == (0, len(text)):
        return lookup(Reference(first.group(1)))
    out: list[str] = []
    at = 0
    for found in pattern.finditer(text):
        out += [text[at : found.start()], in_text(lookup(Reference(found.group(1))))]
        at = found.end()
    return "".join([*out, text[at:]])


def in_text(value: object) -> str:
    """A value as it stands within a text. Raises SyntaxRefused for a mapping or a list."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (dict, list)):
        kind = "null" if value is None else "a mapping" if isinstance(value, dict) else "a list"
        raise SyntaxRefused(f"a reference within a text gives {kind}", hint="name one value by #/KEY")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        from ksecrets.text.resolve import go_float_text

        return go_float_text(value) or str(value)
    return str(value)


def _without_inner(text: str, lookup: Callable[[Reference], object]) -> str:
    """The text with references that stand within others resolved, the innermost first."""
    import itertools
    import re

    pattern = _pattern()
    for _ in range(_MAX_NESTING):
        marks = list(re.finditer(r"(?:secret)?ref\+", text))
        for before, mark in reversed(list(itertools.pairwise(marks))):
            between = text[before.end() : mark.start()]
            if any(letter in between for letter in _ENDS_NESTING) or between.endswith("+"):
                continue
            found = pattern.match(text, mark.start())
            if found is None:
                continue
            text = text[: found.start()] + in_text(lookup(Reference(found.group(1)))) + text[found.end() :]
            break
        else:
            return text
    raise SyntaxRefused(f"references are nested more than {_MAX_NESTING} deep")


def _pattern() -> re.Pattern[str]:
    import re

    return re.compile(r'(?:secret)?ref\+([^+:]*://[^+\n ]*[^+\n ",])\+?')
