"""A plaintext, encrypted and sealed: the way through the pipe, verified before anybody sees the result."""

from __future__ import annotations

from ksecrets.errors import AlreadyEncrypted, NotEncrypted, SyntaxRefused, Tampered
from ksecrets.files import proof
from ksecrets.files.choice import Choice
from ksecrets.files.formats import by_name
from ksecrets.files.open import BOM, open_text
from ksecrets.files.walk import Walk, key_of
from ksecrets.rules.selector import Selector
from ksecrets.text.comments import CommentChoice
from ksecrets.text.node import BLOCK, COMMENT, PLAIN, SCALAR, Frame, Lane, Node
from ksecrets.text.path import format as format_path
from ksecrets.values import token as tokens
from ksecrets.values.cipher import TAG_LENGTH, SyntheticIVs
from ksecrets.values.mac import Mac
from ksecrets.values.primitives import LONG, expect_long_texts
from ksecrets.values.residue import Residues, name_of
from ksecrets.values.seal import spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.files.formats import Format
    from ksecrets.values.cipher import DataKey

    Tokens = Mapping[tuple[str, str, bytes], list[tuple[str, bytes, Node]]]
    from typing import Final


_LARGE: Final = 100_000  # characters

# Tags that go-yaml applies to the text of a token, and so refuses before one.
_TYPED: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("binary", "bool", "float", "int", "timestamp"))


class Sealed:
    """An encrypted text and what can be said of it.

    text: the whole file. values: number of tokens, comments not counted. kept: how many of the tokens are old ones.
    sops_refuses: why sops will not read the file, one line each; empty for the ordinary file.
    """

    __slots__ = ("body", "kept", "sops_refuses", "text", "values")

    def __init__(self) -> None:
        self.text = ""
        self.body = ""
        self.values = 0
        self.kept = 0
        self.sops_refuses: list[str] = []


def seal_text(
    plaintext: str,
    *,
    data_key: DataKey,
    metadata: Metadata,
    format: Format | None = None,
    comments: str = "auto",
    old_tokens: Tokens | None = None,
) -> Sealed:
    """Encrypt and seal one plaintext.

    plaintext: the whole file, line ends and byte order mark as they stand (of a binary file its bytes, as in
    `files.binary`). metadata: what is to stand in the block: readers, selector, `lastmodified`, and an extension with
    kid, environment and path; its MAC and residues are filled in here. format: YAML where none is given. comments:
    ``auto``, ``keep`` or ``encrypt``. old_tokens: `Opened.tokens` of the version before, under the same data key: where
    a value is still there, its token stays.

    Guarantees: the result has been opened again by `files.open` and gave back the plaintext, byte for byte.
    Raises AlreadyEncrypted, and SyntaxRefused for what docs/file-format.md lists.
    """
    format = format or by_name("yaml")
    mark = BOM if plaintext.startswith(BOM) and not format.keeps_mark else ""
    if len(plaintext) > LONG:
        expect_long_texts()
    if format.name == "binary":
        from ksecrets.files import binary

        sealed = binary.seal_body(plaintext, data_key, metadata, format, old_tokens or {})
    else:
        sealed = _Writing(plaintext.removeprefix(mark), data_key, metadata, format, comments, old_tokens or {}).run()
        sealed.text = mark + sealed.text
        if len(plaintext) > _LARGE:
            # The pass leaves a cycle that holds all of its pieces, and the next one needs as much again.
            import gc

            gc.collect()
    try:
        line = None
        again = open_text(sealed.text, data_key_for=lambda _: data_key, format=format, require_seal=True).plaintext
        if again == plaintext:
            return sealed
        line = _first_difference(again, plaintext)
    except (NotEncrypted, SyntaxRefused, Tampered) as error:
        line = error.line
    raise format.refusal(plaintext) or SyntaxRefused(
        "this layout cannot be kept to the byte, so nothing was encrypted",
        line=line,
        hint="write the value at this place on one line, or in quotes",
    )


