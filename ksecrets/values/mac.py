"""sops's MAC: SHA-512 over the plaintext bytes of the leaves in document order, as upper-case hex.

Nulls and comments are left out, aliases count as what they stand for (sops expands them). What it misses (renamed
keys, moved bytes, retyped values, the whole metadata) is what the seal is for. Source: sops.go, `Tree.Encrypt`.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.values.primitives import sha512

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# sha256(b"sops"): with `mac_only_encrypted` sops starts from these bytes, so that the two kinds of MAC never agree.
_ONLY_ENCRYPTED: Final = bytes.fromhex("8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69")

_MANY: Final = 4096

MAX_EXPANDED: Final = 10_000_000
"""Bytes that the aliases of a file may stand for in all: an alias bomb ends here, long before memory does."""


class Mac:
    """The running MAC of one file."""

    __slots__ = ("_anchors", "_expanded", "_hash", "_leaves", "_open", "add")

    def __init__(self, only_encrypted: bool = False) -> None:
        self._hash = sha512()
        if only_encrypted:
            self._hash.update(_ONLY_ENCRYPTED)
        self._anchors: dict[str, bytes] = {}
        self._open: list[tuple[str, object, int]] = []  # with the number of leaves before it
        self._expanded = 0
        self._leaves: list[bytes] = []
        self.add = self._leaves.append
        """One more leaf: the bytes that sops would encrypt for it."""

    def remember(self, anchor: str, content: bytes) -> None:
        """A leaf (already added, or part of a key) carries an anchor."""
        self._anchors[anchor] = content

    def begin(self, anchor: str, owner: object) -> None:
        """A collection with an anchor opens; `owner` is what `end` will be called with."""
        self._open.append((anchor, owner, len(self._leaves)))

    def end(self, owner: object) -> None:
        """A collection closes, with or without an anchor."""
        if self._open and self._open[-1][1] is owner:
            anchor, _, before = self._open.pop()
            self._anchors[anchor] = b"".join(self._leaves[before:])
        elif not self._open and len(self._leaves) > _MANY:
            self._flush()

    def alias(self, anchor: str, line: int) -> None:
        """An alias: the leaves below its anchor once more. Refusal 4: aliases that stand for more than 10 MB."""
        content = self._anchors.get(anchor, b"")
        self._expanded += len(content) + 1
        if self._expanded > MAX_EXPANDED:
            raise SyntaxRefused(f"aliases that stand for more than {MAX_EXPANDED // 1_000_000} MB", line=line)
        if content:
            self.add(content)

    def hexdigest(self) -> str:
        """The MAC as sops writes it: upper-case hex."""
        self._flush()
        return self._hash.hexdigest().upper()

    def _flush(self) -> None:
        self._hash.update(b"".join(self._leaves))
        self._leaves.clear()
