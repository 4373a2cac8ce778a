"""References in the strings of a YAML text: found, and replaced where they stand."""

from __future__ import annotations

from ksecrets.errors import KsecretsError
from ksecrets.text import path as paths
from ksecrets.text.node import DOCUMENT, LIST, MAP, SCALAR
from ksecrets.text.yaml import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ksecrets.text.node import Node

_MARK = "ref+"


class Found:
    """One scalar. line, path: where it stands. value: its content."""

    __slots__ = ("line", "path", "value")

    def __init__(self, node: Node) -> None:
        self.line = node.line
        self.path = paths.format(node.path())
        self.value = node.value


def scalars(text: str, marks: tuple[str, ...]) -> Iterator[Found]:
    """The scalar values of a YAML text in which one of the marks stands. Raises SyntaxRefused where it is no YAML."""
    for node in scan(text.removeprefix("\ufeff")):
        if node.kind == SCALAR and any(mark in node.value for mark in marks):
            yield Found(node)


def is_text(text: str) -> bool:
    """Whether a text is no mapping and no list of YAML. Raises SyntaxRefused where it is no YAML."""
    kinds = [node.kind for node in scan(text.removeprefix("\ufeff"))]
    return MAP not in kinds and LIST not in kinds


def replaced(
    text: str,
    wanted: Callable[[str], bool],
    value: Callable[[str], object],
    in_secret: Callable[[str], str | None] | None = None,
) -> str:
    """The text with the scalars for which `wanted` holds replaced by their `value`.

    in_secret: asked for every value of `data` in a document of kind Secret; None leaves the value alone.
    Raises KsecretsError with line and path, and SyntaxRefused where the text is no YAML.
    """
    if in_secret is None and _MARK not in text:
        return text
    start = 1 if text.startswith("\ufeff") else 0
    out: list[str] = [text[:start]]
    at = start
    source = text[start:]
    nodes = list(scan(source))
    kinds = _kinds(nodes)
    for number, node in nodes_in_documents(nodes):
        if node.kind != SCALAR:
            continue
        try:
            if wanted(node.value):
                new = _written(value(node.value))
            elif in_secret is not None and kinds.get(number) == "Secret" and node.path()[:1] == ("data",):
                inner = in_secret(node.value)
                if inner is None:
                    continue
                new = _written(inner)
            else:
                continue
        except KsecretsError as error:
            if error.line is None and error.file is None:
                error.line, error.path = node.line, paths.format(node.path())
            raise
        out += [source[at - start : node.start], new]
        at = node.end + start
    return "".join([*out, source[at - start :]])


def nodes_in_documents(nodes: list[Node]) -> Iterator[tuple[int, Node]]:
    """Every node with the number of its document."""
    number = -1
    for node in nodes:
        if node.kind == DOCUMENT:
            number += 1
        yield number, node


def _kinds(nodes: list[Node]) -> dict[int, str]:
    """The `kind` of every document that has one: manifests."""
    return {
        number: node.value
        for number, node in nodes_in_documents(nodes)
        if node.kind == SCALAR and node.path() == ("kind",)
    }


def _written(value: object) -> str:
    """A value as JSON, which is YAML in every context."""
    import json

    return "".join(map(_shown, json.dumps(value, ensure_ascii=False)))


def _shown(letter: str) -> str:
    """A character, escaped where YAML does not allow it as it is; JSON's pairs of surrogates mean nothing to YAML."""
    if (
        letter == "\x7f"
        or "\x80" <= letter < "\xa0"
        or letter in "\u2028\u2029\ufeff\ufffe\uffff"
        or "\ud800" <= letter < "\ue000"
    ):
        return f"\\u{ord(letter):04x}"
    return letter
