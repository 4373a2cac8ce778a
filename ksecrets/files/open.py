"""An encrypted text, opened: the way back through the pipe, and the proof that nothing was changed.

Nothing is given out before MAC and seal have been checked. The same function verifies every encryption before it is
written (`files.seal`), so a file that ksecrets wrote is a file that ksecrets has read.
"""

from __future__ import annotations

from ksecrets.envelope.metadata import Metadata
from ksecrets.errors import NotEncrypted, SyntaxRefused, Tampered
from ksecrets.files.formats import NAMES, by_name, seen
from ksecrets.values.primitives import LONG, expect_long_texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ksecrets.files.formats import Format
    from ksecrets.text.node import Node
    from ksecrets.values.cipher import DataKey

    Triple = tuple[str, str, bytes]

BOM = "\ufeff"
_LOOK_ALIKE = frozenset(("yaml", "json", "binary"))


class Opened:
    """One encrypted file with its plaintext, verified.

    text: the encrypted text as it was read, in `format`. plaintext: the file in clear text, byte for byte the original
    where the file is sealed. sealed: it carries a valid seal (an unsealed file is one that sops wrote last).
    verified: MAC and seal were checked (False only with `ignore_mac`).
    tokens: for every (associated data, type, plaintext) the tokens, their IVs and nodes in the order of the text, so
    that a new version of the file keeps them; empty unless asked for.
    values: how many tokens there are, comments not counted. Shows nothing of all this in its repr.
    """

    __slots__ = (
        "data_key",
        "format",
        "metadata",
        "notes",
        "plaintext",
        "sealed",
        "text",
        "tokens",
        "values",
        "verified",
    )

    def __init__(self, text: str, metadata: Metadata, data_key: DataKey, format: Format) -> None:
        self.text = text
        self.format = format
        self.metadata = metadata
        self.data_key = data_key
        self.plaintext = ""
        self.sealed = False
        self.verified = True
        self.tokens: dict[Triple, list[tuple[str, bytes, Node]]] = {}
        self.values = 0
        self.notes: list[str] = []

    def __repr__(self) -> str:
        return f"<Opened file, {self.values} values>"


def read_metadata(text: str, format: Format | None = None) -> Metadata:
    """The metadata of an encrypted text; needs no key and contacts nobody. format: by its looks where none is given.

    Raises NotEncrypted where there is no block, Tampered or SyntaxRefused where it is not in order.
    """
    tree = (format or seen(text)).find(text.removeprefix(BOM))
    if tree is None:
        raise NotEncrypted("the file is not encrypted: it has no `sops` block")
    return _metadata(tree)


def open_text(
    text: str,
    *,
    data_key_for: Callable[[Metadata], DataKey],
    format: Format | None = None,
    require_seal: bool = False,
    ignore_mac: bool = False,
    keep_tokens: bool = False,
) -> Opened:
    """Decrypt and verify one encrypted text.

    text: the whole file, line ends and byte order mark as they stand. data_key_for: gives the data key for the
    metadata, or raises NoIdentity. format: what its name says, where it is known; a sealed file says itself whether it
    is YAML, JSON or binary. require_seal: an unsealed file is an error. ignore_mac: do not check MAC and seal
    (`verified` is then False, and residues are not trusted). keep_tokens: fill `Opened.tokens`.

    Raises NotEncrypted, NoIdentity, Tampered, SyntaxRefused; none of them shows a value.
    """
    format = format or seen(text)
    mark = BOM if text.startswith(BOM) and not format.keeps_mark else ""
    body = text.removeprefix(mark)
    tree = format.find(body)
    for _ in range(2):
        if tree is None:
            raise NotEncrypted("the file is not encrypted: it has no `sops` block")
        metadata = _metadata(tree)
        if metadata.extension is not None and metadata.extension.format != format.name:
            format = _declared(metadata.extension.format, format)
        opened = Opened(text, metadata, data_key_for(metadata), format)
        if len(text) > LONG:
            expect_long_texts()
        if format.name == "binary":
            from ksecrets.files import binary

            opened.plaintext = binary.open_body(
                body, opened, tree, require_seal=require_seal, ignore_mac=ignore_mac, keep_tokens=keep_tokens
            )
            return opened
        from ksecrets.files.opening import OtherBlock, Reading  # whoever asks for metadata only does not need it

        try:
            plaintext = Reading(body, opened, tree, require_seal, ignore_mac, keep_tokens).run()
        except OtherBlock:
            tree = format.search(body)  # what looked like the block was part of something else
            continue
        opened.plaintext = mark + plaintext
        return opened
    raise Tampered("the metadata blocks of this file differ")


def _declared(name: str, format: Format) -> Format:
    """The format that a file was sealed in, where it is another one than its name says."""
    if name not in NAMES:
        raise Tampered("the metadata names a format that there is not")
    if {name, format.name} <= _LOOK_ALIKE:
        return by_name(name)
    raise Tampered(
        f"the file was sealed as {name} and is read as {format.name}", hint=f"give --input-type {name}, or its old name"
    )


def _metadata(tree: Any) -> Metadata:
    """The metadata of a tree; a scalar or a list under the name is something of the user's own."""
    if not isinstance(tree, dict):
        raise SyntaxRefused(
            "a key `sops` of its own at the top: the name is reserved for the metadata block", hint="rename the key"
        )
    return Metadata.from_tree(tree)
