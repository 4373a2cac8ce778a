"""The metadata of an INI file in its text: the section ``sops``, flattened, as sops prints it.

sops escapes line breaks in it as ``\\n`` before its INI library writes it, and aligns the ``=``. Names of ksecrets' own
are not counted for the alignment: a first long one would move all lines.
Source: sops, stores/metadata.go and stores/ini/store.go; gopkg.in/ini.v1, file.go.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.flatten import flatten
from ksecrets.text.ini import METADATA, scan
from ksecrets.text.iniline import written
from ksecrets.text.node import BLOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ksecrets.text.node import Node

_HEADER = f"[{METADATA}]"
_OWN = "ksecrets__"


def block_text(tree: Mapping[str, Any], body: str) -> str:
    """The section as it goes in before the last line break of a text, with the blank line before it."""
    newline = _newline_of(body)
    pairs = flatten(tree)
    width = max((len(name) for name, _ in pairs if not name.startswith(_OWN)), default=0)
    lines = [f"{name:{width}} = {written(value.replace(chr(10), chr(92) + 'n'))}" for name, value in pairs]
    return (newline * 2 if body else "") + newline.join([_HEADER, *lines])


def place(text: str) -> int:
    """Where the metadata goes: before the last line break, or at the end."""
    return len(text) - (2 if text.endswith("\r\n") else text.endswith("\n"))


def cut(text: str, block: Node) -> tuple[int, int]:
    """The span to take out of an encrypted text for its BLOCK: the section, and the blank line before it."""
    start, end = block.start, block.end
    while text[start - 1 : start] in (" ", "\t"):  # in a file that a person indented
        start -= 1
    while text[end : end + 1] in (" ", "\t"):
        end += 1
    newline = "\r\n" if text.startswith("\r\n", text.find("]", start) + 1) else "\n"
    if start == 0:
        return 0, end + (len(newline) if text.startswith(newline, end) else 0)
    start -= len(newline)
    if text.endswith(newline, 0, start):
        start -= len(newline)
    return start, end


def find(text: str) -> dict[str, Any] | None:
    """The tree of the metadata, or None where there is none; without reading the whole text where possible.

    What is found this way is a guess, compared with the BLOCK of the whole scan.
    """
    at = 0 if text.startswith(_HEADER) else text.rfind("\n" + _HEADER) + 1
    if at > 0 or text.startswith(_HEADER):
        try:
            return _first(text[at:])
        except SyntaxRefused:
            pass
    return search(text)


def search(text: str) -> dict[str, Any] | None:
    """As `find`, by reading the whole text."""
    return _first(text) if _HEADER in text else None


def _first(text: str) -> dict[str, Any] | None:
    for node in scan(text):
        if node.kind == BLOCK:
            tree: dict[str, Any] = node.value
            return tree
    return None


def _newline_of(text: str) -> str:
    at = text.find("\n")
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"
