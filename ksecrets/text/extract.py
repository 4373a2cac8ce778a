"""One value out of a plaintext: a scalar's content, or the source of a collection."""

from __future__ import annotations

from ksecrets.errors import NoSuchValue
from ksecrets.text import yaml
from ksecrets.text.node import ALIAS, DOCUMENT_END, END, LIST, MAP, SCALAR
from ksecrets.text.path import format as format_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ksecrets.text.node import Node

    Scan = Callable[[str], Iterator[Node]]

_MAX_ALIASES = 100


def extract(text: str, path: tuple[str | int, ...], scan: Scan = yaml.scan) -> str:
    """The value at a path of the first document. scan: reads the format of the text.

    A scalar's content comes without quotes; a collection as its source, moved to the left margin, with comments. An
    alias is followed. Where a key stands twice, the last one counts, as it does for Helm.
    Raises NoSuchValue where there is nothing at the path; SyntaxRefused where the text is not in its format.
    """
    body = text.removeprefix("\ufeff")
    nodes = _first_document(body, scan)
    if not path:
        return text
    found = _find(nodes, path)
    if found is None:
        raise NoSuchValue("there is no such value", path=format_path(path), hint=_nearest(nodes, path))
    if found.kind == SCALAR:
        value: str = found.value
        return value
    return _source(body, nodes, found)


def is_collection(text: str, path: tuple[str | int, ...], scan: Scan = yaml.scan) -> bool:
    """Whether a mapping or a list stands at a path of the first document."""
    found = _find(_first_document(text.removeprefix("\ufeff"), scan), path)
    return found is not None and found.kind in (MAP, LIST)


def _first_document(body: str, scan: Scan) -> list[Node]:
    nodes = []
    for node in scan(body):
        if node.kind in (SCALAR, ALIAS, MAP, LIST, END) and not node.frame.in_key:
            nodes.append(node)
        elif node.kind == DOCUMENT_END:
            break
    return nodes


def _find(nodes: list[Node], path: tuple[str | int, ...]) -> Node | None:
    for _ in range(_MAX_ALIASES):
        best: Node | None = None
        for node in nodes:
            if node.kind == END:
                continue
            there = node.path()
            if there == path or (node.kind == ALIAS and path[: len(there)] == there and there):
                best = node
        if best is None or best.kind != ALIAS:
            return best
        # Follow the alias: the same rest of the path below its anchor.
        rest = path[len(best.path()) :]
        target = _anchored(nodes, best)
        if target is None:
            return None
        path = (*target.path(), *rest)
    return None


def _anchored(nodes: list[Node], alias: Node) -> Node | None:
    target = None
    for node in nodes:
        if node is alias:
            break
        if node.kind in (SCALAR, MAP, LIST) and node.anchor == alias.anchor:
            target = node
    return target


def _source(body: str, nodes: list[Node], node: Node) -> str:
    """The source of a collection without anchor and tag, moved to the left margin."""
    inside = nodes[nodes.index(node) + 1 :]
    first = next((inner.start for inner in inside if inner.kind != END), node.start)
    depth = 0
    end = len(body)
    last = node.start
    for inner in inside:
        if inner.kind == END:
            if depth == 0:
                end = inner.end if node.frame.flow else last
                break
            depth -= 1
            last = max(last, inner.end if inner.frame.flow else last)
        else:
            depth += inner.kind in (MAP, LIST)
            last = max(last, inner.end)
    if node.frame.flow:
        start = node.start
        while body[start] not in "[{":
            start += 1
        return body[start:end]
    line_start = max(body.rfind("\n", 0, first), body.rfind("\r", 0, first)) + 1
    column = node.frame.column
    start = line_start + column
    lines = body[start:end].splitlines(keepends=True)
    margin = " " * column
    return "".join([line.removeprefix(margin) if index else line for index, line in enumerate(lines)]) + "\n"


def _nearest(nodes: list[Node], path: tuple[str | int, ...]) -> str | None:
    """What there is where the path leaves the document: names of keys, never a value."""
    for length in range(len(path) - 1, -1, -1):
        parent = path[:length]
        names = [node.key for node in nodes if node.kind != END and node.path()[:-1] == parent and node.path()]
        if names:
            shown = ", ".join(format_path((name,)) for name in names[:8] if name is not None)
            return (
                f"{format_path(parent) if parent else 'the document'} has: {shown}{', ...' if len(names) > 8 else ''}"
            )
    return None
