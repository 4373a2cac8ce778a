"""The hand-made YAML documents of tests/vectors/yaml, and marks for what an editor would not show or keep.

A file holds cases; ``=== NAME`` starts one, a last line ``| FLAG...`` ends it where it is not an ordinary document.
Within a document: ``␠`` is a space, ``⇥`` a tab, ``␍`` a carriage return (before the line break that is there),
``␅ ␤ ␦`` the line breaks U+0085, U+2028, U+2029, ``⌫`` a byte order mark, ``␇`` a bell, ``␊`` an empty line, and ``∎``
at the end says that no line break follows.

Flags, each for what both ksecrets and the peers are held to:

* ``refused``: ksecrets refuses it (a parser's error, or the closed list of docs/file-format.md).
* ``go-refuses``: libyaml reads it, go-yaml does not, so neither sops nor Helm can.
* ``go-keys``: a key that is no string, which sops refuses. ``own-document``: a root that is no mapping, which sops
  refuses. ``alias``: an alias in it, which sops expands. ``go-map``: a later document that sops cannot read.
* ``empty``: no document in it, which sops does not encrypt.
* ``first-empty``: sops takes the metadata of the first document that has any.
* ``go-any``: readers may disagree; ksecrets keeps it to the byte or refuses it on its list, and where sops reads the
  result, it gives the same values.
* ``refused-or-go``: refused by ksecrets or by sops.
"""

from __future__ import annotations

from pathlib import Path

_VECTORS = Path(__file__).parent / "vectors" / "yaml"
_MARKS = str.maketrans(
    {"␠": " ", "⇥": "\t", "␍": "\r", "␅": "\x85", "␤": "\u2028", "␦": "\u2029", "⌫": "\ufeff", "␇": "\x07", "␊": ""}
)


class Case:
    """One document: `name` (file/name), `text` and `flags`."""

    def __init__(self, name: str, text: str, flags: frozenset[str]) -> None:
        self.name = name
        self.text = text
        self.flags = flags

    def __repr__(self) -> str:
        return self.name


def cases() -> list[Case]:
    """All hand-made documents, in the order of their files."""
    return [case for path in sorted(_VECTORS.glob("*.txt")) for case in _read(path)]


def _read(path: Path) -> list[Case]:
    found = []
    for chunk in path.read_text(encoding="utf-8").split("\n=== ")[1:]:
        name, *lines = chunk.removesuffix("\n").split("\n")
        flags = (
            frozenset(lines.pop()[2:].split()) if lines[-1].startswith("| ") and _is_flags(lines[-1]) else frozenset()
        )
        text = "".join(f"{line}\n" for line in lines).replace("∎\n", "").translate(_MARKS)
        found.append(Case(f"{path.stem}/{name}", text, flags))
    return found


def _is_flags(line: str) -> bool:
    return line.startswith("| ") and all(word in _FLAGS for word in line[2:].split())


_FLAGS = frozenset(
    (
        "refused",
        "go-refuses",
        "go-keys",
        "own-document",
        "alias",
        "go-map",
        "first-empty",
        "go-any",
        "refused-or-go",
        "empty",
    )
)
