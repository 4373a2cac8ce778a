"""A tree of git as it stands in objects: its entries, and the content of its files on demand."""

from __future__ import annotations

from ksecrets.errors import KsecretsError
from ksecrets.files.open import read_metadata
from ksecrets.repository.trees import LINK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.repository.batch import Batch
    from ksecrets.repository.trees import Entry

LARGEST = 1 << 26  # bytes; as for git's textconv
_MOST_LINKS = 40


class Snapshot:
    """One tree. label: what people call it, for messages. entries: by path. links: the paths of symbolic links.

    unmerged: paths that the index has in several stages.
    """

    __slots__ = ("_batch", "_metadata", "entries", "label", "links", "unmerged")

    def __init__(self, label: str, entries: Iterable[Entry], batch: Batch) -> None:
        self.label = label
        self.entries: dict[str, Entry] = {}
        self.links: list[str] = []
        self.unmerged: list[str] = []
        self._batch = batch
        self._metadata: dict[str, Metadata | None] = {}
        for entry in entries:
            if entry.stage:
                if entry.path not in self.unmerged:
                    self.unmerged.append(entry.path)
                continue
            self.entries[entry.path] = entry
            if entry.mode == LINK:
                self.links.append(entry.path)

    def raw(self, path: str) -> bytes | None:
        """The bytes of a file (of a link: where it leads), None where there is none, or it is too large to be read."""
        entry = self.entries.get(path)
        if entry is None or entry.size > LARGEST or not (entry.is_file or entry.mode == LINK):
            return None
        return self._batch.blob(entry.id)

    def text(self, path: str) -> str | None:
        """The text of a file, None where there is none or it is no UTF-8."""
        raw = self.raw(path)
        try:
            return None if raw is None else raw.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def metadata(self, path: str) -> Metadata | None:
        """The metadata of a file, None where it is not encrypted or its block is broken (a finding of its own)."""
        if path not in self._metadata:
            entry = self.entries.get(path)
            text = self.text(path) if entry is not None and entry.is_file else None
            found = None
            try:
                found = read_metadata(text) if text is not None and "sops" in text else None
            except KsecretsError:
                pass
            self._metadata[path] = found
        return self._metadata[path]

    def know(self, path: str, metadata: Metadata | None) -> None:
        """Keep what somebody else has read of a file."""
        self._metadata[path] = metadata

    def follow(self, path: str) -> str | None:
        """Where a path leads inside the tree, every link on the way followed; None where it leaves the repository."""
        done: list[str] = []
        todo = path.split("/")[::-1]
        links = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not done:
                    return None
                done.pop()
                continue
            done.append(part)
            entry = self.entries.get("/".join(done))
            if entry is None or entry.mode != LINK:
                continue
            links += 1
            target = (self.raw(entry.path) or b"").decode("utf-8", "surrogateescape")
            if links > _MOST_LINKS or not target or target.startswith("/") or "\\" in target or ":" in target[:2]:
                return None
            done.pop()
            todo += target.split("/")[::-1]
        return "/".join(done)
