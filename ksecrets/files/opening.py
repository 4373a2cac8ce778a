"""One pass over an encrypted text: tokens become sources, and all that has a meaning goes into MAC and seal."""

from __future__ import annotations

from binascii import Error, a2b_base64

from ksecrets.errors import SyntaxRefused, Tampered
from ksecrets.files import proof
from ksecrets.files.choice import Choice
from ksecrets.files.meaning import check_meaning, check_parses
from ksecrets.files.walk import Walk, key_of
from ksecrets.rules.selector import Selector
from ksecrets.text.carrier import layout
from ksecrets.text.node import BLOCK, COMMENT, DOUBLE, END, FOLDED, LITERAL, PLAIN, SCALAR, Frame, Lane, Node
from ksecrets.values import token as tokens
from ksecrets.values.mac import Mac
from ksecrets.values.residue import Residues, name_of
from ksecrets.values.seal import spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from ksecrets.files.open import Opened

_BLOCKS: Final = frozenset((LITERAL, FOLDED))
_BREAKS: Final = "\r\n\x85\u2028\u2029"

_BY_HAND: Final = "restore it from git; values of an encrypted file are changed with `ksecrets edit` or `ksecrets set`"


class OtherBlock(Exception):
    """The block that was found quickly is not the one that the parser sees."""


