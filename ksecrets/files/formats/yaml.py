"""YAML, as the pipe handles it."""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.files.formats import Format
from ksecrets.text import block
from ksecrets.text.carrier import carried, fits, keeps_its_meaning, predicted, restored
from ksecrets.text.node import DOCUMENT_END, END, MAP
from ksecrets.text.resolve import resolve, sops_refuses
from ksecrets.text.yaml import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.envelope.metadata import Tree
    from ksecrets.files.sopsreads import Watch
    from ksecrets.text.node import Node
    from ksecrets.text.path import Path


class _Placement:
    """The three places of `text.block`."""

    __slots__ = ("_body", "_brace", "_column", "_comments", "_follows", "_indent", "_own_document")

    def __init__(self, body: str, indent: int = 4) -> None:
        self._body = body
        self._indent = _bounded(indent)
        self._comments: list[tuple[int, int]] = []
        self._brace: int | None = None
        self._column = 0
        self._follows = False
        self._own_document = False

    def comment(self, node: Node) -> None:
        self._comments.append((node.start, node.end))

    def look(self, node: Node, document: int, root: Node | None) -> int | None:
        if document != 0:
            return None
        if node.kind == END:
            if root is not None and node.frame is root.frame and root.kind == MAP and root.frame.flow:
                self._brace = node.start
                return node.start
        elif node.kind == DOCUMENT_END and (root is None or root.kind == MAP):
            self._column = root.frame.column if root is not None else 0
            self._follows = node.start > 0
            return node.start - len(block.last_break(self._body, node.start))
        return None

    def at_end(self, documents: int) -> int:
        self._own_document = documents > 0
        self._follows = bool(self._body)
        return len(self._body) - len(block.last_break(self._body, len(self._body)))

    def text(self, tree: Mapping[str, Tree], before: str) -> str:
        from ksecrets.envelope.emit import flow, metadata_lines  # not for reading

        if self._brace is not None:
            return block.in_braces('"sops": ' + flow(tree), self._body, self._brace, self._comments)
        newline = block.newline_of(self._body)
        if newline == "\n" and before.endswith("\r"):
            newline = "\r\n"  # the two must not become one line break
        lines = metadata_lines(tree, self._indent)
        if self._own_document:
            return block.in_document(lines, newline)
        return block.in_mapping(lines, self._column, newline, "x" if self._follows else "")


def _bounded(indent: int) -> int:
    """What go-yaml makes of an indentation. Source: emitterc.go."""
    return indent if 2 <= indent <= 9 else 2


def _cut(text: str, node: Node, own_document: bool) -> tuple[int, int, bool]:
    start, end = block.cut(text, node, own_document)
    return start, end, not (node.frame.flow or own_document or not block.begins_line(text, node.start))


def _watch(reasons: list[str]) -> Watch:
    from ksecrets.files.sopsreads import Watch  # not for reading

    return Watch(reasons)


def _set_value(text: str, path: Path, value: object, indent: int = 2) -> str:
    from ksecrets.text.patch import set_value

    return set_value(text, path, value, indent=_bounded(indent))


def _unset_value(text: str, path: Path) -> str:
    from ksecrets.text.patch import unset_value

    return unset_value(text, path)


def _refusal(plaintext: str) -> SyntaxRefused | None:
    if block.last_break(plaintext, len(plaintext)):
        return None
    return SyntaxRefused(
        "a readable block scalar ends the file without a line break: the metadata behind it would add one",
        line=len(plaintext.splitlines()),
        hint="end the file with a line break",
    )


YAML = Format(
    "yaml",
    scan=scan,
    resolve=resolve,
    sops_refuses=sops_refuses,
    watch=_watch,
    find=block.find,
    search=block.search,
    cut=_cut,
    placement=_Placement,
    indented=_Placement,
    carried=carried,
    predicted=predicted,
    fits=fits,
    keeps_its_meaning=keeps_its_meaning,
    restored=restored,
    set_value=_set_value,
    set_indented=_set_value,
    unset_value=_unset_value,
    blank="# {}: every value that is saved here is encrypted\n".format,
    list_comments=True,
    refusal=_refusal,
)
