"""The metadata in a JSON text: the last entry of its object, in the layout of the others.

It is put right behind the last entry, with the comma before it (in an empty object right behind the brace), so that
taking it out, comma included, gives the original back: white space before the closing brace is not touched.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.json import BLOCK_KEY, SPACE, scan
from ksecrets.text.jsonvalue import quote
from ksecrets.text.node import BLOCK, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any, Final

_TOP_STEP: Final = "\t"  # what sops indents by, for a text that shows no indentation of its own
_MAC: Final = "mac"  # has a space behind its colon always: Flux knows an encrypted file by the bytes `"mac": "ENC[`


def find(text: str) -> Any | None:
    """The tree of the metadata, or None where there is none; without reading the whole text where possible.

    What is found this way is a guess, as for YAML: the last key of the name, where the text can be read from it to its
    end as the rest of an object.
    """
    at = text.rfind(f'"{BLOCK_KEY}"')
    if at >= 0:
        try:
            for node in scan("{" + text[at:]):
                if node.kind == BLOCK:
                    found = node.value
            return found
        except SyntaxRefused:
            pass
    return search(text)


def search(text: str) -> Any | None:
    """As `find`, by reading the whole text: the first entry of the name."""
    found = None
    for node in scan(text):
        if node.kind == BLOCK and found is None:
            found = node.value
    return found


def cut(text: str, node: Node, own_document: bool) -> tuple[int, int, bool]:
    """The span to take out of an encrypted text for a BLOCK node of it, and whether the block is the last entry."""
    start = last_of(text, node.start)
    follower = node.end
    while text[follower] in SPACE:
        follower += 1
    if text.startswith("}", follower):
        return (start - 1 if text[start - 1] == "," else start), node.end, True
    if text[start - 1] == ",":
        return start - 1, node.end, False
    return node.start, follower + 1, False  # the first of several: the comma behind it goes


def last_of(text: str, position: int) -> int:
    """The place behind the last character before a place that is no white space."""
    while position > 0 and text[position - 1] in SPACE:
        position -= 1
    return position


def entry(tree: Mapping[str, Any], text: str, top: int, place: int, bare: Collection[str]) -> str:
    """The entry to insert.

    tree: the metadata. text: the plaintext; top: the place of the brace of its object; place: where the entry goes.
    bare: names of the tree's own entries that are no strings in JSON.
    """
    first = top + 1
    while text[first : first + 1] in SPACE and first < len(text):
        first += 1
    space = text[top + 1 : first]
    comma = "" if place == top + 1 else ","
    newline = next((mark for mark in ("\r\n", "\n", "\r") if mark in space), None)
    if newline is None:
        spaced = text.find('": ', first, place) >= 0 or comma == ""
        gap = (" " if spaced else "") if comma else space
        return comma + gap + quote(BLOCK_KEY) + (": " if spaced else ":") + _flat(tree, bare, spaced)
    indent = space[max(space.rfind("\n"), space.rfind("\r")) + 1 :] if comma else ""
    step = indent or _TOP_STEP
    margin = indent if comma else step
    return f"{comma}{newline}{margin}{quote(BLOCK_KEY)}: " + _laid_out(tree, bare, newline, margin, step)


def _flat(value: Any, bare: Collection[str], spaced: bool) -> str:
    comma, colon = (", ", ": ") if spaced else (",", ":")
    if isinstance(value, dict):
        entries = [
            quote(key) + (": " if key == _MAC else colon) + (inner if key in bare else _flat(inner, (), spaced))
            for key, inner in value.items()
        ]
        return "{" + comma.join(entries) + "}"
    if isinstance(value, list):
        return "[" + comma.join([_flat(inner, (), spaced) for inner in value]) + "]"
    return quote(value)


def _laid_out(value: Any, bare: Collection[str], newline: str, margin: str, step: str) -> str:
    """A value with each entry on a line of its own, as Go's `json.Indent` has it."""
    if not isinstance(value, (dict, list)):
        return quote(value)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    if not value:
        return opening + closing
    inside = margin + step
    lines = []
    if isinstance(value, dict):
        for key, inner in value.items():
            source = inner if key in bare else _laid_out(inner, (), newline, inside, step)
            lines.append(f"{inside}{quote(key)}: {source}")
    else:
        lines = [inside + _laid_out(inner, (), newline, inside, step) for inner in value]
    return opening + newline + f",{newline}".join(lines) + newline + margin + closing
