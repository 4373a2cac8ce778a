"""One version of a file as its values, read without any key: where each stands, and its token or its readable text.

Between two versions mostly tokens differ and nothing else. So a text is split at its tokens, and what is left, its
skeleton, is read once for all versions that share it: one strict token means the same in its place as another. The
metadata block is cut off first, where it surely ends the text, and read once for each set of readers.
"""

from __future__ import annotations

from ksecrets.envelope.metadata import identity_fields
from ksecrets.errors import KsecretsError, NotEncrypted
from ksecrets.files.formats import by_name, seen
from ksecrets.files.open import BOM, read_metadata
from ksecrets.text.node import ALIAS, BLOCK, COMMENT, DOCUMENT, END, KEY, LIST, MAP, PLAIN, SCALAR
from ksecrets.values.token import is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern
    from typing import Any, TypeAlias

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.files.formats import Format

    Where: TypeAlias = "tuple[int, tuple[str | int, ...], int]"  # document, path, ordinal of a key that stands twice
    Value: TypeAlias = "tuple[bool, str, str]"  # is it a token, its type, and the token or the readable text

LARGEST = 1 << 24  # bytes of a version that is read
_MOST_PARTS = 4_000_000  # keys and indices in all paths of a version: the depth of a hostile one is paid for each value
_MEMO = 512
_PLACE = "ENC[ksecrets:"  # stands for a token in a skeleton; as much a plain scalar as the token is
_CORE = "tag:yaml.org,2002:"

_TOKEN: Pattern[str] | None = None
_VARYING: Pattern[str] | None = None
_TAIL: Pattern[str] | None = None


class Envelope:
    """Of the metadata of a version: who reads it, and what tells its data key from another.

    kid: None where sops wrote it. wrapped: the copies of the data key. readers: service and identity fields of each.
    """

    __slots__ = ("environment", "kid", "readers", "sealed", "wrapped")

    def __init__(self, metadata: Metadata) -> None:
        extension = metadata.extension
        self.kid = extension.kid if extension is not None else None
        self.environment = extension.environment if extension is not None else None
        self.sealed = extension is not None
        self.wrapped = frozenset(stanza.fields.get("enc", "") for stanza in metadata.stanzas)
        self.readers = tuple((stanza.service, identity_fields(stanza)) for stanza in metadata.stanzas)


class Layout:
    """Where the values of a text stand; of a token its ordinal among the tokens of the text."""

    __slots__ = ("slots",)

    def __init__(self, slots: dict[Where, Value | int]) -> None:
        self.slots = slots


class Version:
    """One version. envelope: None for a plaintext. problem: why its values are unknown, else None.

    Its repr shows nothing of it, and it gives out readable texts only for comparing.
    """

    __slots__ = ("_tokens", "_values", "envelope", "layout", "problem", "size")

    def __init__(self, envelope: Envelope | None, problem: str | None = None) -> None:
        self.envelope = envelope
        self.problem = problem
        self.layout = Layout({})
        self.size = 0
        self._tokens: list[str] = []
        self._values: dict[Where, Value] | None = None

    def __repr__(self) -> str:
        return f"<Version {'encrypted' if self.envelope else 'plaintext'}>"

    def value(self, slot: Value | int) -> Value:
        """What a slot of the layout holds in this version."""
        if not isinstance(slot, int):
            return slot
        token = self._tokens[slot]
        return True, token[token.rindex(":") + 1 : -1], token

    @property
    def tokens(self) -> list[str]:
        """Its tokens in the order of the text, with those of comments."""
        return self._tokens

    def values(self) -> dict[Where, Value]:
        """All values, in the order of the text."""
        if self._values is None:
            self._values = {where: self.value(slot) for where, slot in self.layout.slots.items()}
        return self._values


