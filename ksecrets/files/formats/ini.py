"""INI, as the pipe handles it: sections, with the metadata in a section of its own at the end."""

from __future__ import annotations

from ksecrets.files.formats import Format
from ksecrets.text import ini, inisops
from ksecrets.text.iniline import carried, fits, keeps_its_meaning, predicted, restored
from ksecrets.text.node import COMMENT, DOCUMENT_END

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.envelope.metadata import Tree
    from ksecrets.text.node import Node


class _Placement:
    """Before the last line break, behind a blank line."""

    __slots__ = ("_body",)

    def __init__(self, body: str) -> None:
        self._body = body

    def comment(self, node: Node) -> None:
        pass

    def look(self, node: Node, document: int, root: Node | None) -> int | None:
        return inisops.place(self._body) if node.kind == DOCUMENT_END else None

    def at_end(self, documents: int) -> int:
        return inisops.place(self._body)

    def text(self, tree: Mapping[str, Tree], before: str) -> str:
        return inisops.block_text(tree, self._body)


class _Watch:
    """sops reads every file that we read. Where it takes for a comment what others take for a value, it says so."""

    __slots__ = ("_reasons",)

    def __init__(self, reasons: list[str]) -> None:
        self._reasons = reasons

    def node(self, node: Node) -> None:
        if node.kind == COMMENT and node.key_form == ini.GLUED:
            self._reasons.append(f"line {node.line}: `#` or `;` inside a value (the rest is a comment for sops)")

    def entry(self, key: str | int | None, form: str, line: int) -> None:
        pass

    def merges_a_scalar(self, line: int) -> None:
        pass

    def begin(self, kind: int, key: str | int | None, form: str | None, line: int) -> None:
        pass

    def end(self) -> None:
        pass


def _resolve(value: str, *, plain: bool, tag: str | None) -> tuple[str, bytes | None]:
    return "str", value.encode()


def _sops_refuses(value: str, *, plain: bool, tag: str | None) -> str | None:
    return None


def _cut(text: str, node: Node, own_document: bool) -> tuple[int, int, bool]:
    return (*inisops.cut(text, node), True)


INI = Format(
    "ini",
    scan=ini.scan,
    resolve=_resolve,
    sops_refuses=_sops_refuses,
    watch=_Watch,
    find=inisops.find,
    search=inisops.search,
    cut=_cut,
    placement=_Placement,
    carried=carried,
    predicted=predicted,
    fits=fits,
    keeps_its_meaning=keeps_its_meaning,
    restored=restored,
)
