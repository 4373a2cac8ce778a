"""A plaintext in another format, as sops converts with ``--input-type`` and ``--output-type``.

The values go over, with the types that sops gives them; layout and comments do not, and what the other format cannot
hold is refused. Source: sops, `EmitPlainFile` of stores/json, yaml, dotenv and ini; `ValToString` of stores/stores.go.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.node import ALIAS, DOCUMENT, END, KEY, LIST, MAP, PLAIN, SCALAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from ksecrets.files.formats import Format

    Value: TypeAlias = "Scalar | Mapping | list[Value]"

_BOM = "\ufeff"
_YAML_INDENT = 4
_MOST = 1_000_000  # values, aliases counted as what they stand for


class Scalar:
    """A value by sops's type and bytes (None for null)."""

    __slots__ = ("content", "kind")

    def __init__(self, kind: str, content: bytes | None) -> None:
        self.kind = kind
        self.content = content

    def text(self) -> str:
        """As sops turns it into text."""
        if self.kind == "null" or self.content is None:
            return ""
        text = _text(self.content)
        if self.kind == "float":
            from ksecrets.text.jsonvalue import number

            return number("float", text)
        return text.lower() if self.kind == "bool" else text


class Mapping:
    """Entries in their order; a key can stand twice."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: list[tuple[str, Value]] = []


def converted(plaintext: str, old: Format, new: Format) -> str:
    """A plaintext of one format in another. Raises SyntaxRefused for what the other one cannot hold.

    Lines are indented as sops does it: by `indent` of the new format, else YAML by four, JSON by tabs.
    """
    if old.name == new.name:
        return plaintext
    tree = _read(plaintext.removeprefix(_BOM) if old.name != "binary" else plaintext, old)
    if new.name == "json":
        return _json_value(tree, "", "\t" if new.indent is None else " " * new.indent) + "\n"
    if new.name == "yaml":
        lines = _yaml_lines(tree, 0, new.indent or _YAML_INDENT)
        return "\n".join(lines) + "\n" if lines else "{}\n"
    return {"dotenv": _dotenv, "ini": _ini, "binary": _binary}[new.name](tree)


def _read(text: str, format: Format) -> Mapping:
    documents = 0
    top: Value | None = None
    open_: list[Mapping | list[Value]] = []
    anchors: dict[str, Value] = {}
    count = 0
    for node in format.scan(text):
        if node.kind == DOCUMENT:
            documents += 1
            if documents > 1:
                raise SyntaxRefused("several documents do not go into another format", line=node.line)
            continue
        if node.kind == KEY or node.frame.in_key:
            raise SyntaxRefused("a key that is no text does not go into another format", line=node.line)
        value: Value
        if node.kind == SCALAR:
            value = Scalar(*_resolved(node.value, node.style, node.tag, format))
            count += 1
        elif node.kind == ALIAS:
            if node.anchor not in anchors:
                raise SyntaxRefused("an alias without an anchor, or inside of it", line=node.line)
            value = anchors[node.anchor]
            count += _size(value)
        elif node.kind in (MAP, LIST):
            value = Mapping() if node.kind == MAP else []
        else:
            if node.kind == END:
                open_.pop()
            continue
        if count > _MOST:
            raise SyntaxRefused("aliases that stand for too much", line=node.line)
        if open_:
            around = open_[-1]
            if isinstance(around, Mapping):
                around.entries.append((str(node.key), value))
            else:
                around.append(value)
        elif node.kind != SCALAR or node.value or node.tag:
            top = value
        if node.kind in (MAP, LIST):
            open_.append(value)  # type: ignore[arg-type]
        if node.anchor is not None and node.kind != ALIAS:
            anchors[node.anchor] = value
    if top is None:
        return Mapping()
    if not isinstance(top, Mapping):
        raise SyntaxRefused("only a file with a mapping at its top goes into another format")
    return top


def _resolved(value: str, style: str, tag: str | None, format: Format) -> tuple[str, bytes | None]:
    if format.name == "binary" or style == PLAIN or tag is not None:
        return format.resolve(value, plain=style == PLAIN, tag=tag)
    return "str", value.encode("utf-8", "surrogateescape")


def _size(value: Value) -> int:
    if isinstance(value, Scalar):
        return 1
    inner = [each for _, each in value.entries] if isinstance(value, Mapping) else value
    return 1 + sum(map(_size, inner))


def _json_value(value: Value, margin: str, step: str) -> str:
    from ksecrets.text.jsonvalue import is_number, quote

    inside = margin + step
    if isinstance(value, Mapping):
        entries = [f"{inside}{quote(key)}: {_json_value(each, inside, step)}" for key, each in value.entries]
        return "{\n" + ",\n".join(entries) + f"\n{margin}}}" if entries else "{}"
    if isinstance(value, list):
        items = [inside + _json_value(each, inside, step) for each in value]
        return "[\n" + ",\n".join(items) + f"\n{margin}]" if items else "[]"
    if value.kind == "null" or value.content is None:
        return "null"
    if value.kind in ("str", "time"):
        return quote(value.text())
    text = value.text()
    if value.kind == "bool":
        return text
    if not is_number(text):
        raise SyntaxRefused("JSON has no infinities and no NaN")
    return text


def _yaml_lines(value: Mapping | list[Value], indent: int, step: int) -> list[str]:
    from ksecrets.text.dialect import render

    lines: list[str] = []
    entries: list[tuple[str | None, Value]] = []
    entries += value.entries if isinstance(value, Mapping) else [(None, each) for each in value]
    for key, inner in entries:
        head = " " * indent + ("-" if key is None else render("str", key.encode()) + ":")
        if isinstance(inner, Scalar):
            lines.append(f"{head} {render(inner.kind, inner.content)}")
        elif not (inner.entries if isinstance(inner, Mapping) else inner):
            lines.append(f"{head} {'{}' if isinstance(inner, Mapping) else '[]'}")
        else:
            below = _yaml_lines(inner, indent + (2 if key is None else step), step)
            if key is None:
                below[0] = head + " " + below[0][indent + 2 :]
                lines += below
            else:
                lines += [head, *below]
    return lines


def _dotenv(tree: Mapping) -> str:
    lines = []
    for key, value in tree.entries:
        if not isinstance(value, Scalar):
            raise SyntaxRefused("a collection has no place in a dotenv file", path=key)
        if "=" in key or "\n" in key or not key or key.startswith("#"):
            raise SyntaxRefused("a key that a dotenv file cannot have")
        text = value.text()
        if "\\n" in text:
            raise SyntaxRefused("a backslash before an n would become a line break in a dotenv file", path=key)
        lines.append(f"{key}={text}".replace("\n", "\\n") + "\n")
    return "".join(lines)


def _ini(tree: Mapping) -> str:
    from ksecrets.files.formats import by_name
    from ksecrets.text.iniline import written

    text = ""
    for section, entries in tree.entries:
        if not isinstance(entries, Mapping):
            raise SyntaxRefused("an INI file has sections, and values in these only", path=section)
        text += f"[{section}]\n"
        for key, value in entries.entries:
            if not isinstance(value, Scalar):
                raise SyntaxRefused("a collection has no place in a section of an INI file", path=f"{section}.{key}")
            text += f"{key} = {written(value.text())}\n"
    if _flat(_read(text, by_name("ini"))) != _flat(tree):
        raise SyntaxRefused("a section, a key or a value that an INI file cannot have")
    return text


def _flat(tree: Value) -> list[object]:
    """What an INI file says: names and texts; sections without entries left out."""
    if isinstance(tree, Mapping):
        return [(key, _flat(value)) for key, value in tree.entries if not isinstance(value, Mapping) or value.entries]
    return [tree.text()] if isinstance(tree, Scalar) else []


def _binary(tree: Mapping) -> str:
    for key, value in tree.entries:
        if key == "data" and len(tree.entries) == 1 and isinstance(value, Scalar) and value.kind == "str":
            return (value.content or b"").decode("utf-8", "surrogateescape")
    raise SyntaxRefused("a binary file is made of one text under the key `data`, and of nothing else")


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise SyntaxRefused("bytes that are no text have no place in another format than binary") from None
