"""INI, as the pipe handles it: sections, with the metadata in a section of its own at the end."""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.files.formats import Format, Nothing, refuse_lost_groups
from ksecrets.text import ini, inisops
from ksecrets.text.iniline import carried, comment, fits, keeps_its_meaning, predicted, restored
from ksecrets.text.node import COMMENT, DOCUMENT_END

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.envelope.metadata import Tree
    from ksecrets.text.node import Node
    from ksecrets.text.path import Path


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
        refuse_lost_groups(tree)
        return inisops.block_text(tree, self._body)


class _Watch(Nothing):
    """sops reads every file that we read. Where it takes for a comment what others take for a value, it says so."""

    __slots__ = ("_reasons",)

    def __init__(self, reasons: list[str]) -> None:
        self._reasons = reasons

    def node(self, node: Node) -> None:
        if node.kind == COMMENT and node.key_form == ini.EMPTY:
            self._reasons.append(f"line {node.line}: a comment that begins with an empty line (sops crashes)")
        if node.kind == COMMENT and node.key_form == ini.GLUED:
            self._reasons.append(f"line {node.line}: `#` or `;` inside a value (the rest is a comment for sops)")


def _resolve(value: str, *, plain: bool, tag: str | None) -> tuple[str, bytes | None]:
    return "str", value.encode()


def _sops_refuses(value: str, *, plain: bool, tag: str | None) -> str | None:
    return None


def _set_value(text: str, path: Path, value: object) -> str:
    from ksecrets.text.inipatch import set_value  # not for reading

    return set_value(text, path, value)


def _unset_value(text: str, path: Path) -> str:
    from ksecrets.text.inipatch import unset_value

    return unset_value(text, path)


def _refusal(plaintext: str) -> SyntaxRefused | None:
    for node in ini.scan(plaintext.removeprefix("\ufeff")):
        if node.kind == COMMENT and node.key_form == ini.HEADER:
            return SyntaxRefused(
                "a comment behind the header of a section cannot be encrypted",
                line=node.line,
                hint="put it on a line of its own before the header",
            )
    return None


def _cut(text: str, node: Node, own_document: bool) -> tuple[int, int, bool]:
    # A comment that comes back behind a value could close its quotes: then the plaintext is read again.
    return (*inisops.cut(text, node), "type:comment]" not in text)


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
    set_value=_set_value,
    unset_value=_unset_value,
    comment=comment,
    commented=ini.commented,
    refusal=_refusal,
)
