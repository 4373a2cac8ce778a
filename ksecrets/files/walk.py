"""The walk that encrypting and decrypting share: nodes in, structure into MAC and seal, values out to the caller.

Both directions of the pipe see the same documents, once with values and once with tokens. What is the same on both
sides is done here once, so that the two cannot differ: the structure that the seal covers, the aliases that the MAC
counts, and the metadata block, which is part of neither.
"""

from __future__ import annotations

from ksecrets.text.node import ALIAS, BLOCK, COMMENT, DOCUMENT, DOCUMENT_END, END, KEY, LIST, MAP, SCALAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ksecrets.files.choice import Choice
    from ksecrets.files.formats import Scan, Watch
    from ksecrets.text.node import Frame, Lane, Node
    from ksecrets.values.mac import Mac
    from ksecrets.values.seal import Seal


class Walk:
    """One pass over one text.

    scan: reads it. lane: the caller; its `leaf` gets the scalars that are values, its `begin` and `end` hand on to
    those of the walk. watch: sees all of it.

    Attributes for the caller, valid while the nodes come:
    document: number of the document at hand, from 0. root: what the first document is: a node of kind MAP, LIST,
    SCALAR or ALIAS, or None while it is empty. own_document: the block at hand stands in a document of its own.
    held: opening events that may turn out to be there for the block only.
    """

    __slots__ = (
        "_choice",
        "_lane",
        "_mac",
        "_mac_only_chosen",
        "_nodes",
        "_seal",
        "_watch",
        "document",
        "held",
        "own_document",
        "root",
        "shared",
        "shared_chosen",
    )

    def __init__(
        self,
        text: str,
        scan: Scan,
        lane: Lane,
        choice: Choice,
        mac: Mac,
        seal: Seal | None,
        *,
        mac_only_chosen: bool,
        watch: Watch | None = None,
    ) -> None:
        self._nodes = scan(text, lane=lane)
        self._lane = lane
        self._watch = watch
        self.held: list[tuple[Node, str]] = []
        self._choice = choice
        self._mac = mac
        self._seal = seal
        self._mac_only_chosen = mac_only_chosen
        self.document = -1
        self.root: Node | None = None
        self.own_document = False
        self.shared = False  # an alias stands somewhere
        self.shared_chosen = False  # and in a place whose values are encrypted

    def values(self) -> Iterator[Node]:
        """COMMENT and BLOCK nodes, and the END and DOCUMENT_END nodes that may end the first document; the values go to
        `leaf` in their order.

        An empty first document, one without a root, and one whose mapping holds nothing but the block are the same to
        the seal: the block makes a mapping of them.
        """
        seal = self._seal
        mac = self._mac
        choice = self._choice
        watch = self._watch
        held = self.held
        blocks = 0
        for node in self._nodes:
            kind = node.kind
            if watch is not None and (kind != SCALAR or node.key_form is None or node.frame.in_key):
                watch.node(node)  # `leaf` tells it of the others
            if kind == COMMENT:
                yield node
            elif kind == SCALAR:  # the root of a document, or in a key
                if node.key is None and self.document == 0 and node.frame.parent is None:
                    if node.start == node.end and node.tag is None and node.anchor is None:
                        continue  # nothing at all
                    self.root = node
                self._lane.leaf(
                    node.value,
                    node.style,
                    node.tag,
                    node.anchor,
                    node.start,
                    node.end,
                    node.line,
                    node.frame,
                    node.key,
                    node.key_form,
                )
            elif kind == MAP or kind == LIST:
                at_root = node.frame.parent is not None and node.frame.parent.parent is None
                if at_root and self.document == 0:
                    self.root = node
                if node.anchor is not None:
                    mac.begin(node.anchor, node.frame)
                code = "{" if kind == MAP else "["
                if at_root and kind == MAP and (self.document == 0 or held):
                    held.append((node, code))
                    continue
                if held:
                    self._release(held)
                if seal is not None:
                    if node.anchor is not None:
                        seal.event("&")
                    seal.event(code, _key(node), node.key_form, node.tag)
            elif kind == END:
                mac.end(node.frame)
                if held and held[-1][0].frame is node.frame:
                    # Nothing but the block was in it.
                    if self.document == 0 or self.own_document:
                        held.pop()
                        yield node
                        continue
                    self._release(held)
                if seal is not None:
                    seal.event("}")
                yield node
            elif kind == ALIAS:
                self.shared = True
                chosen = choice.of(node)
                self.shared_chosen = self.shared_chosen or chosen
                if held:
                    self._release(held)
                if self.document == 0 and node.frame.parent is None:
                    self.root = node
                if not node.frame.in_key and (not self._mac_only_chosen or chosen):
                    mac.alias(node.anchor or "", node.line)
                if seal is not None:
                    seal.alias(_key(node), node.key_form, node.value)
            elif kind == KEY:
                if held:
                    self._release(held)
                if seal is not None:
                    seal.event("?")
            elif kind == BLOCK:
                blocks += 1
                self.own_document = self.document > 0 and blocks == 1
                yield node
            elif kind == DOCUMENT:
                self.document += 1
                if self.document > 0 and blocks == 0:
                    held.append((node, "D"))
                elif seal is not None:
                    seal.event("D")
            elif kind == DOCUMENT_END:
                if held and not self.own_document:
                    self._release(held)
                own = bool(held) and self.own_document
                held.clear()
                if seal is not None and not own:
                    seal.event("d")
                yield node
        if self.document < 0 and seal is not None:  # a file without any document is one empty document
            seal.event("D")
            seal.event("d")

    def begins_value(self, anchor: str | None) -> None:
        """For `leaf` to call first where something is held or the value has an anchor: a value stands here."""
        if self.held:
            self._release(self.held)
        if anchor is not None and self._seal is not None:
            self._seal.event("&")

    def begin(self, kind: int, key: str | int | None, form: str | None, line: int) -> None:
        if self.held:
            self._release(self.held)
        if self._watch is not None:
            self._watch.begin(kind, key, form, line)
        if self._seal is not None:
            self._seal.event("{" if kind == MAP else "[", key if form is not None else None, form)  # type: ignore[arg-type]

    def end(self, frame: Frame) -> None:
        if self._watch is not None:
            self._watch.end()
        self._mac.end(frame)
        if self._seal is not None:
            self._seal.event("}")

    def _release(self, held: list[tuple[Node, str]]) -> None:
        if self._seal is not None:
            for node, code in held:
                if node.anchor is not None:
                    self._seal.event("&")
                self._seal.event(code, _key(node), node.key_form, node.tag)
        held.clear()


def _key(node: Node) -> str | None:
    return node.key if node.key_form is not None else None  # type: ignore[return-value]  # only in mappings


key_of = _key
"""The key of an entry as the seal counts it: None in lists and at the root of a document."""

__all__ = ["Walk", "key_of"]
