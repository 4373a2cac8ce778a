"""Which files sops will not read, though ksecrets does: found while a file is encrypted, for `sops-compatible`.

What sops refuses of single scalars is `text.resolve.sops_refuses`; here is what it refuses of structure. Source:
sops, stores/yaml/store.go (roots), go.yaml.in/yaml/v3 (keys twice), sops.go (keys that are no strings, aliases).
"""

from __future__ import annotations

from ksecrets.text.node import ALIAS, DOCUMENT, END, KEY, LIST, MAP, PLAIN, SCALAR
from ksecrets.text.resolve import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from ksecrets.text.node import Node

FIRST_ROOT: Final = "the first document is no mapping"
_BINARY: Final = "tag:yaml.org,2002:binary"


def watch(nodes: Iterator[Node], reasons: list[str]) -> Iterator[Node]:
    """Pass the nodes of a plaintext on; `reasons` gets one line for each thing that sops refuses."""
    watching = Watch(reasons)
    for node in nodes:
        watching.node(node)
        yield node


class Watch:
    """Looks at all nodes of a plaintext in their order, or at what a `text.node.Lane` gets in their place."""

    __slots__ = ("_around", "_document", "_keys", "_known", "_reasons")

    def __init__(self, reasons: list[str]) -> None:
        self._reasons = reasons
        self._document = -1
        self._keys: set[str | int | None] = set()  # of the collection at hand
        self._around: list[set[str | int | None]] = []
        self._known: set[tuple[str | int | None, str]] = set()

    def node(self, node: Node) -> None:
        """Any node."""
        kind = node.kind
        if kind <= LIST:  # SCALAR, ALIAS, MAP, LIST
            if node.key_form is None and not self._around and kind != MAP and not _is_nothing(node):
                self._reasons.append(
                    FIRST_ROOT if self._document == 0 else f"line {node.line}: a document that is no mapping"
                )
            if kind >= MAP:
                self.begin(kind, node.key, node.key_form, node.line)
                return
            if node.key_form is not None:
                self.entry(node.key, node.key_form, node.line)
                if kind == SCALAR and node.key == "<<" and node.key_form == "":
                    self.merges_a_scalar(node.line)
            if kind == ALIAS and node.value == "0":
                self._reasons.append(f"line {node.line}: an alias without an anchor")
        elif kind == END:
            self._keys = self._around.pop()
        elif kind == KEY:
            self._around.append(self._keys)
            self._keys = set()
        elif kind == DOCUMENT:
            self._document += 1

    def entry(self, key: str | int | None, form: str, line: int) -> None:
        """An entry of a mapping, whatever its value is."""
        keys = self._keys
        if key in keys:
            self._reasons.append(f"line {line}: the same key twice")
        keys.add(key)
        if form != '"' and (key, form) not in self._known:
            self._known.add((key, form))
            if not _is_text(str(key), form):
                self._reasons.append(f"line {line}: a key that is no string")

    def merges_a_scalar(self, line: int) -> None:
        """A plain key ``<<`` with a scalar behind it."""
        self._reasons.append(f"line {line}: a merge key without a mapping")

    def begin(self, kind: int, key: str | int | None, form: str | None, line: int) -> None:
        """A collection opens."""
        if form is not None:
            self.entry(key, form, line)
        self._around.append(self._keys)
        self._keys = set()

    def end(self) -> None:
        """A collection closes."""
        self._keys = self._around.pop()


def _is_text(key: str, form: str) -> bool:
    # A binary key is a string for sops, but not the one that it stands in the associated data with.
    return form not in ("?", _BINARY) and resolve(key, plain=form == "", tag=form or None)[0] == "str"


def _is_nothing(node: Node) -> bool:
    return node.kind == SCALAR and node.style == PLAIN and not (node.value or node.tag or node.anchor)
