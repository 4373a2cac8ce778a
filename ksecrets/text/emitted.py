"""YAML source for new values, in the style of the text around them.

Every source is one that Helm and sops read alike (`dialect`). A source comes in two parts: what stands on the line
where the value begins, and the lines below it (without line breaks; a literal block's lines, a collection's entries).
"""

from __future__ import annotations

from ksecrets.errors import UsageError
from ksecrets.text.dialect import helm_reads, is_visible, quote, reads_alike, render
from ksecrets.text.resolve import go_float_text, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final, TypeAlias

    Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
    Source = tuple[str, list[str]]

_FLOW_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@+")


class Layout:
    """How the text around is laid out.

    step: columns that a nested mapping is indented by. list_step: the same for a list in a mapping. literals: strings
    of several lines may be written as literal blocks.
    """

    __slots__ = ("list_step", "literals", "step")

    def __init__(self, step: int, list_step: int, literals: bool) -> None:
        self.step = step
        self.list_step = list_step
        self.literals = literals


def meaning(value: str, plain: bool, tag: str | None) -> tuple[Any, ...]:
    """What a scalar means to sops and to Helm; equal for scalars that no reader tells apart."""
    return resolve(value, plain=plain, tag=tag), helm_reads(value, plain=plain, tag=tag)


def plain_data(value: object) -> Value:
    """A copy of what a caller gave: strings, numbers, booleans, None, and lists and dicts of them.

    Raises UsageError for anything else, and for what YAML as Helm and sops read it cannot hold.
    """
    if isinstance(value, dict):
        made: dict[str, Value] = {}
        for key, inner in value.items():
            if not isinstance(key, str):
                raise UsageError(f"a key is a string, not of the type {type(key).__name__}")
            made[str(plain_data(key))] = plain_data(inner)
        return made
    if isinstance(value, list):
        return [plain_data(inner) for inner in value]
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError("a lone surrogate is not a character") from None
        return value
    if value is None or isinstance(value, (bool, int, float)):
        scalar(value)
        return value
    raise UsageError(f"a value of the type {type(value).__name__} has no place in YAML")


def records(value: Value) -> Iterator[tuple[Any, ...]]:
    """The shape of a value: starts and ends of collections, and the `meaning` of each scalar and key."""
    if isinstance(value, dict):
        yield ("map",)
        for key, inner in value.items():
            yield meaning(key, False, None)
            yield from records(inner)
        yield ("end",)
    elif isinstance(value, list):
        yield ("list",)
        for inner in value:
            yield from records(inner)
        yield ("end",)
    elif isinstance(value, str):
        yield meaning(value, False, None)
    else:
        yield meaning(scalar(value), True, None)


def scalar(value: float | bool | None) -> str:
    """The source of a value that is no string and no collection."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise UsageError("whole numbers past 64 bits are no numbers in YAML", hint="give it as a string")
        return str(value)
    text = go_float_text(value)
    if text is None:
        text = "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
    return render("float", text.encode())


def key_source(key: str, flow: bool) -> str:
    """A key of a mapping, a string to every reader."""
    if flow:
        return key if _is_flow_plain(key) else quote(key)
    return render("str", key.encode())


def flow_source(value: Value) -> str:
    """A value on one line, for a flow collection."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key_source(key, True)}: {flow_source(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow_source, value)) + "]"
    if isinstance(value, str):
        return value if _is_flow_plain(value) else quote(value)
    return scalar(value)


def scalar_source(value: str | float | bool | None, style: str, flow: bool, indent: int, layout: Layout) -> Source:
    """A scalar, strings in the style of the one that they replace as far as they fit into it.

    style: ``'``, ``"``, ``|``, ``>`` or "" for plain. indent: columns of the lines of a literal block.
    """
    if not isinstance(value, str):
        return scalar(value), []
    if style == "'" and is_visible(value):
        return "'" + value.replace("'", "''") + "'", []
    if style == '"' and (flow or "\n" not in value.rstrip("\n") or not layout.literals):
        return quote(value), []
    if flow:
        return (value if style == "" and _is_flow_plain(value) else quote(value)), []
    blocks = style in ("|", ">") or "\n" in value.rstrip("\n")
    if layout.literals and blocks and _fits_literal(value):
        body, chomping = value, "-"
        if value.endswith("\n"):
            body = value[:-1]
            chomping = "+" if body.endswith("\n") else ""
        lines = body.split("\n")
        header = ">" if style == ">" and len(lines) == 1 else "|"
        return header + chomping, [" " * indent + line if line else "" for line in lines]
    if style in ("'", '"'):
        return quote(value), []
    return render("str", value.encode()), []


def block_lines(value: Value, indent: int, layout: Layout) -> list[str]:
    """The lines of a collection with entries, each indented by so many columns."""
    lines: list[str] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            start = f"{' ' * indent}{key_source(key, False)}:"
            if isinstance(inner, (dict, list)) and inner:
                lines.append(start)
                step = layout.step if isinstance(inner, dict) else layout.list_step
                lines += block_lines(inner, indent + step, layout)
            else:
                head, below = inline(inner, indent + layout.step, layout)
                lines.append(f"{start} {head}")
                lines += below
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, (dict, list)) and inner:
                nested = block_lines(inner, indent + 2, layout)
                nested[0] = " " * indent + "- " + nested[0][indent + 2 :]
                lines += nested
            else:
                head, below = inline(inner, indent + 2, layout)
                lines.append(f"{' ' * indent}- {head}")
                lines += below
    return lines


def inline(value: Value, indent: int, layout: Layout) -> Source:
    """A scalar or an empty collection in a block context. indent: of a literal block's lines."""
    if isinstance(value, (dict, list)):
        return flow_source(value), []
    return scalar_source(value, "", False, indent, layout)


def _is_flow_plain(text: str) -> bool:
    """Whether a string may stand plain in a flow collection; on the safe side."""
    return _FLOW_PLAIN.issuperset(text) and text[:1] not in "-./@+" and reads_alike(text, "str", text.encode())


def _fits_literal(text: str) -> bool:
    """Whether a literal block holds a string without an indentation indicator and without surprises at its ends."""
    if not text.strip("\n") or text[0] in " \t\n" or text.startswith("ENC["):
        return False
    return all(line[:1] != "\t" and is_visible(line.replace("\t", " ")) for line in text.split("\n"))
