"""Merging files of one entry a line, dotenv and INI: by the names of the entries, where git finds lines too close.

An entry is a line ``NAME=...`` (in INI, with its section and the indented lines behind it); comments and blank lines go
with the entry below them. What comes out is put together of whole entries, each as one side has it.
"""

from __future__ import annotations

from ksecrets.operations.merging.atoms import Atom
from ksecrets.operations.merging.threeway import Unmergeable, merge_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.merging.threeway import Conflict

FORMATS = ("dotenv", "ini")


def merge_entries(base: str, ours: str, theirs: str, format: str) -> list[str | Conflict]:
    """The merged text as clean texts and conflicts, in order. Raises Unmergeable."""
    return merge_whole(*(entries(text, format) for text in (base, ours, theirs)))


def entries(text: str, format: str) -> list[Atom]:
    """The entries of a text in order, comments before each as its prefix; at the end what follows the last one.

    Raises Unmergeable where a name stands twice, or a line has none.
    """
    comments = ("#",) if format == "dotenv" else ("#", ";")
    found: list[Atom] = []
    prefix: list[str] = []
    section = ""
    lines = text.split("\n")
    for line in [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else []):
        word = line.strip()
        if not word or word.startswith(comments):
            prefix.append(line)
        elif format == "ini" and line[0] in " \t" and found and not prefix:
            found[-1].pieces = (found[-1].pieces[0] + line,)  # goes on with the value above
        else:
            if format == "ini" and word.startswith("["):
                section = word
                name: tuple[object, ...] = (section,)
            else:
                name = (section, _name(word, format))
            found.append(Atom(name, "".join(prefix), (line,), in_list=False))
            prefix = []
    found.append(Atom(("end",), "".join(prefix), ("",), in_list=False))
    if len({atom.name for atom in found}) != len(found):
        raise Unmergeable("a name stands twice")
    return found


def _name(word: str, format: str) -> str:
    ends = [at for at in (word.find(mark) for mark in ("=", ":") if format == "ini" or mark == "=") if at > 0]
    if not ends:
        raise Unmergeable("a line without a name")
    return word[: min(ends)].strip()
