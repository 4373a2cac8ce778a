"""Dotenv, as the pipe handles it: lines, with the metadata in lines of its own at the end."""

from __future__ import annotations

from ksecrets.files.formats import Format, Nothing, refuse_lost_groups
from ksecrets.text import dotenv
from ksecrets.text.node import DOCUMENT_END

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.envelope.metadata import Tree
    from ksecrets.text.node import Node
    from ksecrets.text.path import Path


class _Placement:
    """Before the last line break."""

    __slots__ = ("_body",)

    def __init__(self, body: str) -> None:
        self._body = body

    def comment(self, node: Node) -> None:
        pass

    def look(self, node: Node, document: int, root: Node | None) -> int | None:
        return dotenv.place(self._body) if node.kind == DOCUMENT_END else None

    def at_end(self, documents: int) -> int:
        return dotenv.place(self._body)

    def text(self, tree: Mapping[str, Tree], before: str) -> str:
        refuse_lost_groups(tree)
        return dotenv.block_text(tree, follows=bool(self._body))


class _Watch(Nothing):
    """sops reads every file that we read, but for lines of white space."""

    __slots__ = ("_reasons",)

    def __init__(self, reasons: list[str]) -> None:
        self._reasons = reasons

    def node(self, node: Node) -> None:
        if node.key_form == dotenv.BLANK:
            self._reasons.append(f"line {node.line}: an empty line with white space or a carriage return in it")


def _resolve(value: str, *, plain: bool, tag: str | None) -> tuple[str, bytes | None]:
    return "str", value.encode()


def _sops_refuses(value: str, *, plain: bool, tag: str | None) -> str | None:
    return None


def _set_value(text: str, path: Path, value: object) -> str:
    from ksecrets.text.dotenvpatch import set_value  # not for reading

    return set_value(text, path, value)


def _unset_value(text: str, path: Path) -> str:
    from ksecrets.text.dotenvpatch import unset_value

    return unset_value(text, path)


def _cut(text: str, node: Node, own_document: bool) -> tuple[int, int, bool]:
    return (*dotenv.cut(text, node), True)


DOTENV = Format(
    "dotenv",
    scan=dotenv.scan,
    resolve=_resolve,
    sops_refuses=_sops_refuses,
    watch=_Watch,
    find=dotenv.find,
    search=dotenv.find,
    cut=_cut,
    placement=_Placement,
    carried=dotenv.carried,
    predicted=dotenv.predicted,
    fits=dotenv.fits,
    keeps_its_meaning=dotenv.keeps_its_meaning,
    restored=dotenv.restored,
    set_value=_set_value,
    unset_value=_unset_value,
    comment=dotenv.comment,
    keeps_mark=True,
)