class Reading(Lane):
    """One pass over an encrypted text."""

    __slots__ = (
        "body",
        "checked",
        "choice",
        "data_key",
        "fits",
        "format",
        "has_block",
        "ignore_mac",
        "keep_tokens",
        "list_comments",
        "mac",
        "mac_only",
        "opened",
        "pieces",
        "position",
        "predicted",
        "reparse",
        "residues",
        "resolve",
        "seal",
        "several_lines",
        "stored",
        "tree",
        "values",
        "walk",
    )

    def __init__(
        self, body: str, opened: Opened, tree: Any, require_seal: bool, ignore_mac: bool, keep_tokens: bool
    ) -> None:
        metadata = opened.metadata
        format = opened.format
        self.body = body
        self.opened = opened
        self.format = format
        self.resolve = format.resolve
        self.predicted = format.predicted
        self.fits = format.fits
        self.tree = tree
        self.ignore_mac = ignore_mac
        self.keep_tokens = keep_tokens
        self.data_key = opened.data_key
        self.values = 0
        self.checked = False  # the plaintext is to be read again: its layout may have changed its meaning
        self.has_block = False
        self.mac_only = metadata.mac_only_encrypted
        self.mac = Mac(self.mac_only)
        by_comment = "comment" in metadata.selector[0]
        self.choice = Choice(Selector(*metadata.selector), format.commented(body) if by_comment else (), body)
        self.pieces: list[str] = []  # of the plaintext
        self.position = 0  # in the body: what is before it has its pieces
        self.reparse = False  # without a seal: whether the plaintext is YAML is to be looked at
        self.several_lines: dict[int, str] = {}  # values whose source has several lines, by the place of their token
        self.list_comments: dict[Frame, int] = {}
        self.stored: dict[bytes, str] = {}
        self.residues: Residues | None = None
        self.seal = proof.expected(opened, require_seal=require_seal, ignore_mac=ignore_mac)
        extension = metadata.extension
        if self.seal is not None and extension is not None and extension.residues:
            self.residues = Residues(opened.data_key)
            self.stored = _by_iv(extension.residues)

    def run(self) -> str:
        """The plaintext, after MAC and seal have been found good."""
        body = self.body
        pieces = self.pieces
        blocks = 0
        walk = self.walk = Walk(
            body,
            self.format.scan,
            self,
            self.choice,
            self.mac,
            self.seal,
            mac_only_chosen=self.mac_only,
        )
        for node in walk.values():
            kind = node.kind
            if kind == COMMENT:
                if node.start < self.position:
                    continue  # in the header of a block scalar, which its residue gave back as a whole
                content = self.comment(node)
                if content is not None:
                    pieces.append(body[self.position : node.start])
                    pieces.append(content)
                    self.position = node.end
            elif kind == END:
                self.ended(node.frame)
            elif kind == BLOCK:
                blocks += 1
                if node.value != self.tree:
                    if blocks == 1:
                        raise OtherBlock
                    raise Tampered("two metadata blocks that differ", line=node.line)
                if self.seal is not None and blocks > 1:
                    raise Tampered("a second metadata block in a sealed file", line=node.line)
                start, end, sure = self.format.cut(body, node, walk.own_document)
                if not sure:
                    self.checked = self.reparse = True
                pieces.append(body[self.position : start])
                self.position = end
        if blocks == 0:
            raise OtherBlock
        pieces.append(body[self.position :])
        if self.stored:
            raise Tampered("a residue in the metadata belongs to no token")
        proof.verify(self.opened, self.mac, self.seal, ignore_mac=self.ignore_mac)
        self.opened.values = self.values
        plaintext = "".join(pieces)
        if self.seal is None:
            if self.reparse:
                check_parses(plaintext, self.format)
        elif self.checked or (self.has_block and plaintext[-1:] not in _BREAKS):
            check_meaning(body, plaintext, self.several_lines, self.format)
        return plaintext

    def leaf(
        self,
        value: str,
        style: str,
        tag: str | None,
        anchor: str | None,
        start: int,
        end: int,
        line: int,
        frame: Frame,
        key: str | int | None,
        form: str | None,
    ) -> None:
        """One scalar: a token gives its source to the plaintext, any other stays as it is.

        This is called for every value of a file, so what is nearly always so comes first and without detours.
        """
        walk = self.walk
        if anchor is not None or walk.held:
            walk.begins_value(anchor)
        if value[:4] != tokens.PREFIX or not self.choice.value(frame, key, form, start):
            self.readable(Node(SCALAR, start, end, line, frame, key, form, value, style, tag, anchor))
            return
        try:
            sealed, iv, kind = tokens.read(value)
        except ValueError as error:
            node = Node(SCALAR, start, end, line, frame, key, form, value)
            raise _tampered(f"not a token that ksecrets or sops writes: {error}", node) from None
        aad = (frame.aad or ":") if form is None else f"{frame.aad}{key}:"
        content = self.data_key.decrypt(sealed, iv, aad.encode())
        if content is None:
            node = Node(SCALAR, start, end, line, frame, key, form, value)
            raise _tampered("the token does not belong here or was changed", node, _BY_HAND)
        seal = self.seal
        if seal is None and kind == "comment" and frame.is_list and self.format.list_comments:
            # sops writes a comment in a list as an item.
            at = self.body.rindex("-", 0, start)
            self.list_comments[frame] = self.list_comments.get(frame, 0) + 1
            node = Node(SCALAR, start, end, line, frame, key, form, value)
            self.pieces += (self.body[self.position : at], "#" + self.text(content, node))
            self.position = end
            return
        self.mac.add(content)
        if anchor is not None:
            self.mac.remember(anchor, content)
        self.values += 1
        if (
            seal is not None
            and not self.keep_tokens
            and (style == PLAIN or style == DOUBLE)
            and iv[:12] not in self.stored
            and content.isascii()
        ):
            text = content.decode()
            seal.encrypted(key if form is not None else None, form, tag, style == PLAIN, kind, text, None)  # type: ignore[arg-type]
            if style == PLAIN:
                source = text.lower() if kind == "bool" else text
            elif self.fits(style, text):
                source = self.predicted(style, kind, text)
            else:
                node = Node(SCALAR, start, end, line, frame, key, form, value)
                raise _tampered("the value does not fit the style that its token was given", node)
        else:
            node = Node(SCALAR, start, end, line, frame, key, form, value, style, tag, anchor)
            if self.keep_tokens:
                self.opened.tokens.setdefault((aad, kind, content), []).append((value, iv, node))
            source = self.source(node, iv, kind, content)
        self.pieces += (self.body[self.position : start], source)
        self.position = end

    def readable(self, node: Node) -> None:
        """A scalar that is no token."""
        value = node.value
        plain = node.style == PLAIN
        chosen = value != "" and self.choice.of(node)
        content = self.resolve(value, plain=plain, tag=node.tag)[1] if plain or node.tag else value.encode()
        if chosen and content:
            raise _tampered("a plaintext value where the file's selector wants a token", node, _BY_HAND)
        if content is not None and not node.frame.in_key and (chosen or not self.mac_only):
            self.mac.add(content)
        if node.anchor is not None:
            self.mac.remember(node.anchor, content or b"")
        if self.seal is not None:
            self.seal.readable(key_of(node), node.key_form, node.tag, plain, value)
            if node.style in _BLOCKS:
                self.has_block = True
                if "+" in self.body[node.start + 1 : node.start + 3]:
                    self.checked = True

    def source(self, node: Node, iv: bytes, kind: str, content: bytes) -> str:
        """The source that the value of a token, at `node`, was made from; counted in the seal where there is one."""
        seal = self.seal
        style = node.style
        if seal is None:
            try:
                source = self.format.restored(self.body, node, kind, content)
            except SyntaxRefused as error:
                raise _tampered(error.message, node) from None
            if "\n" in source or style in _BLOCKS:
                self.reparse = True
            return source
        residue = None
        if iv[:12] in self.stored:
            residue = self.residue(node, iv, kind)
        plain = style == PLAIN
        spelling, text = spelled(kind, content)
        seal.encrypted(key_of(node), node.key_form, node.tag, plain, spelling, text, residue)
        if residue is not None:
            if not residue.isprintable():
                # A block without a line break at its end stood at the end of the file, and must stand there still.
                unended = residue[0] in _BLOCKS and text[-1:] != "\n" and "-" not in residue[1:3]
                self.has_block = True
                if unended or not self.format.keeps_its_meaning(residue, self.body, node):
                    self.checked = True
                if "\n" in residue or "\r" in residue:
                    self.several_lines[node.start] = text
            return residue
        if spelling is not kind:
            raise _tampered("the value is no text", node)
        if plain and kind != "bool":
            source = text
        elif not self.fits(style, text):
            raise _tampered("the value does not fit the style that its token was given", node)
        elif style in _BLOCKS:
            self.has_block = True
            if text[-2:] == "\n\n" or text == "\n":
                self.checked = True
            source = self.predicted(style, kind, text, *layout(self.body[node.start : node.end]))
        else:
            source = self.predicted(style, kind, text)
        if "\n" in source or "\r" in source:
            self.several_lines[node.start] = text
        return source

    def begin(self, kind: int, key: str | int | None, form: str | None, line: int) -> None:
        self.walk.begin(kind, key, form, line)

    def end(self, frame: Frame) -> None:
        self.ended(frame)
        self.walk.end(frame)

    def ended(self, frame: Frame) -> None:
        """A collection closes. A list of comments alone would become a null: it stays an empty list."""
        if self.list_comments and self.list_comments.get(frame) == frame.next_index:
            self.pieces.append("\n" + " " * frame.column + "[]")

    def residue(self, node: Node, iv: bytes, kind: str) -> str:
        assert self.residues is not None
        source = self.residues.read(iv, kind, self.stored.pop(iv[:12]))
        if source is None:
            raise _tampered("the residue does not belong to its token or was changed", node)
        return source

    def text(self, content: bytes, node: Node) -> str:
        """The text of a comment. What it may hold, the format says: a value's token may have been put in its place."""
        try:
            text = self.format.comment(content.decode("utf-8"))
        except UnicodeDecodeError:
            raise _tampered("the comment is no text", node) from None
        if text is None:
            raise _tampered("the comment has several lines", node)
        return text

    def comment(self, node: Node) -> str | None:
        """The text of an encrypted comment, or None for one that stays as it is."""
        value = node.value
        if not value.startswith("ENC["):
            return None
        content = None
        try:
            sealed, iv, kind = tokens.read(value.rstrip(" \t") if self.seal is None else value)
        except ValueError:
            kind = ""
        if kind == "comment":
            for aad in _places(node):
                content = self.data_key.decrypt(sealed, iv, aad.encode())
                if content is not None:
                    break
        if content is None:
            if self.seal is not None:
                raise _tampered("an encrypted comment does not belong here or was changed", node)
            self.opened.notes.append(f"line {node.line}: a comment looks encrypted and is not; it stays as it is")
            return None
        if self.keep_tokens:
            self.opened.tokens.setdefault((node.aad(), kind, content), []).append((value, iv, node))
        return self.text(content, node)


def _by_iv(residues: dict[str, str]) -> dict[bytes, str]:
    """Residues by the first 12 bytes of their token's IV."""
    found: dict[bytes, str] = {}
    for name, stored in residues.items():
        try:
            iv = a2b_base64(name.replace("-", "+").replace("_", "/"))
        except (Error, ValueError):
            iv = b""
        if len(iv) != 12 or name_of(iv) != name:
            raise Tampered("a residue in the metadata has a name that is none")
        found[iv] = stored
    return found


def _places(comment: Node) -> Iterator[str]:
    """The associated data under which a comment may have been encrypted: its own place first.

    sops gives a comment the path of the collection that go-yaml attached it to, which is not always the one that it
    stands in; all collections around it are tried.
    """
    yield comment.aad()
    frame = comment.frame.parent
    while frame is not None:
        yield frame.aad or ":"
        frame = frame.parent


def _tampered(message: str, node: Node, hint: str | None = None) -> Tampered:
    from ksecrets.text.path import format as format_path

    return Tampered(message, line=node.line, path=format_path(node.path()), hint=hint)
