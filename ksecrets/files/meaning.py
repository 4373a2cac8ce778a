"""Whether a decrypted text still says what was sealed: the last look before it is given out.

Token by token the plaintext is right when we come here. What can go wrong is what surrounds it: the seal leaves out
white space, and a source of several lines is read together with the indentation around it and the blank lines behind.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused, Tampered
from ksecrets.text.node import ALIAS, DOCUMENT_END, KEY, LIST, MAP, PLAIN, SCALAR
from ksecrets.values.seal import spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ksecrets.files.formats import Format
    from ksecrets.text.node import Node


def check_parses(plaintext: str, format: Format) -> None:
    """Whether the plaintext of a file without a seal is in its format. Raises Tampered where it is not."""
    try:
        for _ in format.scan(plaintext):
            pass
    except SyntaxRefused as error:
        raise Tampered(
            "a value does not fit the layout that it stands in: the file was reformatted", line=error.line
        ) from None


def check_meaning(body: str, plaintext: str, several_lines: dict[int, str], format: Format) -> None:
    """Whether the plaintext has the values and the structure that the seal was checked for.

    The seal leaves out white space, and most sources mean the same wherever they stand. Those of several lines do not
    quite: their indentation, and the blank lines behind them, are read together with the text around. And the
    metadata is taken out of the text: where it stood in an odd place, it may leave something behind.

    body: the encrypted text; several_lines: the content of the tokens whose source has several lines, by their places
    in `body`. Raises Tampered where the two differ.
    """
    left, right = _nodes(body, format), _nodes(plaintext, format)
    try:
        for (document, token), (number, node) in zip(left, right, strict=True):
            if (
                document != number
                or token.kind != node.kind
                or token.path() != node.path()
                or token.key_form != node.key_form
            ):
                break
            expected = several_lines.get(token.start)
            if expected is None:
                if token.value[:4] == "ENC[" or token.value == node.value:
                    continue
                break
            kind, content = format.resolve(node.value, plain=node.style == PLAIN, tag=node.tag)
            if content is None or spelled(kind, content)[1] != expected:
                break
        else:
            return
    except (SyntaxRefused, ValueError):  # no such format any more, more or fewer nodes
        pass
    raise Tampered(
        "the layout was changed: without the metadata, and with the values in place, the file would say something else",
        hint="compare the file with its last good version in git",
    )


def _nodes(text: str, format: Format) -> Iterator[tuple[int, Node]]:
    """All that has a meaning, each with the number of its document: not the metadata, the mapping that it may stand in,
    and empty documents."""
    document = 0
    for node in format.scan(text):
        kind = node.kind
        around = node.frame.parent
        if kind == SCALAR:
            if node.value or around is not None:
                yield document, node
        elif kind in (ALIAS, KEY) or (kind in (MAP, LIST) and around is not None and around.parent is not None):
            yield document, node
        elif kind == DOCUMENT_END:
            document += 1
