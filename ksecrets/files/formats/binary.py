"""Binary files, as far as they are like JSON; their pipe is `files.binary`."""

from __future__ import annotations

from ksecrets.errors import UsageError
from ksecrets.files.formats import Format, Nothing
from ksecrets.files.formats.json import entry
from ksecrets.text import jsonblock, jsonvalue
from ksecrets.text.node import DOCUMENT, DOCUMENT_END, DOUBLE, END, MAP, SCALAR, Frame, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ksecrets.envelope.metadata import Tree
    from ksecrets.text.node import Lane
    from ksecrets.text.path import Path


class _Placement:
    """Behind the one value of the wrapper."""

    __slots__ = ("_indent", "_place", "_wrapper")

    def __init__(self, wrapper: str, indent: int | None = None) -> None:
        self._wrapper = wrapper
        self._indent = indent
        self._place = jsonblock.last_of(wrapper, wrapper.rindex("}"))

    def comment(self, node: Node) -> None:
        """There is none."""

    def look(self, node: Node, document: int, root: Node | None) -> int | None:
        return None

    def at_end(self, documents: int) -> int:
        return self._place

    def text(self, tree: Mapping[str, Tree], before: str) -> str:
        return entry(tree, self._wrapper, 0, self._place, self._indent)


def scan(text: str, first_line: int = 1, lane: Lane | None = None) -> Iterator[Node]:
    """The nodes of a text, be it the wrapper or a plaintext, which is a mapping of one value, too."""
    if find(text) is not None:
        from ksecrets.text.json import scan as scan_json

        yield from scan_json(text, first_line, lane)
        return
    root = Frame(None, None, "", False, False, -1, False)
    frame = Frame(root, None, "", False, True, 0, False)
    end = len(text)
    yield Node(DOCUMENT, 0, 0, first_line, root)
    yield Node(MAP, 0, 0, first_line, frame)
    yield Node(SCALAR, 0, end, first_line, frame, "data", '"', text, DOUBLE)
    yield Node(END, end, end, first_line, frame)
    yield Node(DOCUMENT_END, end, end, first_line, root)


def find(text: str) -> Any | None:
    """The tree of the metadata of a wrapper; None for all else, since a plaintext may be anything."""
    from ksecrets.errors import SyntaxRefused

    start = text[:200].lstrip(" \t\r\n")
    if not start.startswith("{") or "sops" not in text:
        return None
    try:
        return jsonblock.find(text)
    except SyntaxRefused:
        return None


def _set_value(text: str, path: Path, value: object) -> str:
    if path != ("data",) or not isinstance(value, str):
        raise UsageError("a binary file has one value, a text at the path `data`")
    return value


def _unset_value(text: str, path: Path) -> str:
    raise UsageError("a binary file has no values that can be removed")


BINARY = Format(
    "binary",
    scan=scan,
    resolve=lambda value, *, plain, tag: ("str", value.encode("utf-8", "surrogateescape")),
    sops_refuses=lambda value, *, plain, tag: None,
    watch=Nothing,
    find=find,
    search=find,
    cut=jsonblock.cut,
    placement=_Placement,
    indented=_Placement,
    carried=jsonvalue.carried,
    predicted=jsonvalue.predicted,
    fits=jsonvalue.fits,
    keeps_its_meaning=jsonvalue.keeps_its_meaning,
    restored=jsonvalue.restored,
    set_value=_set_value,
    unset_value=_unset_value,
)
