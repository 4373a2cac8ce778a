"""What a reader of a file format yields: nodes in the order of the text, and the frames that they stand in.

A reader turns text into a stream of `Node`. It knows nothing of keys, rules or tokens; everything that
ksecrets does to a file is done on this stream, so a new file format is one new function
``scan(text) -> Iterator[Node]``.

Positions are indices into the text (code points), spans are half open. A scalar's span is exactly its
source: quotes and block header included; anchor, tag, comment and the last line break left out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

# Kinds of node. Plain integers: comparing them is what the hot loops do.
SCALAR: Final = 0
ALIAS: Final = 1
MAP: Final = 2
LIST: Final = 3
END: Final = 4  # of the MAP, LIST or KEY opened last
KEY: Final = 5  # opens a key that is no scalar; its nodes follow, then END, then its value
COMMENT: Final = 6
DOCUMENT: Final = 7
DOCUMENT_END: Final = 8
BLOCK: Final = 9  # the metadata block: `value` is its tree

# Styles of a scalar, as YAML writes them in its indicators.
PLAIN: Final = ""
SINGLE: Final = "'"
DOUBLE: Final = '"'
LITERAL: Final = "|"
FOLDED: Final = ">"


class Frame:
    """An open collection, or the root of a document: what its entries have in common.

    aad: the mapping keys from the root, each followed by ``:``; what sops authenticates beside a value.
    column: of its first entry; -1 at the root of a document.
    in_key: it is part of a key that is no scalar; nothing in it is ever encrypted. is_key: it is that key.
    matched: whether a selector matched a key on the way here; the reader leaves it at None, and whoever
        applies a selector fills it in. ordinary: it was handed to a `Lane`, and so will its end be.
    """

    __slots__ = (
        "aad",
        "anchored",
        "column",
        "flow",
        "in_key",
        "is_key",
        "is_list",
        "key",
        "matched",
        "next_index",
        "ordinary",
        "parent",
    )

    def __init__(
        self,
        parent: Frame | None,
        key: str | int | None,
        aad: str,
        is_list: bool,
        flow: bool,
        column: int,
        in_key: bool,
    ) -> None:
        self.parent = parent
        self.key = key
        self.aad = aad
        self.is_list = is_list
        self.flow = flow
        self.column = column
        self.in_key = in_key
        self.is_key = False
        self.anchored = False
        self.ordinary = False
        self.next_index = 0
        self.matched: bool | None = None

    def path(self) -> tuple[str | int, ...]:
        """Keys and list indices from the root of the document to this collection."""
        parts: list[str | int] = []
        frame: Frame | None = self
        while frame is not None and frame.parent is not None:
            if frame.key is not None:
                parts.append(frame.key)
            frame = frame.parent
        return tuple(reversed(parts))


class Node:
    """One thing in the text.

    kind: one of the constants of this module.
    start, end: the span of its source. For COMMENT: of the text behind ``#``.
    value: a scalar's content with escapes and folding undone, a comment's text, an alias's anchor name.
    style: of a scalar, see above.
    tag: the resolved tag that stands in the source, else None.
    anchor: name of the anchor that it carries, else None.
    frame: the collection that it stands in; for MAP, LIST and KEY the one that it opens; for COMMENT the
        one that it most likely belongs to.
    key: its key in a mapping (for a key that is no scalar: a text made from its content), its index in a
        list, None at the root.
    key_form: how the key is written: "" for an untagged plain scalar, ``"`` for any other untagged scalar,
        the tag for a tagged one, ``?`` for no scalar, None where there is no key.
    line: counted from 1.
    """

    __slots__ = ("anchor", "end", "frame", "key", "key_form", "kind", "line", "start", "style", "tag", "value")

    value: Any  # of a BLOCK its tree, else a str

    def __init__(
        self,
        kind: int,
        start: int,
        end: int,
        line: int,
        frame: Frame,
        key: str | int | None = None,
        key_form: str | None = None,
        value: Any = "",
        style: str = PLAIN,
        tag: str | None = None,
        anchor: str | None = None,
    ) -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.line = line
        self.frame = frame
        self.key = key
        self.key_form = key_form
        self.value = value
        self.style = style
        self.tag = tag
        self.anchor = anchor

    def aad(self) -> str:
        """What sops authenticates beside this scalar or comment: the keys from the root, ``:`` after each.

        List indices are left out. Source: sops.go, `TreeBranch.walkBranch`.
        """
        if self.kind == COMMENT or self.frame.is_list or self.key is None:
            return self.frame.aad or ":"
        return f"{self.frame.aad}{self.key}:"

    def path(self) -> tuple[str | int, ...]:
        """Keys and list indices from the root of the document to this node."""
        if self.key is None or self.kind in (MAP, LIST, KEY):
            return self.frame.path()
        return (*self.frame.path(), self.key)


class Lane:
    """Takes what nearly all of a file consists of, as it is found, where a node for each would cost too much.

    Roots of documents, and all that is part of a key, come as nodes, and so does everything else; nodes and calls
    together are in the order of the text.
    """

    __slots__ = ()

    def leaf(
        self,
        value: str,
        style: str,
        tag: str | None,
        anchor: str | None,
        start: int,
        end: int,
        line: int,
        frame: Frame,
        key: str | int | None,
        form: str | None,
    ) -> None:
        """A scalar that is a value; all as in `Node`, form: its `key_form`."""
        raise NotImplementedError

    def begin(self, kind: int, key: str | int | None, form: str | None, line: int) -> None:
        """A collection without anchor and tag opens. kind: MAP or LIST."""
        raise NotImplementedError

    def end(self, frame: Frame) -> None:
        """A collection closes that came to `begin`."""
        raise NotImplementedError


class Functions(Lane):
    """A lane of three functions, for readers that are not compiled themselves: those cannot derive from `Lane`."""

    __slots__ = ("_begin", "_end", "_leaf")

    def __init__(
        self,
        leaf: Callable[[str, str, str | None, str | None, int, int, int, Frame, str | int | None, str | None], None],
        begin: Callable[[int, str | int | None, str | None, int], None],
        end: Callable[[Frame], None],
    ) -> None:
        self._leaf = leaf
        self._begin = begin
        self._end = end

    def leaf(
        self,
        value: str,
        style: str,
        tag: str | None,
        anchor: str | None,
        start: int,
        end: int,
        line: int,
        frame: Frame,
        key: str | int | None,
        form: str | None,
    ) -> None:
        self._leaf(value, style, tag, anchor, start, end, line, frame, key, form)

    def begin(self, kind: int, key: str | int | None, form: str | None, line: int) -> None:
        self._begin(kind, key, form, line)

    def end(self, frame: Frame) -> None:
        self._end(frame)
