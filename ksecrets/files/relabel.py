"""The same values under another metadata block: what `updatekeys` does to a file whose data key stays.

Encrypting a plaintext again finds every old token anew, only to put it back where it was. Here the text around the
block stays as it is. The one pass that verifies the old proof counts the documents under the new metadata too, since a
seal is a hash over header and documents; then the result is opened again through the ordinary reader and compared byte
for byte, as every encryption is.
"""

from __future__ import annotations

from ksecrets.envelope.metadata import Metadata
from ksecrets.errors import KsecretsError
from ksecrets.files import proof
from ksecrets.files.open import BOM, Opened, open_text
from ksecrets.files.opening import OtherBlock, Reading
from ksecrets.values.seal import Seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ksecrets.files.formats import Format
    from ksecrets.values.cipher import DataKey
    from ksecrets.values.mac import Mac

    Wanted = Callable[[Opened], Metadata | None]


class Relabel:
    """One file on its way to another metadata block: `open` it, and if it was verified, ask for its `text`.

    wanted: gives the metadata that the file is to have, of which the seal counts all but the wrapped keys, or None
    where more than the block changes. It is asked before anything is verified, so it must leave nothing behind.
    """

    __slots__ = ("_mac", "_opened", "_seal", "_wanted", "metadata")

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._opened: Opened | None = None
        self.metadata: Metadata | None = None
        """What `wanted` gave, where the file was opened with it."""

    def open(
        self,
        text: str,
        *,
        data_key_for: Callable[[Metadata], DataKey],
        format: Format,
        require_seal: bool = False,
        ignore_mac: bool = False,
        keep_tokens: bool = False,
    ) -> Opened:
        """As `files.open.open_text`; the tokens are kept only where `metadata` is None after it."""
        opened = None
        if not ignore_mac and _span(text, format) is not None:
            opened = self._counted(text, data_key_for, format, require_seal)
        return opened or open_text(
            text,
            data_key_for=data_key_for,
            format=format,
            require_seal=require_seal,
            ignore_mac=ignore_mac,
            keep_tokens=keep_tokens,
        )

    def _counted(
        self, text: str, data_key_for: Callable[[Metadata], DataKey], format: Format, require_seal: bool
    ) -> Opened | None:
        tree = format.find(text)
        metadata = Metadata.from_tree(tree) if isinstance(tree, dict) else None
        if metadata is None or metadata.extension is None or metadata.extension.format != format.name:
            return None
        opened = Opened(text, metadata, data_key_for(metadata), format)
        wanted = self._wanted(opened)
        if wanted is None:
            return None
        reading = Reading(text, opened, tree, require_seal, False, False)
        assert reading.seal is not None  # there is an extension
        self._seal = proof.begin(opened.data_key, wanted, format)
        reading.seal = _Both(reading.seal, self._seal)
        try:
            opened.plaintext = reading.run()
        except OtherBlock:
            return None
        self._mac, self._opened, self.metadata = reading.mac, opened, wanted
        return opened

    def text(self, metadata: Metadata, format: Format) -> str | None:
        """The file with `metadata` (that of `wanted`, with its wrapped keys) in its block; None where the layout or
        the metadata turns out to be none that can be exchanged. format: as that of `open`, laid out for new lines.

        Guarantees: the result has been opened again, sealed, and gave back the plaintext, byte for byte.
        """
        opened = self._opened
        assert opened is not None
        span = _span(opened.text, format)
        extension = opened.metadata.extension
        assert span is not None
        assert extension is not None
        start, end = span
        mac: Mac = self._mac
        tree: Any = proof.finished(metadata, opened.data_key, format, mac, self._seal, extension.residues)
        placement = format.placement(opened.plaintext)
        placement.at_end(0)
        before = opened.text[:start]
        text = before + placement.text(tree, before) + opened.text[end:]
        try:
            # What was written stands for what is found quickly: the reader compares it with what the parser sees.
            again = Opened(text, Metadata.from_tree(tree), opened.data_key, format)
            if Reading(text, again, tree, True, False, False).run() != opened.plaintext:
                return None
        except (OtherBlock, KsecretsError):
            return None
        return text


def _span(text: str, format: Format) -> tuple[int, int] | None:
    """Where the block stands with the line break before it, where nothing stands behind it and all of its lines are
    indented: as ksecrets and sops put it into nearly every file. A guess, until the result was read."""
    if format.name != "yaml" or text.startswith(BOM):
        return None
    at = text.rfind("\nsops:")
    if at < 1:
        return None
    end = len(text.rstrip("\r\n"))
    if any(line[:1] != " " for line in text[at + 1 : end].split("\n")[1:]):
        return None
    return (at - 1 if text[at - 1] == "\r" else at), end


class _Both(Seal):
    """Two seals that count the same documents; the digest is that of the first."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Seal, second: Seal) -> None:
        self._first = first
        self._second = second

    def event(self, code: str, key: str | None = None, form: str | None = None, tag: str | None = None) -> None:
        self._first.event(code, key, form, tag)
        self._second.event(code, key, form, tag)

    def readable(self, key: str | None, form: str | None, tag: str | None, plain: bool, content: str) -> None:
        self._first.readable(key, form, tag, plain, content)
        self._second.readable(key, form, tag, plain, content)

    def alias(self, key: str | None, form: str | None, ordinal: str) -> None:
        self._first.alias(key, form, ordinal)
        self._second.alias(key, form, ordinal)

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
        self._first.encrypted(key, form, tag, plain, kind, content, residue)
        self._second.encrypted(key, form, tag, plain, kind, content, residue)

    def digest(self) -> bytes:
        return self._first.digest()
