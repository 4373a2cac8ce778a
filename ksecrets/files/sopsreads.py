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

    from ksecrets.text.node import Node

FIRST_ROOT = "the first document is no mapping"
_BINARY = "tag:yaml.org,2002:binary"


def watch(nodes: Iterator[Node], reasons: list[str]) -> Iterator[Node]:
    """Pass the nodes of a plaintext on; `reasons` gets one line for each thing that sops refuses."""
    document = -1
    keys: set[str | int | None] = set()  # of the collection at hand
    around: list[set[str | int | None]] = []
    known: set[tuple[str | int | None, str]] = set()
    for node in nodes:
        kind = node.kind
        if kind <= LIST:  # SCALAR, ALIAS, MAP, LIST
            form = node.key_form
            if form is not None:
                key = node.key
                if key in keys:
                    reasons.append(f"line {node.line}: the same key twice")
                keys.add(key)
                if form != '"' and (key, form) not in known:
                    known.add((key, form))
                    if not _is_text(str(key), form):
                        reasons.append(f"line {node.line}: a key that is no string")
                if kind == SCALAR and key == "<<" and form == "":
                    reasons.append(f"line {node.line}: a merge key without a mapping")
            elif not around and kind != MAP and not _is_nothing(node):
                reasons.append(FIRST_ROOT if document == 0 else f"line {node.line}: a document that is no mapping")
            if kind >= MAP:
                around.append(keys)
                keys = set()
            elif kind == ALIAS and node.value == "0":
                reasons.append(f"line {node.line}: an alias without an anchor")
        elif kind == END:
            keys = around.pop()
        elif kind == KEY:
            around.append(keys)
            keys = set()
        elif kind == DOCUMENT:
            document += 1
        yield node


def _is_text(key: str, form: str) -> bool:
    # A binary key is a string for sops, but not the one that it stands in the associated data with.
    return form not in ("?", _BINARY) and resolve(key, plain=form == "", tag=form or None)[0] == "str"


def _is_nothing(node: Node) -> bool:
    return node.kind == SCALAR and node.style == PLAIN and not (node.value or node.tag or node.anchor)