class _Writing(Lane):
    """One pass over a plaintext."""

    __slots__ = (
        "body",
        "carried",
        "choice",
        "comment_choice",
        "data_key",
        "fits",
        "format",
        "ivs",
        "mac",
        "mac_only",
        "metadata",
        "old_tokens",
        "pieces",
        "position",
        "predicted",
        "residues",
        "resolve",
        "result",
        "seal",
        "stored",
        "values",
        "walk",
        "watch",
    )

    def __init__(
        self, body: str, data_key: DataKey, metadata: Metadata, format: Format, comments: str, old_tokens: Tokens
    ) -> None:
        self.body = body
        self.format = format
        self.resolve = format.resolve
        self.carried = format.carried
        self.predicted = format.predicted
        self.fits = format.fits
        self.data_key = data_key
        self.metadata = metadata
        self.mac_only = metadata.mac_only_encrypted
        self.mac = Mac(self.mac_only)
        self.seal = proof.begin(data_key, metadata, format)
        by_comment = "comment" in metadata.selector[0]
        self.choice = Choice(Selector(*metadata.selector), format.commented(body) if by_comment else (), body)
        self.comment_choice = CommentChoice(comments)
        self.old_tokens = {triple: list(found) for triple, found in old_tokens.items()}
        self.ivs = SyntheticIVs(data_key)
        self.residues: Residues | None = None
        self.stored: dict[str, str] = {}
        self.result = Sealed()
        self.watch = format.watch(self.result.sops_refuses)
        self.values = 0
        self.pieces: list[str] = []
        self.position = 0  # in the body: what is before it has its pieces

    def run(self) -> Sealed:
        """Encrypt; the result is not verified yet."""
        body = self.body
        pieces = self.pieces
        placement = self.format.placement(body)
        place: int | None = None  # index into `pieces` where the block goes
        walk = self.walk = Walk(
            body,
            self.format.scan,
            self,
            self.choice,
            self.mac,
            self.seal,
            mac_only_chosen=self.mac_only,
            watch=self.watch,
        )
        for node in walk.values():
            kind = node.kind
            if kind == COMMENT:
                if node.start < self.position:
                    continue  # in the header of a block scalar that is encrypted as a whole
                placement.comment(node)
                if self.choice.of(node) and self.comment_choice.encrypts(node):
                    pieces.append(body[self.position : node.start])
                    content = node.value.encode()
                    pieces.append(self.token(node.aad(), node.frame, None, "comment", content)[0])
                    self.position = node.end
            elif kind == BLOCK:
                raise _already(node.line)
            elif place is None and (at := placement.look(node, walk.document, walk.root)) is not None:
                place = self.up_to(at)
        self.result.values = self.values
        if place is None:
            place = self.up_to(placement.at_end(walk.document + 1))
        if walk.shared_chosen or (walk.shared and self.result.values):
            self.result.sops_refuses.append("an alias stands for an encrypted value, or in the place of one")
        self.result.body = "".join(pieces) + body[self.position :]
        pieces.insert(
            place,
            placement.text(
                proof.finished(self.metadata, self.data_key, self.format, self.mac, self.seal, self.stored),
                pieces[place - 1],
            ),
        )
        pieces.append(body[self.position :])
        self.result.text = "".join(pieces)
        return self.result

    def up_to(self, at: int) -> int:
        """Give the pieces all that stands before a place in the body; the index of the piece that comes next."""
        self.pieces.append(self.body[self.position : at])
        self.position = at
        return len(self.pieces)

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
        """One scalar: a chosen value gets a token, any other stays readable.

        This is called for every value of a file, so what is nearly always so comes first and without detours.
        """
        walk = self.walk
        if anchor is not None or walk.held:
            walk.begins_value(anchor)
        if form is not None and not frame.in_key:
            self.watch.entry(key, form, line)
            if key == "<<" and form == "":
                self.watch.merges_a_scalar(line)
        plain = style == PLAIN
        kind, content = (
            self.resolve(value, plain=plain, tag=tag) if plain or tag is not None else ("str", value.encode())
        )
        if not content or value[:4] == tokens.PREFIX or not self.choice.value(frame, key, form, start):
            node = Node(SCALAR, start, end, line, frame, key, form, value, style, tag, anchor)
            if self.stays(node, content):
                return
            assert content is not None
        if anchor is not None:
            self.mac.remember(anchor, content)
        self.mac.add(content)
        body = self.body
        left = tag  # what stands before the token
        if tag is not None and tag in _TYPED:
            start, left = _with_tag(body, start, tag)
            if left is not None:
                self.result.sops_refuses.append(f"line {line}: a tag that is not right before its value")
        token, iv = self.token((frame.aad or ":") if form is None else f"{frame.aad}{key}:", frame, key, kind, content)
        source = body[start:end]
        spelling, text = spelled(kind, content)
        if plain and not frame.flow:
            carrier = token
            expected = text.lower() if kind == "bool" else text
        else:
            carrier, style, indent, newline = self.carried(style, frame, source, token)
            expected = self.predicted(style, kind, text, indent, newline) if self.fits(style, text) else ""
        residue = None
        if expected != source or spelling is not kind:
            residue = source
            if self.residues is None:
                self.residues = Residues(self.data_key)
            self.stored[name_of(iv)] = self.residues.write(iv, kind, source)
        self.seal.encrypted(key if form is not None else None, form, left, style == PLAIN, spelling, text, residue)  # type: ignore[arg-type]
        self.values += 1
        # Of untagged ones only floats, long numbers and times can be what sops does not hold.
        if (kind != "str" and (kind == "float" or len(content) > 18)) or tag is not None:
            reason = self.format.sops_refuses(value, plain=plain, tag=tag)
            if reason is not None:
                self.result.sops_refuses.append(f"line {line}: {reason}")
        self.pieces += (body[self.position : start], carrier)
        self.position = end

    def begin(self, kind: int, key: str | int | None, form: str | None, line: int) -> None:
        self.walk.begin(kind, key, form, line)

    def end(self, frame: Frame) -> None:
        self.walk.end(frame)

    def stays(self, node: Node, content: bytes | None) -> bool:
        """Whether a scalar stays readable, which it then is counted as. content: what sops makes of it."""
        value = node.value
        chosen = value != "" and content is not None and self.choice.of(node)
        is_token = value.startswith(tokens.PREFIX) and tokens.is_token(value)
        if chosen and content:
            if not is_token:
                return False
            if self.format.search(self.body) is not None:
                raise _already(None)
            raise _refused(
                "a value that is a token already, in a file without metadata",
                node,
                hint="restore the whole file from git; a token alone cannot be decrypted",
            )
        if is_token and not chosen:
            raise _refused("a readable value that is a token: it could not be told from an encrypted one", node)
        if node.anchor is not None:
            self.mac.remember(node.anchor, content or b"")
        # What is chosen and empty (`!!binary ""` is the one case besides "") sops leaves as it is, and out of its MAC.
        if content is not None and not chosen and not node.frame.in_key and not self.mac_only:
            self.mac.add(content)
        self.seal.readable(key_of(node), node.key_form, node.tag, node.style == PLAIN, value)
        return True

    def token(self, aad: str, frame: Frame, key: str | int | None, kind: str, content: bytes) -> tuple[str, bytes]:
        """The old token of this value where there is one, else a new one; with its IV.

        Of several equal values each keeps its own where it stands at the same path, so that a change to one item of a
        list does not move the tokens of the others.
        """
        if self.old_tokens and (old := self.old_tokens.get((aad, kind, content))):
            index = 0
            if len(old) > 1:
                path = frame.path() if key is None else (*frame.path(), key)
                index = next((i for i, (_, _, was) in enumerate(old) if was.path() == path), 0)
            text, iv, _ = old.pop(index)
            self.ivs.keep(iv)
            self.result.kept += 1
            return text, iv
        associated = aad.encode()
        iv = self.ivs.new(associated, kind, content)
        sealed = self.data_key.encrypt(content, iv, associated)
        return tokens.write(sealed[:-TAG_LENGTH], iv, sealed[-TAG_LENGTH:], kind), iv


def _with_tag(body: str, start: int, tag: str) -> tuple[int, str | None]:
    """Start and tag of a scalar, with the tag as a part of its source where it stands right before it on the same line.

    go-yaml refuses a token behind such a tag, so the tag goes into the residue with the source. Behind a comment or
    an anchor it stays, and sops will not read the file.
    """
    end = len(body[:start].rstrip(" \t")) if body[start - 1] in " \t" else start
    before = end
    if body.endswith(">", 0, end):
        before = body.rfind("!<", 0, end)
    else:
        while before > 0 and body[before - 1] not in " \t\r\n\x85\u2028\u2029[{,":
            before -= 1
    return (before, None) if body.startswith("!", before) else (start, tag)


def _first_difference(left: str, right: str) -> int:
    """The line, counted from 1, on which two texts first differ."""
    position = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )
    return right.count("\n", 0, position) + 1


def _already(line: int | None) -> AlreadyEncrypted:
    return AlreadyEncrypted(
        "the file is encrypted already, or has a key `sops` of its own (reserved for the metadata block)", line=line
    )


def _refused(message: str, node: Node, hint: str | None = None) -> SyntaxRefused:
    return SyntaxRefused(message, line=node.line, path=format_path(node.path()), hint=hint)
