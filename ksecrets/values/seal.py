"""The seal: a keyed hash over the whole meaning of a file, stored as the IV of its ``mac`` token.

It covers what sops's MAC misses: names of keys, structure, types, tags, empty values, recipients, selector,
environment and path. It leaves out what a formatter may touch: white space, readable comments, the names of anchors,
the style of quotes. It proves knowledge of the data key, never who wrote the file.

The stream is a sequence of text fields. Each record begins with a code that says which fields follow, so no two
different files have the same sequence; and the sequence is hashed in groups, each as the number of its fields, the
length of every field, and the fields, so no two sequences give the same bytes. docs/file-format.md has the tables.
"""

from __future__ import annotations

from binascii import b2a_base64
from struct import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from ksecrets.values.cipher import DataKey

VERSION: Final = "ksecrets-seal-v1"
GROUP: Final = 4096
"""A group ends with the record that brings it to this many fields or more; the last one ends with the stream."""


class Seal:
    """The running seal of one file: header first, then the events of its documents in their order.

    Entries are described by `key` (None in a list and at the root, else the key's content) and `form` (how the key is
    written, see `text.node.Node.key_form`); both sides of the pipe call this with the forms that the encrypted text
    shows.
    """

    __slots__ = ("_codes", "_fields", "_hash")

    def __init__(self, key: DataKey) -> None:
        self._hash = key.keyed_hash("seal")
        self._fields: list[str] = []
        self._codes: dict[tuple[bool, str | None, str | None, str], tuple[str, ...]] = {}

    def header(self, fields: Iterable[str]) -> None:
        """Format, kid, environment, path, lastmodified, selector kind and value, mac_only_encrypted, threshold."""
        self._fields += (VERSION, *fields)

    def recipients(self, groups: Iterable[Iterable[tuple[str, ...]]]) -> None:
        """The readers: groups in their order, each a sorted set of (service, name, value, name, value...)."""
        for group in groups:
            self._fields.append("G")
            for identity in sorted(set(group)):
                self._fields += ("R", str(len(identity)), *identity)
        self._fields.append("H")

    def event(self, code: str, key: str | None = None, form: str | None = None, tag: str | None = None) -> None:
        """A document, collection or key opens or ends: D d { [ } ?

        The head of every record: code, and key and tag as far as they are there: "k" a plain key, "K" a key behind
        its form, "t" a tag.
        """
        fields = self._fields
        if len(fields) >= GROUP:
            self._flush()
        if tag is None and not form:
            if key is None:
                fields.append(code)
            else:
                fields += ("k" + code, key)
            return
        head = [("" if key is None else "K" if form else "k") + ("t" if tag is not None else "") + code]
        if key is not None:
            head += [form, key] if form else [key]
        if tag is not None:
            head.append(tag)
        fields += head

    def readable(self, key: str | None, form: str | None, tag: str | None, plain: bool, content: str) -> None:
        """A scalar that stands in clear text."""
        self.event("p" if plain else "q", key, form, tag)
        self._fields.append(content)

    def alias(self, key: str | None, form: str | None, ordinal: str) -> None:
        """An alias, as the ordinal of its anchor in the document."""
        self.event("*", key, form, None)
        self._fields.append(ordinal)

    def encrypted(
        self,
        key: str | None,
        form: str | None,
        tag: str | None,
        plain: bool,
        kind: str,
        content: str,
        residue: str | None,
    ) -> None:
        """A scalar that stands as a token: how the token is written, its type and content (see `spelled`), and
        the residue or None.

        Without a residue the source follows from style, type and content, so these say it all.
        """
        if tag is None and not form and residue is None:  # nearly all of them
            fields = self._fields
            if len(fields) >= GROUP:
                self._flush()
            if key is None:
                fields += ("P:" + kind if plain else "Q:" + kind, content)
            else:
                fields += ("kP:" + kind if plain else "kQ:" + kind, key, content)
        elif residue is None:
            self.event("P:" + kind if plain else "Q:" + kind, key, form, tag)
            self._fields.append(content)
        else:
            self.event("Pr:" + kind if plain else "Qr:" + kind, key, form, tag)
            self._fields += (content, residue)

    def digest(self) -> bytes:
        """The 32 bytes of the seal."""
        self._flush()
        return self._hash.digest()

    def _flush(self) -> None:
        fields = self._fields
        joined = "".join(fields)
        lengths = map(len, fields) if joined.isascii() else [len(field.encode("utf-8")) for field in fields]
        count = len(fields)
        self._hash.update(pack(f">{count + 1}Q", count, *lengths))
        self._hash.update(joined.encode())
        fields.clear()


def spelled(kind: str, content: bytes) -> tuple[str, str]:
    """A value's type and bytes as fields: its text; for bytes that are no UTF-8 base64, with ``!`` behind the type."""
    try:
        return kind, content.decode()
    except UnicodeDecodeError:
        return kind + "!", b2a_base64(content, newline=False).decode("ascii")
