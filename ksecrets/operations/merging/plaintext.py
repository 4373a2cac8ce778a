"""The merge of three plaintexts: git's, where git can; by entries, where neighbours disturb git; else git's conflicts.

Nothing here touches a disk: git works in memory-backed private storage.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.files.open import BOM
from ksecrets.operations.merging.atoms import Version
from ksecrets.operations.merging.lines import FORMATS as LINE_FORMATS
from ksecrets.operations.merging.lines import entries, merge_entries
from ksecrets.operations.merging.threeway import Conflict, Unmergeable, merge_atoms
from ksecrets.repository.mergefile import merge_hunks, merge_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Segments: TypeAlias = "list[str | Conflict]"


def merge_plaintexts(base: str, ours: str, theirs: str, format: str = "yaml") -> Segments:
    """Clean texts and conflicts, in order. Where git merges the lines and YAML comes out, the result is git's, to the
    byte; a key that would then stand twice in one mapping is no such result.

    format: its name. JSON is merged as the YAML that it is, dotenv and INI by their entries, binary as git does.
    """
    mark = BOM if ours.startswith(BOM) and theirs.startswith(BOM) else ""
    base, ours, theirs = (text.removeprefix(BOM) for text in (base, ours, theirs))
    segments = _merged(base, ours, theirs, format)
    return [mark, *segments] if mark else segments


def conflicts(segments: Segments) -> int:
    """How many places are left to decide."""
    return sum(isinstance(segment, Conflict) for segment in segments)


def side(segments: Segments, which: str) -> str:
    """The text with every conflict decided for one side: ``ours``, ``theirs`` or ``base``."""
    return "".join(getattr(segment, which) if isinstance(segment, Conflict) else segment for segment in segments)


def with_markers(segments: Segments, *, base: bool = True) -> str:
    """The text with conflict markers, as git's diff3 style has them; without `base`, as its plain style has them.

    Of plaintexts for private storage only.
    """
    parts: list[str] = []
    for segment in segments:
        if isinstance(segment, Conflict):
            newline = "\r\n" if "\r\n" in segment.ours + segment.theirs else "\n"
            sides = [("<<<<<<< ours", segment.ours), ("||||||| base", segment.base), ("=======", segment.theirs)]
            for head, text in sides if base else (sides[0], sides[2]):
                parts += (head, newline, text, "" if not text or text.endswith("\n") else newline)
            parts += (">>>>>>> theirs", newline)
        else:
            parts.append(segment)
    return "".join(parts)


def _merged(base: str, ours: str, theirs: str, format: str) -> Segments:
    if ours == theirs or theirs == base:
        return [ours]
    if ours == base:
        return [theirs]
    lines = merge_lines(base, ours, theirs)
    by_lines = format in LINE_FORMATS
    if lines is not None and (format == "binary" or _sound(lines, ours, theirs, format)):
        return [lines]
    try:
        if by_lines:
            return merge_entries(base, ours, theirs, format)
        if format != "binary":
            return merge_atoms(base, ours, theirs, _several_lines)
    except (Unmergeable, SyntaxRefused):
        pass
    hunks = merge_hunks(base, ours, theirs) if lines is None or by_lines else None
    if hunks is None:
        return [Conflict(base, ours, theirs)]
    return [hunk if isinstance(hunk, str) else Conflict(*hunk) for hunk in hunks]


def _several_lines(base: str, ours: str, theirs: str) -> str | None:
    return merge_lines(base, ours, theirs)


def _sound(merged: str, ours: str, theirs: str, format: str) -> bool:
    """Whether what git merged is of the format, and no key stands twice that does not on one of the sides."""
    try:
        if format in LINE_FORMATS:
            entries(merged, format)
            return True
    except Unmergeable:
        return False
    try:
        return not Version(merged).doubled or Version(ours).doubled or Version(theirs).doubled
    except SyntaxRefused:
        return False
