"""libyaml events -> nested dict, list, str and None, for small YAML that ksecrets itself reads.

Configuration files and the `sops` metadata block are read with this, secrets never are: anchors, styles and spans
are gone afterwards. Scalars keep their text (`Scalar` is a `str` that knows its line and whether it was plain), so
that no dialect of YAML decides what `1.10` or `yes` means. Nothing recurses, depth and size are bounded, and aliases
are refused, so that a hostile file costs its own size and no more.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeAlias

    Tree: TypeAlias = "Mapping | Sequence | Scalar | None"

MAX_DEPTH = 64
MAX_NODES = 1_000_000

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))


class Scalar(str):
    """The text of a scalar; `plain` where it stood without quotes and without a tag; `line` counts from 1."""

    line: int
    plain: bool

    def __new__(cls, value: str, line: int = 0, plain: bool = True) -> Scalar:
        made = super().__new__(cls, value)
        made.line = line
        made.plain = plain
        return made


class Mapping(dict[str, "Tree"]):
    """A mapping, in the file's order; `line` is where it starts, `lines` where each key stands."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class Sequence(list["Tree"]):
    """A sequence; `line` is where it starts, `lines` where each item starts."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def compose(events: Iterable[Any], *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> Tree:
    """The one document of a stream of events (`text.libyaml.events`), or the events of one node.

    Mappings become `Mapping`, sequences `Sequence`, plain empty, `~` and `null` scalars None, all others `Scalar`.
    An empty stream gives None. Raises SyntaxRefused, with the line, for a second document, a key that is not a scalar
    or comes twice, an alias, a merge key, a tag other than `!!str`, `!!map` and `!!seq`, and for more than `max_depth`
    levels or `max_nodes` nodes.
    """
    builder = Builder(max_depth=max_depth, max_nodes=max_nodes)
    for event in events:
        builder.feed(event)
    return builder.result


class Builder:
    """`compose` for events that come one by one: `feed` says whether the root node is complete."""

    __slots__ = ("_key", "_max_depth", "_nodes_left", "_stack", "done", "result")

    def __init__(self, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> None:
        self.result: Tree = None
        self.done = False
        self._max_depth = max_depth
        self._nodes_left = max_nodes
        self._stack: list[Mapping | Sequence] = []  # the open collections
        self._key: str | None = None

    def feed(self, event: Any) -> bool:
        """Take one event. True once the root node is complete; errors as for `compose`."""
        kind = type(event).__name__
        if kind == "ScalarEvent":
            self._scalar(event)
        elif kind == "MappingStartEvent":
            self._open(event, Mapping(_line(event)))
        elif kind == "SequenceStartEvent":
            self._open(event, Sequence(_line(event)))
        elif kind == "MappingEndEvent" or kind == "SequenceEndEvent":
            self._stack.pop()
            self.done = not self._stack
        elif kind == "AliasEvent":
            raise SyntaxRefused("an alias (`*name`) is not allowed here", line=_line(event))
        elif kind == "DocumentStartEvent" and self.done:
            raise SyntaxRefused("a second document is not allowed here", line=_line(event))
        return self.done

    def _scalar(self, event: Any) -> None:
        value = event.value
        plain = event.implicit[0] and not event.style
        tag = event.tag
        if tag is not None and tag not in ("!", "tag:yaml.org,2002:str"):
            raise SyntaxRefused("a tag (`!...`) is not allowed here", line=_line(event))
        line = _line(event)
        top = self._stack[-1] if self._stack else None
        if isinstance(top, Mapping) and self._key is None:
            self._take_key(top, value, plain, line)
            return
        self._count(line)
        self._put(None if plain and value in _NULLS else Scalar(value, line, plain), line)
        if not self._stack:
            self.done = True

    def _take_key(self, top: Mapping, key: str, plain: bool, line: int) -> None:
        if key in top.lines:
            raise SyntaxRefused(f"the key {short(key)} comes twice, first in line {top.lines[key]}", line=line)
        if key == "<<" and plain:
            raise SyntaxRefused("a merge key (`<<`) is not allowed here", line=line)
        top.lines[key] = line
        self._key = key

    def _open(self, event: Any, made: Mapping | Sequence) -> None:
        line = made.line
        self._count(line)
        if len(self._stack) >= self._max_depth:
            raise SyntaxRefused(f"nested deeper than {self._max_depth} levels", line=line)
        if event.tag is not None and event.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"):
            raise SyntaxRefused("a tag (`!...`) is not allowed here", line=line)
        if self._stack and isinstance(self._stack[-1], Mapping) and self._key is None:
            raise SyntaxRefused("a key that is a list or a mapping is not allowed here", line=line)
        self._put(made, line)
        self._stack.append(made)
        self._key = None

    def _put(self, node: Tree, line: int) -> None:
        if not self._stack:
            self.result = node
            return
        top = self._stack[-1]
        if isinstance(top, Mapping):
            assert self._key is not None
            top[self._key] = node
            self._key = None
        else:
            top.append(node)
            top.lines.append(line)

    def _count(self, line: int) -> None:
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise SyntaxRefused("too many values", line=line)


def short(name: str, limit: int = 40) -> str:
    """A key for a message: quoted, on one line, and cut where somebody put a text in a key's place."""
    shown = "".join(char if char.isprintable() else "?" for char in name)
    return f"`{shown}`" if len(shown) <= limit else f"`{shown[: limit - 3]}...`"


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1
