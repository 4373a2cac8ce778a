"""libyaml events -> nested dict, list, str and None, for small YAML that ksecrets itself reads.

Configuration files and the `sops` metadata block are read with this, secrets never are: anchors, styles and spans
are gone afterwards. Scalars keep their text (`Scalar` is a `str` that knows its line and whether it was plain), so
that no dialect of YAML decides what `1.10` or `yes` means. Nothing recurses, depth and size are bounded, and an alias
counts as much as what it stands for, so that a hostile file costs its own size and no more.
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

    __slots__ = ("line", "lines", "merges")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}
        self.merges: list[tuple[Tree, int]] = []  # the values of `<<` until the mapping is complete, then empty


class Sequence(list["Tree"]):
    """A sequence; `line` is where it starts, `lines` where each item starts."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def compose(
    events: Iterable[Any], *, aliases: bool = False, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES
) -> Tree:
    """The one document of a stream of events (`text.libyaml.events`), or the events of one node.

    Mappings become `Mapping`, sequences `Sequence`, plain empty, `~` and `null` scalars None, all others `Scalar`.
    An empty stream gives None. Raises SyntaxRefused, with the line, for a second document, a key that is not a scalar
    or comes twice, a tag other than `!!str`, `!!map` and `!!seq`, and for more than `max_depth` levels or `max_nodes`
    nodes. Without `aliases`, aliases and merge keys (`<<`) are refused; with it, an alias gives the very object that
    it stands for, and merge keys are carried out (a mapping's own keys win, then the first one merged).
    """
    builder = Builder(aliases=aliases, max_depth=max_depth, max_nodes=max_nodes)
    for event in events:
        builder.feed(event)
    return builder.result


class Builder:
    """`compose` for events that come one by one: `feed` says whether the root node is complete."""

    __slots__ = ("_aliases", "_anchors", "_key", "_max_depth", "_nodes_left", "_stack", "done", "result")

    def __init__(self, *, aliases: bool = False, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> None:
        self.result: Tree = None
        self.done = False
        self._aliases = aliases
        self._max_depth = max_depth
        self._nodes_left = max_nodes
        # The open collections: the node, its anchor, and how many nodes were left when it began.
        self._stack: list[tuple[Mapping | Sequence, str | None, int]] = []
        self._anchors: dict[str, tuple[Tree, int] | None] = {}  # None: not complete yet
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
            self._close()
        elif kind == "AliasEvent":
            self._alias(event)
        elif kind == "DocumentStartEvent" and self.done:
            raise SyntaxRefused("a second document is not allowed here", line=_line(event))
        return self.done

    def _scalar(self, event: Any) -> None:
        value = event.value
        plain = event.implicit[0] and not event.style
        line = _line(event)
        if event.tag is not None and event.tag not in ("!", "tag:yaml.org,2002:str"):
            raise SyntaxRefused("a tag (`!...`) is not allowed here", line=line)
        node = None if plain and value in _NULLS else Scalar(value, line, plain)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, 1)
        if self._wants_key():
            self._take_key(value, plain, line)
        else:
            self._count(1, line)
            self._put(node, line)

    def _alias(self, event: Any) -> None:
        line = _line(event)
        if not self._aliases:
            raise SyntaxRefused("an alias (`*name`) is not allowed here", line=line)
        found = self._anchors.get(event.anchor)
        if found is None:
            raise SyntaxRefused("an alias (`*name`) without an anchor (`&name`) before it", line=line)
        node, nodes = found
        if not self._wants_key():
            self._count(nodes, line)
            self._put(node, line)
        elif isinstance(node, Scalar):
            self._take_key(str(node), node.plain, line)
        else:
            raise SyntaxRefused("a key that is not a text is not allowed here", line=line)

    def _wants_key(self) -> bool:
        return self._key is None and bool(self._stack) and isinstance(self._stack[-1][0], Mapping)

    def _take_key(self, key: str, plain: bool, line: int) -> None:
        top = self._stack[-1][0]
        assert isinstance(top, Mapping)
        if key in top.lines:
            raise SyntaxRefused(f"the key {short(key)} comes twice, first in line {top.lines[key]}", line=line)
        if key != "<<" or not plain:
            top.lines[key] = line
        elif not self._aliases:
            raise SyntaxRefused("a merge key (`<<`) is not allowed here", line=line)
        self._key = key

    def _open(self, event: Any, made: Mapping | Sequence) -> None:
        line = made.line
        left = self._nodes_left
        self._count(1, line)
        if len(self._stack) >= self._max_depth:
            raise SyntaxRefused(f"nested deeper than {self._max_depth} levels", line=line)
        if event.tag is not None and event.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"):
            raise SyntaxRefused("a tag (`!...`) is not allowed here", line=line)
        if self._wants_key():
            raise SyntaxRefused("a key that is a list or a mapping is not allowed here", line=line)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._put(made, line)
        self._stack.append((made, event.anchor, left))

    def _close(self) -> None:
        node, anchor, left = self._stack.pop()
        if isinstance(node, Mapping) and node.merges:
            _merge(node)
        if anchor is not None:
            self._anchors[anchor] = (node, left - self._nodes_left)
        self.done = not self._stack

    def _put(self, node: Tree, line: int) -> None:
        if not self._stack:
            self.result = node
            self.done = not isinstance(node, Mapping | Sequence)
            return
        top = self._stack[-1][0]
        if isinstance(top, Sequence):
            top.append(node)
            top.lines.append(line)
            return
        assert self._key is not None
        if self._key == "<<" and "<<" not in top.lines:
            top.merges.append((node, line))
        else:
            top[self._key] = node
        self._key = None

    def _count(self, nodes: int, line: int) -> None:
        self._nodes_left -= nodes
        if self._nodes_left < 0:
            raise SyntaxRefused("too many values", line=line)


def _merge(into: Mapping) -> None:
    for value, line in into.merges:
        for source in value if isinstance(value, Sequence) else (value,):
            if not isinstance(source, Mapping):
                raise SyntaxRefused("a merge key (`<<`) takes a mapping or a list of mappings", line=line)
            for key, node in source.items():
                if key not in into:
                    into[key] = node
                    into.lines[key] = source.lines[key]
    into.merges = []


def short(name: str, limit: int = 40) -> str:
    """A key for a message: quoted, on one line, and cut where somebody put a text in a key's place."""
    shown = "".join(char if char.isprintable() else "?" for char in name)
    return f"`{shown}`" if len(shown) <= limit else f"`{shown[: limit - 3]}...`"


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1
