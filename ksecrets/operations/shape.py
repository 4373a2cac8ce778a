"""The values of one text as a tree, for comparing two versions: what is compared is said here, how in `compare`.

Comments are only counted, and layout does not count: two texts with the same shape have the same values.
"""

from __future__ import annotations

from ksecrets.files.formats import seen
from ksecrets.files.open import BOM
from ksecrets.text.node import ALIAS, BLOCK, COMMENT, DOCUMENT, END, LIST, MAP, PLAIN, SCALAR
from ksecrets.values.token import is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, TypeAlias

    from ksecrets.files.formats import Format, Resolve
    from ksecrets.text.node import Node

    Key: TypeAlias = "tuple[str | int, int]"  # with its ordinal, where the same key stands twice
    Item: TypeAlias = "Value | Collection"

# How the scalars of an encrypted text are seen.
VALUES: Final = 0  # as they stand: for plaintext, and for tokens under one data key
READABLE: Final = 1  # all tokens are alike: under two data keys nothing can be said of them
STRUCTURE: Final = 2  # all scalars are alike

TOKEN = "token"
_CORE = "tag:yaml.org,2002:"


class Value:
    """A scalar (or an alias): its type for sops (or `TOKEN`, ``alias``, a tag of its own) and its content."""

    __slots__ = ("kind", "signature", "text")

    def __init__(self, kind: str, text: str, signature: int) -> None:
        self.kind = kind
        self.text = text
        self.signature = signature


class Collection:
    """A mapping or a list. `signature` is good once it is complete."""

    __slots__ = ("is_list", "items", "signature")

    def __init__(self, is_list: bool) -> None:
        self.is_list = is_list
        self.items: dict[Key, Item] = {}
        self.signature = 0

    def add(self, key: str | int, item: Item) -> None:
        ordinal = 0
        while (key, ordinal) in self.items:
            ordinal += 1
        self.items[key, ordinal] = item

    def close(self) -> None:
        self.signature = hash((self.is_list, *((key, item.signature) for key, item in self.items.items())))


class Shape:
    """The documents of a text (None for an empty one), its comments, and its tokens."""

    __slots__ = ("comments", "documents", "tokens")

    def __init__(self) -> None:
        self.documents: list[Item | None] = []
        self.comments: list[str] = []
        self.tokens: list[str] = []


def shape(text: str, how: int = VALUES, format: Format | None = None) -> Shape:
    """The shape of a text; its metadata block is no part of it. format: by its looks where none is given.

    Raises SyntaxRefused where the text is not in its format.
    """
    format = format or seen(text)
    found = Shape()
    open_: list[Collection] = []
    encrypted = False
    for node in format.scan(text.removeprefix(BOM)):
        kind = node.kind
        if kind == COMMENT:
            found.comments.append("" if how != VALUES and is_token(node.value.strip()) else node.value.strip())
            continue
        if kind == DOCUMENT:
            found.documents.append(None)
            continue
        if kind == BLOCK:
            encrypted = True
            continue
        if node.frame.in_key:
            continue
        item: Item
        if kind == SCALAR:
            item = _value(node, how, found.tokens, format.resolve)
        elif kind == ALIAS:
            item = Value("alias", f"*{node.anchor}", hash(("alias", node.anchor)))
        elif kind in (MAP, LIST):
            item = Collection(kind == LIST)
        else:
            if kind == END:
                open_.pop().close()
            continue
        if open_:
            parent = open_[-1]
            parent.add(len(parent.items) if parent.is_list else _key(node), item)
        elif kind != SCALAR or node.start != node.end or node.tag is not None:
            found.documents[-1] = item
        if isinstance(item, Collection):
            open_.append(item)
    if len(found.documents) > 1 and _is_nothing(found.documents[-1]):
        found.documents.pop()  # it was there for the metadata block only, or for nothing
    elif encrypted and _is_nothing(found.documents[-1]):
        found.documents[-1] = None
    return found


def _key(node: Node) -> str:
    return str(node.key)


def _value(node: Node, how: int, tokens: list[str], resolve: Resolve) -> Value:
    text = node.value
    if text.startswith("ENC[") and is_token(text):
        tokens.append(text)
        return Value(TOKEN, text, hash((TOKEN, text if how == VALUES else "")) if how != STRUCTURE else 0)
    tag = node.tag
    kind = (
        tag if tag is not None and not tag.startswith(_CORE) else resolve(text, plain=node.style == PLAIN, tag=tag)[0]
    )
    if kind == "null":
        text = "null"
    return Value(kind, text, 0 if how == STRUCTURE else hash((kind, text)))


def _is_nothing(item: Item | None) -> bool:
    return item is None or (isinstance(item, Collection) and not item.is_list and not item.items)
