"""The seal: a keyed hash over the whole meaning of a file, stored as the IV of its ``mac`` token.

It covers what sops's MAC misses: names of keys, structure, types, tags, empty values, recipients, selector,
environment and path. It leaves out what a formatter may touch: white space, readable comments, the names of anchors,
the style of quotes. It proves knowledge of the data key, never who wrote the file.

The stream S is made of records; every record is LP(code, field, ...) with LP as in `cipher.length_prefixed`. The code
says which fields follow, so that no two different files have the same stream. docs/file-format.md has the table.
"""

from __future__ import annotations

from ksecrets.values.cipher import length_prefixed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ksecrets.values.cipher import DataKey

_VERSION = b"ksecrets-seal-v1"
_FLUSH = 512


class Seal:
    """The running seal of one file: header first, then the events of its documents in their order.

    Entries are described by `key` (None in a list and at the root, else the key's content) and `form` (how the key is
    written, see `text.node.Node.key_form`); both sides of the pipe call this with the forms that the encrypted text
    shows.
    """

    __slots__ = ("_hash", "_heads", "_parts")

    def __init__(self, key: DataKey) -> None:
        self._hash = key.keyed_hash("seal")
        self._parts: list[bytes] = []
        self._heads: dict[tuple[str, str | None, str | None, str | None], bytes] = {}

    def header(self, fields: Iterable[str]) -> None:
        """Format, kid, environment, path, lastmodified, selector kind and value, mac_only_encrypted, threshold."""
        self._parts.append(length_prefixed(_VERSION, *[field.encode("utf-8") for field in fields]))

    def recipients(self, groups: Iterable[Iterable[tuple[str, ...]]]) -> None:
        """The readers: groups in their order, each a sorted set of (service, name, value, name, value...)."""
        for group in groups:
            self._parts.append(length_prefixed(b"G"))
            for identity in sorted(set(group)):
                self._parts.append(length_prefixed(b"R", *[field.encode("utf-8") for field in identity]))
        self._parts.append(length_prefixed(b"H"))

    def event(self, code: str, key: str | None = None, form: str | None = None, tag: str | None = None) -> None:
        """A document, collection or key opens or ends: D d { [ ] ?"""
        self._parts.append(self._head(code, key, form, tag))
        if len(self._parts) > _FLUSH:
            self._flush()

    def readable(self, key: str | None, form: str | None, tag: str | None, plain: bool, content: str) -> None:
        """A scalar (or an alias, as the ordinal of its anchor) that stands in clear text."""
        raw = content.encode("utf-8")
        head = self._head("p" if plain else "q", key, form, tag)
        self._parts.append(b"%b%b%b" % (head, len(raw).to_bytes(8, "big"), raw))
        if len(self._parts) > _FLUSH:
            self._flush()

    def alias(self, key: str | None, form: str | None, ordinal: str) -> None:
        """An alias, as the ordinal of its anchor in the document."""
        self._parts.append(self._head("*", key, form, None) + length_prefixed(ordinal.encode("ascii")))

    def encrypted(
        self,
        key: str | None,
        form: str | None,
        tag: str | None,
        plain: bool,
        kind: str,
        content: bytes,
        residue: str | None,
    ) -> None:
        """A scalar that stands as a token: how the token is written, its type and plaintext, the residue or None.

        Without a residue the source follows from style, type and plaintext, so these say it all.
        """
        code = ("P" if plain else "Q") + ("r:" if residue is not None else ":") + kind
        head = self._head(code, key, form, tag)
        if residue is None:
            self._parts.append(b"%b%b%b" % (head, len(content).to_bytes(8, "big"), content))
        else:
            self._parts.append(head + length_prefixed(content, residue.encode("utf-8")))
        if len(self._parts) > _FLUSH:
            self._flush()

    def digest(self) -> bytes:
        """The 32 bytes of the seal."""
        self._flush()
        return self._hash.digest()

    def _head(self, code: str, key: str | None, form: str | None, tag: str | None) -> bytes:
        """The encoded code, key and tag: the same few over and over in a real file, so they are kept."""
        name = (code, key, form, tag)
        head = self._heads.get(name)
        if head is None:
            # "k" a plain key, "K" one written otherwise (its form follows), "t" a tag follows.
            full = code
            fields = []
            if key is not None:
                full += "K" if form else "k"
                fields += [form.encode("utf-8"), key.encode("utf-8")] if form else [key.encode("utf-8")]
            if tag is not None:
                full += "t"
                fields.append(tag.encode("utf-8"))
            head = length_prefixed(full.encode("ascii"), *fields)
            if len(self._heads) < 4096:
                self._heads[name] = head
        return head

    def _flush(self) -> None:
        self._hash.update(b"".join(self._parts))
        self._parts.clear()
