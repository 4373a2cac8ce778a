"""Typed reading of a configuration tree: every error has a line, the key's path, and the nearest right spelling."""

from __future__ import annotations

from ksecrets.errors import ConfigError, SyntaxRefused
from ksecrets.text.tree import Mapping, Scalar, Sequence, short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import TypeVar

    from ksecrets.text.tree import Tree

    Word = TypeVar("Word", bound=str)


def load(text: str, file: str) -> Mapping:
    """The mapping that a configuration file holds. An empty file is an empty mapping. Raises ConfigError."""
    from ksecrets.text.libyaml import events
    from ksecrets.text.tree import compose

    try:
        tree = compose(events(text), aliases=True)
    except SyntaxRefused as error:
        raise ConfigError(error.message, file=file, line=error.line, hint=error.hint) from None
    if tree is None:
        return Mapping(1)
    if not isinstance(tree, Mapping):
        raise ConfigError("a configuration is a mapping", file=file, line=1)
    return tree


class Part:
    """A mapping of the configuration with the place where it stands: `path` as in `environments.prod`."""

    __slots__ = ("file", "line", "path", "tree")

    def __init__(self, tree: Tree, file: str, path: str, line: int, *, known: Collection[str] | None = None) -> None:
        """Raises ConfigError where it is no mapping, or has a key that is not in `known` (None: any)."""
        self.file = file
        self.path = path
        self.line = line
        if not isinstance(tree, Mapping):
            raise self.error("a mapping is expected here")
        self.tree = tree
        if known is not None:
            for key in tree:
                if key not in known:
                    raise self.error(f"no setting is called {short(key)}", key, hint=nearest(key, known))

    def error(
        self, message: str, key: str | None = None, *, line: int | None = None, hint: str | None = None
    ) -> ConfigError:
        """An error about this part, or about one of its keys."""
        path = self.path
        if key is not None:
            line = line if line is not None else self.tree.lines.get(key)
            path = f"{path}.{key}" if path else key
        return ConfigError(message, file=self.file, line=line or self.line, path=path or None, hint=hint)

    def line_of(self, key: str) -> int:
        return self.tree.lines.get(key, self.line)

    def has(self, key: str) -> bool:
        return key in self.tree

    def part(self, key: str, *, known: Collection[str] | None = None) -> Part:
        """The mapping under a key; an empty one where the key is missing or has no value."""
        tree = self.tree.get(key)
        path = f"{self.path}.{key}" if self.path else key
        return Part(
            Mapping(self.line_of(key)) if tree is None else tree, self.file, path, self.line_of(key), known=known
        )

    def text(self, key: str) -> str | None:
        """A text, or None where the key is missing. Raises ConfigError for anything else, and for an empty one."""
        if key not in self.tree:
            return None
        value = self.tree[key]
        if not isinstance(value, Scalar) or not value:
            raise self.error("a text is expected here", key)
        return str(value)

    def word(self, key: str, words: tuple[Word, ...]) -> Word | None:
        """One of a few words, or None where the key is missing."""
        value = self.text(key)
        for word in words:
            if value == word:
                return word
        if value is None:
            return None
        hint = nearest(value, words) or "one of " + ", ".join(words)
        raise self.error(f"{short(value)} is not possible here", key, hint=hint)

    def flag(self, key: str) -> bool | None:
        """`true` or `false`, or None where the key is missing."""
        value = self.word(key, ("true", "false"))
        if value is not None and not self._plain(key):
            raise self.error("`true` or `false` without quotes is expected here", key)
        return None if value is None else value == "true"

    def number(self, key: str, *, least: int = 1, most: int = 1_000_000) -> int | None:
        """A whole number, or None where the key is missing."""
        value = self.text(key)
        if value is None:
            return None
        if not (
            value.isascii() and value.isdigit() and len(value) < 10 and least <= int(value) <= most and self._plain(key)
        ):
            raise self.error(f"a whole number from {least} is expected here", key)
        return int(value)

    def _plain(self, key: str) -> bool:
        value = self.tree[key]
        return isinstance(value, Scalar) and value.plain

    def texts(self, key: str) -> list[tuple[str, int]] | None:
        """A list of texts, each with its line, or None where the key is missing. One text alone is a list of one."""
        if key not in self.tree:
            return None
        value = self.tree[key]
        if isinstance(value, Scalar) and value:
            return [(str(value), self.line_of(key))]
        if not isinstance(value, Sequence):
            raise self.error("a list is expected here", key)
        return texts(value, self, key)


def texts(value: Sequence, part: Part, key: str) -> list[tuple[str, int]]:
    """The texts of a list, each with its line."""
    result = []
    for item, line in zip(value, value.lines, strict=True):
        if not isinstance(item, Scalar) or not item:
            raise part.error("each item is expected to be a text", key, line=line)
        result.append((str(item), line))
    return result


def nearest(word: str, words: Iterable[str]) -> str | None:
    """A hint with the nearest known spelling, if one is near."""
    import difflib

    plain = {known.replace("_", "-").lower(): known for known in words}
    found = difflib.get_close_matches(word.replace("_", "-").lower(), list(plain), n=1, cutoff=0.6)
    return f"did you mean `{plain[found[0]]}`?" if found else None