class Reader:
    """Reads versions; use one for many. `read` never raises for what a text holds: see `Version.problem`."""

    __slots__ = ("_envelopes", "_layouts")

    def __init__(self) -> None:
        self._layouts: dict[str, Layout] = {}
        self._envelopes: dict[str, Envelope | None] = {}

    def read(self, raw: bytes) -> Version:
        """The version that these bytes are."""
        if len(raw) > LARGEST:
            return Version(None, f"larger than {LARGEST >> 20} MB, and was not read")
        try:
            text = raw.decode("utf-8").removeprefix(BOM)
        except UnicodeDecodeError:
            return Version(None, "no UTF-8 text")
        try:
            version = self._quick(text) or self._whole(text)
        except KsecretsError as error:
            return Version(None, f"cannot be read: {error.message}")
        version.size = len(raw)
        return version

    def _quick(self, text: str) -> Version | None:
        """By parts, where the block is the end of the only document; None where it takes the whole text to know."""
        at = text.rfind("\nsops:") + 1
        if at == 0 or _PLACE in text:
            return None
        body, tail = text[:at], text[at:]
        _, varying, shape = _patterns()
        if shape.fullmatch(tail) is None:
            return None
        memo = varying.sub("", tail)
        if memo not in self._envelopes:
            _remember(self._envelopes, memo, _envelope(tail))
        envelope = self._envelopes[memo]
        return self._filled(body, envelope, by_name("yaml")) if envelope is not None else None

    def _whole(self, text: str) -> Version:
        envelope = None
        format = by_name("yaml")
        if "sops" in text:
            try:
                envelope = Envelope(read_metadata(text))
                format = seen(text)
            except NotEncrypted:
                pass
        version = self._filled(text, envelope, format, alone=False)
        assert version is not None
        return version

    def _filled(self, body: str, envelope: Envelope | None, format: Format, *, alone: bool = True) -> Version | None:
        """alone: there must be one document, and no block in it."""
        pieces = [body] if _PLACE in body else _patterns()[0].split(body)
        skeleton = "\0".join(pieces[::2])
        if skeleton not in self._layouts:
            marked = [pieces[0]]
            for number in range(1, len(pieces), 2):
                marked += [f"{_PLACE}{number // 2}]", pieces[number + 1]]
            layout = _layout("".join(marked), len(pieces) // 2, format, alone=alone)
            if layout is None:
                return None
            _remember(self._layouts, skeleton, layout)
        version = Version(envelope)
        version.layout = self._layouts[skeleton]
        version._tokens = pieces[1::2]
        return version


def _envelope(tail: str) -> Envelope | None:
    """Of a text that is to be the block and nothing else; None where it is not."""
    try:
        if any(node.kind in (SCALAR, ALIAS, LIST, KEY) for node in by_name("yaml").scan(tail)):
            return None
        return Envelope(read_metadata(tail))
    except KsecretsError:
        return None


def _layout(text: str, tokens: int, format: Format, *, alone: bool) -> Layout | None:
    """Read the text. Raises SyntaxRefused."""
    places = {f"{_PLACE}{number}]": number for number in range(tokens)}
    slots: dict[Where, Value | int] = {}
    seen: dict[tuple[int, tuple[str | int, ...]], int] = {}
    document = -1
    parts = 0
    empty: tuple[int, tuple[str | int, ...], str] | None = None  # a collection that was opened right before

    def add(path: tuple[str | int, ...], slot: Value | int) -> None:
        nonlocal parts
        parts += len(path) + 1
        if parts > _MOST_PARTS:
            raise KsecretsError("more values, deeper down, than a file of secrets can have")
        ordinal = seen.get((document, path), 0)
        seen[document, path] = ordinal + 1
        slots[document, path, ordinal] = slot

    for node in format.scan(text):
        kind = node.kind
        if kind == COMMENT:
            continue
        if kind == BLOCK and alone:
            return None
        if kind == DOCUMENT:
            document += 1
            if alone and document:
                return None
        if kind in (MAP, LIST, SCALAR, ALIAS) and node.frame.in_key:
            continue
        if kind == SCALAR:
            place = places.get(node.value)
            if place is not None:
                add(node.path(), place)
            elif node.key is not None or node.start != node.end or node.tag is not None:
                add(node.path(), _readable(node.value, node.style == PLAIN, node.tag, format))
        elif kind == ALIAS:
            add(node.path(), (False, "alias", node.anchor or node.value))
        elif kind == END and empty is not None and empty[1]:
            add(empty[1], (False, empty[2], ""))
        if kind in (MAP, LIST):
            empty = (document, node.frame.path(), "list" if kind == LIST else "map")
        else:
            empty = None
    return Layout(slots)


def _readable(text: str, plain: bool, tag: str | None, format: Format) -> Value:
    if is_token(text):
        return True, text[text.rindex(":") + 1 : -1], text
    if tag is not None and not tag.startswith(_CORE):
        return False, tag, text
    kind = format.resolve(text, plain=plain, tag=tag)[0] if plain or tag is not None else "str"
    return False, kind, "null" if kind == "null" else text


def _remember(memo: dict[str, Any], key: str, value: object) -> None:
    """Bounded, the oldest out first: histories do not come back to a skeleton that they left."""
    if len(memo) >= _MEMO:
        del memo[next(iter(memo))]
    memo[key] = value


def _patterns() -> tuple[Pattern[str], Pattern[str], Pattern[str]]:
    """A token; what differs between blocks of the same readers and data key; a block at the end of a text."""
    global _TOKEN, _VARYING, _TAIL
    if _TOKEN is None or _VARYING is None or _TAIL is None:
        import re

        token = (
            r"ENC\[AES256_GCM,data:[A-Za-z0-9+/]*={0,2},iv:[A-Za-z0-9+/]{43}=,tag:[A-Za-z0-9+/]{22}==,"
            r"type:(?:str|int|float|bool|time|bytes|comment)\]"
        )
        _TOKEN = re.compile(f"({token})")
        _VARYING = re.compile(
            r'(?<=\n    lastmodified: ")[0-9TZ:.+-]+(?="\r?\n)'
            rf"|(?<=\n    mac: ){token}(?=\r?\n)"
            r"|(?<=\n        residues:\n)(?:            [A-Za-z0-9_-]{16}: [A-Za-z0-9+/]+={0,2}\n)+"
        )
        _TAIL = re.compile(r"sops:[ \t]*\r?\n(?:[ ][^\r\n]*(?:\r?\n|\Z)|\r?\n)*")
    return _TOKEN, _VARYING, _TAIL
