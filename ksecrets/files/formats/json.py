"""JSON, as the pipe handles it."""

from __future__ import annotations

from ksecrets.files.formats import Format, Nothing
from ksecrets.text import jsonblock
from ksecrets.text.json import SPACE, scan
from ksecrets.text.jsonvalue import (
    carried,
    fits,
    keeps_its_meaning,
    predicted,
    resolve,
    restored,
    sops_refuses,
)
from ksecrets.text.node import END

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from ksecrets.envelope.metadata import Tree
    from ksecrets.text.node import Node
    from ksecrets.text.path import Path

BARE: Final = ("mac_only_encrypted", "shamir_threshold")
"""Entries of the metadata that sops writes as a boolean and a number."""


class Placement:
    """Behind the last entry of the object."""

    __slots__ = ("_body", "_indent", "_place", "_top")

    def __init__(self, body: str, indent: int | None = None) -> None:
        self._body = body
        self._indent = indent
        self._top = 0
        self._place = 0

    def comment(self, node: Node) -> None:
        """JSON has none."""

    def look(self, node: Node, document: int, root: Node | None) -> int | None:
        if node.kind != END or root is None or node.frame is not root.frame:
            return None
        self._top = root.start
        self._place = jsonblock.last_of(self._body, node.start)
        return self._place

    def at_end(self, documents: int) -> int:
        return len(self._body)  # never asked: the reader refuses a text without an object

    def text(self, tree: Mapping[str, Tree], before: str) -> str:
        return entry(tree, self._body, self._top, self._place, self._indent)


def entry(tree: Mapping[str, Tree], text: str, top: int, place: int, indent: int | None) -> str:
    """As `jsonblock.entry`. indent: spaces a level in place of sops's tabs, where the text shows no indentation."""
    made = jsonblock.entry(tree, text, top, place, BARE)
    inside = text[top + 1 : place]
    if indent is None or inside[: -len(inside.lstrip(SPACE))].endswith("\t"):
        return made
    lines = made.split("\n")  # no line break and no tab stands in a string of JSON
    return "\n".join(" " * (indent * (len(line) - len(line.lstrip("\t")))) + line.lstrip("\t") for line in lines)


def _set_value(text: str, path: Path, value: object, indent: int = 2) -> str:
    from ksecrets.text.jsonpatch import set_value

    return set_value(text, path, value, indent=indent)


def _unset_value(text: str, path: Path) -> str:
    from ksecrets.text.jsonpatch import unset_value

    return unset_value(text, path)


JSON = Format(
    "json",
    scan=scan,
    resolve=resolve,
    sops_refuses=sops_refuses,
    watch=Nothing,
    find=jsonblock.find,
    search=jsonblock.search,
    cut=jsonblock.cut,
    placement=Placement,
    indented=Placement,
    carried=carried,
    predicted=predicted,
    fits=fits,
    keeps_its_meaning=keeps_its_meaning,
    restored=restored,
    set_value=_set_value,
    set_indented=_set_value,
    unset_value=_unset_value,
    blank=lambda _: "{\n}\n",
)
